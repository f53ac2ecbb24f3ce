//! One row of a frame, and how many columns of it are read at once.

use detector_components::frame::{PixelFormat, Pixels};
use detector_picture::ToRgb;

use crate::axis::Pair;

/// Columns that are worked on together, a few of the widest vectors. The compiler unrolls a loop of
/// half as many before it sees that it could use vectors, and then does not.
pub const LANES: usize = 64;
/// The narrowest frame that can be read: two columns of chroma.
pub const MIN_WIDTH: u32 = 3;

/// A number for each of a block's columns.
pub type Lanes = [i32; LANES];
/// Red, green and blue of a block's columns, 0 to 255.
pub type Colors = [Lanes; 3];

/// Columns of a resampled picture, and which columns of the frame they lie between.
pub struct Block {
    /// The left one of the two columns of the frame.
    left: [u32; LANES],
    /// The left one of the two columns of chroma that are read for them.
    chroma: [u32; LANES],
    /// Bits of chroma before that of the left column, and of the right one.
    shifts: [[u32; LANES]; 2],
    /// How much of the left column, and of the right one.
    pub weights: [Lanes; 2],
}

impl Block {
    /// Blocks for all columns of a picture whose first one is column `x` of the frame. The last block
    /// is filled up with the last column.
    pub fn of(columns: &[Pair], x: u32, frame_width: u32) -> Vec<Self> {
        columns.chunks(LANES).map(|columns| Self::new(columns, x, frame_width)).collect()
    }

    fn new(columns: &[Pair], x: u32, frame_width: u32) -> Self {
        let mut block = Self {
            left: [0; LANES],
            chroma: [0; LANES],
            shifts: [[0; LANES]; 2],
            weights: [[0; LANES]; 2],
        };
        let last = columns[columns.len() - 1];
        for lane in 0..LANES {
            let Pair { low, high, weights } = *columns.get(lane).unwrap_or(&last);
            // The last column has no right neighbour: it is one itself.
            let left = (x + low).min(frame_width - 2);
            let chroma = (left / 2).min(frame_width.div_ceil(2) - 2);
            block.left[lane] = left;
            block.chroma[lane] = chroma;
            for side in 0..2 {
                block.shifts[side][lane] = 16 * ((left + side as u32) / 2 - chroma);
            }
            for (column, weight) in [low, high].into_iter().zip(weights) {
                block.weights[(x + column - left) as usize][lane] += i32::from(weight);
            }
        }
        block
    }
}

/// One row of a frame.
pub struct Line<'a> {
    samples: Samples<'a>,
    to_rgb: ToRgb,
}

enum Samples<'a> {
    Rgb(&'a [u8]),
    Nv12 { luma: &'a [u8], chroma: &'a [u8] },
    I420 { luma: &'a [u8], u: &'a [u8], v: &'a [u8] },
}

impl<'a> Line<'a> {
    /// Row `y` of a frame that is at least [`MIN_WIDTH`] wide.
    #[inline(always)]
    pub fn new(pixels: &'a Pixels, to_rgb: ToRgb, y: u32) -> Self {
        let width = pixels.size().width as usize;
        let half = width.div_ceil(2);
        let row = |plane: usize, y: u32, length: usize| {
            &pixels.plane(plane)[pixels.strides()[plane] * y as usize..][..length]
        };
        let samples = match pixels.format() {
            PixelFormat::Rgb => Samples::Rgb(row(0, y, 3 * width)),
            PixelFormat::Nv12 => {
                Samples::Nv12 { luma: row(0, y, width), chroma: row(1, y / 2, 2 * half) }
            }
            PixelFormat::I420 => Samples::I420 {
                luma: row(0, y, width),
                u: row(1, y / 2, half),
                v: row(2, y / 2, half),
            },
        };
        Self { samples, to_rgb }
    }

    /// The left and the right column of each pair of a block.
    #[inline(always)]
    pub fn colors(&self, block: &Block) -> [Colors; 2] {
        match self.samples {
            Samples::Rgb(bytes) => rgb(bytes, block),
            Samples::Nv12 { luma, chroma } => {
                let chroma = each(|lane| four(chroma, 2 * block.chroma[lane]));
                self.converted(luma, &chroma, block)
            }
            Samples::I420 { luma, u, v } => {
                let u = each(|lane| two(u, block.chroma[lane]));
                let v = each(|lane| two(v, block.chroma[lane]));
                // As if they lay interleaved.
                let apart = |both: u32| both & 0xff | (both & 0xff00) << 8;
                let chroma = each(|lane| apart(u[lane]) | apart(v[lane]) << 8);
                self.converted(luma, &chroma, block)
            }
        }
    }

    /// `chroma`: u, v of one column, u, v of the next.
    #[inline(always)]
    fn converted(&self, luma: &[u8], chroma: &[u32; LANES], block: &Block) -> [Colors; 2] {
        let luma = each(|lane| two(luma, block.left[lane]));
        let [mut left, mut right] = [[[0; LANES]; 3]; 2];
        let [of_left, of_right] = &block.shifts;
        for lane in 0..LANES {
            left[0][lane] = (luma[lane] & 0xff) as i32;
            right[0][lane] = (luma[lane] >> 8) as i32;
            let own = chroma[lane] >> of_left[lane];
            left[1][lane] = (own & 0xff) as i32;
            left[2][lane] = (own >> 8 & 0xff) as i32;
            let own = chroma[lane] >> of_right[lane];
            right[1][lane] = (own & 0xff) as i32;
            right[2][lane] = (own >> 8 & 0xff) as i32;
        }
        [converted(&self.to_rgb, &left), converted(&self.to_rgb, &right)]
    }
}

/// The same as [`ToRgb::rgb`], of a block.
#[inline(always)]
fn converted(to_rgb: &ToRgb, [luma, u, v]: &[Lanes; 3]) -> Colors {
    const HALF: i32 = 1 << 15;
    let mut colors = [[0; LANES]; 3];
    for lane in 0..LANES {
        let grey = (luma[lane] - to_rgb.black) * to_rgb.luma + HALF;
        let (u, v) = (u[lane] - 128, v[lane] - 128);
        let red = grey + to_rgb.red_from_v * v;
        let green = grey + to_rgb.green_from_u * u + to_rgb.green_from_v * v;
        let blue = grey + to_rgb.blue_from_u * u;
        colors[0][lane] = (red >> 16).clamp(0, 255);
        colors[1][lane] = (green >> 16).clamp(0, 255);
        colors[2][lane] = (blue >> 16).clamp(0, 255);
    }
    colors
}

#[inline(always)]
fn rgb(bytes: &[u8], block: &Block) -> [Colors; 2] {
    // Red, green, blue, red; and from the third byte on: blue, red, green, blue.
    let front = each(|lane| four(bytes, 3 * block.left[lane]));
    let back = each(|lane| four(bytes, 3 * block.left[lane] + 2));
    let byte = |word: &[u32; LANES], at: u32| each(|lane| (word[lane] >> (8 * at) & 0xff) as i32);
    [
        [byte(&front, 0), byte(&front, 1), byte(&front, 2)],
        [byte(&back, 1), byte(&back, 2), byte(&back, 3)],
    ]
}

/// A loop: `array::from_fn` would not be compiled for wide vectors.
#[inline(always)]
fn each<T: Copy + Default>(mut of: impl FnMut(usize) -> T) -> [T; LANES] {
    let mut all = [T::default(); LANES];
    for (lane, one) in all.iter_mut().enumerate() {
        *one = of(lane);
    }
    all
}

#[inline(always)]
fn two(bytes: &[u8], at: u32) -> u32 {
    let bytes = bytes[at as usize..].first_chunk().expect("a column has a right neighbour");
    u16::from_le_bytes(*bytes).into()
}

#[inline(always)]
fn four(bytes: &[u8], at: u32) -> u32 {
    let bytes = bytes[at as usize..].first_chunk().expect("a column has a right neighbour");
    u32::from_le_bytes(*bytes)
}

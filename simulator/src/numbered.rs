//! Pictures that carry their number, so that a decoded one can be compared with its source.

use std::f64::consts::TAU;

use detector_components::frame::{ColorMatrix, ColorSpace, PixelFormat, Pixels};
use detector_components::geometry::Size;

use crate::scene::{Scene, Shape};

/// A drawn world in which every picture is marked with its number.
///
/// A strip of black and white blocks at the top codes the number in 16 bits, with a checksum. Below
/// it three gratings move in different directions, so that no part of a picture resembles the same
/// part of another, and shapes of [`Scene`] move over them. Everything follows from size, seed and number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct NumberedScene {
    /// Columns and rows: even, and at least 64 x 48.
    pub size: Size,
    /// Changes the texture and the shapes.
    pub seed: u64,
}

impl Default for NumberedScene {
    /// 320 x 240 pixels.
    fn default() -> Self {
        Self { size: Size { width: 320, height: 240 }, seed: 1 }
    }
}

/// Blocks of the strip: twelve a row, the number's bits first, highest bit first.
const COLUMNS: u32 = 12;
const ROWS: u32 = 2;
/// The side of a block is a sixteenth of the width, or an eighth of the height where that is less.
const BLOCKS_ACROSS: u32 = 16;
const BLOCKS_DOWN: u32 = 8;
/// This many blocks are left free before the first one.
const MARGIN: u32 = 2;
/// Luma of a zero and a one.
const DARK: u8 = 24;
const BRIGHT: u8 = 228;
/// A block with a mean between these is damaged.
const UNCLEAR: std::ops::RangeInclusive<f64> = 80.0..=170.0;
/// The side of the squares that [`NumberedScene::worst_psnr`] judges.
const TILE: usize = 16;

impl NumberedScene {
    /// A decoded picture is right when [`psnr`](Self::psnr) is at least this, in dB, at the bit rates
    /// that [`Encoding`](crate::Encoding) uses. Any other picture of the scene, a grey one or one with
    /// a smeared quarter is below.
    pub const RIGHT_PSNR: f64 = 30.0;
    /// No part of a decoded picture is damaged when [`worst_psnr`](Self::worst_psnr) is at least this,
    /// in dB, at the same bit rates.
    pub const UNDAMAGED_PSNR: f64 = 24.0;

    /// Numbers repeat after this one.
    pub const NUMBERS: u64 = 1 << 16;

    /// Another size of the same.
    pub fn with_size(self, width: u32, height: u32) -> Self {
        Self { size: Size { width, height }, ..self }
    }

    /// Picture `number` as I420, BT.601, 16 to 235.
    ///
    /// # Panics
    /// When the size is none of a [`Pixels`].
    pub fn draw(&self, number: u64) -> Pixels {
        let Size { width, height } = self.size;
        let (half_width, half_height) = (width.div_ceil(2), height.div_ceil(2));
        let color = ColorSpace { matrix: ColorMatrix::Bt601, full_range: false };
        let u = vec![0; (half_width * half_height) as usize];
        let mut planes = vec![self.luma(number), u.clone(), u];
        self.draw_chroma(number, &mut planes);
        let strides = vec![width as usize, half_width as usize, half_width as usize];
        Pixels::new(PixelFormat::I420, self.size, strides, color, planes)
            .expect("a scene has the size of a picture")
    }

    /// The luma of picture `number`, row by row.
    fn luma(&self, number: u64) -> Vec<u8> {
        let Size { width, height } = self.size;
        let [a, b, c] = self.gratings(number);
        let sine = sine_table();
        let shapes = self.shapes(number);
        let mut luma = Vec::with_capacity((width * height) as usize);
        for y in 0..height {
            let mut at = [a.at_row(y), b.at_row(y), c.at_row(y)];
            for _ in 0..width {
                // Between 40 and 196: what was decoded wrongly does not end at black or white.
                let wave: i32 = at.iter().map(|&at| sine[(at >> 24) as usize]).sum();
                luma.push((118 + wave) as u8);
                at[0] = at[0].wrapping_add(a.across);
                at[1] = at[1].wrapping_add(b.across);
                at[2] = at[2].wrapping_add(c.across);
            }
        }
        for shape in &shapes {
            shape.fill(width, &mut luma, shape.luma, 1);
        }
        self.draw_strip(number, &mut luma);
        luma
    }

    fn draw_chroma(&self, number: u64, planes: &mut [Vec<u8>]) {
        let Size { width, height } = self.size;
        let half = width.div_ceil(2);
        let rows = height.div_ceil(2);
        // Slow colours that drift: a decoder that mixes planes up is seen.
        for y in 0..rows {
            for x in 0..half {
                let at = (y * half + x) as usize;
                planes[1][at] = (112 + (u64::from(x) * 32 / u64::from(half) + number % 16)) as u8;
                planes[2][at] = (144 - (u64::from(y) * 32 / u64::from(rows) + number % 16)) as u8;
            }
        }
        for shape in self.shapes(number) {
            shape.fill(half, &mut planes[1], shape.u, 2);
            shape.fill(half, &mut planes[2], shape.v, 2);
        }
        let (strip_height, dark) = ((self.block() * (ROWS + 1)).div_ceil(2), 128);
        for plane in &mut planes[1..] {
            plane[..(strip_height * half) as usize].fill(dark);
        }
    }

    fn block(&self) -> u32 {
        (self.size.width / BLOCKS_ACROSS).min(self.size.height / BLOCKS_DOWN)
    }

    fn draw_strip(&self, number: u64, luma: &mut [u8]) {
        let (width, block) = (self.size.width, self.block());
        // Half a block of margin above and below.
        luma[..(width * block * (ROWS + 1)) as usize].fill(DARK);
        let code = code_of(number);
        for bit in 0..COLUMNS * ROWS {
            if code >> (COLUMNS * ROWS - 1 - bit) & 1 == 1 {
                let left = (MARGIN + bit % COLUMNS) * block;
                let top = block / 2 + bit / COLUMNS * block;
                for y in top..top + block {
                    luma[(y * width + left) as usize..][..block as usize].fill(BRIGHT);
                }
            }
        }
    }

    /// The number that a picture carries. None when the strip is damaged or not there.
    ///
    /// Works for every size, format and range, also when the picture was made smaller or larger.
    pub fn identify(pixels: &Pixels) -> Option<u64> {
        let size = pixels.size();
        let parts = |side: u32, count: u32| f64::from(side) / f64::from(count);
        let block = parts(size.width, BLOCKS_ACROSS).min(parts(size.height, BLOCKS_DOWN));
        let mut code = 0;
        for bit in 0..COLUMNS * ROWS {
            let left = f64::from(MARGIN + bit % COLUMNS) * block;
            let top = (0.5 + f64::from(bit / COLUMNS)) * block;
            // The middle half: edges are blurred.
            let side = |start: f64| (start + block * 0.25) as u32..=(start + block * 0.75) as u32;
            let (mut sum, mut count) = (0.0, 0.0);
            for y in side(top) {
                for x in side(left) {
                    if x < size.width && y < size.height {
                        sum += luma_at(pixels, x as usize, y as usize, false);
                        count += 1.0;
                    }
                }
            }
            let mean = sum / count;
            if count == 0.0 || UNCLEAR.contains(&mean) {
                return None;
            }
            code = code << 1 | u64::from(mean > *UNCLEAR.end());
        }
        let number = code >> 8;
        (code_of(number) == code).then_some(number)
    }

    /// How near a decoded picture is to picture `number`: the PSNR of the luma in dB, at most 99. Zero
    /// when it has another size.
    ///
    /// Of RGB the range is not known: the better of both counts.
    pub fn psnr(&self, decoded: &Pixels, number: u64) -> f64 {
        let area = f64::from(self.size.width) * f64::from(self.size.height);
        self.judge(decoded, number, |errors| psnr_of(errors.iter().sum::<f64>() / area))
    }

    /// As [`psnr`](Self::psnr), of the worst of the squares of 16 x 16 pixels that the picture
    /// consists of: low as soon as some macroblocks are wrong.
    pub fn worst_psnr(&self, decoded: &Pixels, number: u64) -> f64 {
        let (width, height) = (self.size.width as usize, self.size.height as usize);
        let across = width.div_ceil(TILE);
        self.judge(decoded, number, |errors| {
            let worst = errors.iter().enumerate().map(|(tile, error)| {
                let columns = TILE.min(width - tile % across * TILE);
                let rows = TILE.min(height - tile / across * TILE);
                error / (columns * rows) as f64
            });
            psnr_of(worst.fold(0.0, f64::max))
        })
    }

    /// Hands the summed squared error of each tile to `verdict`, for each range that is possible.
    fn judge(&self, decoded: &Pixels, number: u64, verdict: impl Fn(&[f64]) -> f64) -> f64 {
        if decoded.size() != self.size {
            return 0.0;
        }
        let source = self.luma(number);
        let (width, height) = (self.size.width as usize, self.size.height as usize);
        let across = width.div_ceil(TILE);
        let ranges: &[bool] =
            if decoded.format() == PixelFormat::Rgb { &[false, true] } else { &[false] };
        let verdicts = ranges.iter().map(|&full| {
            let mut errors = vec![0.0; across * height.div_ceil(TILE)];
            for y in 0..height {
                for x in 0..width {
                    let difference =
                        luma_at(decoded, x, y, full) - f64::from(source[y * width + x]);
                    errors[y / TILE * across + x / TILE] += difference * difference;
                }
            }
            verdict(&errors)
        });
        verdicts.fold(0.0, f64::max)
    }

    fn gratings(&self, number: u64) -> [Grating; 3] {
        // Parts of a turn, of which 2^32 are one. The steps from picture to picture are Roberts'
        // quasirandom sequence in three dimensions: pictures that are near in number are far apart.
        let part = |share: f64| (share * f64::from(u32::MAX)) as u32;
        let grating = |across: f64, down: f64, step: f64| Grating {
            across: part(1.0 / across),
            down: if down < 0.0 { part(-1.0 / down).wrapping_neg() } else { part(1.0 / down) },
            phase: part(step).wrapping_mul(number as u32).wrapping_add(self.seed as u32),
        };
        [
            grating(29.0, 47.0, 0.819_172_513),
            grating(37.0, -23.0, 0.671_043_607),
            grating(61.0, 31.0, 0.549_700_478),
        ]
    }

    fn shapes(&self, number: u64) -> Vec<FlatShape> {
        let scene = Scene { size: self.size, seed: self.seed, ..Scene::default() };
        scene
            .shapes_at(number)
            .into_iter()
            .map(|shown| {
                let [red, green, blue] = shown.color.rgb().map(f64::from);
                FlatShape {
                    round: shown.shape == Shape::Ball,
                    left: shown.bbox.x1,
                    top: shown.bbox.y1,
                    // A third of its size: the texture stays in the majority.
                    side: ((shown.bbox.x2 - shown.bbox.x1) / 3.0).floor(),
                    luma: limited_luma(red, green, blue) as u8,
                    u: (128.0 - 0.148 * red - 0.291 * green + 0.439 * blue) as u8,
                    v: (128.0 + 0.439 * red - 0.368 * green - 0.071 * blue) as u8,
                }
            })
            .collect()
    }
}

/// Waves of brightness. All values are parts of a turn, of which 2^32 are one.
struct Grating {
    across: u32,
    down: u32,
    phase: u32,
}

impl Grating {
    fn at_row(&self, row: u32) -> u32 {
        self.phase.wrapping_add(self.down.wrapping_mul(row))
    }
}

/// A shape of one colour.
struct FlatShape {
    round: bool,
    left: f32,
    top: f32,
    side: f32,
    luma: u8,
    u: u8,
    v: u8,
}

impl FlatShape {
    /// Draws it into a plane of which a sample covers `scale` x `scale` pixels.
    fn fill(&self, width: u32, plane: &mut [u8], value: u8, scale: u32) {
        let scale = scale as f32;
        let (left, top, side) = (self.left / scale, self.top / scale, self.side / scale);
        let radius = side / 2.0;
        for y in top as u32..(top + side) as u32 {
            for x in left as u32..(left + side) as u32 {
                let (dx, dy) = (x as f32 + 0.5 - left - radius, y as f32 + 0.5 - top - radius);
                if x < width
                    && (!self.round || dx.hypot(dy) < radius)
                    && let Some(sample) = plane.get_mut((y * width + x) as usize)
                {
                    *sample = value;
                }
            }
        }
    }
}

/// The number's lower 16 bits and a checksum of 8.
fn code_of(number: u64) -> u64 {
    let number = number % NumberedScene::NUMBERS;
    // CRC-8 with the polynomial of ATM, beginning with ones: all dark and all bright are no codes.
    let mut crc = 0xff_u8;
    for byte in [(number >> 8) as u8, number as u8] {
        crc ^= byte;
        for _ in 0..8 {
            crc = crc << 1 ^ if crc & 0x80 != 0 { 0x07 } else { 0 };
        }
    }
    number << 8 | u64::from(crc)
}

/// BT.601 luma of 16 to 235.
fn limited_luma(red: f64, green: f64, blue: f64) -> f64 {
    16.0 + 0.257 * red + 0.504 * green + 0.098 * blue
}

/// The luma of a pixel; of RGB the one of video or, if `full`, of JPEG.
fn luma_at(pixels: &Pixels, x: usize, y: usize, full: bool) -> f64 {
    let row = y * pixels.strides()[0];
    match pixels.format() {
        PixelFormat::Nv12 | PixelFormat::I420 => f64::from(pixels.plane(0)[row + x]),
        PixelFormat::Rgb => {
            let at = row + x * 3;
            let plane = pixels.plane(0);
            let [red, green, blue] = [plane[at], plane[at + 1], plane[at + 2]].map(f64::from);
            if full {
                0.299 * red + 0.587 * green + 0.114 * blue
            } else {
                limited_luma(red, green, blue)
            }
        }
    }
}

fn psnr_of(mean_squared_error: f64) -> f64 {
    if mean_squared_error <= 0.0 {
        return 99.0;
    }
    (10.0 * (255.0 * 255.0 / mean_squared_error).log10()).clamp(0.0, 99.0)
}

fn sine_table() -> [i32; 256] {
    std::array::from_fn(|at| ((at as f64 / 256.0 * TAU).sin() * 26.0) as i32)
}

#[cfg(test)]
mod tests;

//! Luma and chroma to red, green and blue, and to the luma and chroma of JPEG.
//!
//! ITU-R BT.601-7 and BT.709-6, sections 3 each; full range as in JFIF (ITU-T T.871), section 7.

use detector_components::frame::{ColorMatrix, ColorSpace};

/// Fixed point: 16 bits behind the point keep the error far below half a step.
const ONE: f64 = 65_536.0;
const HALF: i32 = 1 << 15;

/// Weights of red and blue in luma.
fn weights(matrix: ColorMatrix) -> (f64, f64) {
    match matrix {
        ColorMatrix::Bt601 => (0.299, 0.114),
        ColorMatrix::Bt709 => (0.2126, 0.0722),
    }
}

/// What black is, and how much luma and chroma are stretched to span 255 steps.
fn range(color: ColorSpace) -> (f64, f64, f64) {
    if color.full_range { (0.0, 1.0, 1.0) } else { (16.0, 255.0 / 219.0, 255.0 / 224.0) }
}

/// A colour matrix from luma and chroma to RGB of full range, in fixed point: 16 bits behind the
/// point. Public so that a shader can compute the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ToRgb {
    /// What is taken from luma first: a whole number.
    pub black: i32,
    /// What luma adds to each colour.
    pub luma: i32,
    /// What v less 128 adds to red.
    pub red_from_v: i32,
    /// What u less 128 adds to green.
    pub green_from_u: i32,
    /// What v less 128 adds to green.
    pub green_from_v: i32,
    /// What u less 128 adds to blue.
    pub blue_from_u: i32,
}

impl ToRgb {
    /// The matrix of a colour space.
    pub fn new(color: ColorSpace) -> Self {
        let (red, blue) = weights(color.matrix);
        let green = 1.0 - red - blue;
        let (black, luma, chroma) = range(color);
        let fixed = |value: f64| (value * ONE).round() as i32;
        Self {
            black: black as i32,
            luma: fixed(luma),
            red_from_v: fixed(2.0 * (1.0 - red) * chroma),
            green_from_u: fixed(-2.0 * (1.0 - blue) * blue / green * chroma),
            green_from_v: fixed(-2.0 * (1.0 - red) * red / green * chroma),
            blue_from_u: fixed(2.0 * (1.0 - blue) * chroma),
        }
    }

    /// One pixel, each colour rounded and cut to a byte.
    #[inline]
    pub fn rgb(&self, y: u8, u: u8, v: u8) -> [u8; 3] {
        let luma = (i32::from(y) - self.black) * self.luma + HALF;
        let (u, v) = (i32::from(u) - 128, i32::from(v) - 128);
        [
            byte(luma + self.red_from_v * v),
            byte(luma + self.green_from_u * u + self.green_from_v * v),
            byte(luma + self.blue_from_u * u),
        ]
    }
}

/// A colour matrix from luma and chroma to those of JPEG: the way over RGB, multiplied out. Chroma
/// stays at half size, so nothing is lost to resampling it.
pub struct ToJpeg {
    luma: [i32; 256],
    /// Rows: what is added to luma, the new u, the new v. Columns: from u, from v.
    chroma: [[i32; 2]; 3],
}

impl ToJpeg {
    pub fn new(color: ColorSpace) -> Self {
        let (black, luma, chroma) = range(color);
        let (red, blue) = weights(color.matrix);
        let green = 1.0 - red - blue;
        let (jpeg_red, jpeg_blue) = weights(ColorMatrix::Bt601);
        let jpeg_green = 1.0 - jpeg_red - jpeg_blue;
        // What a unit of u, and of v, adds to red, green and blue.
        let columns = [
            [0.0, -2.0 * (1.0 - blue) * blue / green, 2.0 * (1.0 - blue)],
            [2.0 * (1.0 - red), -2.0 * (1.0 - red) * red / green, 0.0],
        ]
        .map(|[r, g, b]| {
            let luma = jpeg_red * r + jpeg_green * g + jpeg_blue * b;
            let u = (b - luma) / (2.0 * (1.0 - jpeg_blue));
            let v = (r - luma) / (2.0 * (1.0 - jpeg_red));
            [luma, u, v].map(|weight| (weight * chroma * ONE).round() as i32)
        });
        Self {
            luma: std::array::from_fn(|y| ((y as f64 - black) * luma * ONE).round() as i32 + HALF),
            chroma: std::array::from_fn(|row| [columns[0][row], columns[1][row]]),
        }
    }

    /// What the chroma of four pixels adds to their luma, and their new chroma.
    #[inline]
    pub fn chroma(&self, u: u8, v: u8) -> (i32, u8, u8) {
        let (u, v) = (i32::from(u) - 128, i32::from(v) - 128);
        let [luma, new_u, new_v] = self.chroma.map(|[from_u, from_v]| from_u * u + from_v * v);
        const GREY: i32 = 128 << 16;
        (luma, byte(new_u + GREY + HALF), byte(new_v + GREY + HALF))
    }

    #[inline]
    pub fn luma(&self, y: u8, from_chroma: i32) -> u8 {
        byte(self.luma[usize::from(y)] + from_chroma)
    }
}

/// Fixed point to a byte. The half for rounding is already in it.
#[inline]
fn byte(fixed: i32) -> u8 {
    (fixed >> 16).clamp(0, 255) as u8
}

#[cfg(test)]
mod tests {
    use super::*;

    const SPACES: [ColorSpace; 4] = [
        ColorSpace { matrix: ColorMatrix::Bt601, full_range: true },
        ColorSpace { matrix: ColorMatrix::Bt601, full_range: false },
        ColorSpace { matrix: ColorMatrix::Bt709, full_range: true },
        ColorSpace { matrix: ColorMatrix::Bt709, full_range: false },
    ];

    #[test]
    fn black_grey_and_white_have_no_colour_in_any_space() {
        for color in SPACES {
            let to_rgb = ToRgb::new(color);
            let (black, white) = if color.full_range { (0, 255) } else { (16, 235) };
            assert_eq!(to_rgb.rgb(black, 128, 128), [0; 3], "{color:?}");
            assert_eq!(to_rgb.rgb(white, 128, 128), [255; 3], "{color:?}");
            let [red, green, blue] = to_rgb.rgb(130, 128, 128);
            assert!(red == green && green == blue, "{color:?}");
        }
    }

    #[test]
    fn pure_red_of_high_definition_video_is_red() {
        // BT.709 limited: Y = 16 + 219 * 0.2126, Cr = 128 + 112.
        let to_rgb = ToRgb::new(SPACES[3]);
        let [red, green, blue] = to_rgb.rgb(63, 102, 240);
        assert!(red >= 254 && green <= 1 && blue <= 1, "{red} {green} {blue}");
    }

    #[test]
    fn the_way_over_jpeg_gives_the_same_colour() {
        let jpeg_to_rgb = ToRgb::new(ColorSpace::JPEG);
        for color in SPACES {
            let (to_rgb, to_jpeg) = (ToRgb::new(color), ToJpeg::new(color));
            for (y, u, v) in [(60, 120, 140), (128, 100, 160), (180, 150, 110), (90, 128, 128)] {
                let (from_chroma, jpeg_u, jpeg_v) = to_jpeg.chroma(u, v);
                let over = jpeg_to_rgb.rgb(to_jpeg.luma(y, from_chroma), jpeg_u, jpeg_v);
                let direct = to_rgb.rgb(y, u, v);
                for (over, direct) in over.into_iter().zip(direct) {
                    assert!(over.abs_diff(direct) <= 2, "{color:?} {over} {direct}");
                }
            }
        }
    }
}

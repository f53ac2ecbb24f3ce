//! Pictures made smaller, for people who look at many of them at once.

use detector_components::geometry::Size;
use fast_image_resize::images::{Image, ImageRef};
use fast_image_resize::{FilterType, PixelType, ResizeAlg, ResizeOptions, Resizer};

use crate::rgb::RgbPicture;

impl RgbPicture {
    /// The picture at this width, its shape kept: every sample counts. One that is no wider, or
    /// empty, stays as it is.
    pub fn shrunk_to(self, width: u32) -> Self {
        let Size { width: wide, height: high } = self.size;
        let width = width.max(1);
        if wide <= width || high == 0 {
            return self;
        }
        let height = u64::from(high) * u64::from(width);
        let height = (height as f64 / f64::from(wide)).round().max(1.0) as u32;
        let source = ImageRef::new(wide, high, &self.data, PixelType::U8x3)
            .expect("as many bytes as its size says");
        let mut target = Image::new(width, height, PixelType::U8x3);
        let options = ResizeOptions::new()
            .resize_alg(ResizeAlg::Convolution(FilterType::Bilinear))
            .use_alpha(false);
        Resizer::new()
            .resize(&source, &mut target, &options)
            .expect("both are pictures of the same kind, neither is empty");
        Self { size: Size { width, height }, data: target.into_vec() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Black on the left half, white on the right.
    fn halves(width: u32, height: u32) -> RgbPicture {
        let row: Vec<u8> =
            (0..width).flat_map(|x| [if x < width / 2 { 0 } else { 255 }; 3]).collect();
        RgbPicture { size: Size { width, height }, data: row.repeat(height as usize) }
    }

    #[test]
    fn a_wide_picture_keeps_its_shape_and_its_halves() {
        let small = halves(640, 360).shrunk_to(64);
        assert_eq!(small.size, Size { width: 64, height: 36 });
        assert_eq!(small.data.len(), 64 * 36 * 3);
        assert_eq!((small.data[0], small.data[63 * 3]), (0, 255));
    }

    #[test]
    fn a_small_picture_stays_as_it_is() {
        let picture = halves(64, 48);
        assert_eq!(picture.clone().shrunk_to(64), picture);
        let nothing = RgbPicture { size: Size { width: 100, height: 0 }, data: Vec::new() };
        assert_eq!(nothing.clone().shrunk_to(10), nothing);
    }

    #[test]
    fn a_line_is_still_a_line() {
        assert_eq!(halves(1_000, 1).shrunk_to(0).size, Size { width: 1, height: 1 });
    }
}

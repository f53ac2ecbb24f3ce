//! Rows of a picture as luma and chroma.
//!
//! RGB has neither: green stands for luma, red and blue for chroma. That is enough to see what is even, what
//! is equal and what is grey.

use detector_components::frame::{PixelFormat, Pixels};

/// A row of luma. `scratch` is filled for formats that have no plane of it.
pub fn luma_row<'a>(pixels: &'a Pixels, y: usize, scratch: &'a mut Vec<u8>) -> &'a [u8] {
    let width = pixels.size().width as usize;
    let row = &pixels.plane(0)[y * pixels.strides()[0]..];
    match pixels.format() {
        PixelFormat::Nv12 | PixelFormat::I420 => &row[..width],
        PixelFormat::Rgb => {
            let (colors, _) = row[..width * 3].as_chunks::<3>();
            scratch.clear();
            scratch.extend(colors.iter().map(|[_, green, _]| *green));
            scratch
        }
    }
}

/// A row of chroma at half size: U and V; for NV12 both of them, interleaved, in the first slice.
pub fn chroma_row<'a>(
    pixels: &'a Pixels,
    y: usize,
    scratch: &'a mut [Vec<u8>; 2],
) -> (&'a [u8], &'a [u8]) {
    let width = pixels.size().width as usize;
    let half = width.div_ceil(2);
    let row = |plane: usize, y: usize| &pixels.plane(plane)[y * pixels.strides()[plane]..];
    match pixels.format() {
        PixelFormat::Nv12 => (&row(1, y)[..half * 2], &[]),
        PixelFormat::I420 => (&row(1, y)[..half], &row(2, y)[..half]),
        PixelFormat::Rgb => {
            let (colors, _) = row(0, y * 2)[..width * 3].as_chunks::<3>();
            let [u, v] = scratch;
            u.clear();
            v.clear();
            u.extend(colors.iter().step_by(2).map(|[red, ..]| *red));
            v.extend(colors.iter().step_by(2).map(|[.., blue]| *blue));
            (u, v)
        }
    }
}

/// One sample of luma, anywhere in the picture.
pub fn luma(pixels: &Pixels, x: usize, y: usize) -> u8 {
    let row = y * pixels.strides()[0];
    match pixels.format() {
        PixelFormat::Nv12 | PixelFormat::I420 => pixels.plane(0)[row + x],
        PixelFormat::Rgb => pixels.plane(0)[row + x * 3 + 1],
    }
}

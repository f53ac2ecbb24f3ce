//! A picture in plain RGB, and how a part of a frame becomes one.

use detector_components::frame::{PixelFormat, Pixels, PixelsError};
use detector_components::geometry::{Region, Size};

use crate::matrix::ToRgb;

/// Tightly packed red, green, blue, of eight bits each: what is drawn on, what is encoded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RgbPicture {
    /// Columns and rows. Zero only when a region outside its frame was asked for.
    pub size: Size,
    /// `width * height * 3` bytes, row by row.
    pub data: Vec<u8>,
}

impl TryFrom<RgbPicture> for Pixels {
    type Error = PixelsError;

    /// Fails when the picture is empty, too large, or has too few bytes.
    fn try_from(picture: RgbPicture) -> Result<Self, PixelsError> {
        Self::rgb(picture.size, picture.data)
    }
}

/// A part of a frame as RGB of full range, by the frame's own matrix and range.
///
/// Chroma is repeated, not smoothed: each sample counts for its two by two pixels. What lies
/// outside the frame is cut off.
pub fn rgb(pixels: &Pixels, region: Region) -> RgbPicture {
    let region = within(region, pixels.size());
    let mut data = Vec::with_capacity(region.width as usize * region.height as usize * 3);
    match pixels.format() {
        PixelFormat::Rgb => {
            for y in 0..region.height {
                data.extend_from_slice(row(
                    pixels,
                    0,
                    region.y + y,
                    region.x * 3,
                    region.width * 3,
                ));
            }
        }
        PixelFormat::Nv12 | PixelFormat::I420 => {
            let to_rgb = ToRgb::new(pixels.color());
            for y in region.y..region.y + region.height {
                let luma = row(pixels, 0, y, region.x, region.width);
                let chroma = ChromaRow::new(pixels, y / 2);
                for (x, &luma) in (region.x as usize..).zip(luma) {
                    let (u, v) = chroma.at(x / 2);
                    data.extend_from_slice(&to_rgb.rgb(luma, u, v));
                }
            }
        }
    }
    RgbPicture { size: region.size(), data }
}

/// The part of a region that lies within a frame. Empty when there is none.
pub(crate) fn within(region: Region, frame: Size) -> Region {
    let x = region.x.min(frame.width);
    let y = region.y.min(frame.height);
    let width = region.width.min(frame.width - x);
    let height = region.height.min(frame.height - y);
    if width == 0 || height == 0 {
        Region { x, y, width: 0, height: 0 }
    } else {
        Region { x, y, width, height }
    }
}

/// A part of one row of a plane, in bytes.
pub(crate) fn row(pixels: &Pixels, plane: usize, y: u32, start: u32, length: u32) -> &[u8] {
    let start = pixels.strides()[plane] * y as usize + start as usize;
    &pixels.plane(plane)[start..start + length as usize]
}

/// One row of chroma, whichever way it lies.
pub(crate) struct ChromaRow<'a> {
    u: &'a [u8],
    v: &'a [u8],
    /// Bytes from one sample to the next.
    step: usize,
}

impl<'a> ChromaRow<'a> {
    /// The chroma row `y` of a frame that has chroma planes.
    pub fn new(pixels: &'a Pixels, y: u32) -> Self {
        let columns = pixels.size().width.div_ceil(2);
        if pixels.format() == PixelFormat::Nv12 {
            let both = row(pixels, 1, y, 0, columns * 2);
            Self { u: both, v: &both[1..], step: 2 }
        } else {
            Self { u: row(pixels, 1, y, 0, columns), v: row(pixels, 2, y, 0, columns), step: 1 }
        }
    }

    /// The u and v of a column.
    #[inline]
    pub fn at(&self, x: usize) -> (u8, u8) {
        (self.u[x * self.step], self.v[x * self.step])
    }
}

#[cfg(test)]
mod tests;

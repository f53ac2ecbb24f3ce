//! Bytes of a picture to pixels: what a camera's snapshot address answers, what a file holds.

use std::io::{Cursor, ErrorKind};

use detector_components::frame::Pixels;
use detector_components::geometry::Size;
use image::metadata::Orientation;
use image::{DynamicImage, ImageDecoder, ImageFormat, ImageReader, Limits, RgbImage};

use crate::content::Content;
use crate::error::PictureError;
use crate::jpeg;
use crate::markers::is_jpeg;

/// The most pixels that a picture may have: 192 MiB of RGB. Larger sensors than this are not
/// watched over snapshots.
pub const MAX_PIXELS: u64 = 64 << 20;

/// What a decoder may allocate: the picture at 16 bits with alpha, and as much again to work in.
const MAX_BYTES: u64 = MAX_PIXELS * 8 * 2;

/// Reads a JPEG, PNG, BMP or WebP picture as RGB, upright as its EXIF orientation says.
///
/// The samples are those that OpenCV's `imread` gives: JPEG through libjpeg-turbo with its accurate
/// transform and smooth upsampling. Alpha is dropped, grey becomes RGB, 16 bits become 8.
///
/// # Errors
/// When the bytes are no such picture, when it is larger than [`MAX_PIXELS`] or
/// [`Pixels::MAX_SIDE`], and when it did not arrive whole.
pub fn decode(bytes: &[u8]) -> Result<Pixels, PictureError> {
    let (picture, orientation) =
        if is_jpeg(bytes) { jpeg::decode(bytes)? } else { decode_other(bytes)? };
    let picture = upright(picture, orientation);
    let size = Size { width: picture.width(), height: picture.height() };
    // Checked against the header before; rows and columns may have changed places since.
    Pixels::rgb(size, picture.into_raw()).map_err(|_| too_large(size.width, size.height))
}

fn decode_other(bytes: &[u8]) -> Result<(RgbImage, Orientation), PictureError> {
    let mut reader = ImageReader::new(Cursor::new(bytes))
        .with_guessed_format()
        .expect("memory can be read and sought");
    let format = match reader.format() {
        Some(ImageFormat::Png) => "PNG",
        Some(ImageFormat::Bmp) => "BMP",
        Some(ImageFormat::WebP) => "WebP",
        _ => return Err(PictureError::Unknown { found: Content::of(bytes) }),
    };
    let broken = |source: image::ImageError| match &source {
        image::ImageError::IoError(error) if error.kind() == ErrorKind::UnexpectedEof => {
            PictureError::Incomplete { format }
        }
        _ => PictureError::Broken { format, source: source.into() },
    };

    let mut limits = Limits::default();
    limits.max_alloc = Some(MAX_BYTES);
    reader.limits(limits);
    let mut decoder = reader.into_decoder().map_err(broken)?;
    let (width, height) = decoder.dimensions();
    check_size(width, height)?;
    let orientation = decoder.orientation().map_err(broken)?;
    let picture = DynamicImage::from_decoder(decoder).map_err(broken)?;
    Ok((picture.into_rgb8(), orientation))
}

/// Refuses a picture by its header, before anything is allocated for it.
pub(crate) fn check_size(
    width: impl Into<u64>,
    height: impl Into<u64>,
) -> Result<Size, PictureError> {
    let (width, height) = (width.into(), height.into());
    let sides = 1..=u64::from(Pixels::MAX_SIDE);
    if sides.contains(&width) && sides.contains(&height) && width * height <= MAX_PIXELS {
        Ok(Size { width: width as u32, height: height as u32 })
    } else {
        Err(PictureError::TooLarge { width, height })
    }
}

fn too_large(width: u32, height: u32) -> PictureError {
    PictureError::TooLarge { width: width.into(), height: height.into() }
}

fn upright(picture: RgbImage, orientation: Orientation) -> RgbImage {
    if orientation == Orientation::NoTransforms {
        return picture;
    }
    let mut picture = DynamicImage::ImageRgb8(picture);
    picture.apply_orientation(orientation);
    picture.into_rgb8()
}

#[cfg(test)]
mod tests;

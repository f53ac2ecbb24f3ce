//! Pixels to a JPEG or a PNG: what is kept of a detection, what a page shows.

use detector_components::frame::{PixelFormat, Pixels};
use detector_components::geometry::{Region, Size};
use image::codecs::png::PngEncoder;
use image::{ExtendedColorType, ImageEncoder};
use turbojpeg::{Compressor, Image, OutputBuf, Subsamp, YuvPlanesImage};

use crate::error::PictureError;
use crate::matrix::ToJpeg;
use crate::rgb::{ChromaRow, RgbPicture, rgb, row, within};

/// Encodes a part of a frame as a JPEG with chroma at half size.
///
/// `quality` goes from 1 (worst) to 100 (best); what is outside is moved inside. What lies outside
/// the frame is cut off. Whatever the frame's matrix and range, the colours in the file are those
/// that JPEG readers expect.
///
/// # Errors
/// When nothing of the region lies in the frame, or the encoder refuses.
pub fn encode_jpeg(pixels: &Pixels, region: Region, quality: u8) -> Result<Vec<u8>, PictureError> {
    let region = non_empty(pixels, region)?;
    let mut compressor = Compressor::new().map_err(jpeg_error)?;
    compressor.set_quality(i32::from(quality.clamp(1, 100))).map_err(jpeg_error)?;

    // Chroma belongs to two by two pixels from an even corner on. From an odd one the samples of
    // the file would straddle those of the frame, so the way goes over RGB.
    let chroma_fits = region.x % 2 == 0 && region.y % 2 == 0;
    let mut output = OutputBuf::new_owned();
    if pixels.format() != PixelFormat::Rgb && chroma_fits {
        let planes = JpegPlanes::new(pixels, region);
        compressor.compress_yuv_planes(&planes.image(), &mut output).map_err(jpeg_error)?;
    } else {
        let picture = rgb(pixels, region);
        compress_rgb(&mut compressor, &picture, &mut output)?;
    }
    Ok(output.to_vec())
}

impl RgbPicture {
    /// Encodes the picture, for instance with boxes on it, as a JPEG with chroma at half size.
    ///
    /// `quality` goes from 1 (worst) to 100 (best); what is outside is moved inside.
    ///
    /// # Errors
    /// When the picture is empty or the encoder refuses.
    pub fn encode_jpeg(&self, quality: u8) -> Result<Vec<u8>, PictureError> {
        if self.size.width == 0 || self.size.height == 0 {
            return Err(PictureError::Empty);
        }
        let mut compressor = Compressor::new().map_err(jpeg_error)?;
        compressor.set_quality(i32::from(quality.clamp(1, 100))).map_err(jpeg_error)?;
        let mut output = OutputBuf::new_owned();
        compress_rgb(&mut compressor, self, &mut output)?;
        Ok(output.to_vec())
    }
}

fn compress_rgb(
    compressor: &mut Compressor,
    picture: &RgbPicture,
    output: &mut OutputBuf<'_>,
) -> Result<(), PictureError> {
    let Size { width, height } = picture.size;
    compressor.set_subsamp(Subsamp::Sub2x2).map_err(jpeg_error)?;
    let image = Image {
        pixels: picture.data.as_slice(),
        width: width as usize,
        pitch: width as usize * 3,
        height: height as usize,
        format: turbojpeg::PixelFormat::RGB,
    };
    compressor.compress(image, output).map_err(jpeg_error)
}

/// Encodes a part of a frame as a PNG, without loss but for the conversion to RGB.
///
/// # Errors
/// When nothing of the region lies in the frame.
pub fn encode_png(pixels: &Pixels, region: Region) -> Result<Vec<u8>, PictureError> {
    let region = non_empty(pixels, region)?;
    let RgbPicture { size, data } = rgb(pixels, region);
    let mut bytes = Vec::new();
    PngEncoder::new(&mut bytes)
        .write_image(&data, size.width, size.height, ExtendedColorType::Rgb8)
        .map_err(|source| PictureError::Encode { format: "PNG", source: source.into() })?;
    Ok(bytes)
}

fn non_empty(pixels: &Pixels, region: Region) -> Result<Region, PictureError> {
    let region = within(region, pixels.size());
    if region.width == 0 { Err(PictureError::Empty) } else { Ok(region) }
}

fn jpeg_error(error: turbojpeg::Error) -> PictureError {
    PictureError::Encode { format: "JPEG", source: error.into() }
}

/// Luma and chroma as JPEG has them, for a region with an even corner.
struct JpegPlanes {
    region: Region,
    luma: Vec<u8>,
    u: Vec<u8>,
    v: Vec<u8>,
    /// Columns of a chroma plane. Luma has twice as many: an odd last column is repeated.
    half_width: usize,
}

impl JpegPlanes {
    fn new(pixels: &Pixels, region: Region) -> Self {
        let to_jpeg = ToJpeg::new(pixels.color());
        let half_width = region.width.div_ceil(2) as usize;
        let half_height = region.height.div_ceil(2) as usize;
        let width = half_width * 2;
        let mut planes = Self {
            region,
            luma: vec![0; width * half_height * 2],
            u: Vec::with_capacity(half_width * half_height),
            v: Vec::with_capacity(half_width * half_height),
            half_width,
        };
        let mut from_chroma = Vec::with_capacity(half_width);
        for (half_y, luma_rows) in (0..).zip(planes.luma.chunks_exact_mut(width * 2)) {
            let chroma = ChromaRow::new(pixels, region.y / 2 + half_y);
            from_chroma.clear();
            for x in 0..half_width {
                let (u, v) = chroma.at(region.x as usize / 2 + x);
                let (luma, u, v) = to_jpeg.chroma(u, v);
                from_chroma.push(luma);
                planes.u.push(u);
                planes.v.push(v);
            }
            for (odd, luma_row) in (0..).zip(luma_rows.chunks_exact_mut(width)) {
                // An odd last row is repeated: the encoder reads whole samples of chroma.
                let y = (half_y * 2 + odd).min(region.height - 1);
                let source = row(pixels, 0, region.y + y, region.x, region.width);
                let pairs = source.chunks(2).zip(luma_row.chunks_exact_mut(2));
                for ((source, target), &from_chroma) in pairs.zip(&from_chroma) {
                    target[0] = to_jpeg.luma(source[0], from_chroma);
                    target[1] = to_jpeg.luma(source[source.len() - 1], from_chroma);
                }
            }
        }
        planes
    }

    fn image(&self) -> YuvPlanesImage<&[u8]> {
        YuvPlanesImage {
            y_plane: &self.luma,
            u_plane: &self.u,
            v_plane: &self.v,
            width: self.region.width as usize,
            height: self.region.height as usize,
            y_stride: self.half_width * 2,
            u_stride: self.half_width,
            v_stride: self.half_width,
            subsamp: Subsamp::Sub2x2,
        }
    }
}

#[cfg(test)]
mod tests;

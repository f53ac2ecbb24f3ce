//! JPEG pictures, read with libjpeg-turbo.
//!
//! Markers: ITU-R T.81, table B.1. EXIF lies in an APP1 segment: CIPA DC-008, 4.5.4.

use std::borrow::Cow;

use image::RgbImage;
use image::metadata::Orientation;
use turbojpeg::{Colorspace, Decompressor, Image, PixelFormat};

use crate::decode::check_size;
use crate::error::PictureError;
use crate::markers::{Ending, JpegEnd, START_OF_SCAN, segment_at};

/// The most scans of a progressive picture. Encoders write about ten; each one costs a pass over
/// all coefficients, however few bytes it has.
const MAX_SCANS: usize = 100;

const APP0: u8 = 0xe0;
const APP1: u8 = 0xe1;
const BASELINE: u8 = 0xc0;
const SEQUENTIAL: u8 = 0xc1;
/// How often something that belongs to no segment is taken out of a header.
const MAX_JUNK: usize = 16;
/// The spectral selection and approximation that a sequential scan must have.
const WHOLE_SPECTRUM: [u8; 3] = [0, 63, 0];

/// Reads a picture as it lies in the file, and how it is to be turned.
///
/// Everything that libjpeg-turbo warns about is an error, since it fills in what is missing: only
/// what is known to be harmless is allowed.
pub fn decode(bytes: &[u8]) -> Result<(RgbImage, Orientation), PictureError> {
    let Some(Ending::Whole(length)) = JpegEnd::default().find(bytes) else {
        return Err(PictureError::Incomplete { format: "JPEG" });
    };
    let bytes = &bytes[..length];
    let preamble = Preamble::read(bytes);
    let bytes = &preamble.mended[..];

    let mut decompressor = Decompressor::new().map_err(broken)?;
    let header = decompressor.read_header(bytes).map_err(broken)?;
    let size = check_size(header.width as u64, header.height as u64)?;
    let scans =
        bytes[preamble.length..].windows(2).filter(|pair| *pair == [0xff, START_OF_SCAN]).count();
    if MAX_SCANS < scans {
        return Err(PictureError::TooManyScans { scans, most: MAX_SCANS });
    }

    let four_inks = matches!(header.colorspace, Colorspace::CMYK | Colorspace::YCCK);
    let format = if four_inks { PixelFormat::CMYK } else { PixelFormat::RGB };
    let pitch = header.width * format.size();
    let mut pixels = vec![0; pitch * header.height];
    let output = Image {
        pixels: pixels.as_mut_slice(),
        width: header.width,
        pitch,
        height: header.height,
        format,
    };
    match decompressor.decompress(bytes, output) {
        Ok(()) => {}
        Err(error) if is_padding(&error, bytes) => {}
        Err(error) => return Err(broken(error)),
    }
    if four_inks {
        pixels = rgb_from_inks(&pixels);
    }
    let picture = RgbImage::from_raw(size.width, size.height, pixels)
        .expect("the buffer was made for this size");
    Ok((picture, preamble.orientation))
}

/// Whether the whole picture was read, and the complaint is about padding before its end marker
/// (0xd9), which many cameras write.
///
/// libjpeg-turbo reports only the first of its warnings, but nothing follows the end marker, so this
/// one hides no other. Padding is one byte repeated: samples that are left over because others were
/// damaged are not.
fn is_padding(error: &turbojpeg::Error, bytes: &[u8]) -> bool {
    let turbojpeg::Error::TurboJpegError(text) = error else { return false };
    let count = text
        .strip_suffix(" extraneous bytes before marker 0xd9")
        .and_then(|text| text.rsplit(' ').next())
        .and_then(|count| count.parse::<usize>().ok());
    let end = bytes.len() - 2;
    let padding = count.and_then(|count| bytes.get(end.checked_sub(count)?..end));
    padding.is_some_and(|padding| padding.windows(2).all(|pair| pair[0] == pair[1]))
}

fn broken(error: turbojpeg::Error) -> PictureError {
    let cut = matches!(&error, turbojpeg::Error::TurboJpegError(text)
        if text.to_ascii_lowercase().contains("premature end"));
    match cut {
        true => PictureError::Incomplete { format: "JPEG" },
        false => PictureError::Broken { format: "JPEG", source: error.into() },
    }
}

/// Four inks, stored inverted as Adobe does, to RGB with OpenCV's roundings.
fn rgb_from_inks(inks: &[u8]) -> Vec<u8> {
    let on_black = |ink: u8, black: u8| {
        let (ink, black) = (u32::from(ink), u32::from(black));
        // Not below zero: the product's high byte is less than `black`.
        (black - (((255 - ink) * black) >> 8)) as u8
    };
    inks.chunks_exact(4)
        .flat_map(|pixel| {
            let black = pixel[3];
            [on_black(pixel[0], black), on_black(pixel[1], black), on_black(pixel[2], black)]
        })
        .collect()
}

/// What stands before the first scan.
struct Preamble<'b> {
    /// The whole picture, without what libjpeg-turbo warns about though it means nothing: the first
    /// warning would hide one that does.
    mended: Cow<'b, [u8]>,
    /// Where the first scan's marker stands, or where the segments stop making sense.
    length: usize,
    orientation: Orientation,
}

impl<'b> Preamble<'b> {
    fn read(bytes: &'b [u8]) -> Self {
        let (mut mended, mut at) = (Cow::Borrowed(bytes), 2.min(bytes.len()));
        let (mut orientation, mut sequential) = (Orientation::NoTransforms, false);
        let mut taken_out = 0;
        loop {
            let junk = junk_at(&mended, at);
            if junk > 0 && taken_out < MAX_JUNK {
                taken_out += 1;
                mended.to_mut().drain(at..at + junk);
            }
            let Some((marker, segment)) = segment_at(&mended, at) else { break };
            let (start, length) = (at + 4, segment.len());
            match marker {
                START_OF_SCAN => {
                    // Some cameras write zeros.
                    if sequential && length > 3 && !segment.ends_with(&WHOLE_SPECTRUM) {
                        let end = start + length;
                        mended.to_mut()[end - 3..end].copy_from_slice(&WHOLE_SPECTRUM);
                    }
                    break;
                }
                BASELINE | SEQUENTIAL => sequential = true,
                // Its version means nothing here.
                APP0 if segment.starts_with(b"JFIF\0")
                    && segment.get(5).is_some_and(|&v| v != 1) =>
                {
                    mended.to_mut()[start + 5] = 1;
                }
                APP1 => {
                    let exif = segment.strip_prefix(b"Exif\0\0");
                    let said = exif.and_then(Orientation::from_exif_chunk);
                    orientation = said.unwrap_or(orientation);
                }
                _ => {}
            }
            // Marker and length are two bytes each; the length counts itself.
            at += 4 + length;
        }
        Self { mended, length: at, orientation }
    }
}

/// Bytes before the next marker of a header that belong to no segment.
fn junk_at(bytes: &[u8], at: usize) -> usize {
    let rest = &bytes[at..];
    // 0xff before a marker is filling; with 0 after it, or at the end, it is no marker.
    let marker = rest.windows(2).position(|pair| pair[0] == 0xff && !matches!(pair[1], 0 | 0xff));
    marker.unwrap_or(0)
}

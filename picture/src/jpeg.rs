//! JPEG pictures, read with libjpeg-turbo.
//!
//! Markers: ITU-T T.81, table B.1. EXIF lies in an APP1 segment: CIPA DC-008, 4.5.4.

use image::RgbImage;
use image::metadata::Orientation;
use turbojpeg::{Colorspace, Decompressor, Image, PixelFormat};

use crate::decode::check_size;
use crate::error::PictureError;

/// The most scans of a progressive picture. Encoders write about ten; each one costs a pass over
/// all coefficients, however few bytes it has.
const MAX_SCANS: usize = 100;

const START_OF_IMAGE: u8 = 0xd8;
const START_OF_SCAN: u8 = 0xda;
const APP1: u8 = 0xe1;

/// Whether the bytes begin as a JPEG picture does.
pub fn is_jpeg(bytes: &[u8]) -> bool {
    bytes.starts_with(&[0xff, START_OF_IMAGE, 0xff])
}

/// Reads a picture as it lies in the file, and how it is to be turned.
pub fn decode(bytes: &[u8]) -> Result<(RgbImage, Orientation), PictureError> {
    let mut decompressor = Decompressor::new().map_err(broken)?;
    let header = decompressor.read_header(bytes).map_err(broken)?;
    let size = check_size(header.width as u64, header.height as u64)?;
    let preamble = Preamble::read(bytes);
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
        Err(error) if is_harmless(&error) => {}
        Err(error) => return Err(broken(error)),
    }
    if four_inks {
        pixels = rgb_from_inks(&pixels);
    }
    let picture = RgbImage::from_raw(size.width, size.height, pixels)
        .expect("the buffer was made for this size");
    Ok((picture, preamble.orientation))
}

/// Whether the whole picture was read in spite of the complaint.
///
/// libjpeg-turbo reports the first of its warnings only. Bytes between the last sample and the end
/// marker (0xd9) are padding, which many cameras write; since nothing follows the end marker, this
/// one hides no other. Every other warning may mean that a part of the picture was made up.
fn is_harmless(error: &turbojpeg::Error) -> bool {
    matches!(error, turbojpeg::Error::TurboJpegError(text)
        if text.contains("extraneous bytes before marker 0xd9"))
}

fn broken(error: turbojpeg::Error) -> PictureError {
    PictureError::Broken { format: "JPEG", source: error.into() }
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
struct Preamble {
    /// Where the first scan's marker stands, or where the segments stop making sense.
    length: usize,
    orientation: Orientation,
}

impl Preamble {
    fn read(bytes: &[u8]) -> Self {
        let mut preamble =
            Self { length: 2.min(bytes.len()), orientation: Orientation::NoTransforms };
        while let Some((marker, segment)) = segment_at(bytes, preamble.length) {
            if marker == START_OF_SCAN {
                break;
            }
            if let (APP1, Some(exif)) = (marker, segment.strip_prefix(b"Exif\0\0"))
                && let Some(orientation) = Orientation::from_exif_chunk(exif)
            {
                preamble.orientation = orientation;
            }
            // Marker and length are two bytes each; the length counts itself.
            preamble.length += 4 + segment.len();
        }
        preamble
    }
}

/// The marker at a position and its segment's content.
fn segment_at(bytes: &[u8], start: usize) -> Option<(u8, &[u8])> {
    let [0xff, marker, high, low] = *bytes.get(start..)?.first_chunk()? else {
        return None;
    };
    let length = usize::from(u16::from_be_bytes([high, low]));
    let content = bytes.get(start + 4..(start + 2).checked_add(length)?)?;
    Some((marker, content))
}

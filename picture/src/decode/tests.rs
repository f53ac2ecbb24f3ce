use detector_components::geometry::Region;

use super::*;
use crate::{encode_jpeg, encode_png};

fn ramp() -> Pixels {
    let size = Size { width: 24, height: 16 };
    let bytes = (0..24 * 16).flat_map(|at| [(at % 24 * 10) as u8, (at / 24 * 15) as u8, 90]);
    Pixels::rgb(size, bytes.collect()).unwrap()
}

fn jpeg() -> Vec<u8> {
    encode_jpeg(&ramp(), Region::whole(ramp().size()), 95).unwrap()
}

#[test]
fn half_a_picture_is_refused() {
    let whole = jpeg();
    let error = decode(&whole[..whole.len() * 3 / 4]).unwrap_err();
    assert!(matches!(error, PictureError::Broken { format: "JPEG", .. }), "{error}");
    let png = encode_png(&ramp(), Region::whole(ramp().size())).unwrap();
    assert!(decode(&png[..png.len() / 2]).is_err());
}

#[test]
fn what_is_no_picture_is_shown_by_its_beginning() {
    let error = decode(b"<html>\nlog in").unwrap_err().to_string();
    assert!(error.contains(r"<html>\\nlog in"), "{error}");
}

#[test]
fn a_picture_stands_as_its_camera_was_held() {
    let mut bytes = jpeg();
    // An EXIF segment with nothing but orientation 6: turn it right.
    let exif = b"Exif\0\0MM\0\x2a\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0\x06\0\0\0\0\0\0";
    let mut segment = vec![0xff, 0xe1, 0, (exif.len() + 2) as u8];
    segment.extend_from_slice(exif);
    bytes.splice(2..2, segment);
    assert_eq!(decode(&bytes).unwrap().size(), Size { width: 16, height: 24 });
}

#[test]
fn a_header_that_promises_too_much_is_refused() {
    let mut bytes = encode_png(&ramp(), Region::whole(ramp().size())).unwrap();
    // IHDR: width and height, then their checksum, which is read later than they are refused.
    bytes[16..24].copy_from_slice(&[0, 0, 0x40, 1, 0, 0, 0x40, 1]);
    assert!(decode(&bytes).is_err());
}

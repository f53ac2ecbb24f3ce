use std::path::Path;

use detector_components::geometry::Region;
use detector_components::integrity::PictureFault;
use sha2::{Digest, Sha256};

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
fn a_picture_that_is_cut_anywhere_is_refused() {
    for whole in [jpeg(), progressive()] {
        for length in 0..whole.len() {
            let error = decode(&whole[..length]).unwrap_err();
            let expected = length < 3 || error.fault() == PictureFault::Truncated;
            assert!(expected, "{length} of {} bytes: {error}", whole.len());
        }
    }
    let png = encode_png(&ramp(), Region::whole(ramp().size())).unwrap();
    let error = decode(&png[..png.len() / 2]).unwrap_err();
    assert!(matches!(error, PictureError::Incomplete { format: "PNG" }), "{error}");
}

#[test]
fn a_picture_that_is_cut_and_ended_is_refused() {
    let whole = jpeg();
    let scan = whole.windows(2).position(|pair| pair == [0xff, 0xda]).unwrap() + 14;
    let pixels = decode(&whole).unwrap();
    for length in scan..whole.len() - 2 {
        let ended = [&whole[..length], &[0xff, 0xd9]].concat();
        match decode(&ended) {
            Err(error) => assert_eq!(error.fault(), PictureFault::Truncated, "{error}"),
            // Nothing but filling was cut off.
            Ok(same) => assert_eq!(same.plane(0), pixels.plane(0), "{length} bytes"),
        }
    }
}

#[test]
fn what_stands_around_a_picture_is_left_out() {
    let (whole, pixels) = (jpeg(), decode(&jpeg()).unwrap());
    for (at, added) in [
        // Behind its end; filling before its end; behind the first segment of its header.
        (whole.len(), &b"\0\0\0trailing"[..]),
        (whole.len() - 2, &[0; 7]),
        (20, b"odd"),
    ] {
        let mut bytes = whole.clone();
        bytes.splice(at..at, added.iter().copied());
        assert_eq!(decode(&bytes).unwrap().plane(0), pixels.plane(0), "{added:?}");
    }
    // What is left over of samples is no filling.
    let mut bytes = whole.clone();
    bytes.splice(whole.len() - 2..whole.len() - 2, *b"samples that are left over");
    assert!(decode(&bytes).is_err());
}

#[test]
fn what_means_nothing_hides_nothing() {
    // The version of JFIF, and the spectrum of a sequential scan.
    let whole = jpeg();
    let version = whole.windows(5).position(|bytes| bytes == b"JFIF\0").unwrap() + 5;
    let spectrum = whole.windows(2).position(|pair| pair == [0xff, 0xda]).unwrap() + 12;
    let mut odd = whole.clone();
    odd[version] = 2;
    odd[spectrum] = 0;
    assert_eq!(decode(&odd).unwrap().plane(0), decode(&whole).unwrap().plane(0));

    let half = [&odd[..whole.len() * 3 / 4], &[0xff, 0xd9]].concat();
    assert_eq!(decode(&half).unwrap_err().fault(), PictureFault::Truncated);
}

/// The same picture in several scans.
fn progressive() -> Vec<u8> {
    let picture = ramp();
    let mut compressor = turbojpeg::Compressor::new().unwrap();
    compressor.set_progressive(true).unwrap();
    let (width, height) = (picture.size().width as usize, picture.size().height as usize);
    let format = turbojpeg::PixelFormat::RGB;
    let image =
        turbojpeg::Image { pixels: picture.plane(0), width, pitch: width * 3, height, format };
    compressor.compress_to_vec(image).unwrap()
}

#[test]
fn what_is_no_picture_is_named() {
    let error = decode(b"<html>\nlog in").unwrap_err().to_string();
    assert_eq!(error, "this is a web page, expected a JPEG, PNG, BMP or WebP picture");
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

/// SHA-256 of `cv2.imread(file)[..., ::-1].tobytes()`, OpenCV 4.14 and 5.0.
#[track_caller]
fn is_read_as_opencv_reads_it(file: &Path, size: [u32; 2], expected: &str) {
    let pixels = decode(&std::fs::read(file).unwrap()).unwrap();
    assert_eq!([pixels.size().width, pixels.size().height], size);
    let digest = Sha256::digest(pixels.plane(0));
    let digest: String = digest.iter().map(|byte| format!("{byte:02x}")).collect();
    assert_eq!(digest, expected, "{}", file.display());
}

#[test]
fn pictures_of_odd_sizes_are_read_as_opencv_reads_them() {
    let fixture = |name: &str| Path::new("../tests/fixtures/pictures").join(name);
    // Chroma of a quarter, and of half.
    is_read_as_opencv_reads_it(
        &fixture("cup.jpg"),
        [597, 391],
        "50b75a54f001fad752d6daa65b5c1bccd8547339aa3211b95ae474bd969e47b3",
    );
    is_read_as_opencv_reads_it(
        &fixture("pilot.jpg"),
        [211, 331],
        "31cd263475be196402ef3f1c3f72f8efdd49e7f9847ec4569b84e4f1ca768549",
    );
    is_read_as_opencv_reads_it(
        &fixture("cat.png"),
        [61, 47],
        "dcc7e419c2a24f9d93d2327c31a5b31a7c60bea867fb4f913b39ac97ca66b149",
    );
}

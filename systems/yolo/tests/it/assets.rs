//! Real networks on a real photograph find what Ultralytics finds. Need the files that
//! `script/assets` fetches.

use std::path::PathBuf;

use detector_yolo::{Checkpoint, Criteria, Prediction};

use crate::fixture;
use crate::letterbox::letterbox;

fn asset(name: &str) -> PathBuf {
    let cache = std::env::var_os("XDG_CACHE_HOME").map(PathBuf::from).unwrap_or_else(|| {
        PathBuf::from(std::env::var_os("HOME").expect("a home folder")).join(".cache")
    });
    cache.join("detector-worker/assets").join(name)
}

fn photograph(name: &str) -> (Vec<u8>, [usize; 2]) {
    let bytes = std::fs::read(asset(name)).unwrap();
    let picture = turbojpeg::decompress(&bytes, turbojpeg::PixelFormat::RGB).unwrap();
    assert_eq!(picture.pitch, picture.width * 3);
    (picture.pixels, [picture.width, picture.height])
}

#[test]
#[ignore = "needs the assets: script/assets"]
fn the_bus_is_found_as_ultralytics_finds_it() {
    // Ultralytics 8.4.190, torch 2.15, confidence 0.25, overlap 0.7.
    let expected = [
        ("bus", 0.899, [19.7, 230.0, 801.8, 744.1]),
        ("person", 0.885, [670.1, 390.6, 809.6, 875.3]),
        ("person", 0.863, [49.5, 398.1, 240.8, 905.1]),
        ("person", 0.822, [222.6, 404.5, 346.1, 859.9]),
        ("stop sign", 0.461, [0.1, 254.6, 32.0, 325.6]),
        ("person", 0.443, [0.0, 555.3, 74.8, 875.0]),
    ];
    let network = fixture::load(&Checkpoint::open(asset("yolo11n-seg.pt")).unwrap()).unwrap();
    let (rgb, size) = photograph("bus.jpg");
    let picture = letterbox(&rgb, size, 640);
    assert_eq!(picture.tensor.dims(), [1, 3, 640, 480]);

    let found = network.predict(picture.tensor.clone(), &[Criteria::default()]).unwrap();
    let [Prediction::Boxes(boxes)] = found.as_slice() else {
        panic!("a detector finds boxes");
    };
    let found: Vec<_> = boxes
        .iter()
        .map(|found| {
            let name = network.info().classes[found.class as usize].to_string();
            (name, found.confidence, picture.picture_from_tensor(found.bbox))
        })
        .collect();
    for (name, confidence, bbox) in &found {
        println!("{name} {confidence:.4} {bbox:.1?}");
    }
    assert_eq!(found.len(), expected.len());
    for ((name, confidence, bbox), expected) in found.iter().zip(&expected) {
        assert_eq!(name, expected.0);
        assert!((confidence - expected.1).abs() < 0.005, "{name}: {confidence}");
        for (found, expected) in bbox.iter().zip(&expected.2) {
            assert!((found - expected).abs() < 1.0, "{name}: {bbox:?}");
        }
    }
}

#[test]
#[ignore = "needs the assets: script/assets"]
fn a_detector_of_an_old_version_runs() {
    // Saved by 8.0.136, with the loss of its training in it.
    let network = fixture::load(&Checkpoint::open(asset("plates.pt")).unwrap()).unwrap();
    println!("{:?}", network.info());
    let (rgb, size) = photograph("zidane.jpg");
    let picture = letterbox(&rgb, size, 640);
    let found = network.predict(picture.tensor, &[Criteria::default()]).unwrap();
    println!("{found:?}");
    assert_eq!(found.len(), 1);
}

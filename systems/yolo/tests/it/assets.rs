//! Real networks on a real photograph find what Ultralytics finds. Need the files that
//! `script/assets` fetches.

use std::path::PathBuf;

use detector_yolo::{
    Checkpoint, CpuPrecision, Criteria, Detail, Engine, LoadOptions, Network, Prediction,
    ScoredBox, Task,
};

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
    // Ultralytics 8.4.190, torch 2.5.1, confidence 0.25, overlap 0.7.
    let expected = [
        ("bus", 0.8985, [19.68, 230.03, 801.79, 744.14]),
        ("person", 0.8849, [670.14, 390.57, 809.55, 875.29]),
        ("person", 0.8628, [49.49, 398.13, 240.76, 905.09]),
        ("person", 0.8223, [222.65, 404.54, 346.06, 859.89]),
        ("stop sign", 0.4611, [0.11, 254.58, 31.96, 325.65]),
        ("person", 0.4428, [0.0, 555.33, 74.82, 875.02]),
    ];
    let network = fixture::load(&Checkpoint::open(asset("yolo11n-seg.pt")).unwrap()).unwrap();
    let (rgb, size) = photograph("bus.jpg");
    let picture = letterbox(rgb, size, 640);
    assert_eq!(picture.pictures.shape(), [1, 3, 640, 480]);

    let found = network.predict(picture.pictures.clone(), &[Criteria::default()]).unwrap();
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
        assert!((confidence - expected.1).abs() < 1e-3, "{name}: {confidence}");
        for (found, expected) in bbox.iter().zip(&expected.2) {
            assert!((found - expected).abs() < 0.1, "{name}: {bbox:?}");
        }
    }
}

#[test]
#[ignore = "needs the assets: script/assets"]
fn the_bus_has_the_mask_that_ultralytics_finds() {
    // Ultralytics 8.4.190, torch 2.5.1: pixels of the tensor, and the middle of them.
    let expected = [
        (92_230, [259.81, 262.17]),
        (7_700, [454.72, 395.11]),
        (17_718, [75.9, 382.57]),
        (12_328, [166.46, 367.73]),
        (644, [8.44, 171.28]),
        (3_946, [13.66, 428.03]),
    ];
    let network = fixture::load(&Checkpoint::open(asset("yolo11n-seg.pt")).unwrap()).unwrap();
    let (rgb, size) = photograph("bus.jpg");
    let picture = letterbox(rgb, size, 640);
    let found = network.predict(picture.pictures, &[Criteria::default()]).unwrap();
    let [Prediction::Boxes(boxes)] = found.as_slice() else {
        panic!("a segmenter finds boxes");
    };
    assert_eq!(boxes.len(), expected.len());
    for (found, (count, middle)) in boxes.iter().zip(expected) {
        let Some(Detail::Mask(mask)) = &found.detail else { panic!("a segmenter finds masks") };
        let there = mask.pixels.iter().enumerate().filter(|(_, there)| **there);
        let places = there.map(|(at, _)| [at % mask.size[0], at / mask.size[0]]);
        let (mut pixels, mut sum) = (0.0, [0.0, 0.0]);
        for place in places {
            pixels += 1.0;
            for axis in 0..2 {
                sum[axis] += (place[axis] + mask.origin[axis]) as f64;
            }
        }
        let found = sum.map(|sum| sum / pixels);
        println!("{pixels} pixels around {found:.2?}");
        assert!(
            (pixels - f64::from(count)).abs() < 1.0 + 0.001 * f64::from(count),
            "{pixels} pixels"
        );
        for (found, expected) in found.iter().zip(middle) {
            assert!((found - expected).abs() < 0.05, "around {found:?}");
        }
    }
}

#[test]
#[ignore = "needs the assets: script/assets"]
fn sparrows_are_found_in_rotated_boxes_as_ultralytics_finds_them() {
    // Ultralytics 8.4.190, torch 2.5.1: x, y, width, height, angle, confidence, class.
    let expected = [
        [1165.6326, 612.3312, 90.8489, 71.7497, 0.0185, 0.7946, 2.0],
        [480.3592, 742.9379, 97.5863, 97.4596, -0.0009, 0.779, 2.0],
        [580.6135, 611.2865, 72.8976, 72.287, 0.0026, 0.7776, 2.0],
        [1229.3633, 756.1171, 65.5462, 58.9723, 0.0089, 0.6007, 0.0],
        [858.1671, 660.0992, 42.4596, 1545.3881, 1.5431, 0.5489, 3.0],
        [667.3447, 806.7855, 117.2649, 120.5325, 0.0199, 0.5033, 2.0],
        [667.2673, 811.2227, 110.6935, 127.397, 0.0237, 0.4809, 0.0],
        [1455.6958, 638.7377, 44.9383, 1543.7075, 1.5382, 0.4444, 3.0],
        [895.871, 747.0336, 72.9012, 43.3252, 0.0003, 0.3684, 2.0],
    ];
    let network = fixture::load(&Checkpoint::open(asset("sparrows.pt")).unwrap()).unwrap();
    assert_eq!((network.info().task, network.info().input), (Task::Obb, [640, 640]));
    let (rgb, size) = fixture::png(&asset("aviary.png"));
    let picture = letterbox(rgb, size, 640);
    let found = network.predict(picture.pictures.clone(), &[Criteria::default()]).unwrap();
    let [Prediction::Boxes(boxes)] = found.as_slice() else {
        panic!("it finds boxes");
    };
    assert_eq!(boxes.len(), expected.len());
    for (found, expected) in boxes.iter().zip(&expected) {
        let Some(Detail::Rotated(rotated)) = &found.detail else { panic!("not rotated") };
        let [x, y] = rotated.middle;
        let scale = size[0] as f64 / 640.0;
        for (side, expected) in rotated.size.iter().zip(&expected[2..]) {
            let side = f64::from(*side) * scale;
            assert!((side - expected).abs() < 0.1 + 0.001 * expected, "{side}, not {expected}");
        }
        let [x, y, ..] = picture.picture_from_tensor([x, y, x, y]);
        assert!((x - expected[0]).hypot(y - expected[1]) < 0.1, "{x} {y}, not {expected:?}");
        assert!((f64::from(rotated.angle) - expected[4]).abs() < 1e-3, "{expected:?}");
        assert!((f64::from(found.confidence) - expected[5]).abs() < 1e-3, "{expected:?}");
        assert_eq!(f64::from(found.class), expected[6]);
    }
}

#[test]
#[ignore = "needs the assets: script/assets"]
fn a_detector_of_an_old_version_runs() {
    // Saved by 8.0.136, with the loss of its training in it.
    let network = fixture::load(&Checkpoint::open(asset("plates.pt")).unwrap()).unwrap();
    println!("{:?}", network.info());
    let (rgb, size) = photograph("zidane.jpg");
    let picture = letterbox(rgb, size, 640);
    let found = network.predict(picture.pictures, &[Criteria::default()]).unwrap();
    println!("{found:?}");
    assert_eq!(found.len(), 1);
}

#[test]
#[ignore = "needs the assets: script/assets"]
fn bf16_finds_what_f32_finds() {
    for (name, picture) in
        [("yolo11n-seg.pt", "bus.jpg"), ("plates.pt", "zidane.jpg"), ("sparrows.pt", "aviary.png")]
    {
        let checkpoint = Checkpoint::open(asset(name)).unwrap();
        let network = |precision| {
            let engine = Engine::Cpu { precision, threads: 0 };
            let options = LoadOptions { engine, ..LoadOptions::default() };
            Network::load(&checkpoint, &options).unwrap()
        };
        let (short, exact) = (network(CpuPrecision::Bf16), network(CpuPrecision::F32));
        println!("{name}: deviation {:.1e}", short.deviation(&exact).unwrap());
        let (rgb, size) = match picture.ends_with(".png") {
            true => fixture::png(&asset(picture)),
            false => photograph(picture),
        };
        let letterboxed = letterbox(rgb, size, 640);
        let found = |network: &Network| {
            let criteria = Criteria { min_confidence: 0.28, ..Criteria::default() };
            let found = network.predict(letterboxed.pictures.clone(), &[criteria]).unwrap();
            let [Prediction::Boxes(boxes)] = found.as_slice() else { panic!("it finds boxes") };
            boxes.clone()
        };
        let (short, exact) = (found(&short), found(&exact));
        for (some, others) in [(&short, &exact), (&exact, &short)] {
            for one in some.iter().filter(|one| one.confidence > 0.3) {
                let same = others.iter().any(|other| {
                    one.class == other.class
                        && (one.confidence - other.confidence).abs() < 0.02
                        && lie_alike(one, other)
                });
                assert!(same, "{name}: none of {others:?} is {one:?}");
            }
        }
    }
}

/// Whether boxes overlap by 0.98. Rotated ones may be so thin that a pixel is more than that: their
/// corners lie within one and a half.
fn lie_alike(a: &ScoredBox, b: &ScoredBox) -> bool {
    if let (Some(Detail::Rotated(a)), Some(Detail::Rotated(b))) = (&a.detail, &b.detail) {
        let mut pairs = a.corners().into_iter().zip(b.corners());
        return pairs.all(|(a, b)| (a[0] - b[0]).hypot(a[1] - b[1]) < 1.5);
    }
    let area = |[x1, y1, x2, y2]: [f32; 4]| (x2 - x1).max(0.0) * (y2 - y1).max(0.0);
    let (a, b) = (a.bbox, b.bbox);
    let both = area([a[0].max(b[0]), a[1].max(b[1]), a[2].min(b[2]), a[3].min(b[3])]);
    both / (area(a) + area(b) - both) >= 0.98
}

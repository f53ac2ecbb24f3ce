//! Every family of networks computes what torch computes with the same weights.
//!
//! `families.py` beside the fixtures made them, and wrote what torch makes of two real pictures.

use burn::tensor::DType;
use detector_yolo::{
    Branch, CpuPrecision, Criteria, Detail, Engine, Keypoint, LoadOptions, Mask, Prediction,
    RawOutput, ScoredBox,
};

use crate::fixture::{self, Reference};

/// Largest difference from what torch computed, as a part of the largest number. Both compute in
/// 32 bits, in different order.
const TOLERANCE: f32 = 1e-4;
/// The same in 16 bits. Random weights make much of little: of trained networks torch's own 16 bits are
/// within a fiftieth of this (YOLO11n-seg 2e-3, plates 6e-4, sparrows 1e-3).
const HALF_TOLERANCE: f32 = 0.1;
/// Least overlap of a box with what torch found.
const OVERLAP: f32 = 0.99;
/// Largest difference of a confidence or probability.
const CONFIDENCE: f32 = 1e-3;
/// Largest distance of a keypoint from where torch found it, in pixels.
const DISTANCE: f32 = 0.1;

/// Runs a check with each engine.
#[track_caller]
fn with_engines(branch: Branch, check: impl Fn(&LoadOptions)) {
    for engine in fixture::engines() {
        println!("{engine:?}");
        check(&LoadOptions { engine, branch });
    }
}

/// Checks a network that finds something at places of a picture.
#[track_caller]
fn check(name: &str) {
    with_engines(Branch::Auto, |options| check_boxes(name, options));
}

#[track_caller]
fn check_boxes(name: &str, options: &LoadOptions) {
    let reference = Reference::of(name);
    let network = fixture::network_with(name, options);
    let pictures = fixture::pictures();
    let RawOutput::Anchors { rows, prototypes } = network.forward(pictures.clone()).unwrap() else {
        panic!("a classifier");
    };
    reference.expect("raw", rows, TOLERANCE);
    if let Some(prototypes) = prototypes {
        reference.expect("prototypes", prototypes, TOLERANCE);
    }

    let mut count = 0;
    let criteria = vec![Criteria::default(); 2];
    for (picture, prediction) in network.predict(pictures, &criteria).unwrap().iter().enumerate() {
        let Prediction::Boxes(found) = prediction else { panic!("a classifier") };
        let expected = reference.rows(&format!("boxes.{picture}"));
        assert_eq!(found.len(), expected.len(), "of picture {picture}");
        count += found.len();
        // One to one, in any order: confidences may be nearly equal.
        let mut rest = found.clone();
        for (at, expected) in expected.iter().enumerate() {
            let same = rest.iter().position(|found| same(found, expected));
            let same = same.unwrap_or_else(|| panic!("none is {expected:?}: {rest:?}"));
            match rest.swap_remove(same).detail {
                None | Some(Detail::Rotated(_)) => {}
                Some(Detail::Keypoints(points)) => {
                    let expected = reference.rows(&format!("keypoints.{picture}"));
                    expect_keypoints(&points, &expected[at]);
                }
                Some(Detail::Mask(mask)) => {
                    let expected = reference.bytes(&format!("masks.{picture}"));
                    let bytes = fixture::WIDTH * fixture::HEIGHT / 8;
                    expect_mask(&mask, &expected[at * bytes..(at + 1) * bytes]);
                }
            }
        }
    }
    assert!(count > 0, "the reference would prove nothing");
}

/// Whether a box is `x1 y1 x2 y2 confidence class`, or `x y w h angle confidence class`.
fn same(found: &ScoredBox, expected: &[f32]) -> bool {
    let (numbers, &[confidence, class]) = expected.split_at(expected.len() - 2) else {
        panic!("too few numbers");
    };
    if found.class as f32 != class || (found.confidence - confidence).abs() >= CONFIDENCE {
        return false;
    }
    if let Some(Detail::Rotated(rotated)) = &found.detail {
        let found = rotated.middle.into_iter().chain(rotated.size);
        return found.zip(numbers).all(|(found, number)| (found - number).abs() < DISTANCE)
            && (rotated.angle - numbers[4]).abs() < 1e-3;
    }
    let [x1, y1, x2, y2] = found.bbox;
    let (width, height) = (fixture::WIDTH as f32, fixture::HEIGHT as f32);
    // Written clipped to the picture.
    let found =
        [x1.clamp(0.0, width), y1.clamp(0.0, height), x2.clamp(0.0, width), y2.clamp(0.0, height)];
    // A box at the edge of the picture may have next to no area.
    let near = found.iter().zip(numbers).all(|(a, b)| (a - b).abs() < 1e-2);
    let area = |b: &[f32]| (b[2] - b[0]).max(0.0) * (b[3] - b[1]).max(0.0);
    let both = area(&[
        found[0].max(numbers[0]),
        found[1].max(numbers[1]),
        found[2].min(numbers[2]),
        found[3].min(numbers[3]),
    ]);
    near || both / (area(&found) + area(numbers) - both) >= OVERLAP
}

/// Compares keypoints with `x y` or `x y visibility` of each.
#[track_caller]
fn expect_keypoints(points: &[Keypoint], expected: &[f32]) {
    for (point, numbers) in points.iter().zip(expected.chunks_exact(expected.len() / points.len()))
    {
        // Written clipped to the picture.
        let x = point.position[0].clamp(0.0, fixture::WIDTH as f32);
        let y = point.position[1].clamp(0.0, fixture::HEIGHT as f32);
        let distance = (x - numbers[0]).hypot(y - numbers[1]);
        assert!(distance < DISTANCE, "{point:?} {numbers:?}");
        if let Some(visibility) = point.visibility {
            assert!((visibility - numbers[2]).abs() < CONFIDENCE, "{point:?} {numbers:?}");
        }
    }
}

/// Compares a mask with the pixels of the whole picture, eight in a byte.
#[track_caller]
fn expect_mask(mask: &Mask, expected: &[u8]) {
    let there = |x: usize, y: usize| {
        let (x, y) = (x.checked_sub(mask.origin[0]), y.checked_sub(mask.origin[1]));
        let (Some(x), Some(y)) = (x, y) else { return false };
        x < mask.size[0] && y < mask.size[1] && mask.pixels[y * mask.size[0] + x]
    };
    let (mut both, mut either) = (0, 0);
    for pixel in 0..fixture::WIDTH * fixture::HEIGHT {
        let expected = expected[pixel / 8] & (0x80 >> (pixel % 8)) != 0;
        let found = there(pixel % fixture::WIDTH, pixel / fixture::WIDTH);
        both += usize::from(found && expected);
        either += usize::from(found || expected);
    }
    assert!(both as f32 >= OVERLAP * either as f32, "{both} of {either} pixels");
}

/// Checks a classifier.
#[track_caller]
fn check_classifier(name: &str) {
    with_engines(Branch::Auto, |options| check_probabilities(name, options));
}

#[track_caller]
fn check_probabilities(name: &str, options: &LoadOptions) {
    let reference = Reference::of(name);
    let network = fixture::network_with(name, options);
    let RawOutput::Classes(logits) = network.forward(fixture::pictures()).unwrap() else {
        panic!("no classifier");
    };
    reference.expect("logits", logits, TOLERANCE);
    let expected = reference.rows("probabilities");
    let found = network.predict(fixture::pictures(), &vec![Criteria::default(); 2]).unwrap();
    for (prediction, expected) in found.iter().zip(&expected) {
        let Prediction::Probabilities(found) = prediction else { panic!("no classifier") };
        assert_eq!(found.len(), expected.len());
        for (found, expected) in found.iter().zip(expected) {
            assert!((found - expected).abs() < CONFIDENCE);
        }
    }
}

/// Checks the branch that finds each object once.
#[track_caller]
fn check_once(name: &str) {
    with_engines(Branch::OneToOne, |options| {
        let network = fixture::network_with(name, options);
        let RawOutput::Anchors { rows, .. } = network.forward(fixture::pictures()).unwrap() else {
            panic!("a classifier");
        };
        Reference::of(name).expect("raw.one2one", rows, TOLERANCE);
    });
}

macro_rules! checks {
    ($check:ident: $($test:ident $name:literal,)*) => {
        $(#[test]
        fn $test() {
            $check($name);
        })*
    };
}

checks! { check:
    version_3 "tiny-v3-spp",
    version_3_tiny "tiny-v3-tiny",
    version_5 "tiny-v5",
    version_5_of_four_levels "tiny-v5-p6",
    version_6 "tiny-v6",
    version_8 "tiny-v8",
    version_8_of_four_levels "tiny-v8-p6",
    version_8_of_fine_levels "tiny-v8-p2",
    version_8_of_ghosts "tiny-v8-ghost",
    version_8_with_masks "tiny-v8-seg",
    version_8_with_keypoints "tiny-v8-pose",
    version_8_rotated "tiny-v8-obb",
    version_9_tiny "tiny-v9t",
    version_9_medium "tiny-v9m",
    version_9_compact "tiny-v9c",
    version_9_compact_with_masks "tiny-v9c-seg",
    version_9_extended "tiny-v9e",
    version_10 "tiny-v10n",
    version_10_balanced "tiny-v10b",
    version_11 "tiny-11",
    version_11_of_the_largest_scale "tiny-11x",
    version_11_with_masks "tiny-11-seg",
    version_11_with_keypoints "tiny-11-pose",
    version_11_rotated "tiny-11-obb",
    version_12 "tiny-12",
    version_12_of_the_largest_scale "tiny-12x",
    version_12_with_masks "tiny-12-seg",
    version_12_with_keypoints "tiny-12-pose",
    version_12_rotated "tiny-12-obb",
    version_26 "tiny-26",
    version_26_of_the_largest_scale "tiny-26x",
    version_26_of_fine_levels "tiny-26-p2",
    version_26_of_four_levels "tiny-26-p6",
    version_26_with_masks "tiny-26-seg",
    version_26_with_keypoints "tiny-26-pose",
    version_26_rotated "tiny-26-obb",
}

checks! { check_classifier:
    version_8_classifies "tiny-v8-cls",
    version_11_classifies "tiny-11-cls",
    version_12_classifies "tiny-12-cls",
    version_26_classifies "tiny-26-cls",
}

checks! { check_once:
    version_10_once "tiny-v10n",
    version_10_balanced_once "tiny-v10b",
    version_26_once "tiny-26",
    version_26_of_the_largest_scale_once "tiny-26x",
    version_26_of_fine_levels_once "tiny-26-p2",
    version_26_of_four_levels_once "tiny-26-p6",
    version_26_with_masks_once "tiny-26-seg",
    version_26_with_keypoints_once "tiny-26-pose",
    version_26_rotated_once "tiny-26-obb",
}

/// Run by `script/test` on the software Vulkan device.
mod half {
    use super::*;

    /// What a network of random weights makes of rounding is no measure for boxes: `trained` compares
    /// those.
    #[track_caller]
    fn check(name: &str) {
        let options = LoadOptions { engine: fixture::half(), ..LoadOptions::default() };
        let network = fixture::network_with(name, &options);
        let RawOutput::Anchors { rows, .. } = network.forward(fixture::pictures()).unwrap() else {
            panic!("a classifier");
        };
        Reference::of(name).expect("raw", rows.cast(DType::F32), HALF_TOLERANCE);
    }

    macro_rules! checks {
        ($($test:ident $name:literal,)*) => {
            $(#[test]
            #[ignore = "needs a GPU: DETECTOR_TEST_DEVICE=gpu, or =software"]
            fn $test() {
                check($name);
            })*
        };
    }

    checks! {
        version_8 "tiny-v8",
        version_10 "tiny-v10n",
        version_12 "tiny-12x",
        version_26_with_masks "tiny-26-seg",
    }
}

#[test]
fn bf16_is_near_f32_in_trained_networks_and_not_in_random_ones() {
    let deviation = |name: &str| {
        let network = |precision| {
            let engine = Engine::Cpu { precision, threads: 1 };
            fixture::network_with(name, &LoadOptions { engine, ..LoadOptions::default() })
        };
        let (short, exact) = (network(CpuPrecision::Bf16), network(CpuPrecision::F32));
        short.deviation(&exact).unwrap()
    };
    for name in ["tiny-color-detect", "tiny-color-classify"] {
        let deviation = deviation(name);
        // Something differs: else it would be computed in 32 bits.
        assert!((1e-5..4e-2).contains(&deviation), "{name}: {deviation}");
    }
    // Its weights are random and large: each rounding grows.
    assert!(deviation("tiny-v8") > 4e-2);
}

#[test]
fn a_network_deviates_from_others_and_not_from_itself() {
    let network =
        |branch, engine| fixture::network_with("tiny-26-seg", &LoadOptions { branch, engine });
    let many = network(Branch::OneToMany, Engine::default());
    let again = network(Branch::OneToMany, Engine::default());
    let reference = network(Branch::OneToMany, Engine::reference());
    let one = network(Branch::OneToOne, Engine::reference());
    assert_eq!(many.deviation(&again).unwrap(), 0.0);
    assert!(many.deviation(&reference).unwrap() < 1e-4);
    assert!(many.deviation(&one).unwrap() > 1e-2);
    assert_eq!(many.deviation(&fixture::network("tiny-v8")).unwrap(), f32::INFINITY);
}

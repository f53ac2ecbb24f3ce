//! A network with random weights computes what torch computes with the same weights.
//!
//! Every module that the small networks have stands in one of the fixtures. `make.py` beside them
//! wrote what torch makes of a picture that a formula describes.

use detector_yolo::{Criteria, Prediction, RawOutput};
use serde::Deserialize;

use crate::fixture;

/// Largest difference from what torch computed. Both compute in 32 bits, in different order.
const TOLERANCE: f32 = 1e-3;

#[derive(Deserialize)]
struct Reference {
    input: [usize; 4],
    shape: Vec<usize>,
    raw: Vec<f32>,
    #[serde(default)]
    criteria: Option<Limits>,
    /// `x1 y1 x2 y2 confidence class`.
    #[serde(default)]
    boxes: Vec<Vec<[f32; 6]>>,
    #[serde(default)]
    probabilities: Vec<Vec<f32>>,
}

#[derive(Deserialize)]
struct Limits {
    min_confidence: f32,
    max_overlap: f32,
    max_detections: usize,
}

#[track_caller]
fn check(name: &str) {
    let reference = std::fs::read(fixture::path(&format!("{name}.json"))).unwrap();
    let reference: Reference = serde_json::from_slice(&reference).unwrap();
    let network = fixture::network(name);
    let picture = fixture::picture(reference.input);

    let (shape, raw) = match network.forward(picture.clone()).unwrap() {
        RawOutput::Boxes(raw) => {
            (raw.dims().to_vec(), raw.into_data().try_to_vec::<f32>().unwrap())
        }
        RawOutput::Classes(raw) => {
            (raw.dims().to_vec(), raw.into_data().try_to_vec::<f32>().unwrap())
        }
    };
    assert_eq!(shape, reference.shape);
    close(&raw, &reference.raw, TOLERANCE);

    let criteria = reference.criteria.map_or_else(Criteria::default, |limits| Criteria {
        min_confidence: limits.min_confidence,
        max_overlap: limits.max_overlap,
        max_detections: limits.max_detections,
        classes: None,
    });
    let criteria = vec![criteria; reference.input[0]];
    for (row, prediction) in network.predict(picture, &criteria).unwrap().iter().enumerate() {
        match prediction {
            Prediction::Boxes(boxes) => {
                assert!(!boxes.is_empty(), "the reference would prove nothing");
                let expected = &reference.boxes[row];
                assert_eq!(boxes.len(), expected.len());
                for (found, expected) in boxes.iter().zip(expected) {
                    // Pixels: a tenth of one is far below what matters.
                    close(&found.bbox, &expected[..4], 0.1);
                    close(&[found.confidence], &expected[4..5], TOLERANCE);
                    assert_eq!(found.class as f32, expected[5]);
                }
            }
            Prediction::Probabilities(found) => {
                close(found, &reference.probabilities[row], TOLERANCE);
            }
        }
    }
}

#[track_caller]
fn close(found: &[f32], expected: &[f32], tolerance: f32) {
    assert_eq!(found.len(), expected.len());
    let (at, difference) = found
        .iter()
        .zip(expected)
        .map(|(found, expected)| (found - expected).abs())
        .enumerate()
        .max_by(|a, b| a.1.total_cmp(&b.1))
        .unwrap();
    assert!(
        difference <= tolerance,
        "number {at} is {}, and should be {}",
        found[at],
        expected[at]
    );
}

#[test]
fn a_version_8_detector_computes_what_torch_does() {
    check("tiny-v8-detect");
}

#[test]
fn a_version_11_detector_computes_what_torch_does() {
    check("tiny-11-detect");
}

#[test]
fn the_boxes_of_a_segmenter_are_what_torch_computes() {
    check("tiny-11-segment");
}

#[test]
fn a_version_8_classifier_computes_what_torch_does() {
    check("tiny-v8-classify");
}

#[test]
fn a_version_11_classifier_computes_what_torch_does() {
    check("tiny-11-classify");
}

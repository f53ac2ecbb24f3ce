//! What is picked on the software Vulkan device is what would be kept of all.

use burn::tensor::{Device, TensorData};

use super::*;
use crate::device::software;

const PICTURES: usize = 2;
const ROWS: usize = 7;
const CLASSES: Range<usize> = 4..6;
const ANCHORS: usize = 2_000;

/// Logits from -8 to 8, without order.
fn rows() -> Vec<f32> {
    let number = |at: usize| (at * 7_919 % 1_601) as f32 / 100.0 - 8.0;
    (0..PICTURES * ROWS * ANCHORS).map(number).collect()
}

fn on(device: &Device, rows: &[f32], dtype: DType) -> Tensor<3> {
    let data = TensorData::new(rows.to_vec(), [PICTURES, ROWS, ANCHORS]);
    Tensor::from_data(data, (device, dtype))
}

fn criteria(min_confidence: f32) -> Criteria {
    Criteria { min_confidence, ..Criteria::default() }
}

/// The same on the host.
fn expected(rows: &[f32], picture: usize, criteria: &Criteria) -> (Vec<u32>, Vec<f32>) {
    let rows = &rows[picture * ROWS * ANCHORS..][..ROWS * ANCHORS];
    let at = |row: usize, anchor: usize| rows[row * ANCHORS + anchor];
    let best = |anchor: usize| CLASSES.map(|row| at(row, anchor)).fold(f32::MIN, f32::max);
    let kept: Vec<usize> =
        (0..ANCHORS).filter(|&anchor| best(anchor) >= criteria.least_logit()).collect();
    let values = (0..ROWS).flat_map(|row| kept.iter().map(move |&anchor| at(row, anchor)));
    (kept.iter().map(|&anchor| anchor as u32).collect(), values.collect())
}

#[test]
fn the_anchors_that_may_meet_the_criteria_are_picked_in_their_order() {
    let rows = rows();
    let criteria = [criteria(0.99), criteria(0.999)];
    let picked =
        select(on(&software().burn, &rows, DType::F32), CLASSES, &criteria).unwrap().unwrap();
    assert_eq!(picked.len(), PICTURES);
    for (picture, picked) in picked.iter().enumerate() {
        let (anchors, values) = expected(&rows, picture, &criteria[picture]);
        assert!(!anchors.is_empty() && anchors.len() < CAPACITY);
        assert_eq!(picked.anchors, anchors);
        assert_eq!(picked.values, values);
    }
}

#[test]
fn numbers_of_16_bits_are_picked_too() {
    let rows = rows();
    let criteria = [criteria(0.99), criteria(1.0)];
    let picked =
        select(on(&software().burn, &rows, DType::F16), CLASSES, &criteria).unwrap().unwrap();
    let rounded: Vec<f32> =
        rows.iter().map(|&number| half::f16::from_f32(number).to_f32()).collect();
    let (anchors, values) = expected(&rounded, 0, &criteria[0]);
    assert_eq!((&picked[0].anchors, &picked[0].values), (&anchors, &values));
    assert!(picked[1].is_empty(), "nothing is certain");
}

#[test]
fn more_than_there_is_room_for_is_said() {
    let criteria = [criteria(0.99), criteria(0.0)];
    let picked = select(on(&software().burn, &rows(), DType::F32), CLASSES, &criteria).unwrap();
    assert!(picked.is_none());
}

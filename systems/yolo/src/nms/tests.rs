use super::*;

#[derive(Clone, Copy, Debug, PartialEq)]
struct ScoredBox {
    bbox: [f32; 4],
    confidence: f32,
    class: u32,
}

fn scored(x: f32, side: f32, confidence: f32, class: u32) -> ScoredBox {
    ScoredBox { bbox: [x, 0.0, x + side, side], confidence, class }
}

fn keep(boxes: &mut Vec<ScoredBox>, max_overlap: f32, max_detections: usize) {
    suppress(boxes, max_detections, max_overlap, |scored| (scored.bbox, scored.class));
}

#[track_caller]
fn check(boxes: &[ScoredBox], max_overlap: f32, expected: &[usize]) {
    let mut kept = boxes.to_vec();
    keep(&mut kept, max_overlap, 300);
    let expected: Vec<_> = expected.iter().map(|&at| boxes[at]).collect();
    assert_eq!(kept, expected);
}

#[test]
fn the_weaker_of_two_equal_boxes_goes() {
    check(&[scored(0.0, 10.0, 0.9, 0), scored(0.0, 10.0, 0.8, 0)], 0.7, &[0]);
}

#[test]
fn boxes_of_different_classes_both_stay() {
    check(&[scored(0.0, 10.0, 0.9, 0), scored(0.0, 10.0, 0.8, 1)], 0.7, &[0, 1]);
}

#[test]
fn an_overlap_equal_to_the_limit_stays() {
    // Shifted by a third: 2/3 shared of 4/3 covered.
    let boxes = [scored(0.0, 3.0, 0.9, 0), scored(1.0, 3.0, 0.8, 0)];
    check(&boxes, 0.5, &[0, 1]);
    check(&boxes, 0.499, &[0]);
}

#[test]
fn a_suppressed_box_suppresses_nothing() {
    let boxes = [scored(0.0, 10.0, 0.9, 0), scored(3.0, 10.0, 0.8, 0), scored(6.0, 10.0, 0.7, 0)];
    // 0 and 1, and 1 and 2 share 7/13; 0 and 2 only 4/16.
    check(&boxes, 0.5, &[0, 2]);
}

#[test]
fn boxes_without_area_do_not_suppress_each_other() {
    check(&[scored(1.0, 0.0, 0.9, 0), scored(1.0, 0.0, 0.8, 0)], 0.1, &[0, 1]);
}

#[test]
fn no_more_than_the_limit_is_kept() {
    let mut boxes: Vec<_> =
        (0..5).map(|at| scored(at as f32 * 20.0, 10.0, 0.9 - at as f32 * 0.1, 0)).collect();
    keep(&mut boxes, 0.7, 2);
    assert_eq!(boxes.len(), 2);
    keep(&mut boxes, 0.7, 0);
    assert!(boxes.is_empty());
}

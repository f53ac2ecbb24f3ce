//! Non-maximum suppression.

use crate::decode::ScoredBox;

#[cfg(test)]
mod tests;

/// Keeps the best of boxes that overlap, at most `max_detections` of them.
///
/// Boxes come sorted by falling confidence. A box goes when its overlap (intersection over union)
/// with a kept one of the same class is greater than `max_overlap`; boxes of different classes
/// never suppress each other. Equal confidences keep their order, so the result is the same on
/// every run.
pub(crate) fn suppress(boxes: &mut Vec<ScoredBox>, max_overlap: f32, max_detections: usize) {
    // The kept boxes gather at the front: each is compared only with those before it.
    let mut kept = 0;
    for candidate in 0..boxes.len() {
        if kept == max_detections {
            break;
        }
        let rival = boxes[candidate];
        let suppressed = boxes[..kept]
            .iter()
            .any(|best| best.class == rival.class && overlap(best, &rival) > max_overlap);
        if !suppressed {
            boxes[kept] = rival;
            kept += 1;
        }
    }
    boxes.truncate(kept);
}

/// Intersection over union: 0 apart, 1 equal. Two boxes without area have none (NaN).
fn overlap(a: &ScoredBox, b: &ScoredBox) -> f32 {
    let [ax1, ay1, ax2, ay2] = a.bbox;
    let [bx1, by1, bx2, by2] = b.bbox;
    let width = (ax2.min(bx2) - ax1.max(bx1)).max(0.0);
    let height = (ay2.min(by2) - ay1.max(by1)).max(0.0);
    let both = width * height;
    both / ((ax2 - ax1) * (ay2 - ay1) + (bx2 - bx1) * (by2 - by1) - both)
}

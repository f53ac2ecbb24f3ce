//! Non-maximum suppression.

#[cfg(test)]
mod tests;

/// Keeps the best of boxes that overlap, at most `max_detections` of them.
///
/// Boxes come sorted by falling confidence. A box goes when a kept one suppresses it. Equal
/// confidences keep their order, so the result is the same on every run.
pub(crate) fn suppress<T>(
    boxes: &mut Vec<T>,
    max_detections: usize,
    suppresses: impl Fn(&T, &T) -> bool,
) {
    // The kept boxes gather at the front: each is compared only with those before it.
    let mut kept = 0;
    for candidate in 0..boxes.len() {
        if kept == max_detections {
            break;
        }
        if !boxes[..kept].iter().any(|best| suppresses(best, &boxes[candidate])) {
            boxes.swap(kept, candidate);
            kept += 1;
        }
    }
    boxes.truncate(kept);
}

/// As [`suppress`], but a box goes when any better one suppresses it, even one that goes itself.
pub(crate) fn suppress_at_once<T>(
    boxes: &mut Vec<T>,
    max_detections: usize,
    suppresses: impl Fn(&T, &T) -> bool,
) {
    let kept: Vec<bool> = (0..boxes.len())
        .map(|rival| !boxes[..rival].iter().any(|best| suppresses(best, &boxes[rival])))
        .collect();
    let mut kept = kept.into_iter();
    boxes.retain(|_| kept.next().unwrap_or(false));
    boxes.truncate(max_detections);
}

/// Intersection over union of two boxes `[x1, y1, x2, y2]`: 0 apart, 1 equal. Two boxes without
/// area have none (NaN).
pub(crate) fn overlap(a: [f32; 4], b: [f32; 4]) -> f32 {
    let [ax1, ay1, ax2, ay2] = a;
    let [bx1, by1, bx2, by2] = b;
    let width = (ax2.min(bx2) - ax1.max(bx1)).max(0.0);
    let height = (ay2.min(by2) - ay1.max(by1)).max(0.0);
    let both = width * height;
    both / ((ax2 - ax1) * (ay2 - ay1) + (bx2 - bx1) * (by2 - by1) - both)
}

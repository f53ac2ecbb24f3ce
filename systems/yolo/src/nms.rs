//! Non-maximum suppression.

#[cfg(test)]
mod tests;

/// Keeps the best of boxes that overlap, at most `max_detections` of them.
///
/// Boxes come sorted by falling confidence. A box goes when it overlaps a kept one of its class by
/// more than `max_overlap`. Equal confidences keep their order, so the result is the same on every
/// run.
pub(crate) fn suppress<T>(
    boxes: &mut Vec<T>,
    max_detections: usize,
    max_overlap: f32,
    place: impl Fn(&T) -> ([f32; 4], u32),
) {
    let mut kept = Kept::default();
    boxes.retain(|rival| {
        let (bbox, class) = place(rival);
        kept.count() < max_detections && !kept.overlaps(bbox, class, max_overlap) && {
            kept.push(bbox, class);
            true
        }
    });
}

/// Boxes that were kept: each of their numbers in a list of its own, so that a rival is compared with
/// several boxes at once.
#[derive(Default)]
struct Kept {
    x1: Vec<f32>,
    y1: Vec<f32>,
    x2: Vec<f32>,
    y2: Vec<f32>,
    class: Vec<u32>,
}

/// Kept boxes that a rival is compared with before it is asked whether one was enough.
const AT_ONCE: usize = 16;

impl Kept {
    fn count(&self) -> usize {
        self.class.len()
    }

    fn push(&mut self, [x1, y1, x2, y2]: [f32; 4], class: u32) {
        self.x1.push(x1);
        self.y1.push(y1);
        self.x2.push(x2);
        self.y2.push(y2);
        self.class.push(class);
    }

    /// Whether one of the class overlaps the rival by more than `limit`.
    fn overlaps(&self, rival: [f32; 4], class: u32, limit: f32) -> bool {
        (0..self.count()).step_by(AT_ONCE).any(|start| {
            let block = start..(start + AT_ONCE).min(self.count());
            let [x1, y1, x2, y2] =
                [&self.x1, &self.y1, &self.x2, &self.y2].map(|list| &list[block.clone()]);
            let corners = x1.iter().zip(y1).zip(x2).zip(y2);
            // No branch within: the compiler makes vectors of it.
            corners.zip(&self.class[block]).fold(false, |found, (corners, &of)| {
                let (((&x1, &y1), &x2), &y2) = corners;
                found | ((of == class) & (overlap([x1, y1, x2, y2], rival) > limit))
            })
        })
    }
}

/// Keeps what no better one suppresses, not even one that goes itself; at most `max_detections`.
///
/// Boxes come sorted by falling confidence.
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

/// Intersection over union of two boxes `[x1, y1, x2, y2]` of finite numbers: 0 apart, 1 equal. Two
/// boxes without area have none (NaN).
fn overlap(a: [f32; 4], b: [f32; 4]) -> f32 {
    // `f32::min` and `f32::max` ask about NaN as well, which costs as much again.
    let lesser = |a: f32, b: f32| if a < b { a } else { b };
    let greater = |a: f32, b: f32| if a > b { a } else { b };
    let [ax1, ay1, ax2, ay2] = a;
    let [bx1, by1, bx2, by2] = b;
    let width = greater(lesser(ax2, bx2) - greater(ax1, bx1), 0.0);
    let height = greater(lesser(ay2, by2) - greater(ay1, by1), 0.0);
    let both = width * height;
    both / ((ax2 - ax1) * (ay2 - ay1) + (bx2 - bx1) * (by2 - by1) - both)
}

//! From the numbers of a head to boxes and classes. Pure functions on the host.

use std::sync::Arc;

use crate::nms::suppress;

#[cfg(test)]
mod tests;

/// Most boxes of one picture that enter the suppression: the strongest ones. As Ultralytics.
const MAX_CANDIDATES: usize = 30_000;

/// What of a picture's boxes is wanted.
#[derive(Clone, Debug, PartialEq)]
pub struct Criteria {
    /// Only boxes with more confidence than this. Default: 0.25.
    pub min_confidence: f32,
    /// A box goes when it overlaps a better one of its class by more than this, as intersection
    /// over union. Default: 0.7.
    pub max_overlap: f32,
    /// Most boxes of one picture: the best ones. Default: 300.
    pub max_detections: usize,
    /// Only boxes of these classes, by number; all when absent. A box counts by its best class.
    pub classes: Option<Arc<[u32]>>,
}

impl Default for Criteria {
    fn default() -> Self {
        Self { min_confidence: 0.25, max_overlap: 0.7, max_detections: 300, classes: None }
    }
}

/// What a network says about one picture.
#[derive(Clone, Debug, PartialEq)]
pub enum Prediction {
    /// Of a detector: boxes by falling confidence.
    Boxes(Vec<ScoredBox>),
    /// Of a classifier: the probability of each class. They sum to 1.
    Probabilities(Vec<f32>),
}

/// A box that a detector found.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ScoredBox {
    /// `[x1, y1, x2, y2]` in pixels of the input tensor. May reach over its edges.
    pub bbox: [f32; 4],
    /// 0 to 1.
    pub confidence: f32,
    /// Number of its class.
    pub class: u32,
}

/// One resolution of a detection head: a grid of anchors.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Level {
    pub width: usize,
    pub height: usize,
    /// Tensor pixels from one anchor to the next.
    pub stride: usize,
}

/// How the numbers of a detection head lie.
///
/// One picture has `4 * bins + classes` rows, each with one number an anchor: all levels after
/// each other, each level row by row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct BoxLayout {
    /// Numbers that describe the distance to one side of a box. 1: the distance itself.
    pub bins: usize,
    pub classes: usize,
    pub levels: Vec<Level>,
}

impl BoxLayout {
    pub fn anchors(&self) -> usize {
        self.levels.iter().map(|level| level.width * level.height).sum()
    }

    pub fn rows(&self) -> usize {
        4 * self.bins + self.classes
    }
}

/// The boxes of one picture that meet the criteria, by falling confidence.
///
/// A box or a score that is not a number is removed.
///
/// # Shapes
///
/// - `raw`: `[layout.rows(), layout.anchors()]`, logits
pub(crate) fn decode(raw: &[f32], layout: &BoxLayout, criteria: &Criteria) -> Vec<ScoredBox> {
    let anchors = layout.anchors();
    debug_assert_eq!(raw.len(), layout.rows() * anchors);
    let (distances, scores) = raw.split_at(4 * layout.bins * anchors);
    let (best, classes) = best_classes(scores, anchors);

    // Most anchors fall here, before anything else is computed for them. The margin covers the
    // rounding of the inverse; the exact comparison follows.
    let least_logit = logit(criteria.min_confidence) - 1e-3;
    let mut boxes = Vec::new();
    let mut first = 0;
    for level in &layout.levels {
        for cell in 0..level.width * level.height {
            let anchor = first + cell;
            // Written so that a threshold that is not a number lets nothing through.
            let may_be_confident = best[anchor] >= least_logit;
            if !may_be_confident {
                continue;
            }
            let (confidence, class) = (sigmoid(best[anchor]), classes[anchor]);
            let wanted = confidence > criteria.min_confidence
                && criteria.classes.as_ref().is_none_or(|classes| classes.contains(&class));
            if !wanted {
                continue;
            }
            let side = |side| distance(distances, layout.bins, anchors, side, anchor);
            let (x, y) = ((cell % level.width) as f32 + 0.5, (cell / level.width) as f32 + 0.5);
            let bbox = [x - side(0), y - side(1), x + side(2), y + side(3)];
            let bbox = bbox.map(|edge| edge * level.stride as f32);
            if bbox.iter().all(|edge| edge.is_finite()) {
                boxes.push(ScoredBox { bbox, confidence, class });
            }
        }
        first += level.width * level.height;
    }

    // Stable: equal confidences stay in the order of their anchors.
    boxes.sort_by(|a, b| b.confidence.total_cmp(&a.confidence));
    boxes.truncate(MAX_CANDIDATES);
    suppress(&mut boxes, criteria.max_overlap, criteria.max_detections);
    boxes
}

/// Probabilities from the logits of one picture.
pub(crate) fn softmax(logits: &[f32]) -> Vec<f32> {
    let greatest = logits.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    let powers: Vec<f32> = logits.iter().map(|logit| (logit - greatest).exp()).collect();
    let sum: f32 = powers.iter().sum();
    powers.into_iter().map(|power| power / sum).collect()
}

/// The greatest logit of each anchor, and the class that has it. The first of equal ones wins.
fn best_classes(scores: &[f32], anchors: usize) -> (Vec<f32>, Vec<u32>) {
    let mut best = vec![f32::NEG_INFINITY; anchors];
    let mut classes = vec![0_u32; anchors];
    if anchors == 0 {
        return (best, classes);
    }
    for (class, row) in scores.chunks_exact(anchors).enumerate() {
        for ((best, winner), &score) in best.iter_mut().zip(&mut classes).zip(row) {
            let better = score > *best;
            *best = if better { score } else { *best };
            *winner = if better { class as u32 } else { *winner };
        }
    }
    (best, classes)
}

/// Distance from an anchor to one side of its box, in strides: the expectation of the
/// distribution over the bins.
fn distance(distances: &[f32], bins: usize, anchors: usize, side: usize, anchor: usize) -> f32 {
    let at = |bin: usize| distances[(side * bins + bin) * anchors + anchor];
    if bins == 1 {
        return at(0);
    }
    let greatest = (0..bins).map(at).fold(f32::NEG_INFINITY, f32::max);
    let (mut sum, mut weighted) = (0.0, 0.0);
    for bin in 0..bins {
        let power = (at(bin) - greatest).exp();
        sum += power;
        weighted += power * bin as f32;
    }
    weighted / sum
}

fn sigmoid(logit: f32) -> f32 {
    1.0 / (1.0 + (-logit).exp())
}

/// The inverse of the sigmoid. At 0 and below minus infinity, at 1 and above infinity.
fn logit(probability: f32) -> f32 {
    let probability = probability.clamp(0.0, 1.0);
    (probability / (1.0 - probability)).ln()
}

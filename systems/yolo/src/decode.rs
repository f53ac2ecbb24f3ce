//! From the numbers of a head to boxes and classes. Pure functions on the host.

use std::ops::Range;
use std::sync::Arc;

use crate::nms::{suppress, suppress_at_once};

mod keypoint;
mod mask;
mod rotated;
#[cfg(test)]
mod tests;

pub use self::keypoint::Keypoint;
pub(crate) use self::keypoint::KeypointForm;
pub use self::mask::Mask;
pub(crate) use self::rotated::AngleForm;
pub use self::rotated::RotatedBox;

use self::keypoint::keypoints;
use self::mask::Prototypes;

/// Most boxes of one picture that enter the suppression: the strongest ones. As Ultralytics.
const MAX_CANDIDATES: usize = 30_000;
/// Most boxes of one picture where each object is found once. As Ultralytics.
const MAX_ONCE: usize = 300;

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

impl Criteria {
    /// Anchors whose best class has a logit below this cannot meet the criteria. The margin covers the
    /// rounding of the inverse. Infinite or not a number when nothing can.
    pub fn least_logit(&self) -> f32 {
        logit(self.min_confidence) - 1e-3
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
#[derive(Clone, Debug, PartialEq)]
pub struct ScoredBox {
    /// `[x1, y1, x2, y2]` in pixels of the input tensor. May reach over its edges. Around a rotated
    /// box.
    pub bbox: [f32; 4],
    /// 0 to 1.
    pub confidence: f32,
    /// Number of its class.
    pub class: u32,
    /// What the network tells beside the box, if it tells more.
    pub detail: Option<Detail>,
}

/// What a network tells beside a box.
#[derive(Clone, Debug, PartialEq)]
pub enum Detail {
    /// Of a segmenter: which pixels belong to what is in the box.
    Mask(Mask),
    /// Of a pose network: points of what is in the box, in the order of its training.
    Keypoints(Vec<Keypoint>),
    /// Of a network of rotated boxes.
    Rotated(RotatedBox),
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
/// One picture has `4 * bins + classes + more.rows()` rows, each with one number an anchor: all
/// levels after each other, each level row by row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct AnchorLayout {
    /// Numbers that describe the distance to one side of a box. 1: the distance itself.
    pub bins: usize,
    pub classes: usize,
    /// What the rows after the classes tell.
    pub more: More,
    /// Whether each object is found once, so that nothing need be suppressed.
    pub once: bool,
    pub levels: Vec<Level>,
}

/// What a detection head tells beside boxes and classes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum More {
    Nothing,
    /// Weights of prototypes, which have this size.
    Mask {
        coefficients: usize,
        height: usize,
        width: usize,
    },
    /// For each point two numbers, or three.
    Keypoints {
        count: usize,
        visibility: bool,
        form: KeypointForm,
    },
    Angle(AngleForm),
}

impl More {
    /// Numbers for each anchor.
    pub fn rows(self) -> usize {
        match self {
            Self::Nothing => 0,
            Self::Mask { coefficients, .. } => coefficients,
            Self::Keypoints { count, visibility, .. } => count * if visibility { 3 } else { 2 },
            Self::Angle(_) => 1,
        }
    }
}

impl AnchorLayout {
    pub fn anchors(&self) -> usize {
        self.levels.iter().map(|level| level.width * level.height).sum()
    }

    pub fn rows(&self) -> usize {
        4 * self.bins + self.classes + self.more.rows()
    }

    /// Those of its rows that are logits of classes.
    pub fn class_rows(&self) -> Range<usize> {
        4 * self.bins..4 * self.bins + self.classes
    }

    /// The place of an anchor, whose numbers are in `column`.
    fn anchor(&self, number: usize, column: usize) -> Anchor {
        let mut cell = number;
        for level in &self.levels {
            let cells = level.width * level.height;
            if cell < cells {
                let (x, y) = (cell % level.width, cell / level.width);
                let middle = [x as f32 + 0.5, y as f32 + 0.5];
                return Anchor { column, middle, stride: level.stride as f32 };
            }
            cell -= cells;
        }
        unreachable!("anchors are numbered up to their count")
    }
}

/// A place that a head looks at.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Anchor {
    column: usize,
    /// In strides.
    middle: [f32; 2],
    stride: f32,
}

/// What a head says of one picture: rows of numbers, with a column for each anchor, or for some.
#[derive(Clone, Copy, Debug)]
pub struct Columns<'a> {
    /// The numbers, row by row.
    ///
    /// # Shapes
    ///
    /// `[rows, count]`, the rows as in [`RawOutput::Anchors`](crate::RawOutput::Anchors)
    pub values: &'a [f32],
    /// How many columns there are.
    pub count: usize,
    /// Which anchor each column is of, counting up. None: all of them.
    pub anchors: Option<&'a [u32]>,
}

impl<'a> Columns<'a> {
    fn row(&self, row: usize) -> &'a [f32] {
        &self.values[row * self.count..][..self.count]
    }

    fn at(&self, row: usize, anchor: &Anchor) -> f32 {
        self.values[row * self.count + anchor.column]
    }

    fn anchor(&self, column: usize) -> usize {
        self.anchors.map_or(column, |anchors| anchors[column] as usize)
    }
}

/// A box before its details are computed: most boxes are suppressed.
#[derive(Clone, Debug)]
struct Candidate {
    anchor: Anchor,
    bbox: [f32; 4],
    rotated: Option<RotatedBox>,
    confidence: f32,
    class: u32,
}

impl Candidate {
    fn is_finite(&self) -> bool {
        self.bbox.iter().all(|edge| edge.is_finite())
            && self.rotated.as_ref().is_none_or(RotatedBox::is_finite)
    }
}

/// The boxes of one picture that meet the criteria, by falling confidence.
///
/// A box or a score that is not a number is removed.
///
/// # Shapes
///
/// - `prototypes`: of a segmenter, `[coefficients, height, width]`; else empty
pub(crate) fn decode(
    columns: Columns,
    prototypes: &[f32],
    layout: &AnchorLayout,
    criteria: &Criteria,
) -> Vec<ScoredBox> {
    let count = columns.count;
    debug_assert_eq!(columns.values.len(), layout.rows() * count);
    let classes = layout.class_rows();
    let scores = &columns.values[classes.start * count..classes.end * count];
    let mut scored =
        if layout.once { once(scores, count, criteria) } else { best(scores, count, criteria) };
    scored.retain(|scored| {
        criteria.classes.as_ref().is_none_or(|classes| classes.contains(&scored.class))
    });

    let mut candidates: Vec<Candidate> = scored
        .iter()
        .zip(distances(columns, layout.bins, &scored))
        .map(|(scored, sides)| candidate(scored, sides, columns, layout))
        .filter(Candidate::is_finite)
        .collect();
    // Stable: equal confidences stay in the order of their anchors.
    candidates.sort_by(|a, b| b.confidence.total_cmp(&a.confidence));
    candidates.truncate(MAX_CANDIDATES);
    let limit = criteria.max_overlap;
    if layout.once {
        candidates.truncate(criteria.max_detections);
    } else if matches!(layout.more, More::Angle(_)) {
        suppress_at_once(&mut candidates, criteria.max_detections, |best, rival| {
            best.class == rival.class
                && best.rotated.zip(rival.rotated).is_some_and(|(a, b)| a.overlap(&b) >= limit)
        });
    } else {
        let place = |candidate: &Candidate| (candidate.bbox, candidate.class);
        suppress(&mut candidates, criteria.max_detections, limit, place);
    }

    candidates
        .into_iter()
        .map(|candidate| {
            let detail = detail(&candidate, columns, prototypes, layout);
            let Candidate { bbox, confidence, class, .. } = candidate;
            ScoredBox { bbox, confidence, class, detail }
        })
        // As Ultralytics: what has no pixel is not there.
        .filter(|found| !matches!(&found.detail, Some(Detail::Mask(mask)) if mask.is_empty()))
        .collect()
}

/// What the head tells of a box beside its class.
fn detail(
    candidate: &Candidate,
    columns: Columns,
    prototypes: &[f32],
    layout: &AnchorLayout,
) -> Option<Detail> {
    let first = layout.class_rows().end;
    let anchor = &candidate.anchor;
    let number = |row| columns.at(first + row, anchor);
    match layout.more {
        More::Nothing => None,
        More::Angle(_) => candidate.rotated.map(Detail::Rotated),
        More::Keypoints { count, visibility, form } => {
            Some(Detail::Keypoints(keypoints(number, count, visibility, form, anchor)))
        }
        More::Mask { coefficients, height, width } => {
            let coefficients: Vec<f32> = (0..coefficients).map(number).collect();
            let level = layout.levels.first()?;
            let picture = [level.width * level.stride, level.height * level.stride];
            let prototypes = Prototypes { values: prototypes, height, width };
            Some(Detail::Mask(prototypes.mask(&coefficients, candidate.bbox, picture)))
        }
    }
}

/// A class at an anchor that is confident enough.
struct Scored {
    column: usize,
    class: u32,
    confidence: f32,
}

/// Columns that are looked at together: the scores of eighty classes fit the fastest cache.
const BLOCK: usize = 64;

/// The best class of each column, where it is confident enough. The first of equal ones wins.
fn best(scores: &[f32], columns: usize, criteria: &Criteria) -> Vec<Scored> {
    // Most fall here, before anything else is computed for them; the exact comparison follows.
    let least_logit = criteria.least_logit();
    let classes = scores.len().checked_div(columns).unwrap_or(0);
    let score = |class: usize, column: usize| scores[class * columns + column];
    let mut found = Vec::new();
    for start in (0..columns).step_by(BLOCK) {
        let greatest = greatest(scores, columns, start..(start + BLOCK).min(columns));
        // Written so that a threshold that is not a number lets nothing through.
        let confident = (start..columns).zip(greatest).filter(|(_, logit)| *logit >= least_logit);
        for (column, logit) in confident {
            let confidence = sigmoid(logit);
            let class = (0..classes).find(|&class| score(class, column) == logit);
            if let Some(class) = class
                && confidence > criteria.min_confidence
            {
                let scored = Scored { column, class: class as u32, confidence };
                let class = first_equal(scores, columns, &scored);
                found.push(Scored { class, ..scored });
            }
        }
    }
    found
}

/// The greatest logit of each of some columns.
fn greatest(scores: &[f32], columns: usize, block: Range<usize>) -> [f32; BLOCK] {
    let mut greatest = [f32::NEG_INFINITY; BLOCK];
    for row in scores.chunks_exact(columns) {
        for (greatest, &score) in greatest.iter_mut().zip(&row[block.clone()]) {
            *greatest = if score > *greatest { score } else { *greatest };
        }
    }
    greatest
}

/// The first class that is as probable as the best one. Great logits differ where their
/// probabilities do not, and the reference compares these.
fn first_equal(scores: &[f32], columns: usize, scored: &Scored) -> u32 {
    /// Below, the probabilities of different logits are different numbers, or nearly.
    const CERTAIN: f32 = 0.999;
    let &Scored { column, class, confidence } = scored;
    if confidence < CERTAIN {
        return class;
    }
    (0..class)
        .find(|&class| sigmoid(scores[class as usize * columns + column]) == confidence)
        .unwrap_or(class)
}

/// Every confident class of the best anchors, the best of them all.
fn once(scores: &[f32], columns: usize, criteria: &Criteria) -> Vec<Scored> {
    let mut of_anchors = best(scores, columns, criteria);
    of_anchors.sort_by(|a, b| b.confidence.total_cmp(&a.confidence));
    of_anchors.truncate(MAX_ONCE);
    let classes = scores.len().checked_div(columns).unwrap_or(0);
    let mut found: Vec<Scored> = of_anchors
        .iter()
        .flat_map(|&Scored { column, .. }| {
            (0..classes).map(move |class| {
                let confidence = sigmoid(scores[class * columns + column]);
                Scored { column, class: class as u32, confidence }
            })
        })
        .filter(|scored| scored.confidence > criteria.min_confidence)
        .collect();
    found.sort_by(|a, b| b.confidence.total_cmp(&a.confidence));
    found.truncate(MAX_ONCE);
    found
}

/// The box of an anchor.
///
/// # Shapes
///
/// - `sides`: distances to left, top, right and bottom, in strides
fn candidate(
    scored: &Scored,
    sides: [f32; 4],
    columns: Columns,
    layout: &AnchorLayout,
) -> Candidate {
    let &Scored { column, class, confidence } = scored;
    let anchor = layout.anchor(columns.anchor(column), column);
    let More::Angle(form) = layout.more else {
        let ([left, top, right, bottom], [x, y]) = (sides, anchor.middle);
        let bbox = [x - left, y - top, x + right, y + bottom].map(|edge| edge * anchor.stride);
        return Candidate { anchor, bbox, rotated: None, confidence, class };
    };
    let angle = form.angle(columns.at(layout.class_rows().end, &anchor));
    let rotated = RotatedBox::around(anchor.middle, anchor.stride, sides, angle);
    Candidate { anchor, bbox: rotated.bounds(), rotated: Some(rotated), confidence, class }
}

/// Probabilities from the logits of one picture.
pub(crate) fn softmax(logits: &[f32]) -> Vec<f32> {
    let greatest = logits.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    let powers: Vec<f32> = logits.iter().map(|logit| (logit - greatest).exp()).collect();
    let sum: f32 = powers.iter().sum();
    powers.into_iter().map(|power| power / sum).collect()
}

/// Distances from anchors to the four sides of their boxes, in strides: the expectations of the
/// distributions over the bins.
///
/// Row by row for several anchors: neighbours lie beside each other in a row, and rows far apart.
fn distances(columns: Columns, bins: usize, scored: &[Scored]) -> Vec<[f32; 4]> {
    let mut distances = vec![[0.0; 4]; scored.len()];
    let mut logits = vec![[0.0; BLOCK]; bins];
    for (scored, distances) in scored.chunks(BLOCK).zip(distances.chunks_mut(BLOCK)) {
        for side in 0..4 {
            for (bin, logits) in logits.iter_mut().enumerate() {
                let row = columns.row(side * bins + bin);
                for (logit, scored) in logits.iter_mut().zip(scored) {
                    *logit = row[scored.column];
                }
            }
            let expected = if bins == 1 { logits[0] } else { expectations(&logits) };
            for (distances, expected) in distances.iter_mut().zip(expected) {
                distances[side] = expected;
            }
        }
    }
    distances
}

/// The expectations of several distributions over bins, whose logits are in the columns.
fn expectations(logits: &[[f32; BLOCK]]) -> [f32; BLOCK] {
    let mut greatest = [f32::NEG_INFINITY; BLOCK];
    for logits in logits {
        for (greatest, &logit) in greatest.iter_mut().zip(logits) {
            *greatest = if logit > *greatest { logit } else { *greatest };
        }
    }
    let (mut sums, mut weighted) = ([0.0; BLOCK], [0.0; BLOCK]);
    for (bin, logits) in logits.iter().enumerate() {
        for (at, (&logit, greatest)) in logits.iter().zip(greatest).enumerate() {
            let power = exponential(logit - greatest);
            sums[at] += power;
            weighted[at] += power * bin as f32;
        }
    }
    let mut expectations = weighted;
    expectations.iter_mut().zip(sums).for_each(|(expected, sum)| *expected /= sum);
    expectations
}

/// `e` to the power of a number up to 0, to two units in the last place; in steps of which the
/// compiler makes vectors. What is not a number stays none.
fn exponential(x: f32) -> f32 {
    /// Added to a small number, it leaves the nearest whole one in the lowest bits.
    const ROUND: f32 = 12_582_912.0;
    /// The natural logarithm of 2 in two parts, the first one of few bits.
    const LN_2: [f32; 2] = [0.693_359_4, -2.121_944_4e-4];
    /// Below, the result would not be a normal number.
    const LEAST: f32 = -87.0;
    let x = if x < LEAST { LEAST } else { x };
    let rounded = x * std::f32::consts::LOG2_E + ROUND;
    let whole = rounded - ROUND;
    let rest = x - whole * LN_2[0] - whole * LN_2[1];
    // Taylor's series; the rest is at most half the logarithm of 2.
    let series = [1.0 / 720.0, 1.0 / 120.0, 1.0 / 24.0, 1.0 / 6.0, 0.5, 1.0, 1.0];
    let power_of_rest = series.into_iter().fold(0.0, |sum, factor| sum * rest + factor);
    let power_of_two = f32::from_bits((rounded.to_bits() << 23).wrapping_add(1.0_f32.to_bits()));
    power_of_rest * power_of_two
}

fn sigmoid(logit: f32) -> f32 {
    1.0 / (1.0 + (-logit).exp())
}

/// The inverse of the sigmoid. At 0 and below minus infinity, at 1 and above infinity.
fn logit(probability: f32) -> f32 {
    let probability = probability.clamp(0.0, 1.0);
    (probability / (1.0 - probability)).ln()
}

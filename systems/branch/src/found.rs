//! What a network said, in the words of the frame.

use std::sync::Arc;

use detector_components::detection::Detection;
use detector_components::geometry::Placement;
use detector_components::job::{Answer, TensorBox};
use detector_components::network::NetworkInfo;
use detector_components::node::{Expected, Keep, ResolvedClasses, Tracking};
use detector_components::outline::Outline;
use detector_components::tally::{LeftOut, Reason};

use crate::tracker::Sighting;

/// Best classes of a classifier that are kept.
const TOP_CLASSES: usize = 5;

/// A detection that is not yet in the world, and for a classifier its best classes.
#[derive(Debug, Clone, PartialEq)]
pub struct Found {
    pub detection: Detection,
    pub top: Vec<(u32, f32)>,
}

/// An answer, sorted.
#[derive(Debug, Default)]
pub struct Sorted {
    /// What the node found, best first. Empty when the node does not answer, because what it expects
    /// is not there.
    pub found: Vec<Found>,
    /// What the network said and the node left out, best first.
    pub left_out: Vec<LeftOut>,
}

/// Sorts an answer into what the node found and what it left out.
///
/// What is of another class and weak as well is not even left out: networks say much of that.
pub fn sort(
    answer: &Answer,
    placement: &Placement,
    network: &NetworkInfo,
    keep: &Keep,
    resolved: &ResolvedClasses,
) -> Sorted {
    let mut sorted = Sorted::default();
    match answer {
        Answer::Boxes(boxes) => {
            for bbox in boxes {
                let Some(class) = network.classes.get(bbox.class_id as usize) else { continue };
                let bbox_in_frame = placement.frame_from_tensor(bbox.bbox_in_tensor);
                let reason = match (is_strong(bbox, keep), is_of(bbox, resolved)) {
                    (false, false) => continue,
                    (false, true) => Some(Reason::Weak),
                    (true, false) => Some(Reason::OtherClass),
                    (true, true) => {
                        let full = keep.max_detections as usize <= sorted.found.len();
                        full.then_some(Reason::TooMany)
                    }
                };
                match reason {
                    Some(reason) => sorted.left_out.push(LeftOut {
                        reason,
                        class: class.clone(),
                        confidence: bbox.confidence,
                        bbox_in_frame,
                    }),
                    None => {
                        let outline = bbox.outline_in_tensor.as_ref();
                        let detection = Detection {
                            class: class.clone(),
                            class_id: bbox.class_id,
                            confidence: bbox.confidence,
                            bbox_in_frame,
                            outline_in_frame: outline.map(|o| outline_in_frame(o, placement)),
                        };
                        sorted.found.push(Found { detection, top: Vec::new() });
                    }
                }
            }
        }
        Answer::Probabilities(probabilities) => {
            sorted.found.extend(classified(probabilities, placement, &network.classes));
        }
    }
    if !answers(&sorted.found, keep, resolved) {
        let unexpected = sorted.found.drain(..).map(|found| LeftOut {
            reason: Reason::Unexpected,
            class: found.detection.class,
            confidence: found.detection.confidence,
            bbox_in_frame: found.detection.bbox_in_frame,
        });
        sorted.left_out.splice(..0, unexpected);
    }
    sorted
}

/// The boxes that are too weak to be found and strong enough to keep a track alive.
pub fn faint(
    answer: &Answer,
    placement: &Placement,
    keep: &Keep,
    resolved: &ResolvedClasses,
    tracking: &Tracking,
) -> Vec<Sighting> {
    let Answer::Boxes(boxes) = answer else { return Vec::new() };
    boxes
        .iter()
        .filter(|bbox| bbox.confidence > tracking.low_confidence && is_of(bbox, resolved))
        // All boxes of an answer together are bounded, whatever the network told beside them.
        .take(keep.max_detections as usize)
        .filter(|bbox| !is_strong(bbox, keep))
        .map(|bbox| Sighting {
            bbox: placement.frame_from_tensor(bbox.bbox_in_tensor),
            class_id: bbox.class_id,
            confidence: bbox.confidence,
            strong: false,
        })
        .collect()
}

fn is_strong(bbox: &TensorBox, keep: &Keep) -> bool {
    bbox.confidence > keep.min_confidence
}

/// Whether it is of a class that is kept.
fn is_of(bbox: &TensorBox, resolved: &ResolvedClasses) -> bool {
    resolved.kept.as_ref().is_none_or(|kept| kept.contains(&bbox.class_id))
}

/// What is told beside a box, in pixels of the frame. What has no corners of its own is cut to the
/// region that was looked at; a rotated box would no longer be one.
fn outline_in_frame(outline_in_tensor: &Outline, placement: &Placement) -> Outline {
    outline_in_tensor.map(|point| {
        let point = placement.frame_point_from_tensor(point);
        match outline_in_tensor {
            Outline::Mask(_) | Outline::Keypoints(_) => point.within(placement.source),
            Outline::Rotated { .. } => point,
        }
    })
}

/// The whole input as one finding. None when the network names no class for its best number, or
/// what it says is no number.
fn classified(probabilities: &[f32], placement: &Placement, classes: &[Arc<str>]) -> Option<Found> {
    let mut ranked: Vec<(u32, f32)> = (0..).zip(probabilities.iter().copied()).collect();
    ranked.retain(|(_, probability)| !probability.is_nan());
    // Stable: of equal ones the lower number comes first.
    ranked.sort_by(|a, b| b.1.total_cmp(&a.1));
    ranked.truncate(TOP_CLASSES);
    let &(class_id, confidence) = ranked.first()?;
    let detection = Detection {
        class: classes.get(class_id as usize)?.clone(),
        class_id,
        confidence,
        bbox_in_frame: placement.source.bbox(),
        outline_in_frame: None,
    };
    Some(Found { detection, top: ranked })
}

fn answers(found: &[Found], keep: &Keep, resolved: &ResolvedClasses) -> bool {
    let has = |class: &u32| found.iter().any(|found| found.detection.class_id == *class);
    match keep.expected {
        Expected::Nothing => true,
        Expected::AnyOf(_) => resolved.expected.iter().any(has),
        Expected::AllOf(_) => resolved.expected.iter().all(has),
    }
}

#[cfg(test)]
mod tests {
    use detector_components::geometry::{BBox, Region, Size};
    use detector_components::job::TensorBox;
    use detector_components::network::{Provenance, Task};

    use super::*;

    fn network(task: Task) -> NetworkInfo {
        NetworkInfo {
            task,
            classes: ["red", "green", "blue"].map(Arc::from).into(),
            input: Size { width: 64, height: 64 },
            stride: 32,
            provenance: Provenance::default(),
        }
    }

    fn placement() -> Placement {
        let source = Region { x: 100, y: 50, width: 128, height: 128 };
        Placement::letterbox(source, Size { width: 64, height: 64 })
    }

    fn boxes(classes: &[u32]) -> Answer {
        let bbox_in_tensor = BBox { x1: 0.0, y1: 8.0, x2: 16.0, y2: 24.0 };
        let boxes = classes.iter().map(|&class_id| TensorBox {
            bbox_in_tensor,
            confidence: 0.5,
            class_id,
            outline_in_tensor: None,
        });
        Answer::Boxes(boxes.collect())
    }

    #[track_caller]
    fn check_expected(expected: Expected, answer: &[u32], count: usize) {
        let keep = Keep { expected, ..Keep::default() };
        let resolved = ResolvedClasses { expected: vec![0, 2], ..ResolvedClasses::default() };
        let sorted = sort(&boxes(answer), &placement(), &network(Task::Detect), &keep, &resolved);
        assert_eq!(sorted.found.len(), count);
        let unexpected = sorted.left_out.iter().filter(|out| out.reason == Reason::Unexpected);
        assert_eq!(unexpected.count(), answer.len() - count);
    }

    #[test]
    fn boxes_come_back_in_frame_pixels() {
        let Sorted { found, .. } = sort(
            &boxes(&[1]),
            &placement(),
            &network(Task::Detect),
            &Keep::default(),
            &ResolvedClasses::default(),
        );
        assert_eq!(&*found[0].detection.class, "green");
        assert_eq!(
            found[0].detection.bbox_in_frame,
            BBox { x1: 100.0, y1: 66.0, x2: 132.0, y2: 98.0 }
        );
    }

    #[test]
    fn a_class_without_a_name_is_left_out() {
        let answer = boxes(&[3]);
        let (keep, resolved) = (Keep::default(), ResolvedClasses::default());
        let sorted = sort(&answer, &placement(), &network(Task::Detect), &keep, &resolved);
        assert!(sorted.found.is_empty() && sorted.left_out.is_empty());
    }

    #[test]
    fn a_classifier_finds_what_it_looked_at() {
        let answer = Answer::Probabilities(vec![0.2, f32::NAN, 0.7]);
        let (keep, resolved) = (Keep::default(), ResolvedClasses::default());
        let network = network(Task::Classify);
        let Sorted { found, .. } = sort(&answer, &placement(), &network, &keep, &resolved);
        assert_eq!(&*found[0].detection.class, "blue");
        assert_eq!(found[0].detection.bbox_in_frame, placement().source.bbox());
        assert_eq!(found[0].top, [(2, 0.7), (0, 0.2)]);
    }

    /// A network that tells more than its node wants: classes with confidence, best first.
    fn talkative() -> Answer {
        let bbox_in_tensor = BBox { x1: 0.0, y1: 8.0, x2: 16.0, y2: 24.0 };
        let said = [(1, 0.9), (0, 0.8), (1, 0.7), (1, 0.6), (2, 0.2), (1, 0.2), (1, 0.05)];
        let boxes = said.map(|(class_id, confidence)| TensorBox {
            bbox_in_tensor,
            confidence,
            class_id,
            outline_in_tensor: None,
        });
        Answer::Boxes(boxes.into())
    }

    fn green() -> (Keep, ResolvedClasses) {
        let keep = Keep { max_detections: 2, ..Keep::default() };
        (keep, ResolvedClasses { kept: Some([1].into()), ..ResolvedClasses::default() })
    }

    #[test]
    fn what_is_told_beyond_what_is_kept_is_left_out_with_its_reason() {
        let (keep, resolved) = green();
        let network = network(Task::Detect);
        let sorted = sort(&talkative(), &placement(), &network, &keep, &resolved);
        let found: Vec<_> = sorted.found.iter().map(|found| found.detection.confidence).collect();
        assert_eq!(found, [0.9, 0.7]);
        let left_out: Vec<_> =
            sorted.left_out.iter().map(|out| (out.reason, &*out.class, out.confidence)).collect();
        let expected = [
            (Reason::OtherClass, "red", 0.8),
            (Reason::TooMany, "green", 0.6),
            (Reason::Weak, "green", 0.2),
            (Reason::Weak, "green", 0.05),
        ];
        assert_eq!(left_out, expected);
    }

    #[test]
    fn tracks_are_kept_alive_by_what_they_would_be_without_the_rest() {
        let (keep, resolved) = green();
        let told = |max_detections| -> Vec<(u32, f32)> {
            let keep = Keep { max_detections, ..keep.clone() };
            let tracking = Tracking::default();
            let faint = faint(&talkative(), &placement(), &keep, &resolved, &tracking);
            faint.iter().map(|faint| (faint.class_id, faint.confidence)).collect()
        };
        assert_eq!(told(4), [(1, 0.2)]);
        assert_eq!(told(3), []);
    }

    #[test]
    fn any_of_the_expected_is_enough() {
        let names = vec!["red".into(), "blue".into()];
        check_expected(Expected::AnyOf(names.clone()), &[1, 2], 2);
        check_expected(Expected::AnyOf(names), &[1], 0);
    }

    #[test]
    fn all_of_the_expected_must_be_there() {
        let names = vec!["red".into(), "blue".into()];
        check_expected(Expected::AllOf(names.clone()), &[1, 2], 0);
        check_expected(Expected::AllOf(names), &[2, 0], 2);
    }
}

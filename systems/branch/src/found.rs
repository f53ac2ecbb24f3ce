//! What a network said, in the words of the frame.

use std::sync::Arc;

use detector_components::detection::Detection;
use detector_components::geometry::Placement;
use detector_components::job::{Answer, TensorBox};
use detector_components::network::NetworkInfo;
use detector_components::node::{Expected, Keep, ResolvedClasses};
use detector_components::outline::Outline;

use crate::tracker::Sighting;

/// Best classes of a classifier that are kept.
const TOP_CLASSES: usize = 5;

/// A detection that is not yet in the world, and for a classifier its best classes.
#[derive(Debug, Clone, PartialEq)]
pub struct Found {
    pub detection: Detection,
    pub top: Vec<(u32, f32)>,
}

/// Turns an answer into what the node found, best first. Empty when the node does not answer,
/// because what it expects is not there.
pub fn found(
    answer: &Answer,
    placement: &Placement,
    network: &NetworkInfo,
    keep: &Keep,
    resolved: &ResolvedClasses,
) -> Vec<Found> {
    let found = match answer {
        Answer::Boxes(boxes) => boxes
            .iter()
            .filter(|bbox| is_kept(bbox, keep))
            .filter_map(|bbox| {
                let detection = Detection {
                    class: network.classes.get(bbox.class_id as usize)?.clone(),
                    class_id: bbox.class_id,
                    confidence: bbox.confidence,
                    bbox_in_frame: placement.frame_from_tensor(bbox.bbox_in_tensor),
                    outline_in_frame: bbox
                        .outline_in_tensor
                        .as_ref()
                        .map(|outline| outline_in_frame(outline, placement)),
                };
                Some(Found { detection, top: Vec::new() })
            })
            .collect(),
        Answer::Probabilities(probabilities) => {
            classified(probabilities, placement, &network.classes).into_iter().collect::<Vec<_>>()
        }
    };
    if answers(&found, keep, resolved) { found } else { Vec::new() }
}

/// The boxes that are too weak to be found, of a node that asked for them to keep its tracks alive.
pub fn faint(answer: &Answer, placement: &Placement, keep: &Keep) -> Vec<Sighting> {
    let Answer::Boxes(boxes) = answer else { return Vec::new() };
    boxes
        .iter()
        .filter(|bbox| !is_kept(bbox, keep))
        .map(|bbox| Sighting {
            bbox: placement.frame_from_tensor(bbox.bbox_in_tensor),
            class_id: bbox.class_id,
            confidence: bbox.confidence,
            strong: false,
        })
        .collect()
}

fn is_kept(bbox: &TensorBox, keep: &Keep) -> bool {
    bbox.confidence > keep.min_confidence
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
        let found = found(&boxes(answer), &placement(), &network(Task::Detect), &keep, &resolved);
        assert_eq!(found.len(), count);
    }

    #[test]
    fn boxes_come_back_in_frame_pixels() {
        let found = found(
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
        assert!(found(&answer, &placement(), &network(Task::Detect), &keep, &resolved).is_empty());
    }

    #[test]
    fn a_classifier_finds_what_it_looked_at() {
        let answer = Answer::Probabilities(vec![0.2, f32::NAN, 0.7]);
        let (keep, resolved) = (Keep::default(), ResolvedClasses::default());
        let found = found(&answer, &placement(), &network(Task::Classify), &keep, &resolved);
        assert_eq!(&*found[0].detection.class, "blue");
        assert_eq!(found[0].detection.bbox_in_frame, placement().source.bbox());
        assert_eq!(found[0].top, [(2, 0.7), (0, 0.2)]);
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

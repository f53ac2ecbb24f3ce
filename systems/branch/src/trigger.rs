//! Which of a node's findings start a branch, and what the branch looks at.

use detector_components::geometry::Region;
use detector_components::node::{BranchInput, ResolvedClasses, Trigger};

use crate::found::Found;

/// One run of a branch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Start {
    /// Index of the finding that it is about.
    pub on: usize,
    /// What it looks at.
    pub region: Region,
}

/// How many of its parent's findings do not start a branch, for each reason.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Refused {
    /// Those whose class starts nothing.
    pub class: u32,
    /// Those of a class that starts it, with too little confidence.
    pub confidence: u32,
}

/// Counts what does not start a branch.
pub fn refused(trigger: &Trigger, resolved: &ResolvedClasses, found: &[Found]) -> Refused {
    let mut refused = Refused::default();
    for Found { detection, .. } in found {
        if !is_of(detection.class_id, resolved) {
            refused.class += 1;
        } else if detection.confidence < trigger.min_confidence {
            refused.confidence += 1;
        }
    }
    refused
}

fn is_of(class_id: u32, resolved: &ResolvedClasses) -> bool {
    resolved.triggers.as_ref().is_none_or(|triggers| triggers.contains(&class_id))
}

/// The runs of one branch that `found` starts. `seen` is what its parent looked at.
///
/// Every finding that fits starts a run of its own when the branch looks at the finding's box. A
/// branch that looks at the same region whatever started it runs once, for the best that did.
pub fn starts(
    trigger: &Trigger,
    resolved: &ResolvedClasses,
    found: &[Found],
    seen: Region,
) -> Vec<Start> {
    let accepted = found.iter().enumerate().filter(|(_, found)| {
        found.detection.confidence >= trigger.min_confidence
            && is_of(found.detection.class_id, resolved)
    });
    let own_box = |found: &Found| found.detection.bbox_in_frame.region_within(seen);
    match &trigger.input {
        BranchInput::TriggeringBox => {
            accepted.filter_map(|(on, found)| Some(Start { on, region: own_box(found)? })).collect()
        }
        BranchInput::ParentImage => {
            accepted.map(|(on, _)| Start { on, region: seen }).take(1).collect()
        }
        BranchInput::BestBoxOf(_) => {
            // Best first: the first of its class is the best.
            let best = found
                .iter()
                .find(|found| Some(found.detection.class_id) == resolved.crop)
                .and_then(own_box);
            accepted.filter_map(|(on, _)| Some(Start { on, region: best? })).take(1).collect()
        }
    }
}

#[cfg(test)]
mod tests {
    use detector_components::detection::Detection;
    use detector_components::geometry::BBox;

    use super::*;

    const SEEN: Region = Region { x: 0, y: 0, width: 100, height: 100 };

    fn found(class_id: u32, confidence: f32, left: f32) -> Found {
        let bbox_in_frame = BBox { x1: left, y1: 0.0, x2: left + 10.0, y2: 10.0 };
        let class = class_id.to_string().into();
        Found {
            detection: Detection {
                class,
                class_id,
                confidence,
                bbox_in_frame,
                outline_in_frame: None,
            },
            top: Vec::new(),
        }
    }

    fn region(x: u32) -> Region {
        Region { x, y: 0, width: 10, height: 10 }
    }

    #[track_caller]
    fn check(input: BranchInput, resolved: ResolvedClasses, expected: &[Start]) {
        let all =
            [found(1, 0.9, 0.0), found(2, 0.8, 20.0), found(1, 0.5, 40.0), found(1, 0.4, 60.0)];
        let trigger = Trigger { classes: Vec::new(), min_confidence: 0.5, input };
        assert_eq!(starts(&trigger, &resolved, &all, SEEN), expected);
    }

    fn on_class_1() -> ResolvedClasses {
        ResolvedClasses { triggers: Some([1].into()), crop: Some(2), ..ResolvedClasses::default() }
    }

    #[test]
    fn every_box_of_its_class_is_followed() {
        let expected = [Start { on: 0, region: region(0) }, Start { on: 2, region: region(40) }];
        check(BranchInput::TriggeringBox, on_class_1(), &expected);
    }

    #[test]
    fn without_trigger_classes_any_box_is_followed() {
        let expected = [0, 1, 2].map(|on| Start { on, region: region(on as u32 * 20) });
        check(BranchInput::TriggeringBox, ResolvedClasses::default(), &expected);
    }

    #[test]
    fn what_starts_nothing_is_counted_by_its_reason() {
        let all = [found(1, 0.9, 0.0), found(2, 0.8, 20.0), found(1, 0.4, 40.0)];
        let trigger = Trigger { min_confidence: 0.5, ..Trigger::default() };
        let expected = Refused { class: 1, confidence: 1 };
        assert_eq!(refused(&trigger, &on_class_1(), &all), expected);
    }

    #[test]
    fn the_parents_image_is_looked_at_once() {
        check(BranchInput::ParentImage, on_class_1(), &[Start { on: 0, region: SEEN }]);
    }

    #[test]
    fn another_class_can_be_cropped() {
        let input = BranchInput::BestBoxOf("2".into());
        check(input, on_class_1(), &[Start { on: 0, region: region(20) }]);
    }

    #[test]
    fn a_class_that_is_not_there_is_not_cropped() {
        let resolved = ResolvedClasses { crop: Some(9), ..on_class_1() };
        check(BranchInput::BestBoxOf("9".into()), resolved, &[]);
    }

    #[test]
    fn a_box_without_pixels_starts_nothing() {
        let outside = [found(1, 0.9, 200.0)];
        let trigger =
            Trigger { classes: Vec::new(), min_confidence: 0.0, input: BranchInput::TriggeringBox };
        assert!(starts(&trigger, &ResolvedClasses::default(), &outside, SEEN).is_empty());
    }
}

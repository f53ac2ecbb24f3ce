//! What actions are run for.

use bevy_ecs::prelude::*;
use detector_components::node::Occasion;
use detector_components::results::{Finding, Results};

/// Something that the actions of a node are run for.
#[derive(Clone, Copy, Debug)]
pub struct Event<'a> {
    /// The node.
    pub node: Entity,
    /// What was found, and what its branches say of it.
    pub finding: &'a Finding,
    /// Everything in the same answer, best first.
    pub answer: &'a [Finding],
    /// Whether the whole answer is the event.
    pub occasion: Occasion,
    /// The nearest track: its own, or that of what it was found in.
    pub track: Option<u64>,
}

/// The events of a pass: what is under a finding before the finding itself.
pub fn events(results: &Results, occasion: impl Fn(Entity) -> Occasion) -> Vec<Event<'_>> {
    let mut events = Vec::new();
    collect(results.node, &results.findings, None, &occasion, &mut events);
    events
}

fn collect<'a>(
    node: Entity,
    answer: &'a [Finding],
    outer_track: Option<u64>,
    occasion: &impl Fn(Entity) -> Occasion,
    events: &mut Vec<Event<'a>>,
) {
    let own_occasion = occasion(node);
    let event = |finding: &'a Finding| {
        let track = finding.track.or(outer_track);
        Event { node, finding, answer, occasion: own_occasion, track }
    };
    for finding in answer {
        for branch in &finding.branches {
            let track = finding.track.or(outer_track);
            collect(branch.node, &branch.findings, track, occasion, events);
        }
        if own_occasion == Occasion::Detection {
            events.push(event(finding));
        }
    }
    if own_occasion == Occasion::Answer {
        events.extend(answer.first().map(event));
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use detector_components::clock::Moment;
    use detector_components::frame::{Frame, Pixels};
    use detector_components::geometry::{BBox, Size};
    use detector_components::results::BranchFindings;

    use super::*;

    fn finding(class: &str, track: Option<u64>, branches: Vec<BranchFindings>) -> Finding {
        Finding {
            class: class.into(),
            class_id: 0,
            confidence: 0.5,
            bbox_in_frame: BBox::default(),
            outline_in_frame: None,
            track,
            top: Vec::new(),
            branches,
        }
    }

    fn told(occasion: Occasion) -> Vec<(String, Option<u64>)> {
        let mut world = World::new();
        let [root, color] = [(); 2].map(|()| world.spawn_empty().id());
        let branch = |class| BranchFindings {
            node: color,
            name: "color".into(),
            findings: vec![finding(class, None, Vec::new())],
        };
        let size = Size { width: 1, height: 1 };
        let results = Results {
            frame: Frame::new(
                1,
                Moment::default(),
                Arc::new(Pixels::rgb(size, vec![0; 3]).unwrap()),
            ),
            node: root,
            findings: vec![
                finding("car", Some(7), vec![branch("red")]),
                finding("bus", None, vec![branch("blue")]),
            ],
            inference_nanos: 0,
        };
        let of = |node| if node == root { occasion } else { Occasion::Detection };
        let told = events(&results, of);
        told.iter().map(|event| (event.finding.class.to_string(), event.track)).collect()
    }

    #[test]
    fn branches_come_before_what_they_were_found_in() {
        let expected = [("red", Some(7)), ("car", Some(7)), ("blue", None), ("bus", None)];
        assert_eq!(
            told(Occasion::Detection),
            expected.map(|(class, track)| (class.to_owned(), track))
        );
    }

    #[test]
    fn an_answer_that_is_one_event_comes_after_all_of_its_branches() {
        let expected = [("red", Some(7)), ("blue", None), ("car", Some(7))];
        assert_eq!(
            told(Occasion::Answer),
            expected.map(|(class, track)| (class.to_owned(), track))
        );
    }
}

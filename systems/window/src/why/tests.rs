use std::time::Duration;

use bevy_ecs::prelude::Entity;
use detector_components::geometry::BBox;
use detector_components::tally::{LeftOut, Tally};

use super::*;

const ROOT: Entity = Entity::from_raw_u32(1).unwrap();
const BRANCH: Entity = Entity::from_raw_u32(2).unwrap();

fn node(node: Entity, name: &str, depth: usize) -> LookNode {
    LookNode {
        node,
        name: name.into(),
        depth,
        finds_boxes: Some(true),
        network: NetworkState::Ready,
        min_confidence: 0.5,
        classes: vec!["car".into(), "bus".into()],
        expected: Expected::Nothing,
        starts_on: vec!["car".into()],
        starts_from: 0.6,
        disclosed_from: Some(0.05),
    }
}

/// A camera that runs, seen through a pipeline that finds cars and reads their plates.
fn look(tally: Option<Vec<NodeTally>>) -> Look {
    Look {
        view: ROOT,
        name: "gate".into(),
        source: "rtsp://gate/".into(),
        stream: StreamState::Running,
        fps: 25.0,
        model: "cars.mpta".into(),
        model_state: ModelState::Ready,
        latest: None,
        latest_age: None,
        crop_in_frame: None,
        results: None,
        tally: tally.map(|entries| Arc::new(Tally(entries))),
        results_age: Duration::ZERO,
        finished: 1,
        skipped: 0,
        failed: 0,
        nodes: vec![node(ROOT, "cars", 0), node(BRANCH, "plates", 1)],
    }
}

#[track_caller]
fn check(look: &Look, expected: &[&str]) {
    let said: Vec<_> = why(look).into_iter().map(|why| why.text).collect();
    assert_eq!(said, expected);
}

fn looked(node: Entity) -> NodeTally {
    NodeTally { looked: 1, ..NodeTally::new(node) }
}

fn out(reason: Reason, class: &str, confidence: f32) -> LeftOut {
    let bbox_in_frame = BBox { x1: 0.0, y1: 0.0, x2: 1.0, y2: 1.0 };
    LeftOut { reason, class: class.into(), confidence, bbox_in_frame }
}

#[test]
fn what_is_weak_or_of_another_class_is_told_with_the_best_of_it() {
    let mut root = looked(ROOT);
    root.leave_out(vec![
        out(Reason::OtherClass, "person", 0.8),
        out(Reason::Weak, "car", 0.41),
        out(Reason::Weak, "bus", 0.2),
    ]);
    check(
        &look(Some(vec![root])),
        &[
            "cars: 2 things not above 0.50; the best is car 0.41",
            "cars: 1 thing of a class it does not keep (car, bus); the best is person 0.80",
        ],
    );
}

#[test]
fn a_branch_that_refused_says_why() {
    let root = NodeTally { found: 3, ..looked(ROOT) };
    let branch =
        NodeTally { not_of_its_classes: 2, not_confident_enough: 1, ..NodeTally::new(BRANCH) };
    check(
        &look(Some(vec![root, branch])),
        &[
            "plates did not look at 2 things: it starts on car",
            "plates did not look at 1 thing with less than 0.60",
        ],
    );
}

#[test]
fn an_answer_without_what_is_expected_is_said_to_be_none() {
    let mut root = looked(ROOT);
    root.leave_out(vec![out(Reason::Unexpected, "car", 0.9)]);
    let mut look = look(Some(vec![root]));
    look.nodes[0].expected = Expected::AnyOf(vec!["bus".into()]);
    check(&look, &["cars gave no answer: none of bus was there; 1 thing left out"]);
}

#[test]
fn an_empty_picture_is_told_from_one_that_was_not_disclosed() {
    let mut look = look(Some(vec![looked(ROOT)]));
    check(&look, &["cars saw nothing, not even with 0.05"]);
    look.nodes[0].disclosed_from = None;
    check(&look, &["cars saw nothing above 0.50"]);
}

#[test]
fn what_comes_before_detections_is_told_first() {
    let mut look = look(None);
    look.stream = StreamState::Reconnecting { reason: "it refused the password".into() };
    look.model_state = ModelState::Loading;
    look.nodes[1].network = NetworkState::Loading;
    check(
        &look,
        &[
            "The camera is opened again: it refused the password",
            "The model is being loaded and warmed: plates",
        ],
    );
    assert_eq!(chief(&look).unwrap().mood, Mood::Fault);
}

#[test]
fn a_network_that_failed_is_no_quiet_matter() {
    let root = NodeTally { failed: 1, ..looked(ROOT) };
    let look = look(Some(vec![root]));
    check(&look, &["cars failed once; the log says why"]);
    assert_eq!(chief(&look).unwrap().mood, Mood::Fault);
}

#[test]
fn where_all_is_found_there_is_nothing_to_say() {
    check(&look(Some(vec![NodeTally { found: 2, ..looked(ROOT) }])), &[]);
}

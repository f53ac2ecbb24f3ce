use std::sync::Arc;
use std::time::Duration;

use detector_components::camera::StreamState;
use detector_components::clock::Moment;
use detector_components::frame::{Frame, Pixels};
use detector_components::geometry::Size;
use detector_components::model::ModelState;
use detector_components::results::Results;
use detector_components::tally::{LeftOut, NodeTally, Tally};

use super::*;

const ROOT: Entity = Entity::from_raw_u32(1).unwrap();
const COLOR: Entity = Entity::from_raw_u32(2).unwrap();
const PLATE: Entity = Entity::from_raw_u32(3).unwrap();

fn bbox(x1: f32) -> BBox {
    BBox { x1, y1: 0.0, x2: x1 + 10.0, y2: 10.0 }
}

fn finding(class: &str, confidence: f32, x1: f32) -> Finding {
    Finding {
        class: class.into(),
        class_id: 0,
        confidence,
        bbox_in_frame: bbox(x1),
        outline_in_frame: None,
        track: None,
        top: Vec::new(),
        branches: Vec::new(),
    }
}

fn branch(node: Entity, name: &str, found: Finding) -> BranchFindings {
    BranchFindings { node, name: name.into(), findings: vec![found] }
}

/// A red car with a plate, and a bus.
fn found() -> Vec<Finding> {
    let color = Finding { top: vec![("red".into(), 0, 0.9)], ..finding("red", 0.9, 0.0) };
    let branches =
        vec![branch(COLOR, "color", color), branch(PLATE, "plates", finding("plate", 0.7, 3.0))];
    let car = Finding { track: Some(7), branches, ..finding("car", 0.8, 0.0) };
    vec![car, finding("bus", 0.6, 40.0)]
}

fn look(findings: Vec<Finding>, left_out: Vec<LeftOut>) -> Look {
    let pixels = Pixels::rgb(Size { width: 1, height: 1 }, vec![0; 3]).unwrap();
    let frame = Frame::new(1, Moment::default(), Arc::new(pixels));
    let mut entry = NodeTally::new(ROOT);
    entry.leave_out(left_out);
    Look {
        view: ROOT,
        name: "gate".into(),
        source: "rtsp://gate/".into(),
        stream: StreamState::Running,
        fps: 25.0,
        model: "cars.mpta".into(),
        model_state: ModelState::Ready,
        latest: Some(frame.clone()),
        latest_age: None,
        crop_in_frame: None,
        results: Some(Arc::new(Results { frame, node: ROOT, findings, inference_nanos: 0 })),
        tally: Some(Arc::new(Tally(vec![entry]))),
        results_age: Duration::ZERO,
        finished: 1,
        skipped: 0,
        failed: 0,
        nodes: Vec::new(),
    }
}

#[track_caller]
fn check(look: &Look, filter: &Filter, expected: &[(&str, &[&str], Kind)]) {
    let marks = marks(look, filter);
    let drawn: Vec<(&str, Vec<&str>, Kind)> = marks
        .iter()
        .map(|mark| {
            (&*mark.title, mark.notes.iter().map(String::as_str).collect::<Vec<_>>(), mark.kind)
        })
        .collect();
    let expected: Vec<_> =
        expected.iter().map(|(title, notes, kind)| (*title, notes.to_vec(), *kind)).collect();
    assert_eq!(drawn, expected);
}

#[test]
fn a_classifier_is_a_note_and_what_a_branch_finds_a_box_of_its_own() {
    check(
        &look(found(), Vec::new()),
        &Filter::default(),
        &[
            ("bus 0.60", &[], Kind::Found),
            ("plate 0.70", &[], Kind::Within),
            ("car 0.80 #7", &["color red 0.90"], Kind::Found),
        ],
    );
}

#[test]
fn what_the_user_hides_is_hidden_and_all_that_is_in_it() {
    let mut filter = Filter::default();
    filter.hidden_below.insert(PLATE, 0.75);
    let car = ("car 0.80 #7", &["color red 0.90"][..], Kind::Found);
    check(&look(found(), Vec::new()), &filter, &[("bus 0.60", &[], Kind::Found), car]);
    filter.hidden_below.insert(ROOT, 0.9);
    check(&look(found(), Vec::new()), &filter, &[]);
}

#[test]
fn what_was_left_out_is_drawn_when_it_is_asked_for() {
    let out = |reason, class: &str| LeftOut {
        reason,
        class: class.into(),
        confidence: 0.2,
        bbox_in_frame: bbox(0.0),
    };
    let look = look(Vec::new(), vec![out(Reason::Weak, "car"), out(Reason::OtherClass, "dog")]);
    check(&look, &Filter::default(), &[]);
    let filter = Filter { left_out: true, ..Filter::default() };
    check(
        &look,
        &filter,
        &[("dog 0.20: not kept", &[], Kind::LeftOut), ("car 0.20: too weak", &[], Kind::LeftOut)],
    );
}

#[test]
fn boxes_of_a_model_that_is_loaded_anew_are_not_drawn_over_newer_frames() {
    let look = Look { model_state: ModelState::Loading, ..look(found(), Vec::new()) };
    check(&look, &Filter::default(), &[]);
}

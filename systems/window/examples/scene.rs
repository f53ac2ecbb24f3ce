//! Shows a drawn scene in the window, with its truth as detections: for who works on the window, and
//! needs neither a camera nor a model for that.
//!
//! `cargo run --release -p detector_window --example scene -- 4` shows four cameras.

use std::sync::Arc;
use std::time::{Duration, Instant};

use bevy_ecs::prelude::Entity;
use detector_components::camera::StreamState;
use detector_components::clock::Moment;
use detector_components::command::Crop;
use detector_components::frame::Frame;
use detector_components::geometry::Size;
use detector_components::model::ModelState;
use detector_components::network::NetworkState;
use detector_components::node::Expected;
use detector_components::results::{BranchFindings, Finding, Results};
use detector_components::tally::{LeftOut, NodeTally, Reason, Tally};
use detector_simulator::{Color, Scene as Drawn, Shape};
use detector_window::{Link, Look, LookNode, Scene, Window, WindowError};

fn main() -> Result<(), WindowError> {
    let cameras = std::env::args().nth(1).and_then(|text| text.parse().ok()).unwrap_or(1);
    let window = Window::new("a drawn scene")?;
    let link = window.link();
    std::thread::spawn(move || draw(&link, cameras));
    window.show().map(drop)
}

fn draw(link: &Link, cameras: u64) {
    let began = Instant::now();
    for number in 0.. {
        if !link.is_open() {
            return;
        }
        let looks = (0..cameras).map(|camera| look(camera, number, began.elapsed())).collect();
        link.put(Scene { device: "nothing (it is drawn)".into(), looks, may_change: cameras == 1 });
        std::thread::sleep(Duration::from_millis(100));
    }
}

fn entity(number: u64) -> Entity {
    Entity::from_raw_u32(number as u32 + 1).expect("small")
}

fn look(camera: u64, number: u64, now: Duration) -> Look {
    let drawn =
        Drawn { size: Size { width: 640, height: 360 }, seed: camera + 1, ..Drawn::default() };
    let (root, branch) = (entity(1_000), entity(1_001));
    let frame =
        Frame::new(number, Moment { nanos: now.as_nanos() as u64 }, Arc::new(drawn.draw(number)));
    let shown = drawn.shapes_at(number);
    let findings = shown.iter().filter(|shown| shown.color != Color::Blue).map(|shown| {
        let color = Finding {
            class: shown.color.name().into(),
            class_id: 0,
            confidence: 0.98,
            bbox_in_frame: shown.bbox,
            outline_in_frame: None,
            track: None,
            top: vec![(shown.color.name().into(), 0, 0.98)],
            branches: Vec::new(),
        };
        Finding {
            class: shown.shape.name().into(),
            class_id: 0,
            confidence: 0.91,
            bbox_in_frame: shown.bbox,
            outline_in_frame: None,
            track: Some(if shown.shape == Shape::Ball { 2 } else { 1 }),
            top: Vec::new(),
            branches: vec![BranchFindings {
                node: branch,
                name: "color".into(),
                findings: vec![color],
            }],
        }
    });
    let findings: Vec<_> = findings.collect();
    let mut of_root = NodeTally { looked: 1, found: findings.len() as u32, ..NodeTally::new(root) };
    of_root.leave_out(
        shown
            .iter()
            .filter(|shown| shown.color == Color::Blue)
            .map(|shown| LeftOut {
                reason: Reason::Weak,
                class: shown.shape.name().into(),
                confidence: 0.41,
                bbox_in_frame: shown.bbox,
            })
            .collect(),
    );
    let of_branch = NodeTally { looked: 2, found: 2, ..NodeTally::new(branch) };
    let gone = camera == 2;
    let node = |node, name: &str, depth, boxes| LookNode {
        node,
        name: name.into(),
        depth,
        finds_boxes: Some(boxes),
        network: NetworkState::Ready,
        min_confidence: 0.5,
        classes: Vec::new(),
        expected: Expected::Nothing,
        starts_on: Vec::new(),
        starts_from: 0.5,
        disclosed_from: Some(0.05),
    };
    Look {
        view: entity(camera),
        name: format!("display-001;camera-{camera}").into(),
        source: "rtsp://127.0.0.1:8554/drawn".into(),
        stream: match gone {
            true => StreamState::Reconnecting { reason: "nobody answers at the address".into() },
            false => StreamState::Running,
        },
        fps: if gone { 0.0 } else { 10.0 },
        model: "shapes.mpta".into(),
        model_state: ModelState::Ready,
        latest: (!gone).then(|| frame.clone()),
        latest_age: (!gone).then_some(Duration::from_millis(37)),
        crop_in_frame: (camera == 1).then_some(Crop { x1: 40, y1: 20, x2: 430, y2: 350 }),
        results: (!gone).then(|| {
            Arc::new(Results { frame, node: root, findings, inference_nanos: 43_000_000 })
        }),
        tally: (!gone).then(|| Arc::new(Tally(vec![of_root, of_branch]))),
        results_age: Duration::from_millis(61),
        finished: number,
        skipped: 3,
        failed: 0,
        nodes: vec![node(root, "shape", 0, true), node(branch, "color", 1, false)],
    }
}

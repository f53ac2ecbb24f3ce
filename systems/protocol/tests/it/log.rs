//! Someone reads the log to learn when cameras gave no usable pictures.

use std::io::{self, Write};
use std::sync::{Arc, Mutex};

use bevy_ecs::prelude::*;
use detector_components::camera::{Impairment, StreamState};
use serde_json::{Value, json};

use crate::scene::Scene;
use crate::stand::Engine;

/// What was written down, as JSON, one object a line.
#[derive(Clone, Default)]
struct Written(Arc<Mutex<Vec<u8>>>);

impl Write for Written {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Written {
    /// The lines about cameras so far, without what each line has.
    fn take(&self) -> Vec<Value> {
        let bytes = std::mem::take(&mut *self.0.lock().unwrap());
        let lines = bytes.split(|byte| *byte == b'\n').filter(|line| !line.is_empty());
        let lines = lines.map(|line| serde_json::from_slice::<Value>(line).unwrap());
        let of_cameras = lines.filter(|line| line.get("camera").is_some());
        let bare = |mut line: Value| {
            for name in ["timestamp", "target"] {
                line.as_object_mut().unwrap().remove(name);
            }
            line
        };
        of_cameras.map(bare).collect()
    }
}

/// An engine, and what it writes down.
fn engine() -> (Engine, Written) {
    let written = Written::default();
    let writer = written.clone();
    let engine = Engine::start_beside(
        |_| {},
        move |_| {
            let log = tracing_subscriber::fmt()
                .json()
                .flatten_event(true)
                .with_writer(move || writer.clone())
                .finish();
            // For as long as the engine's thread lives.
            std::mem::forget(tracing::subscriber::set_default(log));
        },
    );
    (engine, written)
}

fn impaired(impairment: Impairment, reason: &str) -> StreamState {
    StreamState::Impaired { impairment, reason: reason.into() }
}

#[test]
fn each_way_into_and_out_of_a_state_without_usable_pictures_is_one_line() {
    let (engine, written) = engine();
    let scene = engine.ask(Scene::new);
    // The lines that a state leaves, however often it is said.
    let told_of = |state: StreamState| {
        for _ in 0..2 {
            let state = state.clone();
            engine.ask(move |world: &mut World| {
                world.entity_mut(scene.camera).insert(state);
            });
        }
        // What was asked before has been written when this is answered.
        engine.ask(|_| ());
        written.take()
    };
    let into = |state: &str, reason: &str| {
        json!({"level": "WARN", "message": "the camera gives no usable pictures",
            "camera": "rtsp://host/stream", "state": state, "reason": reason})
    };
    let waiting = StreamState::WaitingForKeyFrame { reason: "since 3 s".into() };
    assert_eq!(told_of(waiting), [into("waiting_for_key_frame", "since 3 s")]);
    let out = json!({"level": "INFO", "message": "the camera's state has changed",
        "camera": "rtsp://host/stream", "state": "running", "before": "waiting_for_key_frame"});
    assert_eq!(told_of(StreamState::Running), [out]);

    let frozen = impaired(Impairment::Frozen, "the same picture for 10 s");
    assert_eq!(told_of(frozen), [into("frozen", "the same picture for 10 s")]);
    let longer = impaired(Impairment::Frozen, "the same picture for 11 s");
    assert!(told_of(longer).is_empty(), "only its reason has changed");
    let covered = impaired(Impairment::Covered, "black for 10 s");
    assert_eq!(told_of(covered), [into("covered", "black for 10 s")]);
    let out = json!({"level": "INFO", "message": "the camera's state has changed",
        "camera": "rtsp://host/stream", "state": "reconnecting", "reason": "no route to host",
        "before": "covered"});
    assert_eq!(told_of(StreamState::Reconnecting { reason: "no route to host".into() }), [out]);
    let again = impaired(Impairment::Covered, "black for 12 s");
    assert!(told_of(again).is_empty(), "within a minute it is counted only");
    assert!(told_of(StreamState::Running).is_empty(), "of a connection, ingest speaks");
}

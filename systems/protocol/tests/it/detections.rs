//! What a pass found is sent to everyone who watches; whoever does not read it costs nobody anything.

use std::sync::Arc;

use bevy_ecs::prelude::*;
use detector_components::client::Client;
use detector_components::clock::Moment;
use detector_components::display::{Session, ShownOn};
use detector_components::identity::ExternalId;
use detector_components::integrity::{Integrity, PictureFault};
use detector_components::results::BranchFindings;
use detector_components::subscription::OwnedBy;
use serde_json::json;

use crate::pictures::get;
use crate::scene::{Scene, finding, frame};
use crate::stand::{Cms, Engine};

/// A client, and a scene to which it has subscribed as `display-001;cam-001`.
pub fn watching(engine: &Engine) -> (Cms<'_>, Scene) {
    let cms = engine.connect();
    engine.wait_for(|world| world.query::<&Client>().iter(world).next().map(|_| ()));
    let scene = engine.ask(|world| {
        let scene = Scene::new(world);
        let subscription = scene.subscribe(world, "display-001;cam-001", None);
        let display = world.get::<ShownOn>(subscription).unwrap().0;
        world.entity_mut(display).insert(Session(ExternalId::Number(10_001)));
        scene
    });
    (cms, scene)
}

#[test]
fn a_finished_pass_is_told_whole() {
    let engine = Engine::start();
    engine.advance(1_500);
    let (mut cms, scene) = watching(&engine);
    engine.tell(move |world| {
        let mut car = finding("car", 0.91, [10.4, 19.6, 30.0, 40.2]);
        car.branches.push(BranchFindings {
            node: Entity::PLACEHOLDER,
            name: Arc::from("carBrand"),
            findings: vec![finding("Honda", 0.8, [10.0, 19.0, 30.0, 41.0])],
        });
        let person = finding("person", 0.5, [0.0, 0.0, 5.0, 6.0]);
        scene.finish(world, frame(42, Moment { nanos: 1_234_567_890 }), vec![car, person]);
    });

    let car = json!({"class": "car", "confidence": 0.91, "bbox": [10, 20, 30, 40],
        "carBrand": "Honda", "carBrandConfidence": 0.8,
        "branchResults": {"carBrand": [
            {"class": "Honda", "confidence": 0.8, "bbox": [10, 19, 30, 41]}]}});
    let person = json!({"class": "person", "confidence": 0.5, "bbox": [0, 0, 5, 6]});
    assert_eq!(
        cms.next_of("imageDetection"),
        json!({
            "type": "imageDetection",
            "subscriptionIdentifier": "display-001;cam-001",
            "timestamp": "1970-01-01T00:00:01.234Z",
            "data": {
                "detection": car, "modelId": 101, "modelName": "Vehicle Detection",
                "detections": [car, person],
            },
            "sessionId": 10001,
            "frameAgeMs": 265, "frame": 42, "imageWidth": 64, "imageHeight": 48,
        })
    );
}

#[test]
fn what_may_be_wrong_with_a_frame_and_what_the_camera_says_of_its_time_are_told() {
    let engine = Engine::start();
    let (mut cms, scene) = watching(&engine);
    engine.tell(move |world| {
        let mut suspicious = frame(1, Moment::default());
        suspicious.integrity = Integrity::Suspicious(PictureFault::Smeared);
        suspicious.camera_time = Some("2025-07-14T12:34:56.7899Z".parse().unwrap());
        let person = finding("person", 0.5, [0.0, 0.0, 5.0, 6.0]);
        scene.finish(world, suspicious, vec![person]);
    });
    let told = cms.next_of("imageDetection");
    assert_eq!(told["integrity"], "smeared");
    assert_eq!(told["cameraTimestamp"], "2025-07-14T12:34:56.789Z");
    assert_eq!(told["timestamp"], "1970-01-01T00:00:00.000Z", "the time of arrival");
}

#[test]
fn a_pass_that_found_nothing_is_not_told() {
    let engine = Engine::start();
    let (mut cms, scene) = watching(&engine);
    engine.ask(move |world| scene.finish(world, frame(1, Moment::default()), vec![]));
    let person = || vec![finding("person", 0.5, [0.0, 0.0, 5.0, 6.0])];
    engine.ask(move |world| scene.finish(world, frame(2, Moment::default()), person()));
    assert_eq!(cms.next_of("imageDetection")["frame"], 2);
    assert_eq!(engine.counts().detections, 1);
}

#[test]
fn whoever_does_not_read_gets_the_newest_when_it_reads_again() {
    const FRAMES: u64 = 1_500;
    let engine = Engine::start();
    let (mut slow, scene) = watching(&engine);
    // About 20 KB each: far more in all than sockets hold.
    let crowd = vec![finding("person", 0.5, [0.0, 0.0, 5.0, 6.0]); 400];
    for sequence in 1..=FRAMES {
        let crowd = crowd.clone();
        engine.ask(move |world| scene.finish(world, frame(sequence, Moment::default()), crowd));
    }
    // Nobody else notices.
    let mut other = engine.connect();
    other.send(&json!({"type": "requestState"}));
    other.next_of("stateReport");
    assert!(engine.counts().dropped_detections > 0, "{:?}", engine.counts());

    let mut last = 0;
    let mut received = 0;
    while last < FRAMES {
        let sequence = slow.next_of("imageDetection")["frame"].as_u64().unwrap();
        assert!(sequence > last, "{sequence} after {last}");
        last = sequence;
        received += 1;
    }
    assert!(received < FRAMES);
    let counts = engine.wait_for(move |world| {
        let counts = world.resource::<detector_protocol::ProtocolCounters>().counts();
        (counts.dropped_detections + received == FRAMES).then_some(counts)
    });
    assert_eq!(counts.detections, FRAMES);
}

#[test]
fn a_client_that_stops_reading_changes_nothing_for_others_and_stays_within_its_bound() {
    const MAX_BYTES: u64 = 4 << 20;
    let engine = Engine::start();
    let mut other = engine.connect();
    other.next_of("stateReport");
    let clients = |world: &mut World| -> Vec<Entity> {
        world.query_filtered::<Entity, With<Client>>().iter(world).collect()
    };
    let (scene, first) = engine.ask(move |world| {
        let scene = Scene::new(world);
        scene.subscribe(world, "other;cam", None);
        (scene, clients(world)[0])
    });
    let stopped = engine.connect();
    let second =
        engine.wait_for(move |world| clients(world).into_iter().find(|client| *client != first));
    engine.ask(move |world| {
        for number in 0..40 {
            let entity = scene.subscribe(world, &format!("stopped;{number}"), None);
            world.entity_mut(entity).insert(OwnedBy(second));
        }
    });

    let crowd = vec![finding("person", 0.5, [0.0, 0.0, 5.0, 6.0]); 400];
    let mut sequence = 0;
    while engine.counts().dropped_detections < 1_000 {
        sequence += 1;
        let crowd = crowd.clone();
        engine.ask(move |world| scene.finish(world, frame(sequence, Moment::default()), crowd));
        assert_eq!(other.next_of("imageDetection")["frame"], sequence, "none is lost or late");
    }
    let state = get(&engine, "/state").json();
    let clients = state["clients"].as_array().unwrap().iter();
    let waiting: Vec<_> = clients.map(|client| client["waitingBytes"].as_u64().unwrap()).collect();
    assert!(waiting.iter().all(|bytes| *bytes <= MAX_BYTES), "{waiting:?}");
    assert!(waiting.iter().any(|bytes| *bytes > 0), "{waiting:?}");
    drop(stopped);
}

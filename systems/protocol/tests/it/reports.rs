//! The CMS judges a worker by its reports: they come in time, and when asked for.

use std::sync::Arc;

use detector_components::camera::{Impairment, StreamState};
use detector_components::clock::Moment;
use detector_components::command::Crop;
use detector_components::integrity::PictureFault;
use detector_components::model::ModelState;
use detector_components::view::LatestResults;
use detector_protocol::NextHeartbeat;
use serde_json::{Value, json};

use crate::scene::{Scene, frame, results};
use crate::stand::Engine;

/// The only entry of a report.
#[track_caller]
fn entry(report: &Value) -> &Value {
    let entries = report["cameraConnections"].as_array().unwrap();
    assert_eq!(entries.len(), 1, "{report}");
    &entries[0]
}

#[test]
fn a_report_says_how_the_worker_is_doing() {
    let engine = Engine::start();
    let mut cms = engine.connect();
    engine.advance(3_500);
    cms.next_of("stateReport");
    cms.send(&json!({"type": "requestState"}));
    let mut report = cms.next_of("stateReport");
    while report["uptimeSecs"] == 0 {
        report = cms.next_of("stateReport");
    }

    let memory = report["memoryUsage"].as_f64().unwrap();
    assert!(0.0 < memory && memory <= 100.0, "{report}");
    let cpu = report["cpuUsage"].as_f64().unwrap();
    assert!((0.0..=100.0).contains(&cpu), "{report}");
    for measured in ["memoryUsage", "cpuUsage"] {
        report[measured] = Value::Null;
    }
    assert_eq!(
        report,
        json!({
            "type": "stateReport", "cpuUsage": null, "memoryUsage": null,
            "gpuUsage": 0.0, "gpuMemoryUsage": 0.0, "cameraConnections": [],
            "workerId": "worker-1", "version": env!("CARGO_PKG_VERSION"),
            "uptimeSecs": 3, "capacity": 32,
        })
    );
}

#[test]
fn each_subscription_has_an_entry() {
    let engine = Engine::start();
    let mut cms = engine.connect();
    cms.next_of("stateReport");
    engine.advance(1_000);
    engine.ask(|world| {
        let scene = Scene::new(world);
        scene.subscribe(world, "b;cam", Some(Crop { x1: 100, y1: 200, x2: 300, y2: 400 }));
        scene.subscribe(world, "a;cam", None);
        // Another client may hold the same one.
        scene.subscribe(world, "a;cam", None);
        let frame = frame(7, Moment { nanos: 900_000_000 });
        scene.show(world, frame.clone());
        world.entity_mut(scene.view).insert(LatestResults(results(frame, vec![])));
    });
    cms.send(&json!({"type": "requestState"}));

    let common = json!({"modelId": 101, "modelName": "Vehicle Detection", "online": true,
        "state": "running", "fps": 12.3, "frameAgeMs": 100, "inferenceMs": 12.3});
    let with = |fields: Value| {
        let mut entry = common.clone();
        entry.as_object_mut().unwrap().extend(fields.as_object().unwrap().clone());
        entry
    };
    let crop = json!({"subscriptionIdentifier": "b;cam",
        "cropX1": 100, "cropY1": 200, "cropX2": 300, "cropY2": 400});
    let expected = json!([with(json!({"subscriptionIdentifier": "a;cam"})), with(crop)]);
    assert_eq!(cms.next_of("stateReport")["cameraConnections"], expected);
}

#[track_caller]
fn check_state(stream: StreamState, model: ModelState, online: bool, expected: (&str, Value)) {
    let engine = Engine::start();
    let mut cms = engine.connect();
    cms.next_of("stateReport");
    engine.ask(|world| {
        let scene = Scene::new(world);
        scene.subscribe(world, "a;cam", None);
        world.entity_mut(scene.camera).insert(stream);
        world.entity_mut(scene.model).insert(model);
    });
    cms.send(&json!({"type": "requestState"}));
    let report = cms.next_of("stateReport");
    let entry = entry(&report);
    let (state, reason) = expected;
    assert_eq!(entry["state"], state);
    assert_eq!(entry["reason"], reason);
    assert_eq!(entry["online"], online);
}

#[test]
fn a_camera_that_does_not_run_says_why() {
    let reason: Arc<str> = Arc::from("401 Unauthorized");
    let failing = StreamState::Reconnecting { reason };
    check_state(failing, ModelState::Ready, false, ("reconnecting", json!("401 Unauthorized")));
    let reason = json!("the camera has not sent a frame yet");
    check_state(StreamState::Connecting, ModelState::Ready, false, ("connecting", reason));
}

#[test]
fn a_camera_that_waits_or_shows_nothing_useful_is_in_a_state_of_that_name() {
    let reason: Arc<str> = Arc::from("since 12 s");
    let told = json!("since 12 s");
    let ready = || ModelState::Ready;
    let ahead = json!("waiting to connect: 3 cameras are ahead");
    check_state(StreamState::Queued { ahead: 3 }, ready(), false, ("queued", ahead));
    let waiting = StreamState::WaitingForKeyFrame { reason: reason.clone() };
    check_state(waiting, ready(), false, ("waiting_for_key_frame", told.clone()));
    for (impairment, online, state) in [
        (Impairment::Frozen, false, "frozen"),
        (Impairment::Covered, true, "covered"),
        (Impairment::Damaged, true, "damaged"),
    ] {
        let impaired = StreamState::Impaired { impairment, reason: reason.clone() };
        check_state(impaired, ready(), online, (state, told.clone()));
    }
}

#[test]
fn every_state_of_a_camera_and_every_fault_is_documented() {
    let page = std::fs::read_to_string("../../docs/ref/protocol.md").unwrap();
    let faults = PictureFault::ALL.map(PictureFault::as_str);
    for name in StreamState::NAMES.into_iter().chain(faults) {
        assert!(page.contains(&format!("`{name}`")), "{name} is not in protocol.md");
    }
}

#[test]
fn a_model_that_is_not_ready_matters_more_than_the_camera() {
    let failed = ModelState::Failed { reason: Arc::from("no such class: unicorn") };
    let expected = ("model_failed", json!("no such class: unicorn"));
    check_state(StreamState::Running, failed, true, expected);
    let reason = json!("the model's networks are being loaded");
    check_state(StreamState::Running, ModelState::Loading, true, ("model_loading", reason));
}

#[test]
fn heartbeats_keep_the_grid_of_the_moment_the_client_connected() {
    let engine = Engine::start();
    engine.advance(500);
    let mut cms = engine.connect();
    assert_eq!(cms.next()["uptimeSecs"], 0);
    let next = |millis: u64| Some(NextHeartbeat(Some(Moment { nanos: millis * 1_000_000 })));
    let wait_for_next = |millis| {
        engine.wait_for(move |world| {
            (Some(*world.resource::<NextHeartbeat>()) == next(millis)).then_some(())
        });
    };
    wait_for_next(2_500);

    // Late by a little: the one after it is not.
    engine.advance(2_100);
    assert_eq!(cms.next()["uptimeSecs"], 2);
    wait_for_next(4_500);

    // Late by more than an interval: one is sent, not two.
    engine.advance(4_500);
    assert_eq!(cms.next()["uptimeSecs"], 7);
    wait_for_next(8_500);
    assert_eq!(engine.counts().reports, 3);

    drop(cms);
    engine.wait_for(|world| {
        (*world.resource::<NextHeartbeat>() == NextHeartbeat(None)).then_some(())
    });
}

#[test]
fn a_model_that_is_given_up_is_told_once_to_who_asked_for_it() {
    let engine = Engine::start();
    let mut cms = engine.connect();
    cms.next_of("stateReport");
    engine.ask(|world| {
        let scene = Scene::new(world);
        scene.subscribe(world, "a;cam", None);
        let reason = Arc::from("no such class: unicorn");
        world.entity_mut(scene.model).insert(ModelState::Failed { reason });
    });
    let expected = json!({"type": "error", "code": "model_failed",
        "message": "no such class: unicorn", "subscriptionIdentifier": "a;cam"});
    assert_eq!(cms.next_of("error"), expected);
    cms.send(&json!({"type": "levitate"}));
    assert_eq!(cms.next_of("error")["code"], "invalid_message", "it is told once");
}

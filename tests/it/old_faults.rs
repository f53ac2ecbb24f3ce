//! What the worker that this one replaces did wrong: one test for each fault that is known. A pipeline
//! that met the fault there is run here, from the camera to Redis and the CMS.
//!
//! Nested boxes are looked at in `detector_branch` as well, heartbeats in `heartbeats`.

use detector::worker::Running;
use detector_simulator::{HttpServer, RedisServer, RtspServer};
use redis::Commands;
use serde_json::{Value, json};

use crate::stand::{Cms, PATIENCE, archive, entry, impatient, start_camera, start_worker};

/// A worker that watches a camera through a pipeline, and who stands around it.
struct Site {
    worker: Running,
    cms: Cms,
    redis: Option<RedisServer>,
    redis_port: u16,
    _camera: RtspServer,
    _web: HttpServer,
}

impl Site {
    fn new(pipeline: &Value) -> Self {
        let redis = RedisServer::start().unwrap();
        let port = redis.port();
        Self::with_redis(pipeline, Some(redis), port)
    }

    fn with_redis(pipeline: &Value, redis: Option<RedisServer>, redis_port: u16) -> Self {
        let (camera, web) = (start_camera(), HttpServer::start().unwrap());
        let pipeline =
            json!({"pipeline": pipeline, "redis": {"host": "127.0.0.1", "port": redis_port}});
        web.put("/old.mpta", "application/zip", archive(&pipeline));
        let worker = start_worker(impatient());
        let mut cms = Cms::connect(worker.address());
        cms.send(&json!({"type": "setSessionId",
            "payload": {"displayIdentifier": "gate", "sessionId": 10001}}));
        let (url, model) = (camera.url("/drawn").to_string(), web.url("/old.mpta").to_string());
        cms.subscribe("gate;drawn", &url, &model);
        Self { worker, cms, redis, redis_port, _camera: camera, _web: web }
    }

    fn redis(&self) -> redis::Connection {
        let url = format!("redis://127.0.0.1:{}/", self.redis_port);
        redis::Client::open(url).unwrap().get_connection().unwrap()
    }

    /// The first entry that the pipeline's actions add to the stream `told`.
    fn told(&self) -> String {
        let millis = u64::try_from(PATIENCE.as_millis()).unwrap();
        let read: redis::Value = redis::cmd("XREAD")
            .arg(&["COUNT", "1", "BLOCK"])
            .arg(millis)
            .arg(&["STREAMS", "told", "0"])
            .query(&mut self.redis())
            .unwrap();
        assert_ne!(read, redis::Value::Nil, "nothing was told in time");
        let entries: Vec<(String, Vec<String>)> =
            redis::cmd("XRANGE").arg(&["told", "-", "+"]).query(&mut self.redis()).unwrap();
        entries[0].1[1].clone()
    }

    /// The detection that is shown first and is as wanted, with all of them beside it.
    #[track_caller]
    fn seen(&mut self, what: &str, mut wanted: impl FnMut(&Value) -> bool) -> Value {
        let message = self.cms.wait_for(what, |message| {
            message["type"] == "imageDetection" && wanted(&message["data"])
        });
        message["data"].clone()
    }

    fn end(self) {
        self.worker.stop().unwrap();
        drop(self.redis);
    }
}

/// Finds squares and balls, and says their colour.
fn shapes(more: Value) -> Value {
    let mut node = json!({
        "modelId": "shape", "modelFile": "detect.pt", "minConfidence": 0.5,
        "branches": [{"modelId": "color", "modelFile": "classify.pt", "crop": true}],
    });
    node.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    node
}

fn tell(text: &str) -> Value {
    json!([{"type": "redis_stream_add", "stream": "told", "fields": {"text": text}, "max_len": 1000}])
}

fn corners(bbox: &Value) -> [i64; 4] {
    [0, 1, 2, 3].map(|corner| bbox[corner].as_i64().unwrap())
}

#[test]
fn a_json_message_is_not_replaced_by_a_fixed_one() {
    let message = r#"{"kind":"shape","who":{"class":"{class}","color":"{color}"}}"#;
    let site = Site::new(&shapes(json!({ "actions": tell(message) })));
    let told: Value = serde_json::from_str(&site.told()).unwrap();
    assert_eq!(told["kind"], "shape");
    assert!(["square", "ball"].contains(&told["who"]["class"].as_str().unwrap()), "{told}");
    assert_eq!(told.as_object().unwrap().len(), 2, "{told}");
    site.end();
}

#[test]
fn a_missing_min_confidence_does_not_disable_the_node() {
    let mut pipeline = shapes(json!({}));
    pipeline.as_object_mut().unwrap().remove("minConfidence");
    let mut site = Site::new(&pipeline);
    site.seen("a detection with a colour", |data| data["detection"]["color"].is_string());
    site.end();
}

#[test]
fn crop_without_crop_class_crops_the_box_that_triggered_it() {
    let mut site = Site::new(&shapes(json!({})));
    let data =
        site.seen("a detection with a colour", |data| data["detection"]["color"].is_string());
    let detection = &data["detection"];
    let outer = corners(&detection["bbox"]);
    let inner = corners(&detection["branchResults"]["color"][0]["bbox"]);
    for (outer, inner) in outer.into_iter().zip(inner) {
        assert!((outer - inner).abs() <= 1, "{detection}");
    }
    site.end();
}

#[test]
fn branch_actions_know_display_session_and_camera() {
    let mut pipeline = shapes(json!({}));
    pipeline["branches"][0]["actions"] = tell("{display_id} {session_id} {camera_id}");
    let site = Site::new(&pipeline);
    assert_eq!(site.told(), "gate 10001 drawn");
    site.end();
}

#[test]
fn parent_actions_run_after_their_branches() {
    let mut pipeline = shapes(json!({ "actions": tell("parent {color}") }));
    pipeline["branches"][0]["actions"] = tell("branch {class}");
    let site = Site::new(&pipeline);
    let first = site.told();
    assert!(first.starts_with("branch "), "{first}");
    site.end();
}

#[test]
fn more_than_one_box_of_a_class_survives() {
    let mut site = Site::new(&shapes(json!({})));
    let data = site.seen("two of a class, each with a colour", |data| {
        let colored = |class: &str| {
            let all = data["detections"].as_array().unwrap().iter();
            all.filter(|one| one["class"] == class && one["color"].is_string()).count()
        };
        colored("square") >= 2 || colored("ball") >= 2
    });
    assert!(data["detections"].as_array().unwrap().len() >= 2, "{data}");
    site.end();
}

#[test]
fn a_min_confidence_under_a_quarter_has_effect() {
    let everything = json!({"modelFile": "unsure.pt", "minConfidence": 0.01, "branches": []});
    let mut site = Site::new(&shapes(everything));
    site.seen("a detection that is not sure", |data| {
        let mut all = data["detections"].as_array().unwrap().iter();
        all.any(|one| one["confidence"].as_f64().unwrap() < 0.25)
    });
    site.end();
}

#[test]
fn unknown_trigger_names_do_not_become_all() {
    let mut site = Site::new(&shapes(json!({"triggerClasses": ["square", "pyramid"]})));
    let report = site.cms.wait_for_state("gate;drawn", "model_failed");
    let reason = entry(&report, "gate;drawn").unwrap()["reason"].as_str().unwrap();
    assert!(reason.contains("pyramid") && reason.contains("ball"), "{reason}");
    site.end();
}

#[test]
fn a_redis_that_was_down_at_load_disables_no_actions() {
    let redis = RedisServer::start().unwrap();
    let port = redis.port();
    drop(redis);
    let pipeline = shapes(json!({ "actions": tell("{class}") }));
    let mut site = Site::with_redis(&pipeline, None, port);
    site.seen("a detection", |_| true);
    site.redis = Some(RedisServer::start_on(port, None).unwrap());
    let told = site.told();
    assert!(["square", "ball"].contains(&told.as_str()), "{told}");
    let _: () = site.redis().del("told").unwrap();
    site.end();
}

#[test]
fn things_keep_their_number_from_frame_to_frame() {
    let mut site = Site::new(&shapes(json!({"tracking": {"enabled": true}, "branches": []})));
    let first = site.seen("a detection", |_| true)["detection"]["id"].as_u64().unwrap();
    for _ in 0..3 {
        site.seen("the same thing again", |data| {
            let mut all = data["detections"].as_array().unwrap().iter();
            all.any(|one| one["id"] == json!(first))
        });
    }
    site.end();
}

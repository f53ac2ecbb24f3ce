//! A camera shows coloured squares and balls. The CMS subscribes two displays to it; each is sent
//! what is seen, with the colour that a branch has found, and Redis receives pictures and messages.

use detector_simulator::RedisServer;
use serde_json::{Value, json};

use crate::stand::{
    Cms, PATIENCE, entry, impatient, start_camera, start_web_server, start_worker, state_when,
};

#[test]
fn detections_reach_the_cms_and_redis() {
    let (camera, redis) = (start_camera(), RedisServer::start().unwrap());
    let web = start_web_server(redis.port());
    let client = redis::Client::open(format!("redis://{}/", redis.address())).unwrap();
    let mut subscriber = client.get_connection().unwrap();
    subscriber.set_read_timeout(Some(PATIENCE)).unwrap();
    let mut channel = subscriber.as_pubsub();
    channel.subscribe("shapes").unwrap();

    let worker = start_worker(impatient());
    let mut cms = Cms::connect(worker.address());
    let (url, model) = (camera.url("/drawn").to_string(), web.url("/colors.mpta").to_string());
    cms.send(&json!({"type": "setSessionId",
        "payload": {"displayIdentifier": "gate", "sessionId": 10001}}));
    cms.subscribe("gate;drawn", &url, &model);
    cms.subscribe("office;drawn", &url, &model);

    let at_the_gate = cms.wait_for("a detection with a colour", |message| {
        message["subscriptionIdentifier"] == "gate;drawn"
            && message["data"]["detection"]["color"].is_string()
    });
    cms.wait_for_detection("office;drawn");
    let report = cms.wait_for_state("gate;drawn", "running");

    let detection = &at_the_gate["data"]["detection"];
    let shape = detection["class"].as_str().unwrap();
    assert!(["square", "ball"].contains(&shape), "{detection}");
    let color = detection["color"].as_str().unwrap();
    assert!(["red", "green", "blue"].contains(&color), "{detection}");
    assert!(detection["colorConfidence"].as_f64().unwrap() > 0.0, "{detection}");
    assert_eq!(detection["bbox"].as_array().unwrap().len(), 4);
    assert_eq!(at_the_gate["sessionId"], json!(10001));
    assert_eq!(at_the_gate["data"]["modelId"], json!(7));
    let entry = entry(&report, "gate;drawn").unwrap();
    assert_eq!((&entry["online"], &entry["modelName"]), (&json!(true), &json!("Colours")));
    // One camera, opened once, and one view, whoever watches.
    assert_eq!(camera.clients("/drawn"), 1);

    let message: String = channel.get_message().unwrap().get_payload().unwrap();
    let message: Value = serde_json::from_str(&message).unwrap();
    assert!(["square", "ball"].contains(&message["shape"].as_str().unwrap()), "{message}");
    let picture: Vec<u8> = redis::cmd("GET")
        .arg(message["image"].as_str().unwrap())
        .query(&mut client.get_connection().unwrap())
        .unwrap();
    let size = detector_picture::decode(&picture).unwrap().size();
    assert!(size.width > 8 && size.height > 8, "{size:?}");

    let published = |state: &Value| {
        let recent = state["actions"]["recent"].as_array().unwrap().clone();
        recent.into_iter().find(|action| action["type"] == "redis_publish")
    };
    let state = state_when(worker.address(), &mut cms, |state| published(state).is_some());
    let published = published(&state).unwrap();
    assert_eq!((&published["outcome"], &published["reason"]), (&json!("executed"), &Value::Null));
    assert_eq!((&published["modelName"], &published["node"]), (&json!("Colours"), &json!("shape")));
    assert!(published["subscriptionIdentifier"].as_str().unwrap().ends_with(";drawn"));
    let server = &state["actions"]["servers"][0];
    assert_eq!(server["server"], format!("redis://127.0.0.1:{}/0", redis.port()));
    assert_eq!(server["away"], Value::Null);
    let networks = state["networks"].as_array().unwrap();
    let detector = networks.iter().find(|network| network["task"] == "detect").unwrap();
    let expected = json!({
        "family": "YOLOv8", "scale": null, "version": "8.4.190", "date": "2026-11-24T00:00:00",
        "licence": "MIT OR Apache-2.0", "trainedFrom": "tiny-color-detect.yaml",
        "trainedOn": "pictures drawn by make.py",
    });
    assert_eq!(detector["provenance"], expected);

    worker.stop().unwrap();
}

#[test]
fn the_last_unsubscribe_closes_the_stream() {
    let camera = start_camera();
    let web = start_web_server(1);
    let worker = start_worker(impatient());
    let mut cms = Cms::connect(worker.address());
    let (url, model) = (camera.url("/drawn").to_string(), web.url("/colors.mpta").to_string());
    cms.subscribe("gate;drawn", &url, &model);
    cms.subscribe("office;drawn", &url, &model);
    cms.wait_for_detection("gate;drawn");
    cms.wait_for_detection("office;drawn");

    cms.unsubscribe("gate;drawn");
    // Whoever still watches goes on without a gap.
    cms.wait_for("a report without the gate", |message| {
        message["type"] == "stateReport" && entry(message, "gate;drawn").is_none()
    });
    cms.wait_for_detection("office;drawn");
    assert_eq!(camera.clients("/drawn"), 1);

    cms.unsubscribe("office;drawn");
    camera.wait_for_clients("/drawn", 0, PATIENCE).unwrap();
    worker.stop().unwrap();
}

#[test]
fn a_still_picture_is_watched_too() {
    let web = start_web_server(1);
    let still = detector_simulator::Scene::default().draw(0);
    let jpeg = detector_picture::encode_jpeg(
        &still,
        detector_components::geometry::Region::whole(still.size()),
        95,
    );
    web.put("/still.jpg", "image/jpeg", jpeg.unwrap());
    let worker = start_worker(impatient());
    let mut cms = Cms::connect(worker.address());
    cms.send(&json!({"type": "subscribe", "payload": {
        "subscriptionIdentifier": "gate;still",
        "snapshotUrl": web.url("/still.jpg").to_string(), "snapshotInterval": 200,
        "modelUrl": web.url("/colors.mpta").to_string(), "modelId": "c", "modelName": "Colours",
    }}));

    cms.wait_for_detection("gate;still");

    let image = format!("http://{}/camera/gate%3Bstill/image?annotated=1", worker.address());
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let picture = runtime.block_on(async { reqwest::get(image).await?.bytes().await }).unwrap();
    assert_eq!(detector_picture::decode(&picture).unwrap().size(), still.size());
    worker.stop().unwrap();
}

//! An operator of many cameras filters the log by camera or model. Each line that is about one names
//! it, in a field of its own.

use serde_json::{Map, Value, json};

use crate::program::Program;
use crate::stand::{Cms, PATIENCE, start_camera, start_web_server};

/// What a line of these stages may be about.
const SUBJECTS: [&str; 9] = [
    "camera",
    "model",
    "subscription",
    "network",
    "checkpoint",
    "server",
    "session",
    "peer",
    "address",
];

/// Lines about the worker as a whole.
const OF_THE_WORKER: [&str; 1] = ["the service manager was not told"];

/// The object around the fields of what a line happened within.
fn within(line: &Map<String, Value>) -> Option<&Map<String, Value>> {
    line.get("span")?.as_object()
}

fn is_about_something(line: &Map<String, Value>) -> bool {
    let names =
        |fields: &Map<String, Value>| SUBJECTS.iter().any(|name| fields.contains_key(*name));
    names(line) || within(line).is_some_and(names)
}

#[test]
fn each_line_of_a_camera_or_a_model_names_it() {
    let (camera, web) = (start_camera(), start_web_server(1));
    web.put("/still.jpg", "text/html", "<html>");
    web.put("/broken.mpta", "application/zip", "no archive");
    let settings = [
        // Every crate of this project, and nobody else.
        "log.level=warn,detector=trace",
        "log.format=json",
        "heartbeat_interval_secs=0.2",
        "reconnect_interval_secs=0.2",
        "orphan_grace_secs=0",
        "model_idle_secs=0",
    ];
    let mut args = vec!["run", "--device", "cpu"];
    args.extend(settings.iter().flat_map(|setting| ["--set", setting]));
    let worker = Program::start(&args);
    let mut cms = Cms::connect(worker.address());
    let (url, model) = (camera.url("/drawn").to_string(), web.url("/colors.mpta").to_string());
    cms.subscribe("gate;drawn", &url, &model);
    cms.subscribe("gate;none", camera.url("/none").as_str(), &model);
    cms.subscribe("gate;broken", &url, web.url("/broken.mpta").as_str());
    cms.send(&json!({"type": "subscribe", "payload": {
        "subscriptionIdentifier": "gate;still", "snapshotUrl": web.url("/still.jpg").as_str(),
        "snapshotInterval": 100, "modelUrl": model, "modelId": 7, "modelName": "Colours",
    }}));
    cms.wait_for_detection("gate;drawn");
    // What is refused at once, and what only the world refuses.
    cms.send(&json!({"type": "levitate"}));
    cms.unsubscribe("gate;unknown");
    let taken = json!({"sessionId": 1, "success": true, "message": "taken"});
    cms.send(&json!({"type": "patchSessionResult", "payload": taken}));
    cms.wait_for_reason("gate;none");
    cms.wait_for_reason("gate;still");
    cms.wait_for_state("gate;broken", "model_failed");
    camera.replace("/drawn", detector_simulator::Footage::drawn()).unwrap();
    cms.wait_for_state("gate;drawn", "reconnecting");
    cms.wait_for_detection("gate;drawn");
    for id in ["drawn", "none", "broken", "still"] {
        cms.unsubscribe(&format!("gate;{id}"));
    }
    camera.wait_for_clients("/drawn", 0, PATIENCE).unwrap();
    worker.signal(signal_hook::consts::SIGTERM);
    let (status, said) = worker.wait_for_end();
    assert_eq!(status, Some(0), "{said}");

    // A field that is called as another one hides it from most readers of JSON.
    let hidden: Vec<_> = said
        .lines()
        .filter(|line| line.starts_with('{') && line.matches("\"message\":").count() != 1)
        .collect();
    assert!(hidden.is_empty(), "{hidden:#?}");
    let lines: Vec<Map<String, Value>> =
        said.lines().filter_map(|line| serde_json::from_str(line).ok()).collect();
    let silent: Vec<_> = lines
        .iter()
        .filter(|line| !is_about_something(line))
        .filter(|line| !OF_THE_WORKER.iter().any(|known| line["message"] == *known))
        .collect();
    assert!(silent.is_empty(), "{silent:#?}");
    for told in [
        "running",
        "subscribed",
        "the model is ready",
        "the network is ready",
        "no snapshot",
        "refused a client's message",
        "refused what a client asked for",
        "the CMS has taken a patch of a session",
    ] {
        assert!(lines.iter().any(|line| line["message"] == told), "{told}: {said}");
    }
}

//! What the contract promises of cameras and views, with real cameras: whoever asks, and however it is
//! asked, a camera is decoded once, a view is inferred once, and nothing is started anew that goes on.

use std::collections::BTreeSet;

use detector_simulator::{Footage, Stream};
use serde_json::{Value, json};

use crate::stand::{
    Cms, entry, impatient, start_camera, start_web_server, start_worker, state, state_when,
};

fn cropped(id: &str, camera: &str, model: &str, right: u32) -> Value {
    json!({"type": "subscribe", "payload": {
        "subscriptionIdentifier": id, "rtspUrl": camera,
        "modelUrl": model, "modelId": 7, "modelName": "Colours",
        "cropX1": 0, "cropY1": 0, "cropX2": right, "cropY2": 200,
    }})
}

#[test]
fn two_equal_subscriptions_cause_one_inference() {
    let (camera, web) = (start_camera(), start_web_server(1));
    let worker = start_worker(impatient());
    let mut cms = Cms::connect(worker.address());
    let (url, model) = (camera.url("/drawn").to_string(), web.url("/colors.mpta").to_string());
    cms.subscribe("gate;drawn", &url, &model);
    cms.subscribe("office;drawn", &url, &model);
    cms.wait_for_detection("gate;drawn");
    cms.wait_for_detection("office;drawn");
    let state = state_when(worker.address(), &mut cms, |state| {
        state["views"][0]["passesFinished"].as_u64().is_some_and(|passes| passes >= 5)
    });

    assert_eq!(state["subscriptions"].as_array().unwrap().len(), 2);
    assert_eq!(state["views"].as_array().unwrap().len(), 1);
    let nodes = state["models"][0]["nodes"].as_array().unwrap();
    let root = nodes.iter().find(|node| node["parent"].is_null()).unwrap();
    let networks = state["networks"].as_array().unwrap();
    let network = networks.iter().find(|network| network["id"] == root["network"]).unwrap();
    let (passes, inputs) = (&state["views"][0]["passesFinished"], &network["inputs"]);
    let (passes, inputs) = (passes.as_u64().unwrap(), inputs.as_u64().unwrap());
    // One may be under way.
    assert!((passes..=passes + 1).contains(&inputs), "{inputs} inputs for {passes} passes");
    worker.stop().unwrap();
}

#[test]
fn different_crops_are_decoded_once() {
    let (camera, web) = (start_camera(), start_web_server(1));
    let worker = start_worker(impatient());
    let mut cms = Cms::connect(worker.address());
    let (url, model) = (camera.url("/drawn").to_string(), web.url("/colors.mpta").to_string());
    cms.send(&cropped("gate;drawn", &url, &model, 300));
    cms.send(&cropped("office;drawn", &url, &model, 200));
    let state = state_when(worker.address(), &mut cms, |state| {
        let views = state["views"].as_array().unwrap();
        views.len() == 2 && views.iter().all(|view| view["passesFinished"].as_u64() > Some(0))
    });
    assert_eq!(state["cameras"].as_array().unwrap().len(), 1);
    assert_eq!(camera.clients("/drawn"), 1);
    worker.stop().unwrap();
}

#[test]
fn replacing_a_subscription_keeps_the_cameras_pipeline() {
    let (camera, web) = (start_camera(), start_web_server(1));
    let worker = start_worker(impatient());
    let mut cms = Cms::connect(worker.address());
    let (url, model) = (camera.url("/drawn").to_string(), web.url("/colors.mpta").to_string());
    cms.subscribe("gate;drawn", &url, &model);
    let before = cms.wait_for_detection("gate;drawn")["frame"].as_u64().unwrap();
    let opened = state(worker.address())["cameras"][0]["id"].clone();

    cms.send(&cropped("gate;drawn", &url, &model, 300));
    cms.wait_for("the new content", |message| {
        entry(message, "gate;drawn").is_some_and(|entry| entry["cropX2"] == 300)
    });
    // A pipeline that was opened anew would count its frames from 1.
    cms.wait_for("a later frame", |message| message["frame"].as_u64() > Some(before));
    let camera_now = state(worker.address())["cameras"][0].clone();
    assert_eq!((&camera_now["id"], &camera_now["reconnects"]), (&opened, &json!(0)));
    assert_eq!(camera.clients("/drawn"), 1);
    worker.stop().unwrap();
}

#[test]
fn fifty_subscriptions_of_one_list_and_then_permuted_restart_no_stream() {
    const CAMERAS: usize = 2;
    let (camera, web) = (start_camera(), start_web_server(1));
    camera.add("/other", Stream::new(Footage::drawn())).unwrap();
    let model = web.url("/colors.mpta").to_string();
    let worker = start_worker(impatient());
    let mut cms = Cms::connect(worker.address());
    let paths = ["/drawn", "/other"];
    let mut list: Vec<Value> = (0..50)
        .map(|number| {
            json!({
                "subscriptionIdentifier": format!("display-{number};cam"),
                "rtspUrl": camera.url(paths[number % CAMERAS]).to_string(),
                "modelUrl": model, "modelId": 7, "modelName": "Colours",
            })
        })
        .collect();
    let running = |message: &Value| {
        let entries = message["cameraConnections"].as_array();
        entries.is_some_and(|entries| {
            entries.len() == 50 && entries.iter().all(|entry| entry["state"] == "running")
        })
    };
    cms.send(&json!({"type": "setSubscriptionList", "subscriptions": list}));
    cms.wait_for("fifty that run", running);
    let before = state(worker.address());

    list.reverse();
    list.rotate_left(17);
    cms.send(&json!({"type": "setSubscriptionList", "subscriptions": list}));
    cms.send(&json!({"type": "requestState"}));
    let watched = |state: &Value| -> BTreeSet<String> {
        let cameras = state["cameras"].as_array().unwrap().iter();
        cameras.map(|camera| format!("{} {}", camera["id"], camera["reconnects"])).collect()
    };
    let after = state_when(worker.address(), &mut cms, |state| {
        let received = |state: &Value| state["cameras"][0]["framesReceived"].as_u64();
        received(state) > received(&before)
    });
    assert_eq!(watched(&after), watched(&before));
    let ids = |state: &Value, what: &str| -> BTreeSet<String> {
        let entries = state[what].as_array().unwrap().iter();
        entries.map(|entry| entry["id"].to_string()).collect()
    };
    assert_eq!(ids(&after, "views"), ids(&before, "views"));
    assert_eq!(after["subscriptions"].as_array().unwrap().len(), 50);
    assert_eq!(paths.map(|path| camera.clients(path)), [1; CAMERAS]);
    worker.stop().unwrap();
}

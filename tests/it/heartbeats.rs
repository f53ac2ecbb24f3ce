//! The CMS judges a worker by its heartbeats. They come whatever inference does.

use serde_json::json;

use crate::stand::{Cms, entry, impatient, start_camera, start_web_server, start_worker};

#[test]
fn reports_come_by_themselves_and_when_asked() {
    let worker = start_worker(impatient());
    let mut cms = Cms::connect(worker.address());
    for _ in 0..3 {
        let report = cms.wait_for("a heartbeat", |message| message["type"] == "stateReport");
        assert_eq!(report["cameraConnections"], json!([]));
        assert!(report["memoryUsage"].as_f64().is_some_and(|usage| usage > 0.0), "{report}");
    }
    worker.stop().unwrap();
}

#[test]
fn reports_keep_coming_while_a_model_is_loaded() {
    let (camera, web) = (start_camera(), start_web_server(1));
    // The archive's server never answers: the model is being loaded for as long as this test wants.
    web.hang("/slow.mpta");
    let worker = start_worker(impatient());
    let mut cms = Cms::connect(worker.address());
    let url = camera.url("/drawn").to_string();
    cms.subscribe("gate;slow", &url, web.url("/slow.mpta").as_str());
    cms.wait_for_state("gate;slow", "model_loading");
    for _ in 0..10 {
        let report = cms.wait_for("a heartbeat", |message| message["type"] == "stateReport");
        assert_eq!(entry(&report, "gate;slow").unwrap()["state"], "model_loading");
    }
    // Whoever wants another model meanwhile gets it.
    cms.subscribe("gate;quick", &url, web.url("/colors.mpta").as_str());
    cms.wait_for_detection("gate;quick");
    worker.stop().unwrap();
}

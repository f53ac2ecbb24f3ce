//! A camera dies and comes back, as cameras do. The worker says so, and goes on by itself; other
//! cameras do not notice.

use crate::stand::{Cms, impatient, start_camera, start_camera_on, start_web_server, start_worker};

#[test]
fn a_camera_that_was_restarted_is_watched_again() {
    let (camera, steady, web) = (start_camera(), start_camera(), start_web_server(1));
    let worker = start_worker(impatient());
    let mut cms = Cms::connect(worker.address());
    let (url, model) = (camera.url("/drawn").to_string(), web.url("/colors.mpta").to_string());
    cms.subscribe("gate;flaky", &url, &model);
    cms.subscribe("gate;steady", steady.url("/drawn").as_str(), &model);
    cms.wait_for_detection("gate;flaky");
    cms.wait_for_detection("gate;steady");

    let address = camera.address();
    drop(camera);
    let report = cms.wait_for_state("gate;flaky", "reconnecting");
    let entry = crate::stand::entry(&report, "gate;flaky").unwrap();
    assert_eq!(entry["online"], serde_json::json!(false));
    assert!(entry["reason"].is_string(), "{entry}");
    cms.wait_for_detection("gate;steady");

    let _camera = start_camera_on(address);
    cms.wait_for_state("gate;flaky", "running");
    cms.wait_for_detection("gate;flaky");
    worker.stop().unwrap();
}

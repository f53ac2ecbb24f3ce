//! An orchestrator sends SIGTERM to a worker that watches cameras. Its clients are told, the cameras
//! are closed, and it ends by itself with status 0.

use crate::program::Program;
use crate::stand::{Cms, PATIENCE, start_camera, start_web_server};

#[test]
fn sigterm_ends_the_worker_in_order() {
    let (camera, web) = (start_camera(), start_web_server(1));
    let worker = Program::start(&["run", "--device", "cpu"]);
    let mut cms = Cms::connect(worker.address());
    let (url, model) = (camera.url("/drawn").to_string(), web.url("/colors.mpta").to_string());
    cms.subscribe("gate;drawn", &url, &model);
    cms.wait_for_detection("gate;drawn");

    worker.signal(signal_hook::consts::SIGTERM);
    let farewell = cms.wait_for_close();
    assert_eq!(farewell.as_deref(), Some("the worker ends"));
    let (status, said) = worker.wait_for_end();
    assert_eq!(status, Some(0), "{said}");
    assert!(said.trim_end().ends_with("ended"), "{said}");
    camera.wait_for_clients("/drawn", 0, PATIENCE).unwrap();
}

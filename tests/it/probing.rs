//! An operator asks what a camera sends. The answer names codec, size, pace and each step's time, and
//! where there is no picture, what to do about it.

use detector_simulator::{Footage, Login, Scene, Stream};
use serde_json::Value;

use crate::program::Program;
use crate::stand::{start_camera, start_web_server};

fn probe(url: &str) -> (Option<i32>, Value, tempfile::TempDir) {
    let folder = tempfile::tempdir().unwrap();
    let frame = folder.path().join("frame.jpg");
    let args = ["probe", "--json", "--seconds", "1", "-o", frame.to_str().unwrap(), url];
    let (status, said) = Program::run(&args);
    let report = serde_json::from_str(&said).unwrap_or_else(|_| panic!("{said}"));
    (status, report, folder)
}

fn steps(report: &Value) -> Vec<&str> {
    report["steps"].as_array().unwrap().iter().map(|s| s["name"].as_str().unwrap()).collect()
}

#[test]
fn a_camera_is_described_and_its_first_frame_saved() {
    let camera = start_camera();
    let (status, report, folder) = probe(camera.url("/drawn").as_str());
    assert_eq!(status, Some(0), "{report:#}");
    assert_eq!(steps(&report), ["name lookup", "connect", "first packet", "first frame"]);
    let video = &report["video"];
    assert!(video["codec"].as_str().unwrap().starts_with("H.264"), "{video}");
    assert_eq!((&video["width"], &video["height"]), (&320.into(), &240.into()));
    assert!(video["key_pictures"].as_u64().unwrap() > 0, "{video}");
    let frame = std::fs::read(folder.path().join("frame.jpg")).unwrap();
    assert_eq!(detector_picture::decode(&frame).unwrap().size(), Scene::default().size);
}

#[test]
fn snapshots_and_motion_jpeg_are_told_apart() {
    let web = start_web_server(1);
    let still = || {
        let still = Scene::default().draw(0);
        let whole = detector_components::geometry::Region::whole(still.size());
        detector_picture::encode_jpeg(&still, whole, 95).unwrap()
    };
    web.put("/still.jpg", "image/jpeg", still());
    web.put_mjpeg("/motion", 10, move |_| still());
    for path in ["/still.jpg", "/motion"] {
        let (status, report, _folder) = probe(web.url(path).as_str());
        assert_eq!(status, Some(0), "{path}: {report:#}");
        assert_eq!(report["video"]["width"], 320, "{path}: {report:#}");
    }
    // One request to look, and one for each picture; of a stream one that lasts.
    assert!(web.hits("/still.jpg") > 2);
    assert_eq!(web.hits("/motion"), 2);
}

#[test]
fn a_camera_that_gives_nothing_is_told_with_what_to_do() {
    let camera = start_camera();
    let login = Login { user: "viewer".to_owned(), password: "right".to_owned(), digest: true };
    camera.add("/locked", Stream::new(Footage::drawn()).login(login)).unwrap();
    let mut wrong = camera.url("/locked");
    wrong.set_username("viewer").unwrap();
    wrong.set_password(Some("hunter2")).unwrap();
    for (url, reason, advice) in [
        (wrong.as_str(), "refuses user or password", "check user and password"),
        (camera.url("/locked").as_str(), "wants a user and a password", "wants a login"),
        (camera.url("/none").as_str(), "404 (not found", "check the path"),
        ("rtsp://127.0.0.1:1/none", "127.0.0.1:1", "check the address"),
    ] {
        let (status, report, _folder) = probe(url);
        assert_eq!(status, Some(1), "{report:#}");
        let problem = &report["problem"];
        assert!(problem["reason"].as_str().unwrap().contains(reason), "{url}: {problem}");
        assert!(problem["advice"].as_str().unwrap().contains(advice), "{url}: {problem}");
        assert!(!report.to_string().contains("hunter2"));
    }
}

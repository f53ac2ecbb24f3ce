//! An operator edits the configuration of a worker that watches cameras and sends it SIGHUP. What can
//! change does, nobody loses a camera, and a mistake in the file changes nothing.

use std::io::Write;
use std::path::Path;
use std::process::Command;

use crate::program::Program;
use crate::stand::{Cms, entry, start_camera, start_web_server};

fn write(file: &Path, text: &str) {
    std::fs::write(file, text).unwrap();
}

#[test]
fn an_edited_configuration_is_taken_over_without_losing_a_camera() {
    let (camera, web) = (start_camera(), start_web_server(1));
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("config.ron");
    write(&file, "(heartbeat_interval_secs: 0.2, max_streams: 1)");
    let worker = Program::start(&["run", "--config", file.to_str().unwrap(), "--device", "cpu"]);
    let mut cms = Cms::connect(worker.address());
    let (url, model) = (camera.url("/drawn").to_string(), web.url("/colors.mpta").to_string());
    cms.subscribe("gate;drawn", &url, &model);
    cms.wait_for_detection("gate;drawn");
    let report = cms.wait_for_state("gate;drawn", "running");
    assert_eq!(report["capacity"], 1);

    write(
        &file,
        "(heartbeat_interval_secs: 0.2, max_streams: 2, target_fps: 20, head: \"one2one\")",
    );
    worker.signal(signal_hook::consts::SIGHUP);
    cms.wait_for("a report with the new limit", |message| message["capacity"] == 2);
    worker.wait_for_line(&["max_streams", "before=1", "after=2"]);
    worker.wait_for_line(&["head", "takes effect when the worker is started again"]);

    write(&file, "(max_streems: 3)");
    worker.signal(signal_hook::consts::SIGHUP);
    worker.wait_for_line(&["config.ron:1:2", "is `max_streams` meant?"]);
    let report = cms.wait_for("a report", |message| message["type"] == "stateReport");
    assert_eq!(report["capacity"], 2);
    assert!(entry(&report, "gate;drawn").is_some(), "{report}");
    cms.wait_for_detection("gate;drawn");
    assert_eq!(camera.clients("/drawn"), 1);
    assert_eq!(worker.end(), Some(0));
}

#[test]
fn a_wrong_configuration_is_refused_before_anything_is_opened() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("config.ron");
    write(&file, "(\n  limits: (clients: 1, mesage_bytes: 5000),\n)");
    let (status, said) = Program::run(&["run", "--config", file.to_str().unwrap()]);
    assert_eq!(status, Some(1));
    assert!(said.contains("config.ron:2:"), "{said}");
    assert!(said.contains("is `message_bytes` meant?"), "{said}");
}

#[test]
fn each_value_is_shown_with_who_has_set_it_and_no_secret() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("config.ron");
    write(&file, "(\n  target_fps: 5,\n  auth: (token: \"hunter2\"),\n)");
    let file = file.to_str().unwrap();
    let args = ["config", "--config", file, "--set", "limits.clients=3"];
    let (status, table) = Program::run(&args);
    assert_eq!(status, Some(0), "{table}");
    let row = |name: &str| table.lines().find(|line| line.starts_with(name)).unwrap().to_owned();
    assert!(row("target_fps").ends_with("config.ron:2"), "{table}");
    assert!(row("limits.clients").ends_with("--set limits.clients"), "{table}");
    assert!(row("listen").ends_with("default"), "{table}");
    assert!(!table.contains("hunter2"), "{table}");

    let (_, json) = Program::run(&[&args[..], &["--json"]].concat());
    let json: serde_json::Value = serde_json::from_str(&json).unwrap();
    assert_eq!(json["target_fps"]["origin"]["line"], 2);
    assert_eq!(json["auth.token"]["value"], "***");
    assert_eq!(json["listen"]["variable"], "DETECTOR_LISTEN");
}

#[test]
fn a_hangup_before_the_worker_is_ready_does_not_end_it() {
    let folder = tempfile::tempdir().unwrap();
    // A pipe instead of a file: the worker starts for as long as nothing is written.
    let pipe = folder.path().join("config.ron");
    assert!(Command::new("mkfifo").arg(&pipe).status().unwrap().success());
    let mut worker =
        Program::begin(&["run", "--config", pipe.to_str().unwrap(), "--device", "cpu"]);
    // Opens only once the worker reads it.
    let mut writing = std::fs::File::create(&pipe).unwrap();
    worker.signal(signal_hook::consts::SIGHUP);
    writing.write_all(b"(max_streams: 1)").unwrap();
    drop(writing);
    worker.wait_until_it_listens();

    // And it is followed as soon as that can be.
    write(&pipe, "(max_streams: 2)");
    worker.wait_for_line(&["max_streams", "before=1", "after=2"]);
    assert_eq!(worker.end(), Some(0));
}

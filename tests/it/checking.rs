//! An operator points `detector-worker check` at a worker. Everything that the contract promises
//! holds, with a token and without one, and nothing of it stays behind.

use serde_json::Value;

use crate::program::Program;
use crate::stand::Cms;

#[track_caller]
fn check(settings: &[&str], args: &[&str]) {
    let worker = Program::start(&[&["run", "--device", "cpu"], settings].concat());
    let url = format!("ws://{}", worker.address());
    let command = [&["check", "--json", "--patience", "60", &url], args].concat();
    let (status, said) = Program::run(&command);
    let report: Value = serde_json::from_str(&said).unwrap_or_else(|_| panic!("{said}"));
    let wrong: Vec<_> = report["findings"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|finding| finding["outcome"] == "bad")
        .collect();
    assert!(wrong.is_empty(), "{wrong:#?}");
    assert_eq!(status, Some(0), "{said}");
    assert!(report["held"].as_u64().unwrap() > 40, "{said}");
    if args.is_empty() {
        let mut cms = Cms::connect(worker.address());
        cms.wait_for("a report without subscriptions", |message| {
            message["cameraConnections"].as_array().is_some_and(Vec::is_empty)
        });
    }
    assert_eq!(worker.end(), Some(0));
}

#[test]
fn a_worker_keeps_its_contract() {
    check(&[], &[]);
}

#[test]
fn a_worker_with_a_token_keeps_its_contract() {
    check(&["--set", "auth.token=hunter2"], &["--token", "hunter2"]);
}

#[test]
fn an_address_without_a_worker_is_said() {
    let (status, said) = Program::run(&["check", "ws://127.0.0.1:1"]);
    assert_eq!(status, Some(1));
    assert!(said.contains("ws://127.0.0.1:1"), "{said}");
}

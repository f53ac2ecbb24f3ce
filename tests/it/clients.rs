//! Clients in other languages, which know nothing but the documentation, find the contract kept.

use std::process::Command;

use crate::stand::{impatient, start_camera, start_web_server, start_worker};

/// Runs a client against a worker, with its address, a camera and a model as arguments.
#[track_caller]
fn check(program: &str, script: &str, more: &[&str]) {
    let (camera, web) = (start_camera(), start_web_server(1));
    let worker = start_worker(impatient());
    let ran = Command::new(program)
        .arg(script)
        .arg(format!("ws://{}/", worker.address()))
        .arg(camera.url("/drawn").as_str())
        .arg(web.url("/colors.mpta").as_str())
        .args(more)
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&ran.stdout);
    let complaints = String::from_utf8_lossy(&ran.stderr);
    assert!(ran.status.success(), "{said}\n{complaints}");
    worker.stop().unwrap();
}

#[test]
#[ignore = "needs Python with websockets and jsonschema: script/test installs them"]
fn a_python_client_finds_the_contract_kept() {
    let python = std::env::var("DETECTOR_TEST_PYTHON").unwrap();
    check(&python, "tests/clients/contract.py", &["docs/ref/protocol.schema.json"]);
}

#[test]
#[ignore = "needs Node with ws: script/test installs it"]
fn a_node_client_finds_the_contract_kept() {
    check("node", "tests/clients/contract.cjs", &[]);
}

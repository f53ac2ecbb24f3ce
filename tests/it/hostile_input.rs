//! Someone sends rubbish, and a model archive is hostile. Whoever watches something else does not
//! notice, and the socket that the rubbish came through still works.

use serde_json::{Value, json};
use tokio_tungstenite::tungstenite::Message;

use crate::stand::{
    Cms, archive, colors, entry, impatient, start_camera, start_web_server, start_worker,
};

#[test]
fn rubbish_is_answered_and_hurts_nothing() {
    let (camera, web) = (start_camera(), start_web_server(1));
    let worker = start_worker(impatient());
    let mut cms = Cms::connect(worker.address());
    let (url, model) = (camera.url("/drawn").to_string(), web.url("/colors.mpta").to_string());
    cms.subscribe("gate;drawn", &url, &model);
    cms.wait_for_detection("gate;drawn");

    let rubbish = [
        Message::text("{"),
        Message::text("[]"),
        Message::text(r#"{"type":"levitate"}"#),
        Message::text(r#"{"type":"subscribe","payload":{"subscriptionIdentifier":7}}"#),
        Message::text("[".repeat(100_000)),
        Message::binary(vec![0xff; 1_000]),
        Message::text(" ".repeat(2 << 20)),
    ];
    for message in rubbish.iter().cycle().take(10 * rubbish.len()) {
        cms.send_raw(message.clone());
    }

    for _ in 0..rubbish.len() {
        cms.wait_for("an error", |message| message["type"] == "error");
    }
    cms.wait_for_detection("gate;drawn");
    cms.send(&json!({"type": "requestState"}));
    cms.wait_for_state("gate;drawn", "running");
    worker.stop().unwrap();
}

#[test]
fn hostile_archives_are_refused_with_a_reason() {
    let (camera, web) = (start_camera(), start_web_server(1));
    let mut unknown_class = colors(1);
    unknown_class["pipeline"]["branches"][0]["triggerClasses"] = json!(["unicorn"]);
    let mut missing_file = colors(1);
    missing_file["pipeline"]["modelFile"] = json!("../../etc/passwd");
    let mut cut = archive(&colors(1));
    cut.truncate(cut.len() / 2);
    let hostile: [(&str, Vec<u8>, &str); 4] = [
        ("noise", vec![0x5a; 4_096], ""),
        ("cut", cut, ""),
        ("unknown-class", archive(&unknown_class), "unicorn"),
        ("missing-file", archive(&missing_file), "modelFile"),
    ];
    let worker = start_worker(impatient());
    let mut cms = Cms::connect(worker.address());
    let url = camera.url("/drawn").to_string();
    cms.subscribe("gate;good", &url, web.url("/colors.mpta").as_str());
    for (name, bytes, _) in &hostile {
        web.put(&format!("/{name}.mpta"), "application/zip", bytes.clone());
        let model = web.url(&format!("/{name}.mpta")).to_string();
        cms.subscribe(&format!("gate;{name}"), &url, &model);
    }

    for (name, _, hint) in &hostile {
        let id = format!("gate;{name}");
        let report = cms.wait_for_state(&id, "model_failed");
        let reason = entry(&report, &id).map_or(&Value::Null, |entry| &entry["reason"]);
        assert!(reason.as_str().is_some_and(|reason| reason.contains(hint)), "{name}: {reason}");
    }
    cms.wait_for_detection("gate;good");
    worker.stop().unwrap();
}

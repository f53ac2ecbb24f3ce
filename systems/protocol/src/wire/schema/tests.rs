//! Run with `DETECTOR_UPDATE_DOCS=1` to write `docs/ref/*.json` anew.

use std::cell::Cell;
use std::path::{Path, PathBuf};

use detector_reach::Reach;
use proptest::prelude::*;
use serde_json::{Value, json};

use super::validate::faults;
use super::*;
use crate::wire::incoming::{Incoming, TYPES};
use crate::wire::source::Allowed;

/// Tests run in their package's folder.
fn documents() -> PathBuf {
    PathBuf::from("../../docs/ref")
}

#[track_caller]
fn check_document(name: &str, document: &Value) {
    let file = documents().join(name);
    let text = format!("{document:#}\n");
    if std::env::var_os("DETECTOR_UPDATE_DOCS").is_some() {
        std::fs::write(&file, &text).unwrap();
    }
    let written = std::fs::read_to_string(&file).unwrap();
    assert!(written == text, "{name} is not what the types say: DETECTOR_UPDATE_DOCS=1 mends it");
}

#[test]
fn the_json_schema_in_the_documentation_is_that_of_the_types() {
    check_document("protocol.schema.json", &json_schema());
}

#[test]
fn the_asyncapi_document_is_that_of_the_types() {
    check_document("asyncapi.json", &async_api());
}

#[test]
fn every_message_of_the_cms_is_described() {
    let mut generator = SchemaSettings::draft2020_12().into_generator();
    let described = messages(&mut generator);
    let of_cms = described.iter().filter(|message| message.from_cms);
    let mut names: Vec<_> = of_cms.map(|message| message.name).collect();
    names.sort_unstable();
    let mut known = TYPES;
    known.sort_unstable();
    assert_eq!(names, known);
}

/// What is wrong with a message of one side.
fn faults_of(side: &str, message: &Value, schema: &Value) -> Vec<String> {
    faults(message, &schema["$defs"][side], schema)
}

fn allowed() -> Allowed {
    Allowed {
        cameras: Reach::cameras(),
        models: Reach::models(),
        camera_files: false,
        models_dir: Some("/srv/models".into()),
    }
}

#[track_caller]
fn check_valid(side: &str, message: &Value, schema: &Value) {
    let faults = faults_of(side, message, schema);
    assert!(faults.is_empty(), "{message:#}\n{faults:#?}");
}

/// The blocks of JSON in a page of the documentation.
fn examples(page: &Path) -> Vec<Value> {
    let text = std::fs::read_to_string(page).unwrap();
    let blocks = text.split("```json\n").skip(1).map(|rest| rest.split("```").next().unwrap());
    blocks
        .map(|block| {
            serde_json::from_str(block).unwrap_or_else(|error| {
                panic!("{}: {error} in\n{block}", page.display());
            })
        })
        .collect()
}

#[test]
fn every_example_in_the_documentation_is_right() {
    let schema = json_schema();
    let mut seen = Vec::new();
    for page in ["protocol.md", "http.md", "../../README.md"] {
        for example in examples(&documents().join(page)) {
            let Some(name) = example["type"].as_str() else { continue };
            let of_cms = TYPES.contains(&name)
                && (example.get("payload").is_some()
                    || example.get("subscriptions").is_some()
                    || name == "requestState");
            if of_cms {
                check_valid("FromCms", &example, &schema);
                let read = Incoming::read(&example.to_string(), &allowed());
                assert!(read.is_ok(), "{page}: {read:?}");
            } else {
                check_valid("FromWorker", &example, &schema);
            }
            seen.push((name.to_owned(), of_cms));
        }
    }
    let mut generator = SchemaSettings::draft2020_12().into_generator();
    for message in messages(&mut generator) {
        let wanted = (message.name.to_owned(), message.from_cms);
        assert!(seen.contains(&wanted), "protocol.md has no example of {wanted:?}");
    }
}

/// Values as clients send them, right and wrong.
fn any_value() -> impl Strategy<Value = Value> {
    prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        (-5_i64..700).prop_map(Value::from),
        (-5.0..700.0).prop_map(|float: f64| json!(float)),
        prop_oneof![
            Just(""),
            Just("a;b"),
            Just("rtsp://host/stream"),
            Just("http://host/a.mpta"),
            Just("file:///etc/passwd"),
            Just("a.mpta"),
            Just("multicast"),
        ]
        .prop_map(Value::from),
        Just(json!([])),
        Just(json!({"plate": "XY-1", "lane": 2, "gone": null})),
    ]
}

const FIELDS: [&str; 19] = [
    "subscriptionIdentifier",
    "rtspUrl",
    "rtspTransport",
    "track",
    "snapshotUrl",
    "snapshotInterval",
    "modelUrl",
    "modelId",
    "modelName",
    "cropX1",
    "cropY1",
    "cropX2",
    "cropY2",
    "displayIdentifier",
    "sessionId",
    "progressionStage",
    "data",
    "success",
    "message",
];

/// A payload with a right value in most of its fields.
fn any_payload() -> impl Strategy<Value = Value> {
    let right = json!({
        "subscriptionIdentifier": "a;b", "rtspUrl": "rtsp://host/stream",
        "modelUrl": "http://host/a.mpta", "modelId": 1, "modelName": "m",
        "displayIdentifier": "a", "sessionId": 1, "progressionStage": "s", "data": {},
        "success": true,
    });
    prop::collection::vec((0..FIELDS.len(), any_value()), 0..4).prop_map(move |changes| {
        let mut payload = right.clone();
        for (field, value) in changes {
            payload[FIELDS[field]] = value;
        }
        payload
    })
}

fn any_message() -> impl Strategy<Value = Value> {
    let list = prop::collection::vec(any_payload(), 0..3);
    (0..TYPES.len(), any_payload(), list, 0..4_u8).prop_map(|(kind, payload, list, place)| {
        match (TYPES[kind], place) {
            (kind @ "setSubscriptionList", 0) => json!({"type": kind, "subscriptions": list}),
            (kind @ "setSubscriptionList", 1) => {
                json!({"type": kind, "payload": {"subscriptions": list}})
            }
            (kind, 2) => json!({"type": kind}),
            (kind, _) => json!({"type": kind, "payload": payload}),
        }
    })
}

#[test]
fn whatever_is_read_is_valid() {
    let schema = json_schema();
    let mut runner = proptest::test_runner::TestRunner::new(ProptestConfig {
        cases: 2_000,
        failure_persistence: None,
        ..ProptestConfig::default()
    });
    let read = Cell::new(0);
    let result = runner.run(&any_message(), |message| {
        if Incoming::read(&message.to_string(), &allowed()).is_ok() {
            read.set(read.get() + 1);
            let faults = faults_of("FromCms", &message, &schema);
            prop_assert!(faults.is_empty(), "{message:#} {faults:#?}");
        }
        Ok(())
    });
    result.unwrap();
    assert!(read.get() > 200, "hardly any message was right: {}", read.get());
}

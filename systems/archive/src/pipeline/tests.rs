use detector_components::action::{ColumnValue, Deed, PictureFormat, RowUpdate, Template};
use detector_components::node::TrackingMethod;
use serde_json::json;

use super::*;

fn with_file(name: &str) -> bool {
    ["detect.pt", "classify.pt"].contains(&name)
}

fn pipeline(value: &Value) -> Result<Pipeline, Faults> {
    read(&value.to_string(), with_file)
}

#[track_caller]
fn fault(value: &Value, expected: &str) {
    let faults = pipeline(value).unwrap_err().0;
    assert_eq!(faults, [expected]);
}

#[test]
fn a_small_pipeline_has_the_defaults() {
    let read = pipeline(&json!({"pipeline": {"modelId": "a", "modelFile": "detect.pt"}})).unwrap();
    let [root] = read.nodes.as_slice() else { panic!("{read:?}") };
    assert_eq!((&*root.name, root.file.as_str(), root.parent), ("a", "detect.pt", None));
    assert_eq!(root.keep, Keep::default());
    assert!(read.warnings.is_empty() && read.redis.is_none());
}

#[test]
fn thresholds_and_classes_mean_the_own_boxes_on_the_root_and_the_parents_on_a_branch() {
    let read = pipeline(&json!({"pipeline": {
        "modelId": "a", "modelFile": "detect.pt", "triggerClasses": ["car"], "minConfidence": 0.1,
        "branches": [{
            "modelId": "b", "modelFile": "classify.pt", "triggerClasses": ["car"],
            "minConfidence": 0.6, "crop": true, "resizeTarget": [224, 224],
        }],
    }}))
    .unwrap();
    let [root, branch] = read.nodes.as_slice() else { panic!("{read:?}") };
    assert_eq!((root.keep.min_confidence, root.keep.classes.len()), (0.1, 1));
    assert_eq!(root.trigger, Trigger::default());
    assert_eq!((branch.trigger.min_confidence, branch.trigger.classes.len()), (0.6, 1));
    assert_eq!(branch.trigger.input, BranchInput::TriggeringBox);
    assert_eq!((branch.keep.min_confidence, branch.keep.classes.len()), (0.6, 0));
    assert_eq!((branch.parent, branch.size), (Some(0), Some(Size { width: 224, height: 224 })));
}

#[test]
fn every_fault_is_named_with_its_place() {
    let faults = pipeline(&json!({
        "pipeline": {
            "modelId": "a", "modelFile": "gone.pt", "minConfidence": "high",
            "branches": [{"modelId": "a", "modelFile": "classify.pt", "crop": 1}, 7],
            "actions": [{"type": "redis_publish", "channel": "c"}, {"type": "levitate"}],
        },
        "redis": {"host": "h", "port": 70_000},
    }))
    .unwrap_err();
    assert_eq!(
        faults.0,
        [
            "redis.port: expected a whole number from 1 to 65535, found 70000",
            "pipeline.modelFile: the archive has no \"gone.pt\" beside pipeline.json",
            "pipeline.minConfidence: expected a number from 0 to 1, found \"high\"",
            "pipeline.branches[1]: expected an object",
            "pipeline.actions[0].message: missing",
            "pipeline.actions[1].type: expected redis_save_image, redis_publish, \
             redis_stream_add, patch_session or postgresql_update_combined, found \"levitate\"",
            "pipeline.branches[0].modelId: \"a\" names another node already",
            "pipeline.branches[0].crop: expected true or false, found 1",
        ]
    );
}

#[test]
fn a_pipeline_must_be_there() {
    fault(&json!({}), "pipeline: missing");
    fault(&json!({"pipeline": 7}), "pipeline: expected an object, found 7");
    fault(&json!([]), "pipeline.json: expected an object");
}

#[test]
fn unknown_fields_are_warned_of_with_the_nearest_name() {
    let read = pipeline(&json!({"pipeline": {
        "modelId": "a", "modelFile": "detect.pt", "triggerClases": ["car"],
    }}))
    .unwrap();
    assert_eq!(read.warnings, ["pipeline.triggerClases: unknown; is \"triggerClasses\" meant?"]);
}

/// A root with this besides, and a branch "color" of it.
fn root_with(more: Value) -> Result<Pipeline, Faults> {
    let mut root = json!({
        "modelId": "cars", "modelFile": "detect.pt",
        "branches": [{"modelId": "color", "modelFile": "classify.pt"}],
    });
    root.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    pipeline(&json!({ "pipeline": root }))
}

#[test]
fn every_type_of_action_is_read() {
    let read = root_with(json!({
        "actions": [
            {"type": "redis_save_image", "key": "{uuid}", "region": "car", "format": "PNG",
             "expire_seconds": 60},
            {"type": "redis_publish", "channel": "c:{camera_id}", "message": "{class}"},
            {"type": "redis_stream_add", "stream": "s", "fields": {"a": "{id}"}, "max_len": 5},
            {"type": "patch_session", "data": {"color": "{color}"}},
        ],
        "parallelActions": [{
            "type": "postgresql_update_combined", "table": "gate.cars", "key_field": "session",
            "key_value": "{session_id}", "waitForBranches": ["color"],
            "fields": {"color": "{color.color}", "updated_at": "NOW()"},
        }],
        "cooldownSeconds": 1.5,
    }))
    .unwrap();
    assert!(read.warnings.is_empty(), "{:?}", read.warnings);
    let actions = &read.nodes[0].actions;
    assert_eq!(actions.cooldown, Some(Duration::from_millis(1_500)));
    assert_eq!(actions.occasion, Occasion::Detection);
    let text = |text: &str| Template::new(text);
    let deeds = [
        Deed::SaveImage {
            key: text("{uuid}"),
            region: Some("car".into()),
            format: PictureFormat::Png,
            expire: Some(Duration::from_secs(60)),
        },
        Deed::Publish { channel: text("c:{camera_id}"), message: text("{class}") },
        Deed::StreamAdd {
            stream: text("s"),
            fields: [("a".into(), text("{id}"))].into(),
            max_len: Some(5),
        },
        Deed::PatchSession { data: [("color".into(), text("{color}"))].into() },
        Deed::UpdateRow(RowUpdate {
            schema: Some("gate".into()),
            table: "cars".into(),
            key_column: "session".into(),
            key: text("{session_id}"),
            columns: [
                ("color".into(), ColumnValue::Text(text("{color.color}"))),
                ("updated_at".into(), ColumnValue::Now),
            ]
            .into(),
        }),
    ];
    assert!(actions.list.iter().map(|action| &action.deed).eq(&deeds), "{actions:?}");
    assert_eq!(*actions.list[4].wait_for, ["color".into()]);
}

#[test]
fn names_that_stand_in_sql_are_plain() {
    let faults = root_with(json!({"actions": [{
        "type": "postgresql_update_combined", "table": "cars; DROP TABLE cars",
        "key_field": "a\"b", "key_value": "{class}", "fields": {"": "x", "größe": "1"},
    }]}))
    .unwrap_err();
    let expected = |field: &str, name: &str| {
        format!(
            "pipeline.actions[0].{field}: expected a name of letters, digits and _, at most 63 bytes, \
             found {name:?}"
        )
    };
    assert_eq!(
        faults.0,
        [
            expected("table", "cars; DROP TABLE cars"),
            expected("key_field", "a\"b"),
            expected("fields", ""),
        ]
    );
}

#[test]
fn what_an_action_waits_for_lies_below_it() {
    let publish = json!({"type": "redis_publish", "channel": "c", "message": "m",
        "waitForBranches": ["color", "plate"]});
    let faults = root_with(json!({ "parallelActions": [publish.clone()] })).unwrap_err();
    assert_eq!(
        faults.0,
        ["pipeline.parallelActions[0].waitForBranches[1]: \"plate\" is no node below this one, \
          there are color"]
    );
    let leaf = json!({"modelId": "cars", "modelFile": "detect.pt", "actions": [publish]});
    let faults = pipeline(&json!({ "pipeline": leaf })).unwrap_err();
    assert_eq!(
        faults.0[0],
        "pipeline.actions[0].waitForBranches[0]: there is no node below this one"
    );
}

#[test]
fn a_name_that_is_none_is_warned_of() {
    let read = root_with(json!({"actions": [{
        "type": "redis_publish", "channel": "c",
        "message": "{\"a\":\"{sesion_id}\",\"b\":\"{color.kind}\",\"c\":\"{session.plate}\"}",
    }]}))
    .unwrap();
    assert_eq!(
        read.warnings,
        [
            "pipeline.actions[0].message: {sesion_id} is no known name, it stays as it is",
            "pipeline.actions[0].message: {color.kind} is no known name, it stays as it is",
        ]
    );
}

#[test]
fn tracking_is_off_unless_it_is_enabled() {
    let tracking =
        |more| root_with(json!({ "tracking": more })).map(|read| read.nodes[0].tracking.clone());
    assert_eq!(tracking(json!({"method": "bytetrack"})), Ok(None));
    assert_eq!(tracking(json!({"enabled": true})), Ok(Some(Tracking::default())));
    let all = json!({"enabled": true, "method": "ByteTrack", "lostSeconds": 2.5, "minOverlap": 0.3,
        "lowConfidence": 0.2, "stabilityThreshold": 4, "perClass": false});
    let expected = Tracking {
        method: TrackingMethod::ByteTrack,
        lost: Duration::from_millis(2_500),
        min_overlap: 0.3,
        low_confidence: 0.2,
        stable_after: 4,
        per_class: false,
    };
    assert_eq!(tracking(all), Ok(Some(expected)));
}

#[test]
fn a_tracker_that_is_not_built_in_is_said() {
    let read = root_with(json!({"tracking": {"enabled": true, "method": "botsort"}})).unwrap();
    assert_eq!(
        read.warnings,
        ["pipeline.tracking.method: \"botsort\" is not built in, \"ocsort\" is used"]
    );
    let faults = root_with(json!({"tracking": {"method": "magic"}})).unwrap_err();
    assert_eq!(
        faults.0,
        ["pipeline.tracking.method: expected \"ocsort\" or \"bytetrack\", found \"magic\""]
    );
}

#[test]
fn expected_classes_need_multi_class() {
    let read = root_with(json!({"multiClass": true, "expectedClasses": ["car"]})).unwrap();
    assert_eq!(read.nodes[0].keep.expected, Expected::AnyOf(vec!["car".into()]));
    assert_eq!(read.nodes[0].actions.occasion, Occasion::Answer);
    let read = root_with(json!({"expectedClasses": ["car"], "cropClass": "car"})).unwrap();
    assert_eq!(read.nodes[0].keep.expected, Expected::Nothing);
    assert_eq!(
        read.warnings,
        [
            "pipeline.expectedClasses: has no effect without \"multiClass\": true",
            "pipeline.cropClass: has no effect without \"crop\": true",
        ]
    );
}

#[test]
fn servers_are_read() {
    let read = pipeline(&json!({
        "pipeline": {"modelId": "a", "modelFile": "detect.pt"},
        "redis": {"host": "h", "port": 6379, "username": "u", "password": "p", "db": 3, "tls": true},
        "postgresql": {"host": "h", "port": 5432, "database": "d", "username": "u", "password": "p", "tls": true},
    }))
    .unwrap();
    assert_eq!(read.redis.map(|redis| (redis.port, redis.db, redis.tls)), Some((6379, 3, true)));
    let postgres = read.postgres.map(|server| (server.database, server.tls));
    assert_eq!(postgres, Some(("d".to_owned(), true)));
}

#[test]
fn a_server_that_is_half_named_is_refused() {
    let faults = pipeline(&json!({
        "pipeline": {"modelId": "a", "modelFile": "detect.pt"}, "redis": {}, "postgresql": {"port": 0},
    }))
    .unwrap_err();
    assert_eq!(
        faults.0,
        [
            "redis.host: missing",
            "redis.port: missing",
            "postgresql.host: missing",
            "postgresql.port: expected a whole number from 1 to 65535, found 0",
            "postgresql.database: missing",
            "postgresql.username: missing",
        ]
    );
}

#[test]
fn endless_nesting_is_refused() {
    let mut node = json!({"modelId": "0", "modelFile": "detect.pt"});
    for depth in 1..40 {
        node = json!({"modelId": depth.to_string(), "modelFile": "detect.pt", "branches": [node]});
    }
    let faults = pipeline(&json!({ "pipeline": node })).unwrap_err().0;
    assert!(
        faults[0].ends_with("expected at most 256 nodes, nested at most 16 deep"),
        "{faults:?}"
    );
}

#[test]
fn a_missing_min_confidence_does_not_disable_a_branch() {
    let read = root_with(json!({})).unwrap();
    assert_eq!(read.nodes[1].trigger.min_confidence, 0.0);
    assert_eq!(read.nodes[1].keep.min_confidence, 0.25);
}

/// What stands in the reference between fences.
fn documented() -> Vec<Value> {
    let text = include_str!("../../../../docs/ref/archive.md");
    let blocks = text.split("```json\n").skip(1);
    blocks.map(|block| serde_json::from_str(block.split("```").next().unwrap()).unwrap()).collect()
}

#[test]
fn every_documented_example_is_read_without_a_warning() {
    let examples = documented();
    assert_eq!(examples.len(), 3);
    for example in examples {
        let branch = json!([{"modelId": "color", "modelFile": "color.pt", "crop": true}]);
        let pipeline = match example {
            Value::Array(actions) => json!({"pipeline": {
                "modelId": "cars", "modelFile": "cars.pt", "actions": actions, "branches": branch,
            }}),
            Value::Object(fields) if fields.contains_key("pipeline") => fields.into(),
            node => json!({ "pipeline": node }),
        };
        let read = read(&pipeline.to_string(), |name| name.ends_with(".pt")).unwrap();
        assert!(read.warnings.is_empty(), "{:?}", read.warnings);
    }
}

#[test]
fn every_field_that_is_read_is_documented() {
    let text = include_str!("../../../../docs/ref/archive.md");
    for field in [
        "modelId",
        "modelFile",
        "triggerClasses",
        "minConfidence",
        "crop",
        "cropClass",
        "resizeTarget",
        "multiClass",
        "expectedClasses",
        "expectedAll",
        "branches",
        "parallel",
        "tracking",
        "actions",
        "parallelActions",
        "cooldownSeconds",
        "enabled",
        "method",
        "lostSeconds",
        "minOverlap",
        "lowConfidence",
        "stabilityThreshold",
        "perClass",
        "waitForBranches",
        "region",
        "format",
        "quality",
        "expire_seconds",
        "channel",
        "message",
        "stream",
        "fields",
        "max_len",
        "data",
        "table",
        "key_field",
        "key_value",
        "host",
        "port",
        "username",
        "password",
        "db",
        "tls",
        "database",
    ] {
        assert!(text.contains(&format!("`{field}`")), "{field}");
    }
    for name in detector_components::action::names::OF_DETECTION {
        assert!(text.contains(&format!("`{name}`")), "{name}");
    }
    for outcome in detector_components::action::Outcome::ALL {
        assert!(text.contains(&format!("`{}`", outcome.as_str())), "{outcome:?}");
    }
}

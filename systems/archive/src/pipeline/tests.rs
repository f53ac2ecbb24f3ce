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

#[test]
fn what_is_not_executed_yet_is_said() {
    let read = pipeline(&json!({"pipeline": {
        "modelId": "a", "modelFile": "detect.pt", "tracking": {"enabled": true},
        "actions": [{"type": "redis_stream_add", "stream": "s", "fields": {}}],
    }}))
    .unwrap();
    assert!(read.nodes[0].actions.is_empty());
    assert_eq!(
        read.warnings,
        [
            "pipeline.tracking: not executed by this version",
            "pipeline.actions[0].type: redis_stream_add is not executed by this version",
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

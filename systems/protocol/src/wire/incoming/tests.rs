use std::sync::Arc;
use std::time::Duration;

use detector_components::camera::{CameraSource, StreamOptions, Transport};
use detector_components::command::{Crop, Subscribe};
use detector_components::identity::{DisplayId, ExternalId};
use detector_components::model::ModelSource;
use detector_components::secret::SecretUrl;
use detector_reach::Reach;
use serde_json::json;

use super::*;

fn allowed() -> Allowed {
    Allowed {
        cameras: Reach::cameras(),
        models: Reach::models(),
        camera_files: false,
        models_dir: Some("/srv/models".into()),
    }
}

fn read(message: &Value) -> Result<Incoming, Refusal> {
    Incoming::read(&message.to_string(), &allowed())
}

/// A `subscribe` with `changes` to its payload.
fn subscription(changes: Value) -> Value {
    let mut message = json!({"type": "subscribe", "payload": {
        "subscriptionIdentifier": "display-001;cam-001",
        "rtspUrl": "rtsp://user:pass@host/stream",
        "modelUrl": "http://host/models/vehicle.mpta?sig=1", "modelId": 101,
        "modelName": "Vehicle Detection",
    }});
    for (name, value) in changes.as_object().unwrap() {
        message["payload"][name] = value.clone();
    }
    message
}

#[track_caller]
fn wish(changes: Value) -> Subscribe {
    match read(&subscription(changes)) {
        Ok(Incoming::Command(Command::Subscribe(wish))) => wish,
        other => panic!("{other:?}"),
    }
}

#[track_caller]
fn check_refused(changes: Value, code: RefusalCode, message: &str) {
    let refusal = read(&subscription(changes)).unwrap_err();
    assert_eq!((refusal.code, refusal.message.as_str()), (code, message));
    assert_eq!(refusal.subscription, Some(SubscriptionId::new("display-001;cam-001")));
}

#[track_caller]
fn check_invalid(changes: Value, message: &str) {
    check_refused(changes, RefusalCode::InvalidMessage, message);
}

fn url(text: &str) -> SecretUrl {
    SecretUrl::parse(text).unwrap()
}

#[test]
fn a_subscription_is_read_whole() {
    let expected = Subscribe {
        id: SubscriptionId::new("display-001;cam-001"),
        camera: CameraSource::stream(url("rtsp://user:pass@host/stream")),
        model: ModelSource::Url(url("http://host/models/vehicle.mpta?sig=1")),
        model_name: Arc::from("Vehicle Detection"),
        model_id: ExternalId::Number(101),
        crop_in_frame: Some(Crop { x1: 100, y1: 200, x2: 300, y2: 400 }),
    };
    let crop = json!({"cropX1": 100, "cropY1": 200.0, "cropX2": 300, "cropY2": 400});
    assert_eq!(wish(crop), expected);
}

#[test]
fn snapshots_win_over_a_stream_when_both_their_fields_are_given() {
    let snapshot = json!({"snapshotUrl": "http://host/a.jpg", "snapshotInterval": 5000});
    let expected = CameraSource::Snapshot {
        url: url("http://host/a.jpg"),
        interval: Duration::from_millis(5_000),
    };
    assert_eq!(wish(snapshot).camera, expected);
}

#[test]
fn half_a_snapshot_leaves_the_stream() {
    let stream = CameraSource::stream(url("rtsp://user:pass@host/stream"));
    assert_eq!(wish(json!({"snapshotUrl": "http://host/a.jpg"})).camera, stream);
    assert_eq!(wish(json!({"snapshotInterval": 5000, "snapshotUrl": null})).camera, stream);
    let zero = json!({"snapshotUrl": "http://host/a.jpg", "snapshotInterval": 0});
    assert_eq!(wish(zero).camera, stream);
}

#[test]
fn without_a_source_the_fields_that_would_do_are_named() {
    check_invalid(
        json!({"rtspUrl": null}),
        "payload.rtspUrl: missing, expected it or snapshotUrl with snapshotInterval",
    );
    check_invalid(
        json!({"rtspUrl": "", "snapshotUrl": "http://host/a.jpg"}),
        "payload.snapshotInterval: missing",
    );
}

#[test]
fn all_faults_of_a_message_are_named_at_once() {
    check_invalid(
        json!({"rtspUrl": 7, "modelUrl": null, "modelId": true, "modelName": "", "cropX1": 1.5}),
        "payload.rtspUrl: a number, expected a text; \
         payload.modelUrl: missing; \
         payload.modelId: a boolean, expected a whole number or a text; \
         payload.modelName: empty; \
         payload.cropY1: missing, expected all four of the crop or none; \
         payload.cropX2: missing, expected all four of the crop or none; \
         payload.cropY2: missing, expected all four of the crop or none; \
         payload.cropX1: 1.5, expected a whole number",
    );
}

#[test]
fn a_model_identifier_keeps_its_form() {
    assert_eq!(wish(json!({"modelId": "101"})).model_id, ExternalId::Text("101".into()));
    assert_eq!(wish(json!({"modelId": -1})).model_id, ExternalId::Number(-1));
}

#[test]
fn a_model_may_be_a_path_in_its_directory() {
    let expected = ModelSource::File("/srv/models/traffic/a.mpta".into());
    assert_eq!(wish(json!({"modelUrl": "traffic/a.mpta"})).model, expected);
    assert_eq!(wish(json!({"modelUrl": "file:///srv/models/traffic/a.mpta"})).model, expected);
}

#[test]
fn a_model_outside_its_directory_is_forbidden() {
    for path in ["../a.mpta", "/etc/passwd", "file:///srv/models/..%2f..%2fetc/passwd"] {
        check_refused(
            json!({"modelUrl": path}),
            RefusalCode::ForbiddenUrl,
            "payload.modelUrl: not a path within models_dir",
        );
    }
}

#[test]
fn schemes_that_are_not_allowed_are_named() {
    check_refused(
        json!({"rtspUrl": "gopher://user:pass@host/", "modelUrl": "ftp://host/a.mpta"}),
        RefusalCode::ForbiddenUrl,
        "payload.rtspUrl: scheme gopher, expected rtsp, rtsps, http or https; \
         payload.modelUrl: scheme ftp, expected http or https",
    );
    check_refused(
        json!({"rtspUrl": "file:///srv/a.mp4"}),
        RefusalCode::ForbiddenUrl,
        "payload.rtspUrl: files and devices of this machine are not allowed as cameras here",
    );
}

#[test]
fn a_file_is_a_camera_where_that_is_configured() {
    let message = subscription(json!({"rtspUrl": "file:///srv/a.mp4"}));
    let allowed = Allowed { camera_files: true, ..allowed() };
    let read = Incoming::read(&message.to_string(), &allowed);
    let Ok(Incoming::Command(Command::Subscribe(wish))) = read else { panic!("{read:?}") };
    let expected = CameraSource::File { path: "/srv/a.mp4".into(), looped: true, real_time: true };
    assert_eq!(wish.camera, expected);
}

#[test]
fn a_wrong_address_is_not_repeated() {
    check_invalid(
        json!({"rtspUrl": "rtsp://user:secret@host:port/"}),
        "payload.rtspUrl: invalid port number",
    );
}

#[track_caller]
fn check_options(changes: Value, expected: StreamOptions) {
    let CameraSource::Stream { options, .. } = wish(changes).camera else { panic!("no stream") };
    assert_eq!(options, expected);
}

#[test]
fn an_rtsp_stream_is_opened_as_it_is_asked_for() {
    for (name, transport) in Transport::NAMES {
        let expected = StreamOptions { transport, track: None };
        check_options(json!({"rtspTransport": name}), expected);
        check_options(json!({"rtspTransport": name, "rtspUrl": "rtsps://host/"}), expected);
    }
    let track = |track| StreamOptions { track: Some(track), ..StreamOptions::default() };
    check_options(json!({"track": 0}), track(0));
    check_options(json!({"track": 255.0}), track(255));
    for nothing in [json!({}), json!({"track": null}), json!({"rtspTransport": ""})] {
        check_options(nothing, StreamOptions::default());
    }
}

#[test]
fn options_that_are_none_are_refused_with_what_would_be_right() {
    check_invalid(
        json!({"rtspTransport": "carrier pigeon", "track": 256}),
        "payload.rtspTransport: \"carrier pigeon\", expected one of auto, tcp, udp, multicast, http; \
         payload.track: 256, expected a whole number from 0 to 255",
    );
    check_invalid(
        json!({"rtspTransport": 7, "track": -1}),
        "payload.rtspTransport: a number, expected a text; \
         payload.track: -1, expected a whole number from 0 to 255",
    );
    check_invalid(json!({"track": 0.5}), "payload.track: 0.5, expected a whole number");
    check_invalid(json!({"track": "0"}), "payload.track: a text, expected a whole number");
}

#[test]
fn options_of_rtsp_are_refused_for_other_addresses() {
    let http = "http://host/stream.mjpeg";
    check_invalid(
        json!({"rtspUrl": http, "rtspTransport": "udp", "track": 0}),
        "payload.rtspTransport: only for an rtspUrl of scheme rtsp or rtsps, and rtspUrl is http; \
         payload.track: only for an rtspUrl of scheme rtsp or rtsps, and rtspUrl is http",
    );
    let snapshot = json!({"snapshotUrl": "http://host/a.jpg", "snapshotInterval": 5000});
    let with = |changes: Value| {
        let mut all = snapshot.clone();
        all.as_object_mut().unwrap().extend(changes.as_object().unwrap().clone());
        all
    };
    check_invalid(
        with(json!({"rtspUrl": null, "rtspTransport": "tcp"})),
        "payload.rtspTransport: only for an rtspUrl of scheme rtsp or rtsps",
    );
    // They go with an address that snapshots win over, and `auto` asks for nothing.
    let snapshots = wish(with(json!({"rtspTransport": "tcp"}))).camera;
    assert!(matches!(snapshots, CameraSource::Snapshot { .. }), "{snapshots:?}");
    check_options(json!({"rtspUrl": http, "rtspTransport": "auto"}), StreamOptions::default());
}

#[test]
fn an_empty_crop_is_refused() {
    check_invalid(
        json!({"cropX1": 300, "cropY1": 0, "cropX2": 300, "cropY2": 400}),
        "payload.cropX2: 300, expected more than cropX1 and 0: the crop is empty",
    );
    check_invalid(
        json!({"cropX1": 0, "cropY1": -400, "cropX2": 300, "cropY2": -200}),
        "payload.cropY2: -200, expected more than cropY1 and 0: the crop is empty",
    );
}

#[test]
fn a_crop_beyond_all_frames_is_kept_to_be_cut() {
    let crop = json!({"cropX1": -5, "cropY1": 0, "cropX2": 1e300, "cropY2": 9_000_000_000_i64});
    let expected = Crop { x1: -5, y1: 0, x2: i32::MAX, y2: i32::MAX };
    assert_eq!(wish(crop).crop_in_frame, Some(expected));
}

#[test]
fn sessions_are_set_and_cleared() {
    let set = |session: Value| {
        json!({"type": "setSessionId",
            "payload": {"displayIdentifier": "display-001", "sessionId": session}})
    };
    let expected = |session| {
        let display = DisplayId::new("display-001");
        Ok(Incoming::Command(Command::SetSession { display, session }))
    };
    assert_eq!(read(&set(json!(10001))), expected(Some(ExternalId::Number(10_001))));
    assert_eq!(read(&set(json!("a"))), expected(Some(ExternalId::Text("a".into()))));
    assert_eq!(read(&set(Value::Null)), expected(None));
    assert!(read(&set(json!([]))).is_err());
}

#[test]
fn a_session_that_is_left_out_is_not_cleared() {
    let message = json!({"type": "setSessionId", "payload": {"displayIdentifier": "display-001"}});
    assert_eq!(read(&message).unwrap_err().message, "payload.sessionId: missing");
}

#[test]
fn the_rest_of_the_messages_are_read() {
    let message = json!({"type": "unsubscribe", "payload": {"subscriptionIdentifier": "a;b"}});
    let expected = Command::Unsubscribe(SubscriptionId::new("a;b"));
    assert_eq!(read(&message), Ok(Incoming::Command(expected)));
    assert_eq!(read(&json!({"type": "requestState"})), Ok(Incoming::RequestState));
}

#[track_caller]
fn check_text(text: &str, message: &str) {
    assert_eq!(Incoming::read(text, &allowed()).unwrap_err().message, message);
}

#[test]
fn what_is_no_message_is_named() {
    check_text("{", "not JSON: EOF while parsing an object at line 1 column 1");
    check_text("[]", "a list, expected an object");
    check_text("{}", "type: missing");
    check_text(r#"{"type":7}"#, "type: a number, expected a text");
    check_text(
        r#"{"type":"levitate"}"#,
        "type: \"levitate\" is not known, expected subscribe, unsubscribe, setSubscriptionList, \
         requestState, setSessionId, setProgressionStage, patchSession, patchSessionResult",
    );
    check_text(r#"{"type":"subscribe"}"#, "payload: missing");
    check_text(r#"{"type":"subscribe","payload":[]}"#, "payload: a list, expected an object");
}

/// A `setSubscriptionList` with these payloads, each with a valid `subscribe` beneath it.
fn list(changes: &[Value]) -> Value {
    let entries: Value =
        changes.iter().map(|changes| subscription(changes.clone())["payload"].clone()).collect();
    json!({"type": "setSubscriptionList", "subscriptions": entries})
}

#[test]
fn a_list_is_read_beside_the_type_and_in_the_payload() {
    let changes = [json!({"subscriptionIdentifier": "a;b"}), json!({"cropX1": null})];
    let expected = changes.clone().map(wish).to_vec();
    let beside = list(&changes);
    let within = json!({"type": "setSubscriptionList",
        "payload": {"subscriptions": beside["subscriptions"]}});
    for message in [beside, within] {
        let command = Command::SetSubscriptions(expected.clone());
        assert_eq!(read(&message), Ok(Incoming::Command(command)));
    }
}

#[test]
fn the_same_wish_twice_in_a_list_is_one() {
    let message = list(&[json!({}), json!({})]);
    let expected = Command::SetSubscriptions(vec![wish(json!({}))]);
    assert_eq!(read(&message), Ok(Incoming::Command(expected)));
}

#[test]
fn a_list_is_refused_whole_with_every_reason() {
    let mut message = list(&[
        json!({}),
        json!({"modelId": true, "subscriptionIdentifier": "a;b"}),
        json!({"modelId": 102}),
    ]);
    message["subscriptions"].as_array_mut().unwrap().push(json!(7));
    let refusal = read(&message).unwrap_err();
    assert_eq!(
        refusal.message,
        "subscriptions[1].modelId: a boolean, expected a whole number or a text; \
         subscriptions[2].subscriptionIdentifier: entry 0 has it too, with other content; \
         subscriptions[3]: a number, expected an object"
    );
    assert_eq!((refusal.code, refusal.subscription), (RefusalCode::InvalidMessage, None));
}

#[test]
fn a_list_has_the_options_of_its_streams() {
    let changes =
        [json!({"rtspTransport": "udp"}), json!({"subscriptionIdentifier": "a;b", "track": 1})];
    let command = Command::SetSubscriptions(changes.clone().map(wish).to_vec());
    assert_eq!(read(&list(&changes)), Ok(Incoming::Command(command)));
    // Another transport is another wish.
    let refusal = read(&list(&[json!({}), json!({"rtspTransport": "udp"})])).unwrap_err();
    assert_eq!(
        refusal.message,
        "subscriptions[1].subscriptionIdentifier: entry 0 has it too, with other content"
    );
    let wrong = read(&list(&[json!({}), json!({"track": 7.5})])).unwrap_err();
    assert_eq!(wrong.message, "subscriptions[1].track: 7.5, expected a whole number");
}

#[test]
fn a_list_that_is_none_is_named() {
    check_text(r#"{"type":"setSubscriptionList"}"#, "subscriptions: missing");
    check_text(
        r#"{"type":"setSubscriptionList","payload":{"subscriptions":{}}}"#,
        "payload.subscriptions: an object, expected a list",
    );
}

#[test]
fn faults_without_end_are_counted_not_told() {
    let entries = vec![json!(7); 5_000];
    let message = json!({"type": "setSubscriptionList", "subscriptions": entries});
    let told = read(&message).unwrap_err().message;
    assert!(told.ends_with("subscriptions[99]: a number, expected an object; and 4900 more"));
}

#[test]
fn addresses_of_cloud_metadata_are_forbidden() {
    check_refused(
        json!({"rtspUrl": "rtsp://169.254.169.254/", "modelUrl": "http://100.100.100.200/a.mpta"}),
        RefusalCode::ForbiddenUrl,
        "payload.rtspUrl: 169.254.169.254 is link-local, and not among the allowed networks; \
         payload.modelUrl: 100.100.100.200 is where clouds give out credentials, and not among the \
         allowed networks",
    );
}

#[test]
fn stages_are_set_and_cleared() {
    let set = |stage: Value| {
        json!({"type": "setProgressionStage",
            "payload": {"displayIdentifier": "display-001", "progressionStage": stage}})
    };
    let expected = |stage| {
        let display = DisplayId::new("display-001");
        Ok(Incoming::Command(Command::SetStage { display, stage }))
    };
    assert_eq!(read(&set(json!("car_wait_staff"))), expected(Some("car_wait_staff".into())));
    assert_eq!(read(&set(Value::Null)), expected(None));
    assert!(read(&set(json!(7))).is_err());
}

#[test]
fn a_patch_of_a_session_is_read() {
    let data = json!({"plate": "XY-1", "lane": 2, "paid": true, "gone": null, "box": {"x": 1}});
    let message = json!({"type": "patchSession", "payload": {"sessionId": 10001, "data": data}});
    let value = |key: &str, value: Option<&str>| (Arc::from(key), value.map(Arc::from));
    let expected = Command::PatchSession {
        session: ExternalId::Number(10_001),
        data: [
            value("plate", Some("XY-1")),
            value("lane", Some("2")),
            value("paid", Some("true")),
            value("gone", None),
            value("box", Some(r#"{"x":1}"#)),
        ]
        .into_iter()
        .collect(),
    };
    assert_eq!(read(&message), Ok(Incoming::Command(expected)));
}

#[test]
fn a_patch_with_endless_values_is_refused() {
    let message = json!({"type": "patchSession", "payload": {"sessionId": 1,
        "data": {"a": "x".repeat(5_000), "": 1}}});
    assert_eq!(
        read(&message).unwrap_err().message,
        "payload.data.a: 5000 bytes, expected at most 4096; payload.data.: a key without letters"
    );
}

#[test]
fn the_result_of_a_patch_is_read() {
    let message = json!({"type": "patchSessionResult",
        "payload": {"sessionId": "s", "success": false, "message": "no such session"}});
    let expected = PatchResult {
        session: ExternalId::Text("s".into()),
        success: false,
        message: Some("no such session".to_owned()),
    };
    assert_eq!(read(&message), Ok(Incoming::PatchResult(expected)));
    let message = json!({"type": "patchSessionResult", "payload": {"sessionId": 1}});
    assert_eq!(read(&message).unwrap_err().message, "payload.success: missing");
}

#[test]
fn depth_is_refused_not_followed() {
    let error = Incoming::read(&"[".repeat(1 << 20), &allowed()).unwrap_err();
    assert!(error.message.contains("recursion limit"), "{}", error.message);
}

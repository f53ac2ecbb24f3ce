//! The messages as JSON Schema, and the AsyncAPI document around them: `docs/ref/`.
//!
//! What the worker says is described by the types that it is written with; what it reads, by the types
//! here, which say of each field what its reader wants. Tests hold both to the truth: whatever the
//! reader takes is valid, and so is every example in the documentation.

use schemars::generate::SchemaSettings;
use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde_json::{Map, Value, json};

use super::detection::ImageDetection;
use super::failure::Failure;
use super::report::StateReport;
use super::session;
use super::state::State;

/// An identifier that the CMS chose, given back in the form it came in.
#[derive(JsonSchema)]
#[serde(untagged)]
#[expect(dead_code, reason = "described, never made")]
pub enum Id {
    Number(i64),
    Text(#[schemars(length(min = 1, max = 512))] String),
}

/// A text that names something.
#[derive(JsonSchema)]
#[expect(dead_code, reason = "described, never made")]
struct Name(#[schemars(length(min = 1, max = 512))] String);

/// One thing that was found: its own keys, then for each branch that answered the branch's `modelId`
/// with its best class, and `<modelId>Confidence`.
#[derive(JsonSchema)]
#[serde(rename_all = "camelCase")]
#[expect(dead_code, reason = "described, never made")]
pub struct Detection {
    class: String,
    #[schemars(range(min = 0, max = 1))]
    confidence: f64,
    /// Number of its track: the same thing has the same one in each frame.
    id: Option<u64>,
    /// `x1, y1, x2, y2` in pixels of the camera's frame.
    bbox: [i64; 4],
    /// Outer edges of its parts, the largest first, each a list of `x, y`.
    mask: Option<Vec<Vec<[i64; 2]>>>,
    /// `x, y`, and how sure it is that the point can be seen.
    keypoints: Option<Vec<Vec<f64>>>,
    /// Of a rotated box, in radians, clockwise.
    angle: Option<f64>,
    /// Of a rotated box, in turn, each `x, y`.
    corners: Option<Vec<[i64; 2]>>,
    /// By the branch's `modelId`: all that it found here, in the same form.
    branch_results: Option<std::collections::BTreeMap<String, Vec<Detection>>>,
}

/// Shows a camera on a display. The same content again changes nothing; other content takes its place
/// without closing a shared camera.
#[derive(JsonSchema)]
#[serde(tag = "type", rename = "subscribe")]
#[expect(dead_code, reason = "described, never made")]
struct Subscribe {
    payload: Subscription,
}

/// The content of a subscription. One source is needed: a snapshot wins when both of its fields are
/// given, else it is the stream.
#[derive(JsonSchema)]
#[serde(rename_all = "camelCase")]
#[expect(dead_code, reason = "described, never made")]
struct Subscription {
    /// `display;camera`, split at the first `;`. Unique.
    subscription_identifier: Name,
    /// A stream: RTSP, or over HTTP anything that GStreamer plays. With `allow_file_urls` also
    /// `file:`.
    rtsp_url: Option<String>,
    /// How the packets of an RTSP stream travel. `auto`: over its connection, or over UDP where the
    /// camera refuses that. For `rtsp` and `rtsps` only.
    #[schemars(extend("enum" = ["auto", "tcp", "udp", "multicast", "http", "", null]))]
    rtsp_transport: Option<String>,
    /// Which of the video tracks of an RTSP stream is watched, counted from 0; without it, the first
    /// that can be decoded. For `rtsp` and `rtsps` only.
    #[schemars(range(min = 0, max = 255))]
    track: Option<f64>,
    /// A still picture, fetched again and again.
    snapshot_url: Option<String>,
    /// Milliseconds between two fetches.
    snapshot_interval: Option<f64>,
    /// The archive's address; its query is no part of what it is. With `models_dir` also a path.
    #[schemars(length(min = 1))]
    model_url: String,
    model_id: Id,
    model_name: Name,
    /// Left side of the part to look at, in pixels of the frame: all four sides, or none.
    crop_x1: Option<f64>,
    crop_y1: Option<f64>,
    crop_x2: Option<f64>,
    crop_y2: Option<f64>,
}

/// Ends a subscription.
#[derive(JsonSchema)]
#[serde(tag = "type", rename = "unsubscribe")]
#[expect(dead_code, reason = "described, never made")]
struct Unsubscribe {
    payload: Unsubscription,
}

#[derive(JsonSchema)]
#[serde(rename_all = "camelCase")]
#[expect(dead_code, reason = "described, never made")]
struct Unsubscription {
    subscription_identifier: Name,
}

/// All that this client wants to be shown. What is missing is added, what differs is replaced, what is
/// not in it ends, what is equal is left alone. Done wholly, or refused with every reason.
#[derive(JsonSchema)]
#[serde(tag = "type", rename = "setSubscriptionList")]
#[schemars(extend("anyOf" = [{"required": ["subscriptions"]}, {"required": ["payload"]}]))]
#[expect(dead_code, reason = "described, never made")]
struct SetSubscriptionList {
    /// Here, or within `payload`.
    #[serde(default)]
    #[schemars(with = "Vec<Subscription>")]
    subscriptions: (),
    #[serde(default)]
    #[schemars(with = "Value")]
    payload: (),
}

/// Wants one `stateReport` now.
#[derive(JsonSchema)]
#[serde(tag = "type", rename = "requestState")]
struct RequestState {}

/// Begins a session on a display; null ends it, and forgets its values.
#[derive(JsonSchema)]
#[serde(tag = "type", rename = "setSessionId")]
#[expect(dead_code, reason = "described, never made")]
struct SetSessionId {
    payload: SessionOfDisplay,
}

#[derive(JsonSchema)]
#[serde(rename_all = "camelCase")]
// Null, and never left out.
#[schemars(extend("required" = ["displayIdentifier", "sessionId"]))]
#[expect(dead_code, reason = "described, never made")]
struct SessionOfDisplay {
    display_identifier: Name,
    session_id: Option<Id>,
}

/// Says how far things are on a display; null forgets it.
#[derive(JsonSchema)]
#[serde(tag = "type", rename = "setProgressionStage")]
#[expect(dead_code, reason = "described, never made")]
struct SetProgressionStage {
    payload: StageOfDisplay,
}

#[derive(JsonSchema)]
#[serde(rename_all = "camelCase")]
// Null, and never left out.
#[schemars(extend("required" = ["displayIdentifier", "progressionStage"]))]
#[expect(dead_code, reason = "described, never made")]
struct StageOfDisplay {
    display_identifier: Name,
    progression_stage: Option<Name>,
}

/// Merges values into those of a session. Answered with `patchSessionResult`.
#[derive(JsonSchema)]
#[serde(tag = "type", rename = "patchSession")]
#[schemars(rename = "PatchSessionOfCms")]
#[expect(dead_code, reason = "described, never made")]
struct PatchSession {
    payload: Patch,
}

#[derive(JsonSchema)]
#[serde(rename_all = "camelCase")]
#[expect(dead_code, reason = "described, never made")]
struct Patch {
    session_id: Id,
    /// Null takes a value away; what is no text is kept as its JSON.
    data: Map<String, Value>,
}

/// What became of a `patchSession` of the worker.
#[derive(JsonSchema)]
#[serde(tag = "type", rename = "patchSessionResult")]
#[schemars(rename = "PatchSessionResultOfCms")]
#[expect(dead_code, reason = "described, never made")]
struct PatchSessionResult {
    payload: PatchOutcome,
}

#[derive(JsonSchema)]
#[serde(rename_all = "camelCase")]
#[expect(dead_code, reason = "described, never made")]
struct PatchOutcome {
    session_id: Id,
    success: bool,
    message: Option<String>,
}

/// A message: its type, whether the CMS sends it, and what it looks like.
struct Described {
    name: &'static str,
    from_cms: bool,
    schema: Schema,
}

/// Every message, with its schema, which refers to definitions of the generator.
fn messages(generator: &mut SchemaGenerator) -> Vec<Described> {
    fn of<T: JsonSchema>(
        name: &'static str,
        from_cms: bool,
        generator: &mut SchemaGenerator,
    ) -> Described {
        Described { name, from_cms, schema: generator.subschema_for::<T>() }
    }
    vec![
        of::<Subscribe>("subscribe", true, generator),
        of::<Unsubscribe>("unsubscribe", true, generator),
        of::<SetSubscriptionList>("setSubscriptionList", true, generator),
        of::<RequestState>("requestState", true, generator),
        of::<SetSessionId>("setSessionId", true, generator),
        of::<SetProgressionStage>("setProgressionStage", true, generator),
        of::<PatchSession>("patchSession", true, generator),
        of::<PatchSessionResult>("patchSessionResult", true, generator),
        of::<StateReport>("stateReport", false, generator),
        of::<ImageDetection>("imageDetection", false, generator),
        of::<session::PatchSession>("patchSession", false, generator),
        of::<session::PatchSessionResult>("patchSessionResult", false, generator),
        of::<Failure>("error", false, generator),
    ]
}

/// The definitions, each message's with its `type`, which the generator leaves out of structs.
fn definitions(generator: &mut SchemaGenerator, messages: &[Described]) -> Map<String, Value> {
    let mut definitions = generator.take_definitions(true);
    for message in messages {
        let reference = message.schema.get("$ref").and_then(Value::as_str);
        let name = reference.and_then(|reference| reference.rsplit('/').next()).unwrap_or_default();
        let Some(Value::Object(schema)) = definitions.get_mut(name) else {
            panic!("{} has no definition of its own", message.name);
        };
        if let Value::Object(properties) = schema.entry("properties").or_insert_with(|| json!({})) {
            properties.insert("type".to_owned(), json!({"const": message.name}));
        }
        let required = schema.entry("required").or_insert_with(|| json!([]));
        if let Value::Array(required) = required
            && !required.contains(&"type".into())
        {
            required.insert(0, "type".into());
        }
    }
    definitions
}

/// A JSON Schema of every message, and of `/state`.
pub fn json_schema() -> Value {
    let mut generator = SchemaSettings::draft2020_12().into_generator();
    let messages = messages(&mut generator);
    generator.subschema_for::<State>();
    let side = |from_cms: bool| -> Value {
        let own = messages.iter().filter(|message| message.from_cms == from_cms);
        json!({"oneOf": own.map(|message| &message.schema).collect::<Vec<_>>()})
    };
    let mut definitions = definitions(&mut generator, &messages);
    definitions.insert("FromCms".to_owned(), side(true));
    definitions.insert("FromWorker".to_owned(), side(false));
    json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Messages of detector-worker",
        "oneOf": [{"$ref": "#/$defs/FromCms"}, {"$ref": "#/$defs/FromWorker"}],
        "$defs": definitions,
    })
}

/// The AsyncAPI document of the WebSocket, as the worker sees it.
pub fn async_api() -> Value {
    let settings = SchemaSettings::draft2020_12()
        .with(|settings| settings.definitions_path = "/components/schemas".into());
    let mut generator = settings.into_generator();
    let messages = messages(&mut generator);
    let schemas = definitions(&mut generator, &messages);
    let key = |message: &Described| {
        let sender = if message.from_cms { "FromCms" } else { "FromWorker" };
        format!("{}{sender}", message.name)
    };
    let mut described = Map::new();
    let mut on_channel = Map::new();
    for message in &messages {
        let (key, name) = (key(message), message.name);
        let reference = format!("#/components/messages/{key}");
        on_channel.insert(key.clone(), json!({"$ref": reference}));
        described.insert(key, json!({"name": name, "payload": message.schema}));
    }
    let operation = |action: &str, from_cms: bool| {
        let own = messages.iter().filter(|message| message.from_cms == from_cms);
        let own: Vec<_> = own
            .map(|message| json!({"$ref": format!("#/channels/worker/messages/{}", key(message))}))
            .collect();
        json!({"action": action, "channel": {"$ref": "#/channels/worker"}, "messages": own})
    };
    json!({
        "asyncapi": "3.0.0",
        "info": {
            "title": "detector-worker",
            "version": env!("CARGO_PKG_VERSION"),
            "description": "A CMS commands a worker to watch cameras. Text frames, one JSON object each.",
        },
        "defaultContentType": "application/json",
        "servers": {"worker": {"host": "127.0.0.1:8000", "protocol": "ws", "security": [
            {"type": "http", "scheme": "bearer"},
            {"type": "httpApiKey", "name": "token", "in": "query"},
        ]}},
        "channels": {"worker": {
            "address": "/",
            "description": "Also at /ws.",
            "messages": on_channel,
        }},
        "operations": {
            "receive": operation("receive", true),
            "send": operation("send", false),
        },
        "components": {"messages": described, "schemas": schemas},
    })
}

#[cfg(test)]
mod tests;
#[cfg(test)]
mod validate;

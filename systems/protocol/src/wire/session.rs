//! Sessions of displays: `setSessionId`, `setProgressionStage`, `patchSession` both ways, and its
//! results both ways.

use std::sync::Arc;

use detector_components::client::SessionPatched;
use detector_components::command::{Command, Refusal};
use detector_components::display::SessionPatch;
use detector_components::identity::{DisplayId, ExternalId};
use indexmap::IndexMap;
use serde::Serialize;
use serde_json::{Map, Value};
use tokio_tungstenite::tungstenite::Utf8Bytes;

use super::external_id;
use super::fields::{Faults, Fields, MAX_NAME_BYTES};

/// Bytes of a value of a session at most. Templates repeat it in each message.
const MAX_VALUE_BYTES: usize = 4_096;

/// The CMS's answer to a `patchSession` of ours.
#[derive(Clone, Debug, PartialEq)]
pub struct PatchResult {
    /// Into which session values were to be merged.
    pub session: ExternalId,
    /// Whether they were.
    pub success: bool,
    /// What the CMS says of it.
    pub message: Option<String>,
}

/// Reads a `setSessionId`.
///
/// # Errors
/// One refusal that names everything that is wrong.
pub fn set_session(payload: Fields) -> Result<Command, Refusal> {
    let mut faults = Faults::default();
    let display = payload.name("displayIdentifier", &mut faults).map(DisplayId::new);
    let session = match payload.raw("sessionId") {
        // Null ends a session; nothing at all is a mistake.
        Some(Value::Null) => None,
        _ => payload.id("sessionId", &mut faults),
    };
    faults.or(display.map(|display| Command::SetSession { display, session }), None)
}

/// Reads a `setProgressionStage`.
///
/// # Errors
/// One refusal that names everything that is wrong.
pub fn set_stage(payload: Fields) -> Result<Command, Refusal> {
    let mut faults = Faults::default();
    let display = payload.name("displayIdentifier", &mut faults).map(DisplayId::new);
    let stage = match payload.raw("progressionStage") {
        Some(Value::Null) => None,
        _ => payload.name("progressionStage", &mut faults).map(Arc::from),
    };
    faults.or(display.map(|display| Command::SetStage { display, stage }), None)
}

/// Reads a `patchSession`.
///
/// # Errors
/// One refusal that names everything that is wrong.
pub fn patch_session(payload: Fields) -> Result<Command, Refusal> {
    let mut faults = Faults::default();
    let session = payload.id("sessionId", &mut faults);
    let path = payload.path("data");
    let data = payload.object("data", &mut faults).map(|data| {
        let mut values = IndexMap::new();
        for (key, value) in data {
            let path = format!("{path}.{key}");
            match text(value) {
                _ if key.is_empty() => faults.invalid(&path, "a key without letters"),
                _ if key.len() > MAX_NAME_BYTES => faults.invalid(
                    // The key itself is the fault: it is not repeated.
                    &payload.path("data"),
                    format_args!("a key of {} bytes, expected at most {MAX_NAME_BYTES}", key.len()),
                ),
                Some(text) if text.len() > MAX_VALUE_BYTES => faults.invalid(
                    &path,
                    format_args!("{} bytes, expected at most {MAX_VALUE_BYTES}", text.len()),
                ),
                text => {
                    values.insert(Arc::from(key.as_str()), text);
                }
            }
        }
        values
    });
    let command = session.zip(data);
    faults.or(command.map(|(session, data)| Command::PatchSession { session, data }), None)
}

/// Reads a `patchSessionResult`.
///
/// # Errors
/// One refusal that names everything that is wrong.
pub fn patch_session_result(payload: Fields) -> Result<PatchResult, Refusal> {
    let mut faults = Faults::default();
    let session = payload.id("sessionId", &mut faults);
    let success = payload.flag("success", &mut faults);
    let message = payload.text("message", &mut faults).map(str::to_owned);
    let result = session.zip(success);
    faults.or(result.map(|(session, success)| PatchResult { session, success, message }), None)
}

/// A value as templates say it: a text as it is, everything else as its JSON. Null is none.
fn text(value: &Value) -> Option<Arc<str>> {
    match value {
        Value::Null => None,
        Value::String(text) => Some(text.as_str().into()),
        other => Some(other.to_string().into()),
    }
}

/// A pipeline adds values to a session: the CMS should know.
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[derive(Serialize)]
#[serde(tag = "type", rename = "patchSession", rename_all = "camelCase")]
pub struct PatchSession {
    #[cfg_attr(test, schemars(with = "super::schema::Id"))]
    session_id: Value,
    data: Map<String, Value>,
}

/// Writes a `patchSession`.
pub fn patch(patch: &SessionPatch) -> Utf8Bytes {
    let value = |(key, value): (&Arc<str>, &Arc<str>)| (key.to_string(), Value::from(&**value));
    let message = PatchSession {
        session_id: external_id(&patch.session),
        data: patch.data.iter().map(value).collect(),
    };
    serde_json::to_string(&message).expect("its keys are texts").into()
}

/// Whether values that a client sent were merged into a session.
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[derive(Serialize)]
#[serde(tag = "type", rename = "patchSessionResult", rename_all = "camelCase")]
pub struct PatchSessionResult<'a> {
    #[cfg_attr(test, schemars(with = "super::schema::Id"))]
    session_id: Value,
    success: bool,
    message: &'a str,
}

/// Writes a `patchSessionResult`.
pub fn patched(patched: &SessionPatched) -> Utf8Bytes {
    let message = PatchSessionResult {
        session_id: external_id(&patched.session),
        success: patched.result.is_ok(),
        message: match &patched.result {
            Ok(()) => "merged",
            Err(reason) => reason,
        },
    };
    serde_json::to_string(&message).expect("its keys are texts").into()
}

//! What a client may say.

use detector_components::command::{Command, Refusal, RefusalCode};
use detector_components::identity::SubscriptionId;
use serde_json::{Map, Value};

use super::fields::{Faults, Fields, kind, shortened};
use super::list::set_subscription_list;
use super::session::{PatchResult, patch_session, patch_session_result, set_session, set_stage};
use super::source::Allowed;
use super::subscribe::subscribe;

/// A message of a client.
#[expect(clippy::large_enum_variant, reason = "messages are few and gone at once")]
#[derive(Clone, Debug, PartialEq)]
pub enum Incoming {
    /// Something for the world to do.
    Command(Command),
    /// A report is wanted now.
    RequestState,
    /// What became of a `patchSession` of ours.
    PatchResult(PatchResult),
}

/// The types of messages that clients may send.
pub const TYPES: [&str; 8] = [
    "subscribe",
    "unsubscribe",
    "setSubscriptionList",
    "requestState",
    "setSessionId",
    "setProgressionStage",
    "patchSession",
    "patchSessionResult",
];

impl Incoming {
    /// Reads a message.
    ///
    /// # Errors
    /// When it is not JSON, of no known type, or some field of it is wrong: one refusal that names
    /// all of it.
    pub fn read(text: &str, allowed: &Allowed) -> Result<Self, Refusal> {
        let message: Value =
            serde_json::from_str(text).map_err(|error| invalid(format!("not JSON: {error}")))?;
        let Value::Object(message) = message else {
            return Err(invalid(format!("{}, expected an object", kind(&message))));
        };
        let name = match message.get("type") {
            Some(Value::String(name)) => name.as_str(),
            Some(other) => return Err(invalid(format!("type: {}, expected a text", kind(other)))),
            None => return Err(invalid("type: missing")),
        };
        let command = match name {
            "subscribe" => Command::Subscribe(subscribe(payload(&message)?, allowed)?),
            "unsubscribe" => unsubscribe(payload(&message)?)?,
            "setSubscriptionList" => set_subscription_list(&message, allowed)?,
            "setSessionId" => set_session(payload(&message)?)?,
            "setProgressionStage" => set_stage(payload(&message)?)?,
            "patchSession" => patch_session(payload(&message)?)?,
            "patchSessionResult" => {
                return patch_session_result(payload(&message)?).map(Self::PatchResult);
            }
            "requestState" => return Ok(Self::RequestState),
            unknown => {
                let types = TYPES.join(", ");
                let unknown = shortened(unknown);
                return Err(invalid(format!("type: {unknown:?} is not known, expected {types}")));
            }
        };
        Ok(Self::Command(command))
    }
}

fn unsubscribe(payload: Fields) -> Result<Command, Refusal> {
    let mut faults = Faults::default();
    let id = payload.name("subscriptionIdentifier", &mut faults).map(SubscriptionId::new);
    faults.or(id.clone().map(Command::Unsubscribe), id)
}

fn payload(message: &Map<String, Value>) -> Result<Fields<'_>, Refusal> {
    match message.get("payload") {
        Some(Value::Object(payload)) => Ok(Fields::new(payload, "payload")),
        Some(other) => Err(invalid(format!("payload: {}, expected an object", kind(other)))),
        None => Err(invalid("payload: missing")),
    }
}

fn invalid(message: impl Into<String>) -> Refusal {
    let code = RefusalCode::InvalidMessage;
    Refusal { code, message: message.into(), subscription: None }
}

#[cfg(test)]
mod tests;

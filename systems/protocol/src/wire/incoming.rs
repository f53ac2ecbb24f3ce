//! What a client may say.

use detector_components::command::{Command, Refusal, RefusalCode};
use detector_components::identity::{DisplayId, SubscriptionId};
use serde_json::{Map, Value};

use super::fields::{Faults, Fields, kind};
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
}

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
        match name {
            "subscribe" => {
                let wish = subscribe(payload(&message)?, allowed)?;
                Ok(Self::Command(Command::Subscribe(wish)))
            }
            "unsubscribe" => unsubscribe(payload(&message)?),
            "setSessionId" => set_session(payload(&message)?),
            "requestState" => Ok(Self::RequestState),
            // Types of the protocol that this worker does not know yet. Each becomes a line above.
            "patchSession"
            | "patchSessionResult"
            | "setSubscriptionList"
            | "setProgressionStage" => {
                Err(invalid(format!("type: {name} is not supported by this version")))
            }
            unknown => Err(invalid(format!("type: {:?} is not known", shortened(unknown)))),
        }
    }
}

fn unsubscribe(payload: Fields) -> Result<Incoming, Refusal> {
    let mut faults = Faults::default();
    let id = payload.name("subscriptionIdentifier", &mut faults).map(SubscriptionId::new);
    let command = id.clone().map(Command::Unsubscribe);
    faults.or(command, id).map(Incoming::Command)
}

fn set_session(payload: Fields) -> Result<Incoming, Refusal> {
    let mut faults = Faults::default();
    let display = payload.name("displayIdentifier", &mut faults).map(DisplayId::new);
    let session = match payload.raw("sessionId") {
        // Null ends a session; nothing at all is a mistake.
        Some(Value::Null) => None,
        _ => payload.id("sessionId", &mut faults),
    };
    let command = display.map(|display| Command::SetSession { display, session });
    faults.or(command, None).map(Incoming::Command)
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

/// Enough of a text to recognize it.
fn shortened(text: &str) -> String {
    text.chars().take(40).collect()
}

#[cfg(test)]
mod tests;

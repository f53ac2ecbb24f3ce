//! The fields of a message, read one by one; what is wrong with any of them is gathered.

use std::fmt::Display;
use std::sync::Arc;

use detector_components::command::{Refusal, RefusalCode};
use detector_components::identity::{ExternalId, SubscriptionId};
use serde_json::{Map, Value};

/// Bytes of an identifier or a name at most. It is repeated in every report.
pub const MAX_NAME_BYTES: usize = 512;
/// Faults of one message that are told. A long list can have as many as it has letters.
const MAX_FAULTS_TOLD: usize = 100;

/// What is wrong with one message, all of it.
#[derive(Debug, Default)]
pub struct Faults {
    all: Vec<(RefusalCode, String)>,
}

impl Faults {
    /// Something is not as the protocol wants it.
    pub fn invalid(&mut self, path: &str, what: impl Display) {
        self.all.push((RefusalCode::InvalidMessage, format!("{path}: {what}")));
    }

    /// An address that the configuration does not allow.
    pub fn forbidden(&mut self, path: &str, what: impl Display) {
        self.all.push((RefusalCode::ForbiddenUrl, format!("{path}: {what}")));
    }

    /// How many there are so far.
    pub fn count(&self) -> usize {
        self.all.len()
    }

    /// `value`, if nothing is wrong. It must be there then.
    ///
    /// # Errors
    /// When something is wrong: one refusal that names all of it.
    pub fn or<T>(
        self,
        value: Option<T>,
        subscription: Option<SubscriptionId>,
    ) -> Result<T, Refusal> {
        let Some((first, _)) = self.all.first() else {
            return Ok(value.expect("a value that is missing left a fault"));
        };
        // A code that says less than all of it would hide the rest.
        let alike = self.all.iter().all(|(code, _)| code == first);
        let code = if alike { *first } else { RefusalCode::InvalidMessage };
        let told = self.all.iter().take(MAX_FAULTS_TOLD);
        let messages: Vec<_> = told.map(|(_, message)| message.as_str()).collect();
        let mut message = messages.join("; ");
        if self.all.len() > MAX_FAULTS_TOLD {
            message.push_str(&format!("; and {} more", self.all.len() - MAX_FAULTS_TOLD));
        }
        Err(Refusal { code, message, subscription })
    }
}

/// An object of a message, and where in the message it stands. A field that is null is not there.
#[derive(Clone, Copy, Debug)]
pub struct Fields<'a> {
    object: &'a Map<String, Value>,
    path: &'a str,
}

impl<'a> Fields<'a> {
    /// The fields of `object`, which is called `path` in faults.
    pub fn new(object: &'a Map<String, Value>, path: &'a str) -> Self {
        Self { object, path }
    }

    /// Where a field stands.
    pub fn path(&self, name: &str) -> String {
        format!("{}.{name}", self.path)
    }

    /// A field as it is, null included.
    pub fn raw(&self, name: &str) -> Option<&'a Value> {
        self.object.get(name)
    }

    fn get(&self, name: &str) -> Option<&'a Value> {
        self.raw(name).filter(|value| !value.is_null())
    }

    /// A text that must be there and must not be empty.
    pub fn name(&self, name: &str, faults: &mut Faults) -> Option<&'a str> {
        match self.get(name) {
            None => faults.invalid(&self.path(name), "missing"),
            Some(Value::String(text)) if text.is_empty() => {
                faults.invalid(&self.path(name), "empty");
            }
            Some(Value::String(text)) if text.len() > MAX_NAME_BYTES => faults.invalid(
                &self.path(name),
                format_args!("{} bytes, expected at most {MAX_NAME_BYTES}", text.len()),
            ),
            Some(Value::String(text)) => return Some(text),
            Some(other) => self.mistyped(name, other, "a text", faults),
        }
        None
    }

    /// A text that may be missing. An empty one counts as missing: that is how some clients leave
    /// a field out.
    pub fn text(&self, name: &str, faults: &mut Faults) -> Option<&'a str> {
        match self.get(name)? {
            Value::String(text) => Some(text.as_str()).filter(|text| !text.is_empty()),
            other => {
                self.mistyped(name, other, "a text", faults);
                None
            }
        }
    }

    /// An identifier that must be there: a number or a text.
    pub fn id(&self, name: &str, faults: &mut Faults) -> Option<ExternalId> {
        let value = self.get(name);
        match value {
            Some(Value::String(_)) | None => {
                return self.name(name, faults).map(|text| ExternalId::Text(Arc::from(text)));
            }
            Some(Value::Number(number)) => {
                if let Some(number) = number.as_i64() {
                    return Some(ExternalId::Number(number));
                }
                let what = format!("{number}, expected a whole number of 64 bits, or a text");
                faults.invalid(&self.path(name), what);
            }
            Some(other) => self.mistyped(name, other, "a whole number or a text", faults),
        }
        None
    }

    /// Yes or no, which must be there.
    pub fn flag(&self, name: &str, faults: &mut Faults) -> Option<bool> {
        match self.get(name) {
            Some(Value::Bool(flag)) => return Some(*flag),
            Some(other) => self.mistyped(name, other, "true or false", faults),
            None => faults.invalid(&self.path(name), "missing"),
        }
        None
    }

    /// An object that must be there.
    pub fn object(&self, name: &str, faults: &mut Faults) -> Option<&'a Map<String, Value>> {
        match self.get(name) {
            Some(Value::Object(object)) => return Some(object),
            Some(other) => self.mistyped(name, other, "an object", faults),
            None => faults.invalid(&self.path(name), "missing"),
        }
        None
    }

    /// A whole number that may be missing. `5000.0` is one too; what is beyond 64 bits is cut.
    pub fn whole(&self, name: &str, faults: &mut Faults) -> Option<i64> {
        match self.get(name)? {
            Value::Number(number) => {
                let whole = number.as_i64().or_else(|| {
                    let float = number.as_f64().filter(|float| float.fract() == 0.0)?;
                    Some(float as i64)
                });
                if whole.is_none() {
                    let what = format_args!("{number}, expected a whole number");
                    faults.invalid(&self.path(name), what);
                }
                whole
            }
            other => {
                self.mistyped(name, other, "a whole number", faults);
                None
            }
        }
    }

    fn mistyped(&self, name: &str, found: &Value, expected: &str, faults: &mut Faults) {
        let what = format_args!("{}, expected {expected}", kind(found));
        faults.invalid(&self.path(name), what);
    }
}

/// What kind of value it is, for people. Its content may be secret, or long.
pub fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "a boolean",
        Value::Number(_) => "a number",
        Value::String(_) => "a text",
        Value::Array(_) => "a list",
        Value::Object(_) => "an object",
    }
}

/// Enough of a text to recognize it.
pub fn shortened(text: &str) -> String {
    text.chars().take(40).collect()
}

//! How things are written in JSON. Nothing of it is seen outside this crate.
//!
//! In: [`incoming`] reads a message into a command, with the help of [`fields`], which gathers every
//! fault of it. Out: [`report`], [`detection`], [`glance`], [`failure`].

pub mod detection;
pub mod failure;
pub mod fields;
pub mod glance;
pub mod incoming;
pub mod list;
pub mod report;
#[cfg(test)]
mod schema;
pub mod session;
pub mod source;
pub mod state;
pub mod subscribe;

use detector_components::identity::ExternalId;
use serde_json::{Number, Value};

/// An identifier in the form it came in.
pub fn external_id(id: &ExternalId) -> Value {
    match id {
        ExternalId::Number(number) => Value::from(*number),
        ExternalId::Text(text) => Value::from(&**text),
    }
}

/// A number with at most this many decimals, so that a confidence of 0.91 is not written as
/// 0.9100000262260437. What is no number becomes null, which is all that JSON has for it.
pub fn decimals(value: f32, decimals: i32) -> Value {
    let scale = 10_f64.powi(decimals);
    Number::from_f64((f64::from(value) * scale).round() / scale).map_or(Value::Null, Value::Number)
}

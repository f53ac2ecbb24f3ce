//! `setSubscriptionList`: all that a client wants to be shown.

use std::collections::HashMap;

use detector_components::command::{Command, Refusal, Subscribe};
use detector_components::identity::SubscriptionId;
use serde_json::{Map, Value};

use super::fields::{Faults, Fields, kind};
use super::source::Allowed;
use super::subscribe::wish;

/// Reads a list, which stands beside the type or in the payload.
///
/// # Errors
/// When there is no list, or anything in it is wrong: one refusal that names all of it.
pub fn set_subscription_list(
    message: &Map<String, Value>,
    allowed: &Allowed,
) -> Result<Command, Refusal> {
    let mut faults = Faults::default();
    let wishes = list(message, &mut faults).map(|(path, list)| {
        let mut wishes: Vec<Subscribe> = Vec::with_capacity(list.len());
        let mut places: HashMap<SubscriptionId, (usize, usize)> = HashMap::new();
        for (number, entry) in list.iter().enumerate() {
            let path = format!("{path}[{number}]");
            let Value::Object(entry) = entry else {
                faults.invalid(&path, format_args!("{}, expected an object", kind(entry)));
                continue;
            };
            let Some(wish) = wish(Fields::new(entry, &path), allowed, &mut faults) else {
                continue;
            };
            match places.get(&wish.id) {
                None => {
                    places.insert(wish.id.clone(), (number, wishes.len()));
                    wishes.push(wish);
                }
                // The same wish twice is one wish.
                Some((_, place)) if wishes[*place] == wish => {}
                Some((first, _)) => {
                    let what = format_args!("entry {first} has it too, with other content");
                    faults.invalid(&format!("{path}.subscriptionIdentifier"), what);
                }
            }
        }
        wishes
    });
    faults.or(wishes.map(Command::SetSubscriptions), None)
}

/// The list, and what it is called in faults.
fn list<'a>(
    message: &'a Map<String, Value>,
    faults: &mut Faults,
) -> Option<(&'static str, &'a Vec<Value>)> {
    let within = message.get("payload").and_then(|payload| payload.get("subscriptions"));
    let (path, found) = match message.get("subscriptions") {
        Some(list) => ("subscriptions", Some(list)),
        None if within.is_some() => ("payload.subscriptions", within),
        None => ("subscriptions", None),
    };
    match found {
        Some(Value::Array(list)) => return Some((path, list)),
        Some(other) => faults.invalid(path, format_args!("{}, expected a list", kind(other))),
        None => faults.invalid(path, "missing"),
    }
    None
}

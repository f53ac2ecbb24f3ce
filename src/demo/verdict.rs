//! Whether the demo did what it is to show.

use super::cms::{Book, Wish};
use super::inbox::Mail;

/// What did not happen. Empty when everything did.
pub fn shortfalls(wishes: &[Wish], snapshot: &str, book: &Book, mail: &Mail) -> Vec<String> {
    let mut shortfalls = Vec::new();
    for wish in wishes {
        match book.subscriptions.get(wish.id) {
            Some(entry) if entry.messages > 0 => {}
            Some(entry) => {
                let reason = entry.reason.as_deref().unwrap_or("nothing was seen");
                let id = wish.id;
                shortfalls.push(format!("{id}: no detections ({}: {reason})", entry.state));
            }
            None => shortfalls.push(format!("{}: the worker never spoke of it", wish.id)),
        }
    }
    for (class, least) in [("bus", 1), ("person", 3)] {
        let most = book
            .subscriptions
            .get(snapshot)
            .and_then(|entry| entry.most.get(class))
            .copied()
            .unwrap_or(0);
        if most < least {
            shortfalls.push(format!("{snapshot}: {most} x {class}, expected at least {least}"));
        }
    }
    if mail.messages == 0 {
        shortfalls.push("Redis: no message".to_owned());
    }
    if mail.pictures == 0 {
        shortfalls.push("Redis: no picture".to_owned());
    }
    if let Some(ended) = &book.ended {
        shortfalls.push(format!("the CMS lost its connection: {ended}"));
    }
    shortfalls.extend(book.errors.iter().map(|error| format!("refused: {error}")));
    shortfalls
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::super::cms::Told;
    use super::*;

    fn wish(id: &'static str) -> Wish {
        Wish { id, title: "", payload: Value::Null }
    }

    fn detections(id: &str, classes: &[&str]) -> Value {
        let detections: Vec<_> =
            classes.iter().map(|class| json!({"class": class, "confidence": 0.9})).collect();
        json!({"type": "imageDetection", "subscriptionIdentifier": id,
            "data": {"detections": detections}})
    }

    #[test]
    fn everything_that_was_to_be_shown_is_asked_for() {
        let told = Told::default();
        told.note(&detections("a;street", &["bicycle"]));
        told.note(&detections("b;bus", &["person", "bus", "person"]));
        let wishes = [wish("a;street"), wish("b;bus"), wish("c;gate")];

        let found = shortfalls(&wishes, "b;bus", &told.lock(), &Mail::default());

        assert_eq!(
            found,
            [
                "c;gate: the worker never spoke of it",
                "b;bus: 2 x person, expected at least 3",
                "Redis: no message",
                "Redis: no picture",
            ]
        );
    }

    #[test]
    fn nothing_is_missing_when_all_was_seen() {
        let told = Told::default();
        told.note(&detections("b;bus", &["person", "bus", "person", "person"]));
        let mail = Mail { messages: 1, pictures: 1, ..Mail::default() };
        let found = shortfalls(&[wish("b;bus")], "b;bus", &told.lock(), &mail);
        assert!(found.is_empty(), "{found:?}");
    }
}

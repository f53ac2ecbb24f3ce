//! The forms of the worker's own messages.

use serde_json::Value;

use super::Miss;

/// What a field must be.
#[derive(Clone, Copy)]
pub enum Kind {
    /// From 0 to 100.
    Percent,
    /// From 0 to 1.
    Fraction,
    /// Not negative.
    Number,
    /// Not empty.
    Text,
    /// Any list.
    List,
    /// True or false.
    Flag,
}

impl Kind {
    fn holds(self, value: &Value) -> bool {
        let number = value.as_f64();
        match self {
            Self::Percent => number.is_some_and(|number| (0.0..=100.0).contains(&number)),
            Self::Fraction => number.is_some_and(|number| (0.0..=1.0).contains(&number)),
            Self::Number => number.is_some_and(|number| number >= 0.0),
            Self::Text => value.as_str().is_some_and(|text| !text.is_empty()),
            Self::List => value.is_array(),
            Self::Flag => value.is_boolean(),
        }
    }

    fn name(self) -> &'static str {
        match self {
            Self::Percent => "a number from 0 to 100",
            Self::Fraction => "a number from 0 to 1",
            Self::Number => "a number, not negative",
            Self::Text => "a text",
            Self::List => "a list",
            Self::Flag => "true or false",
        }
    }
}

/// Whether a message has its fields. All that is wrong is named at once.
pub fn has(message: &Value, fields: &[(&str, Kind)]) -> Result<(), Miss> {
    let faults: Vec<String> = fields
        .iter()
        .filter(|(path, kind)| !kind.holds(at(message, path)))
        .map(|(path, kind)| {
            format!("{path}: expected {}, found {}", kind.name(), at(message, path))
        })
        .collect();
    if faults.is_empty() { Ok(()) } else { Err(Miss::Failed(faults.join("\n"))) }
}

fn at<'a>(message: &'a Value, path: &str) -> &'a Value {
    path.split('.').fold(message, |value, key| &value[key])
}

/// Whether a report is one.
pub fn report(message: &Value) -> Result<(), Miss> {
    has(
        message,
        &[
            ("cpuUsage", Kind::Percent),
            ("memoryUsage", Kind::Percent),
            ("gpuUsage", Kind::Percent),
            ("gpuMemoryUsage", Kind::Percent),
            ("cameraConnections", Kind::List),
            ("workerId", Kind::Text),
            ("version", Kind::Text),
            ("uptimeSecs", Kind::Number),
            ("capacity", Kind::Number),
        ],
    )
}

/// Whether an entry of a report is one.
pub fn entry(entry: &Value) -> Result<(), Miss> {
    has(
        entry,
        &[
            ("subscriptionIdentifier", Kind::Text),
            ("modelName", Kind::Text),
            ("online", Kind::Flag),
            ("state", Kind::Text),
            ("fps", Kind::Number),
        ],
    )
}

/// Whether a message tells detections as it should: its form, and boxes that lie in the picture.
pub fn detection(message: &Value) -> Result<(), Miss> {
    has(
        message,
        &[
            ("timestamp", Kind::Text),
            ("data.detection.class", Kind::Text),
            ("data.detection.confidence", Kind::Fraction),
            ("data.detection.bbox", Kind::List),
            ("data.modelName", Kind::Text),
            ("data.detections", Kind::List),
            ("frameAgeMs", Kind::Number),
            ("frame", Kind::Number),
            ("imageWidth", Kind::Number),
            ("imageHeight", Kind::Number),
        ],
    )?;
    let wrong = |what: String| Err(Miss::Failed(what));
    let timestamp = message["timestamp"].as_str().unwrap_or_default();
    if !is_timestamp(timestamp) {
        return wrong(format!("timestamp: expected YYYY-MM-DDThh:mm:ss.mmmZ, found {timestamp}"));
    }
    let (data, size) = (&message["data"], [&message["imageWidth"], &message["imageHeight"]]);
    if data["detections"][0] != data["detection"] {
        return wrong("data.detection is not the first of data.detections".to_owned());
    }
    let [width, height] = size.map(|side| side.as_f64().unwrap_or_default());
    for found in data["detections"].as_array().into_iter().flatten() {
        let corners: Vec<f64> =
            found["bbox"].as_array().into_iter().flatten().filter_map(Value::as_f64).collect();
        let [x1, y1, x2, y2] = corners[..] else {
            return wrong(format!("bbox: expected four numbers, found {}", found["bbox"]));
        };
        if !(0.0 <= x1 && x1 < x2 && x2 <= width && 0.0 <= y1 && y1 < y2 && y2 <= height) {
            return wrong(format!("bbox: {corners:?} is no box in {width} x {height} pixels"));
        }
    }
    Ok(())
}

/// `2025-07-14T12:34:56.789Z`.
fn is_timestamp(text: &str) -> bool {
    const FORM: &[u8] = b"dddd-dd-ddTdd:dd:dd.dddZ";
    text.len() == FORM.len()
        && text.bytes().zip(FORM).all(|(found, form)| match form {
            b'd' => found.is_ascii_digit(),
            form => found == *form,
        })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn seen() -> Value {
        let found = json!({"class": "car", "confidence": 0.9, "bbox": [10, 20, 300, 200]});
        json!({"timestamp": "2025-07-14T12:34:56.789Z", "frameAgeMs": 5, "frame": 7,
            "imageWidth": 320, "imageHeight": 240,
            "data": {"detection": found, "detections": [found], "modelName": "x"}})
    }

    #[track_caller]
    fn check(change: impl FnOnce(&mut Value), expected: &str) {
        let mut message = seen();
        change(&mut message);
        let Err(Miss::Failed(fault)) = detection(&message) else { panic!("nothing was found") };
        assert!(fault.contains(expected), "{fault}");
    }

    #[test]
    fn a_message_as_it_should_be_has_no_fault() {
        detection(&seen()).unwrap();
    }

    #[test]
    fn what_is_not_as_it_should_be_is_named() {
        check(|message| message["timestamp"] = json!("2025-07-14 12:34:56"), "timestamp");
        check(|message| message["imageWidth"] = json!(200), "no box in 200 x 240");
        check(|message| message["data"]["detections"] = json!([]), "not the first");
        check(|message| message["frame"] = json!("7"), "frame: expected a number");
    }
}

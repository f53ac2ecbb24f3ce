//! What a worker refuses, and that it says what and why.

use serde_json::{Value, json};
use tokio_tungstenite::tungstenite::Message;

use super::{Exam, Held, Miss, expect};

const GROUP: &str = "Refusals";
/// Larger than any worker reads by default.
const LARGE_BYTES: usize = (1 << 20) + 1;

impl Exam {
    /// Sends what is to be refused. The socket outlives all of it.
    pub(super) async fn messages(&mut self) {
        let good = json!({"subscriptionIdentifier": self.id("refused"),
            "rtspUrl": "rtsp://127.0.0.1:1/none", "modelUrl": "http://127.0.0.1:1/none.mpta",
            "modelId": 1, "modelName": "None"});
        let subscribe = |change: &[(&str, Value)]| {
            let mut payload = good.clone();
            for (key, value) in change {
                payload[*key] = value.clone();
            }
            json!({"type": "subscribe", "payload": payload})
        };
        let corners = |corners: [i64; 4]| {
            ["cropX1", "cropY1", "cropX2", "cropY2"].into_iter().zip(corners.map(Value::from))
        };
        let empty: Vec<_> = corners([50, 50, 50, 90]).collect();
        let half: Vec<_> = corners([0, 0, 9, 9]).take(2).collect();
        let text = |value: Value| Message::text(value.to_string());
        let invalid = "invalid_message";
        let nobody = json!({"type": "unsubscribe",
            "payload": {"subscriptionIdentifier": self.id("nobody")}});
        let cases: [(&str, Message, &str, &str); 15] = [
            ("what is not JSON", Message::text("{"), invalid, ""),
            ("what is no object", Message::text("[1]"), invalid, ""),
            ("a message without a type", text(json!({"payload": {}})), invalid, "type"),
            ("an unknown type", text(json!({"type": "levitate"})), invalid, "levitate"),
            ("a missing payload", text(json!({"type": "subscribe"})), invalid, "payload"),
            (
                "a missing field",
                text(subscribe(&[("modelUrl", Value::Null)])),
                invalid,
                "payload.modelUrl",
            ),
            (
                "a field of the wrong type",
                text(subscribe(&[("subscriptionIdentifier", json!(["a"]))])),
                invalid,
                "payload.subscriptionIdentifier",
            ),
            (
                "a subscription without a source",
                text(subscribe(&[("rtspUrl", Value::Null)])),
                invalid,
                "payload.rtspUrl",
            ),
            ("half a crop", text(subscribe(&half)), invalid, "payload.cropX2"),
            ("an empty crop", text(subscribe(&empty)), invalid, "crop"),
            (
                "a scheme that is not allowed",
                text(subscribe(&[("rtspUrl", json!("ftp://127.0.0.1/video"))])),
                "forbidden_url",
                "payload.rtspUrl",
            ),
            (
                "a model's scheme that is not allowed",
                text(subscribe(&[("modelUrl", json!("ftp://127.0.0.1/a.mpta"))])),
                "forbidden_url",
                "payload.modelUrl",
            ),
            ("an unsubscribe of nothing", text(nobody), "unknown_subscription", ""),
            ("a binary message", Message::binary(vec![0xff; 100]), invalid, ""),
            (
                "a message that is too large",
                Message::text(" ".repeat(LARGE_BYTES)),
                "message_too_large",
                "",
            ),
        ];
        for (name, message, code, words) in cases {
            let held = self.refused(message, code, words).await;
            self.note(GROUP, name, held);
        }
        let held = self.client.report().await.map(|_| String::new()).map_err(Miss::from);
        self.note(GROUP, "the connection outlives it all", held);
    }

    /// Sends a message, and expects one error of this code that says these words.
    async fn refused(&mut self, message: Message, code: &str, words: &str) -> Held {
        self.told()?;
        let errors = self.client.errors_of(message).await?;
        let [error] = errors.as_slice() else {
            return Err(Miss::Failed(format!("{} errors came, expected one", errors.len())));
        };
        let said = error["message"].as_str().unwrap_or_default();
        expect(error["code"] == code, || {
            format!("code {}, expected {code}: {said}", error["code"])
        })?;
        expect(said.contains(words), || format!("expected it to say {words}, found: {said}"))?;
        Ok(format!("{code}: {}", said.lines().next().unwrap_or_default()))
    }

    /// Sends a message, and expects that it is taken.
    pub(super) async fn taken(&mut self, message: &Value) -> Result<(), Miss> {
        if !self.tells_errors {
            self.client.send(message).await?;
            return Ok(());
        }
        let errors = self.client.errors_of(Message::text(message.to_string())).await?;
        let said: Vec<_> = errors.iter().map(|error| error["message"].to_string()).collect();
        expect(errors.is_empty(), || format!("refused: {}", said.join("; ")))
    }
}

//! Sessions and stages of displays, before anything is subscribed.

use serde_json::{Value, json};

use super::{Exam, Held, expect};

const GROUP: &str = "Sessions";

impl Exam {
    /// Begins sessions, changes them and ends them.
    pub(super) async fn sessions(&mut self) {
        let display = self.run.clone();
        let session = |id: Value| {
            json!({"type": "setSessionId",
                "payload": {"displayIdentifier": display, "sessionId": id}})
        };
        let stage = |stage: Value| {
            json!({"type": "setProgressionStage",
            "payload": {"displayIdentifier": display, "progressionStage": stage}})
        };
        let cases = [
            ("a session's number is taken", session(json!(10001))),
            ("a session's text is taken", session(json!("visit-7"))),
            ("null ends a session", session(Value::Null)),
            ("a stage is taken", stage(json!("car_wait_staff"))),
            ("null clears a stage", stage(Value::Null)),
            (
                "an answer to a patch is taken",
                json!({"type": "patchSessionResult",
                    "payload": {"sessionId": 10001, "success": true, "message": "merged"}}),
            ),
        ];
        for (name, message) in &cases {
            let held = self.taken(message).await.map(|()| String::new());
            self.note(GROUP, name, held);
        }
        let held = self.patched(&session(json!(10002)), &session(Value::Null)).await;
        self.note(GROUP, "a patch is merged and answered", held);
    }

    async fn patched(&mut self, begin: &Value, end: &Value) -> Held {
        self.taken(begin).await?;
        let patch = json!({"type": "patchSession",
            "payload": {"sessionId": 10002, "data": {"plate": "AB-12", "visits": 3}}});
        self.client.send(&patch).await?;
        let answer = self
            .client
            .wait("patchSessionResult", |message| message["type"] == "patchSessionResult")
            .await?;
        self.taken(end).await?;
        expect(answer["sessionId"] == 10002 && answer["success"] == true, || {
            format!("expected sessionId 10002 and success true, found {answer}")
        })?;
        Ok(answer["message"].as_str().unwrap_or_default().to_owned())
    }
}

//! What is seen, and what is told of it.

use serde_json::{Value, json};

use super::client::Client;
use super::props::Props;
use super::{Exam, Held, Miss, expect, shapes};

const GROUP: &str = "Detections";

/// The first detections of a subscription from here on that are as wanted.
pub async fn seen(
    client: &mut Client,
    id: &str,
    what: &str,
    wanted: impl Fn(&Value) -> bool,
) -> Result<Value, Miss> {
    let found = client
        .wait(&format!("imageDetection of {id} {what}"), |message| {
            message["type"] == "imageDetection"
                && message["subscriptionIdentifier"] == id
                && wanted(message)
        })
        .await?;
    Ok(found)
}

impl Exam {
    /// Looks at what is told of a subscription that runs.
    pub(super) async fn detections(&mut self, id: &str) {
        let held = self.form(id).await;
        self.note(GROUP, "each message has its fields", held);
        let held = self.truth(id).await;
        self.note(GROUP, "what is seen is what is shown", held);
        let held = self.session_told(id).await;
        self.note(GROUP, "a session is told until it ends", held);
        let held = self.actions(id).await;
        self.note(GROUP, "a pipeline patches the session", held);
    }

    async fn form(&mut self, id: &str) -> Held {
        let message = seen(&mut self.client, id, "", |_| true).await?;
        shapes::detection(&message)?;
        expect(message["data"]["modelId"] == 7, || {
            format!("data.modelId: expected 7, found {}", message["data"]["modelId"])
        })?;
        Ok(format!("{} ms after the frame was taken", message["frameAgeMs"]))
    }

    async fn truth(&mut self, id: &str) -> Held {
        // Shapes at the edge of the picture may be missed now and then.
        let all = |message: &Value| {
            message["data"]["detections"].as_array().is_some_and(|found| found.len() == 3)
        };
        let message = seen(&mut self.client, id, "with three shapes", all).await?;
        let mut classes: Vec<_> = message["data"]["detections"]
            .as_array()
            .into_iter()
            .flatten()
            .filter_map(|found| found["class"].as_str())
            .collect();
        classes.sort_unstable();
        expect(classes == ["ball", "square", "square"], || format!("found {classes:?}"))?;
        Ok("two squares and a ball".to_owned())
    }

    async fn session_told(&mut self, id: &str) -> Held {
        for session in [json!(10005), json!("visit-8"), Value::Null] {
            let message = json!({"type": "setSessionId",
                "payload": {"displayIdentifier": self.run, "sessionId": session}});
            self.client.send(&message).await?;
            let what = format!("with sessionId {session}");
            seen(&mut self.client, id, &what, |message| message["sessionId"] == session).await?;
        }
        Ok("a number, a text, none".to_owned())
    }

    /// The archive's action needs a session, a stage and a value that the CMS has given.
    async fn actions(&mut self, id: &str) -> Held {
        let display = self.run.clone();
        let session = |id: Value| {
            json!({"type": "setSessionId",
            "payload": {"displayIdentifier": display, "sessionId": id}})
        };
        let stage = |stage: Value| {
            json!({"type": "setProgressionStage",
            "payload": {"displayIdentifier": display, "progressionStage": stage}})
        };
        self.client.send(&session(json!(10006))).await?;
        self.client.send(&stage(json!("car_wait_staff"))).await?;
        self.client
            .send(&json!({"type": "patchSession",
                "payload": {"sessionId": 10006, "data": {"plate": "AB-12"}}}))
            .await?;
        let patch =
            self.client.wait("patchSession", |message| message["type"] == "patchSession").await?;
        self.client.send(&session(Value::Null)).await?;
        self.client.send(&stage(Value::Null)).await?;
        seen(&mut self.client, id, "without a session", |m| m["sessionId"].is_null()).await?;
        let data = &patch["data"];
        expect(
            patch["sessionId"] == 10006
                && ["square", "ball"].iter().any(|class| data["seen"] == *class)
                && data["stage"] == "car_wait_staff"
                && data["plate"] == "AB-12",
            || format!("found {patch}"),
        )?;
        Ok("with the class, the stage and a value of the session".to_owned())
    }

    /// A crop of the left third: nothing beyond it is told.
    pub(super) async fn cropped(&mut self, props: &Props, id: &str) -> Held {
        let crop = json!({"cropX1": 0, "cropY1": 0, "cropX2": 106, "cropY2": 240});
        let wish = json!({"type": "subscribe", "payload": props.subscription(id, &crop)});
        self.taken(&wish).await?;
        let entry =
            self.client.entry(id, "entry with the crop", |entry| entry["cropX2"] == 106).await?;
        expect(["cropX1", "cropY1", "cropY2"].iter().all(|key| entry[key] == crop[key]), || {
            format!("the crop is not told as it was asked for: {entry}")
        })?;
        let within = |message: &Value| {
            let found = message["data"]["detections"].as_array();
            found.is_some_and(|found| {
                found.iter().all(|found| found["bbox"][2].as_f64().is_some_and(|x2| x2 <= 106.0))
            })
        };
        let message = seen(&mut self.client, id, "within the crop", within).await?;
        shapes::detection(&message)?;
        expect(message["imageWidth"] == 320, || {
            format!("imageWidth {}: boxes are in pixels of the frame", message["imageWidth"])
        })?;
        let viewers = props.rtsp.clients(super::props::CAMERA);
        expect(viewers == 1, || format!("the camera is open {viewers} times"))?;
        Ok("boxes in pixels of the frame, and the stream goes on".to_owned())
    }
}

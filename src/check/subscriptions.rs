//! What is subscribed, replaced, shared, lost and ended.

use serde_json::{Value, json};
use tokio_tungstenite::tungstenite::Message;

use super::client::Client;
use super::detections::seen;
use super::props::{ARCHIVE, CAMERA, Props};
use super::{Exam, Held, Miss, expect, shapes};

const GROUP: &str = "Subscriptions";
const LISTS: &str = "Lists";

impl Exam {
    /// Subscribes to the cameras that were brought along, in every way that there is.
    pub(super) async fn subscriptions(&mut self, props: &Props) {
        let id = self.id("one");
        let held = self.taken_up(props, &id).await;
        let runs = held.is_ok();
        self.note(GROUP, "a camera and a model are taken up", held);
        if !runs {
            return;
        }
        let held = self.entry(&id).await;
        self.note(GROUP, "a report has an entry for it", held);
        self.detections(&id).await;
        self.pictures(props, &id).await;
        let held = self.again(props, &id).await;
        self.note(GROUP, "the same again changes nothing", held);
        let held = self.shared(props).await;
        self.note(GROUP, "a camera is opened once for all", held);
        let held = self.cropped(props, &id).await;
        self.note(GROUP, "other content replaces without a gap", held);
        let held = self.snapshots(props).await;
        self.note(GROUP, "snapshots are watched", held);
        let held = self.bad_model(props).await;
        self.note(GROUP, "a model that is not there says so", held);
        let held = self.bad_login(props, &id).await;
        self.note(GROUP, "a refused login says so and delays nobody", held);
        let held = self.two_clients(props, &id).await;
        self.note(GROUP, "two clients may hold the same, not another", held);
        let held = self.comes_back(props).await;
        self.note(GROUP, "a client that comes back finds its streams", held);
    }

    /// Leaves nothing behind, and looks back at what was said.
    pub(super) async fn leave(&mut self, props: &Props) {
        let held = self.ends(props).await;
        self.note(GROUP, "an unsubscribe ends it", held);
        let held = if self.client.heard.contains(&props.secret) {
            Err(Miss::Failed("a password or a signature came back in a message".to_owned()))
        } else {
            Ok(String::new())
        };
        self.note(GROUP, "no message repeats a credential", held);
    }

    async fn subscribe(&mut self, props: &Props, id: &str, change: &Value) -> Result<(), Miss> {
        let wish = props.subscription(id, change);
        self.taken(&json!({"type": "subscribe", "payload": wish})).await
    }

    async fn taken_up(&mut self, props: &Props, id: &str) -> Held {
        let unreached = |why: &str| {
            let address = props.http.address();
            Miss::LeftOut(format!("{why}: this machine is {address} to it"))
        };
        match self.subscribe(props, id, &Value::Null).await {
            Err(Miss::Failed(said)) if said.contains("allowed") => {
                return Err(unreached(&format!(
                    "the worker is configured not to come here ({said})"
                )));
            }
            other => other?,
        }
        match seen(&mut self.client, id, "", |_| true).await {
            Ok(_) => Ok(format!("camera and archive on {}", props.http.address().ip())),
            Err(_) if props.http.hits(ARCHIVE) == 0 => {
                Err(unreached("the worker does not reach this machine"))
            }
            Err(miss) => {
                let report = self.client.report().await?;
                let entry = super::client::entry_of(&report, id);
                let Miss::Failed(reason) = miss else { return Err(miss) };
                Err(Miss::Failed(format!("{reason}\nits entry: {}", json!(entry))))
            }
        }
    }

    async fn entry(&mut self, id: &str) -> Held {
        let entry = self
            .client
            .entry(id, "entry that is running", |entry| entry["state"] == "running")
            .await?;
        shapes::entry(&entry)?;
        expect(entry["online"] == true, || format!("running and not online: {entry}"))?;
        expect(entry["modelId"] == 7, || {
            format!("modelId: expected the number 7, found {}", entry["modelId"])
        })?;
        Ok(format!("running, {} frames a second", entry["fps"]))
    }

    async fn again(&mut self, props: &Props, id: &str) -> Held {
        let before = props.http.hits(ARCHIVE);
        self.subscribe(props, id, &Value::Null).await?;
        seen(&mut self.client, id, "", |_| true).await?;
        let fetched = props.http.hits(ARCHIVE) - before;
        expect(fetched == 0, || format!("the archive was fetched {fetched} times more"))?;
        Ok(String::new())
    }

    async fn shared(&mut self, props: &Props) -> Held {
        let id = self.id("two");
        self.subscribe(props, &id, &json!({"modelId": "seven"})).await?;
        let message = seen(&mut self.client, &id, "", |_| true).await?;
        expect(message["data"]["modelId"] == "seven", || {
            format!("modelId: expected the text \"seven\", found {}", message["data"]["modelId"])
        })?;
        let viewers = props.rtsp.clients(CAMERA);
        expect(viewers == 1, || format!("the camera is open {viewers} times"))?;
        Ok("two subscriptions, one stream".to_owned())
    }

    async fn snapshots(&mut self, props: &Props) -> Held {
        let id = self.id("still");
        self.subscribe(props, &id, &props.snapshots()).await?;
        seen(&mut self.client, &id, "", |_| true).await?;
        self.unsubscribe(&id).await?;
        Ok(String::new())
    }

    async fn bad_model(&mut self, props: &Props) -> Held {
        let id = self.id("modelless");
        let model = json!({"modelUrl": props.model("/none.mpta").as_str()});
        let wish = json!({"type": "subscribe", "payload": props.subscription(&id, &model)});
        // The subscription is taken; that its model failed may be told at once, or a little later.
        let errors = self.client.errors_of(Message::text(wish.to_string())).await?;
        expect(errors.iter().all(|error| error["code"] == "model_failed"), || {
            json!(errors).to_string()
        })?;
        let failed = |entry: &Value| entry["state"] == "model_failed";
        let entry = self.client.entry(&id, "entry whose model failed", failed).await?;
        self.unsubscribe(&id).await?;
        let reason = entry["reason"].as_str().unwrap_or_default().to_owned();
        expect(!reason.is_empty(), || format!("no reason is told: {entry}"))?;
        Ok(reason)
    }

    async fn bad_login(&mut self, props: &Props, good: &str) -> Held {
        let id = self.id("locked");
        let camera = json!({"rtspUrl": props.camera_with("wrong").as_str()});
        self.subscribe(props, &id, &camera).await?;
        let refused = |entry: &Value| {
            entry["reason"].is_string()
                && entry["online"] == false
                && matches!(entry["state"].as_str(), Some("reconnecting" | "failed"))
        };
        let entry = self.client.entry(&id, "entry whose login is refused", refused).await?;
        for _ in 0..3 {
            seen(&mut self.client, good, "beside it", |_| true).await?;
        }
        self.unsubscribe(&id).await?;
        Ok(entry["reason"].as_str().unwrap_or_default().to_owned())
    }

    async fn two_clients(&mut self, props: &Props, id: &str) -> Held {
        let mut other = Client::connect(&self.place, "/", self.patience).await?;
        let crop = json!({"cropX1": 0, "cropY1": 0, "cropX2": 106, "cropY2": 240});
        let same = json!({"type": "subscribe", "payload": props.subscription(id, &crop)});
        other.send(&same).await?;
        seen(&mut other, id, "for the second client", |_| true).await?;
        seen(&mut self.client, id, "for the first client", |_| true).await?;
        if self.tells_errors {
            let another =
                json!({"type": "subscribe", "payload": props.subscription(id, &Value::Null)});
            other.send(&another).await?;
            let error = other.wait("error", |message| message["type"] == "error").await?;
            expect(error["code"] == "conflict", || format!("expected a conflict, found {error}"))?;
        }
        let end = json!({"type": "unsubscribe", "payload": {"subscriptionIdentifier": id}});
        other.send(&end).await?;
        other.close().await;
        seen(&mut self.client, id, "after the second client went", |_| true).await?;
        Ok(String::new())
    }

    async fn comes_back(&mut self, props: &Props) -> Held {
        let id = self.id("back");
        let mut other = Client::connect(&self.place, "/", self.patience).await?;
        let wish = json!({"type": "subscribe", "payload": props.subscription(&id, &Value::Null)});
        other.send(&wish).await?;
        seen(&mut other, &id, "", |_| true).await?;
        other.close().await;
        let mut back = Client::connect(&self.place, "/", self.patience).await?;
        let kept = super::client::entry_of(&back.report().await?, &id).is_some();
        back.send(&wish).await?;
        seen(&mut back, &id, "after it came back", |_| true).await?;
        let end = json!({"type": "unsubscribe", "payload": {"subscriptionIdentifier": id}});
        back.send(&end).await?;
        back.gone(&id).await?;
        back.close().await;
        if kept {
            return Ok(String::new());
        }
        Err(Miss::LeftOut("the worker is configured to keep none (orphan_grace_secs)".to_owned()))
    }

    async fn unsubscribe(&mut self, id: &str) -> Result<(), Miss> {
        let message = json!({"type": "unsubscribe", "payload": {"subscriptionIdentifier": id}});
        self.client.send(&message).await?;
        Ok(self.client.gone(id).await?)
    }

    async fn ends(&mut self, props: &Props) -> Held {
        for camera in ["one", "two"] {
            let id = self.id(camera);
            self.unsubscribe(&id).await?;
        }
        props
            .rtsp
            .wait_for_clients(CAMERA, 0, self.patience)
            .map_err(|_| Miss::Failed("the camera is still open".to_owned()))?;
        Ok("its entry is gone, and the camera is closed with the last".to_owned())
    }

    /// The whole wish of a client, again and again.
    pub(super) async fn lists(&mut self, props: &Props) {
        if super::client::entry_of(&self.client.report().await.unwrap_or_default(), &self.id("one"))
            .is_none()
        {
            let why = "there is no camera to list".to_owned();
            self.note(LISTS, "setSubscriptionList", Err(Miss::LeftOut(why)));
            return;
        }
        let held = self.listed(props).await;
        self.note(LISTS, "a list adds, keeps and removes", held);
        let held = self.list_refused(props).await;
        self.note(LISTS, "a list is refused whole", held);
    }

    async fn listed(&mut self, props: &Props) -> Held {
        let mut client = Client::connect(&self.place, "/", self.patience).await?;
        let [a, b, c] = ["a", "b", "c"].map(|camera| self.id(camera));
        let of = |ids: &[&String]| -> Value {
            ids.iter().map(|id| props.subscription(id, &Value::Null)).collect()
        };
        client
            .send(&json!({"type": "setSubscriptionList", "subscriptions": of(&[&a, &b])}))
            .await?;
        seen(&mut client, &a, "of the list", |_| true).await?;
        seen(&mut client, &b, "of the list", |_| true).await?;
        // In the payload, in another order, with one more and one less.
        client
            .send(&json!({"type": "setSubscriptionList",
                "payload": {"subscriptions": of(&[&c, &b])}}))
            .await?;
        seen(&mut client, &c, "of the changed list", |_| true).await?;
        client.gone(&a).await?;
        seen(&mut client, &b, "that was kept", |_| true).await?;
        let viewers = props.rtsp.clients(CAMERA);
        client.send(&json!({"type": "setSubscriptionList", "subscriptions": []})).await?;
        client.gone(&b).await?;
        client.gone(&c).await?;
        client.close().await;
        expect(viewers == 1, || format!("the camera was open {viewers} times"))?;
        let one = self.id("one");
        seen(&mut self.client, &one, "of another client", |_| true).await?;
        Ok("and leaves other clients' alone".to_owned())
    }

    async fn list_refused(&mut self, props: &Props) -> Held {
        self.told()?;
        let id = self.id("whole");
        let good = props.subscription(&id, &Value::Null);
        let (first, second) = (
            props.subscription(&id, &json!({"modelUrl": null})),
            props.subscription(&self.id("other"), &json!({"rtspUrl": null})),
        );
        let mut client = Client::connect(&self.place, "/", self.patience).await?;
        client
            .send(&json!({"type": "setSubscriptionList", "subscriptions": [good, first, second]}))
            .await?;
        let error = client.wait("error", |message| message["type"] == "error").await?;
        let report = client.report().await?;
        client.close().await;
        let said = error["message"].as_str().unwrap_or_default();
        expect(said.contains("[1].modelUrl") && said.contains("[2].rtspUrl"), || {
            format!("expected every fault with its place, found: {said}")
        })?;
        expect(super::client::entry_of(&report, &id).is_none(), || {
            "a part of a refused list was taken".to_owned()
        })?;
        Ok(said.lines().next().unwrap_or_default().to_owned())
    }
}

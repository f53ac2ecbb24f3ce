//! The CMS of the demo: a WebSocket client that subscribes, and keeps what it is told.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard};

use anyhow::{Context, Result};
use futures_util::{SinkExt, StreamExt};
use serde_json::{Value, json};
use tokio_tungstenite::tungstenite::Message;

/// What is subscribed.
#[derive(Clone, Debug)]
pub struct Wish {
    /// `display;camera`.
    pub id: &'static str,
    /// What it shows, for people.
    pub title: &'static str,
    /// The rest of the message's payload: source and crop.
    pub payload: Value,
}

/// What the CMS was told so far. Shared with whoever shows it.
#[derive(Clone, Default)]
pub struct Told(Arc<Mutex<Book>>);

/// What the CMS was told so far.
#[derive(Debug, Default)]
pub struct Book {
    /// By identifier.
    pub subscriptions: BTreeMap<String, Entry>,
    /// What was refused, oldest first.
    pub errors: Vec<String>,
    /// State reports that came.
    pub reports: u64,
    /// Why the connection ended, once it has.
    pub ended: Option<String>,
}

/// What the CMS was told of one subscription.
#[derive(Clone, Debug, Default)]
pub struct Entry {
    /// `running` and the like.
    pub state: String,
    /// Why it is not running.
    pub reason: Option<String>,
    /// Frames a second that its camera gives.
    pub camera_fps: f64,
    /// Age of the newest result's frame when it was sent.
    pub age_millis: Option<f64>,
    /// Time that the networks took for the newest result.
    pub inference_millis: Option<f64>,
    /// Messages with detections.
    pub messages: u64,
    /// Detections of the newest message, best first: what a person would read of each.
    pub newest: Vec<String>,
    /// The most detections of each class in one message.
    pub most: BTreeMap<String, usize>,
}

/// Subscribes to everything that is wished for and listens until the connection ends.
///
/// # Errors
/// When the worker does not let the CMS in.
pub async fn watch(address: SocketAddr, model: Value, wishes: Vec<Wish>, told: Told) -> Result<()> {
    let (mut socket, _) = tokio_tungstenite::connect_async(format!("ws://{address}/"))
        .await
        .context("connecting to the worker")?;
    for wish in wishes {
        let mut payload = wish.payload;
        payload["subscriptionIdentifier"] = json!(wish.id);
        for (key, value) in model.as_object().into_iter().flatten() {
            payload[key] = value.clone();
        }
        let message = json!({"type": "subscribe", "payload": payload});
        socket.send(Message::text(message.to_string())).await.context("subscribing")?;
    }
    socket
        .send(Message::text(json!({"type": "requestState"}).to_string()))
        .await
        .context("asking for the state")?;
    while let Some(message) = socket.next().await {
        match message {
            Ok(Message::Text(text)) => {
                if let Ok(message) = serde_json::from_str(&text) {
                    told.note(&message);
                }
            }
            Ok(_) => {}
            Err(error) => {
                told.lock().ended = Some(error.to_string());
                return Ok(());
            }
        }
    }
    told.lock().ended = Some("the worker closed the connection".to_owned());
    Ok(())
}

impl Told {
    /// What was told so far. Held only to read or write a few values.
    pub fn lock(&self) -> MutexGuard<'_, Book> {
        self.0.lock().expect("never held across a panic")
    }

    /// Takes a message of the worker.
    pub fn note(&self, message: &Value) {
        let mut book = self.lock();
        match message["type"].as_str() {
            Some("stateReport") => book.note_report(message),
            Some("imageDetection") => book.note_detections(message),
            Some("error") => {
                let text = message["message"].as_str().unwrap_or("no reason given");
                book.errors.push(text.to_owned());
            }
            _ => {}
        }
    }
}

impl Book {
    fn note_report(&mut self, report: &Value) {
        self.reports += 1;
        for camera in report["cameraConnections"].as_array().into_iter().flatten() {
            let Some(id) = camera["subscriptionIdentifier"].as_str() else { continue };
            let entry = self.subscriptions.entry(id.to_owned()).or_default();
            entry.state = camera["state"].as_str().unwrap_or("?").to_owned();
            entry.reason = camera["reason"].as_str().map(str::to_owned);
            entry.camera_fps = camera["fps"].as_f64().unwrap_or_default();
            if let Some(millis) = camera["inferenceMs"].as_f64() {
                entry.inference_millis = Some(millis);
            }
        }
    }

    fn note_detections(&mut self, message: &Value) {
        let Some(id) = message["subscriptionIdentifier"].as_str() else { return };
        let entry = self.subscriptions.entry(id.to_owned()).or_default();
        entry.messages += 1;
        entry.age_millis = message["frameAgeMs"].as_f64();
        let detections = message["data"]["detections"].as_array().cloned().unwrap_or_default();
        entry.newest = detections.iter().map(described).collect();
        let mut counts: BTreeMap<String, usize> = BTreeMap::new();
        for detection in &detections {
            if let Some(class) = detection["class"].as_str() {
                *counts.entry(class.to_owned()).or_default() += 1;
            }
        }
        for (class, count) in counts {
            let most = entry.most.entry(class).or_default();
            *most = count.max(*most);
        }
    }
}

/// A detection in a few words: `car 0.91 +plate 0.80`.
fn described(detection: &Value) -> String {
    let one = |detection: &Value| {
        let class = detection["class"].as_str().unwrap_or("?");
        format!("{class} {:.2}", detection["confidence"].as_f64().unwrap_or_default())
    };
    let mut text = one(detection);
    for branch in detection["branchResults"].as_object().into_iter().flat_map(|all| all.values()) {
        if let Some(best) = branch.as_array().and_then(|findings| findings.first()) {
            text.push_str(" +");
            text.push_str(&one(best));
        }
    }
    text
}

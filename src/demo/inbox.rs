//! What Redis received: the demo is a consumer like any other.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard};

use anyhow::{Context, Result};
use futures_util::StreamExt;
use redis::AsyncCommands;
use serde_json::Value;

/// The channel that the demo's archive publishes on.
pub const CHANNEL: &str = "demo:sightings";

/// What Redis received. Shared with whoever shows it.
#[derive(Clone, Default)]
pub struct Inbox(Arc<Mutex<Mail>>);

/// What Redis received.
#[derive(Debug, Default)]
pub struct Mail {
    /// Messages on [`CHANNEL`].
    pub messages: u64,
    /// The newest message.
    pub newest: Option<String>,
    /// Pictures that a message named and that were there.
    pub pictures: u64,
    /// The newest picture's key and bytes.
    pub newest_picture: Option<(String, Vec<u8>)>,
}

impl Inbox {
    /// What was received so far. Held only to read or write a few values.
    pub fn lock(&self) -> MutexGuard<'_, Mail> {
        self.0.lock().expect("never held across a panic")
    }

    /// Listens on [`CHANNEL`], and fetches the picture that each message names under `image`, until
    /// the connection ends.
    ///
    /// # Errors
    /// When Redis cannot be reached.
    pub async fn listen(&self, address: SocketAddr) -> Result<()> {
        let client = redis::Client::open(format!("redis://{address}/"))
            .context("reading the address of Redis")?;
        let mut subscriber = client.get_async_pubsub().await.context("connecting to Redis")?;
        let mut reader =
            client.get_multiplexed_async_connection().await.context("connecting to Redis")?;
        subscriber.subscribe(CHANNEL).await.context("subscribing at Redis")?;
        let mut messages = subscriber.into_on_message();
        while let Some(message) = messages.next().await {
            let Ok(text) = message.get_payload::<String>() else { continue };
            let key = serde_json::from_str::<Value>(&text)
                .ok()
                .and_then(|message| message["image"].as_str().map(str::to_owned));
            let picture: Option<Vec<u8>> = match &key {
                Some(key) => reader.get(key).await.context("reading a picture from Redis")?,
                None => None,
            };
            let mut mail = self.lock();
            mail.messages += 1;
            mail.newest = Some(text);
            if let (Some(key), Some(picture)) = (key, picture) {
                mail.pictures += 1;
                mail.newest_picture = Some((key, picture));
            }
        }
        Ok(())
    }
}

//! A CMS: a WebSocket client that waits for what the contract promises.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, anyhow, bail};
use futures_util::{SinkExt, StreamExt};
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::http::HeaderValue;
use tokio_tungstenite::tungstenite::{Error, Message};
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream};
use url::Url;

use super::Miss;

/// How long a worker that tells no errors is given to tell one.
const ERROR_PATIENCE: Duration = Duration::from_secs(3);

/// Where a worker is, and what it wants to be shown.
#[derive(Clone)]
pub struct Place {
    url: Url,
    /// What it wants to be shown.
    pub token: Option<String>,
}

impl Place {
    /// Reads `ws://HOST:PORT`.
    ///
    /// # Errors
    /// When it is no such address.
    pub fn new(address: &str, token: Option<&str>) -> Result<Self> {
        let url = Url::parse(address)
            .ok()
            .filter(|url| url.scheme() == "ws" && url.has_host())
            .context("the worker's address: expected ws://HOST:PORT")?;
        Ok(Self { url, token: token.map(str::to_owned) })
    }

    /// A path of its HTTP side.
    pub fn http(&self, path: &str) -> Url {
        let mut url = self.url.clone();
        // Both are special schemes with the same form.
        let _ = url.set_scheme("http");
        url.set_path("");
        let base = url.as_str().trim_end_matches('/');
        Url::parse(&format!("{base}{path}")).expect("a base and a path make an address")
    }

    /// The port that this side of a connection has: different for each that runs at a time.
    pub fn port_of_ours(&self, client: &Client) -> u32 {
        u32::from(client.local.port()) << 16
    }

    fn ws(&self, path: &str) -> String {
        self.http(path).as_str().replacen("http", "ws", 1)
    }
}

/// A WebSocket client of the worker.
pub struct Client {
    socket: WebSocketStream<MaybeTlsStream<TcpStream>>,
    /// Its own address: where the worker reaches this machine.
    pub local: SocketAddr,
    patience: Duration,
    /// Every text that came: what was told must not be secret.
    pub heard: String,
    barriers: u32,
}

impl Client {
    /// Connects, with the token if there is one.
    ///
    /// # Errors
    /// When the worker is not there, or does not let it in.
    pub async fn connect(place: &Place, path: &str, patience: Duration) -> Result<Self> {
        Self::try_connect(place, path, place.token.as_deref(), patience)
            .await?
            .map_err(|status| anyhow!("{} answers {status} to a WebSocket handshake", place.url))
    }

    /// Connects with a token or without one. The inner error is the status of a refusal.
    ///
    /// # Errors
    /// When the worker is not there.
    pub async fn try_connect(
        place: &Place,
        path: &str,
        token: Option<&str>,
        patience: Duration,
    ) -> Result<Result<Self, u16>> {
        let mut request =
            place.ws(path).into_client_request().context("making a WebSocket handshake")?;
        if let Some(token) = token {
            let bearer = HeaderValue::try_from(format!("Bearer {token}"));
            let bearer = bearer.ok().context("the token: expected visible characters")?;
            request.headers_mut().insert("Authorization", bearer);
        }
        let connecting = tokio_tungstenite::connect_async(request);
        let connected = timeout(patience, connecting)
            .await
            .map_err(|_| anyhow!("{} does not answer", place.url))?;
        let socket = match connected {
            Ok((socket, _)) => socket,
            Err(Error::Http(response)) => return Ok(Err(response.status().as_u16())),
            Err(error) => {
                return Err(error).with_context(|| format!("connecting to {}", place.url));
            }
        };
        let MaybeTlsStream::Plain(stream) = socket.get_ref() else {
            bail!("the connection is not a plain one");
        };
        let local = stream.local_addr().context("reading the connection's address")?;
        Ok(Ok(Self { socket, local, patience, heard: String::new(), barriers: 0 }))
    }

    /// Sends a message.
    pub async fn send(&mut self, message: &Value) -> Result<()> {
        self.send_raw(Message::text(message.to_string())).await
    }

    /// Sends a frame as it is.
    pub async fn send_raw(&mut self, message: Message) -> Result<()> {
        self.socket.send(message).await.context("sending to the worker")
    }

    /// The next message.
    pub async fn next(&mut self) -> Result<Value> {
        loop {
            let frame = timeout(self.patience, self.socket.next())
                .await
                .map_err(|_| anyhow!("nothing came within {} s", self.patience.as_secs_f64()))?
                .context("the worker closed the connection")?
                .context("reading from the worker")?;
            match frame {
                Message::Text(text) => {
                    self.heard.push_str(&text);
                    self.heard.push('\n');
                    return serde_json::from_str(&text).context("a message that is not JSON");
                }
                Message::Close(_) => bail!("the worker closed the connection"),
                Message::Binary(_) => bail!("a binary message, expected text"),
                _ => {}
            }
        }
    }

    /// The first message from here on that is as wanted.
    pub async fn wait(
        &mut self,
        what: &str,
        mut wanted: impl FnMut(&Value) -> bool,
    ) -> Result<Value> {
        let deadline = Instant::now() + self.patience;
        let mut last = Value::Null;
        while Instant::now() < deadline {
            let message = self.next().await.with_context(|| format!("waiting for {what}"))?;
            if wanted(&message) {
                return Ok(message);
            }
            last = message;
        }
        let mut last = last.to_string();
        last.truncate(last.char_indices().nth(400).map_or(last.len(), |(at, _)| at));
        bail!("no {what} within {} s; the last message was {last}", self.patience.as_secs_f64())
    }

    /// A report that was asked for.
    pub async fn report(&mut self) -> Result<Value> {
        self.send(&json!({"type": "requestState"})).await?;
        self.wait("stateReport", |message| message["type"] == "stateReport").await
    }

    /// The entry of a subscription, in the first report that has it as wanted.
    pub async fn entry(
        &mut self,
        id: &str,
        what: &str,
        wanted: impl Fn(&Value) -> bool,
    ) -> Result<Value> {
        let mut found = Value::Null;
        self.send(&json!({"type": "requestState"})).await?;
        self.wait(what, |message| match entry_of(message, id) {
            Some(entry) if wanted(entry) => {
                found = entry.clone();
                true
            }
            _ => false,
        })
        .await?;
        Ok(found)
    }

    /// Waits until a report no longer has a subscription.
    pub async fn gone(&mut self, id: &str) -> Result<()> {
        self.send(&json!({"type": "requestState"})).await?;
        let without =
            |message: &Value| message["type"] == "stateReport" && entry_of(message, id).is_none();
        self.wait(&format!("report without {id}"), without).await.map(drop)
    }

    /// The errors that a message brings about.
    ///
    /// Something that is always refused is sent behind it: the errors that come before that one's
    /// are the message's.
    pub async fn errors_of(&mut self, message: Message) -> Result<Vec<Value>, Miss> {
        self.send_raw(message).await?;
        self.barriers += 1;
        let id = format!("no-such;{}-{}", self.local.port(), self.barriers);
        self.send(&json!({"type": "unsubscribe", "payload": {"subscriptionIdentifier": id}}))
            .await?;
        let mut errors = Vec::new();
        loop {
            let error = self.wait("error", |message| message["type"] == "error").await?;
            if error["subscriptionIdentifier"] == id.as_str() {
                return Ok(errors);
            }
            errors.push(error);
        }
    }

    /// Whether this worker tells what it refuses.
    pub async fn tells_errors(&mut self) -> Result<bool> {
        self.send(&json!({"type": "unsubscribe",
            "payload": {"subscriptionIdentifier": "no-such;subscription"}}))
            .await?;
        let told = timeout(ERROR_PATIENCE, self.wait("error", |m| m["type"] == "error")).await;
        Ok(matches!(told, Ok(Ok(_))))
    }

    /// Closes the connection in order.
    pub async fn close(mut self) {
        // It is gone either way.
        let _ = self.socket.close(None).await;
    }
}

/// The entry of a subscription in a report.
pub fn entry_of<'a>(report: &'a Value, id: &str) -> Option<&'a Value> {
    let entries = report["cameraConnections"].as_array()?;
    entries.iter().find(|entry| entry["subscriptionIdentifier"] == id)
}

//! One client's socket: messages in, the outbox out.

use std::sync::Arc;
use std::time::Duration;

use detector_components::clock::Timepiece;
use detector_components::command::{Refusal, RefusalCode};
use detector_components::timing::{Step, Timings};
use futures_util::stream::{SplitSink, SplitStream};
use futures_util::{SinkExt, StreamExt};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::watch;
use tokio::time::{MissedTickBehavior, interval, timeout};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;
use tokio_tungstenite::tungstenite::protocol::{CloseFrame, Role, WebSocketConfig};
use tokio_tungstenite::tungstenite::{Bytes, Message};
use tracing::{debug, info, warn};

use crate::budget::Budget;
use crate::config::{ProtocolConfig, Settings};
use crate::counters::ProtocolCounters;
use crate::event::{ConnectionId, Events, News};
use crate::outbox::Outbox;
use crate::sieve::{Kind, Kinds, Sieve};
use crate::wire::failure::failure;
use crate::wire::incoming::Incoming;
use crate::wire::session::PatchResult;
use crate::wire::source::Allowed;

/// How long a client is given to take note that the worker ends.
const FAREWELL: Duration = Duration::from_secs(1);

/// What all connections of a port share.
pub struct Clerk {
    /// How clients are served.
    pub settings: Settings,
    /// Into the world.
    pub events: Events,
    /// Stamps when clients came.
    pub timepiece: Timepiece,
    /// What happened, in numbers.
    pub counters: ProtocolCounters,
    /// How long sending takes.
    pub timings: Timings,
}

impl Clerk {
    /// How clients are served now.
    pub fn config(&self) -> Arc<ProtocolConfig> {
        self.settings.get()
    }
}

/// Serves a client until its socket closes, it falls silent, or the worker ends.
pub async fn serve<S>(
    stream: S,
    id: ConnectionId,
    peer: String,
    clerk: Arc<Clerk>,
    mut closing: watch::Receiver<bool>,
) where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let config = clerk.config();
    let limit = config.max_message_bytes;
    let (sieve, kinds) = Sieve::new(stream, limit);
    let limits =
        WebSocketConfig::default().max_message_size(Some(limit)).max_frame_size(Some(limit));
    let socket = WebSocketStream::from_raw_socket(sieve, Role::Server, Some(limits)).await;
    let (mut sink, stream) = socket.split();

    let outbox = Outbox::default();
    clerk.counters.client();
    info!(%peer, "a client connected");
    let opened =
        News::Opened { peer: peer.clone(), at: clerk.timepiece.now(), outbox: outbox.clone() };
    let reader = Reader {
        id,
        peer: &peer,
        stream,
        kinds,
        limit,
        outbox: outbox.clone(),
        budget: Budget::new(config.messages_per_second),
        clerk: &clerk,
    };
    let ended = tokio::select! {
        reason = async {
            clerk.events.tell(id, opened).await;
            reader.read().await
        } => Some(reason),
        reason = write(&mut sink, &outbox, &clerk) => Some(reason),
        // An error means that nobody is left who could close it.
        _ = closing.wait_for(|closing| *closing) => None,
    };
    match ended {
        Some(reason) => {
            info!(%peer, reason, "a client has gone");
            tokio::select! {
                () = clerk.events.tell(id, News::Closed) => {}
                // The world may never read again.
                _ = closing.wait_for(|closing| *closing) => {}
            }
        }
        None => {
            let frame = CloseFrame { code: CloseCode::Away, reason: "the worker ends".into() };
            // Whoever does not take it in time is cut off.
            let _ = timeout(FAREWELL, sink.send(Message::Close(Some(frame)))).await;
            debug!(%peer, "closed");
        }
    }
    clerk.counters.dropped(outbox.take_dropped());
}

/// Sends what is in the outbox, and a ping now and then. Returns why it ended.
async fn write<S>(
    sink: &mut SplitSink<WebSocketStream<Sieve<S>>, Message>,
    outbox: &Outbox,
    clerk: &Clerk,
) -> String
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let mut pings = interval(clerk.config().ping_interval.max(Duration::from_millis(1)));
    pings.set_missed_tick_behavior(MissedTickBehavior::Delay);
    // The first comes at once, which is too early.
    pings.tick().await;
    loop {
        let mut sent = Ok(());
        tokio::select! {
            () = outbox.filled() => {
                while let Some(letter) = outbox.take() {
                    sent = sink.send(Message::Text(letter.text)).await;
                    if sent.is_err() {
                        break;
                    }
                    clerk.timings.record(Step::Send, letter.since.elapsed());
                }
            }
            _ = pings.tick() => sent = sink.send(Message::Ping(Bytes::new())).await,
        }
        if let Err(error) = sent {
            return error.to_string();
        }
    }
}

struct Reader<'a, S> {
    id: ConnectionId,
    /// For lines of the log.
    peer: &'a str,
    stream: SplitStream<WebSocketStream<Sieve<S>>>,
    kinds: Kinds,
    /// Bytes of a message at most.
    limit: usize,
    outbox: Outbox,
    budget: Budget,
    clerk: &'a Clerk,
}

impl<S> Reader<'_, S>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    /// Passes messages on until there are no more. Returns why.
    async fn read(mut self) -> String {
        let peer_timeout = self.clerk.config().peer_timeout;
        loop {
            let message = match timeout(peer_timeout, self.stream.next()).await {
                Ok(Some(Ok(message))) => message,
                Ok(Some(Err(error))) => return error.to_string(),
                Ok(None) => return "closed".to_owned(),
                Err(_) => return format!("silent for {} s", peer_timeout.as_secs_f32()),
            };
            // The sieve makes every message binary; the rest is the protocol's own traffic.
            let Message::Binary(bytes) = message else { continue };
            self.budget.take().await;
            self.clerk.counters.message();
            match self.understand(&bytes) {
                Ok(Incoming::Command(command)) => {
                    self.clerk.events.tell(self.id, News::Asked(command)).await;
                }
                Ok(Incoming::RequestState) => {
                    self.clerk.events.tell(self.id, News::WantsState).await;
                }
                Ok(Incoming::PatchResult(result)) => self.note(&result),
                Err(refusal) => {
                    debug!(
                        peer = self.peer,
                        reason = refusal.message,
                        "refused a client's message"
                    );
                    self.clerk.counters.refused(refusal.code);
                    if self.clerk.config().errors {
                        self.outbox.reply(failure(&refusal));
                    }
                }
            }
        }
    }

    /// Writes down what the CMS says of a `patchSession` of ours. Nobody waits for it.
    fn note(&self, result: &PatchResult) {
        self.clerk.counters.patch_result(result.success);
        let (session, reason) = (&result.session, result.message.as_deref().unwrap_or_default());
        if result.success {
            debug!(%session, reason, "the CMS has taken a patch of a session");
        } else {
            warn!(%session, reason, "the CMS has not taken a patch of a session");
        }
    }

    fn understand(&self, bytes: &[u8]) -> Result<Incoming, Refusal> {
        let refusal = |code, message| Refusal { code, message, subscription: None };
        let invalid = |message: String| refusal(RefusalCode::InvalidMessage, message);
        let limit = self.limit;
        match self.kinds.take() {
            Some(Kind::TooLarge { bytes }) => Err(refusal(
                RefusalCode::MessageTooLarge,
                format!("{bytes} bytes, expected at most {limit}"),
            )),
            Some(Kind::Binary) => {
                Err(invalid("a binary message, expected text with JSON".to_owned()))
            }
            Some(Kind::Text) | None => {
                let text = std::str::from_utf8(bytes)
                    .map_err(|error| invalid(format!("not UTF-8: {error}")))?;
                Incoming::read(text, &Allowed::by(&self.clerk.config()))
            }
        }
    }
}

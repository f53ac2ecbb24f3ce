//! The port: who connects, how many, and how it is closed.

use std::net::{SocketAddr, TcpListener, ToSocketAddrs};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bevy_ecs::prelude::*;
use detector_components::clock::Timepiece;
use detector_components::timing::Timings;
use detector_components::wake::Wake;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::net::TcpStream;
use tokio::runtime::Handle;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc, watch};
use tokio::time::{sleep, timeout};
use tracing::{debug, info, warn};

use crate::config::{ProtocolConfig, Settings};
use crate::connection::Clerk;
use crate::counters::ProtocolCounters;
use crate::error::ProtocolError;
use crate::event::{Event, Events, Inquiry, PictureRequest, Requests};
use crate::http::{Desk, router};
use crate::pulse::Pulse;
use crate::vitals::{Vitals, watch_vitals};

/// Time to send the head of a request, and between two requests on one connection.
const HEADER_TIMEOUT: Duration = Duration::from_secs(10);
/// How long a connection that is no WebSocket may stay, busy or not. Who wants more connects again.
const HTTP_LIFETIME: Duration = Duration::from_secs(120);
/// Bytes of a request's head at most.
const MAX_HEAD_BYTES: usize = 32 * 1024;
/// Pictures that are encoded at once. More would take the processors away from inference.
const MAX_ENCODERS: usize = 2;
/// Pause after a connection could not be taken: mostly, too many files are open.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// The open port. It answers on the runtime's threads from [`ProtocolServer::bind`] on; the world
/// joins in through [`ProtocolPlugin`](crate::ProtocolPlugin).
#[derive(Clone, Resource)]
pub struct ProtocolServer(Arc<Port>);

struct Port {
    address: SocketAddr,
    leaving: Arc<AtomicBool>,
    closing: watch::Sender<bool>,
    /// The world's ends, until the plugin takes them.
    inlet: Mutex<Option<Inlet>>,
}

/// The world's ends of what it shares with the sockets.
pub struct Inlet {
    /// How clients are served.
    pub config: ProtocolConfig,
    /// Where sockets read that.
    pub settings: Settings,
    /// Tells the time.
    pub timepiece: Timepiece,
    /// What clients say.
    pub events: mpsc::Receiver<Event>,
    /// Who wants pictures.
    pub pictures: mpsc::Receiver<PictureRequest>,
    /// Who wants to know how everything is.
    pub inquiries: mpsc::Receiver<Inquiry>,
    /// To be told that the engine runs.
    pub pulse: Pulse,
    /// How busy the machine is.
    pub vitals: watch::Receiver<Vitals>,
    /// What happened, in numbers.
    pub counters: ProtocolCounters,
    /// How long sending takes.
    pub timings: Timings,
}

impl ProtocolServer {
    /// Takes the port and begins to answer.
    ///
    /// # Errors
    /// When the configured name means no address, or none of its addresses can be listened on.
    pub fn bind(
        config: ProtocolConfig,
        runtime: &Handle,
        timepiece: Timepiece,
        wake: Wake,
    ) -> Result<Self, ProtocolError> {
        let listener = listen(&config.listen)?;
        let failed = |source| ProtocolError::Listen { listen: config.listen.clone(), source };
        let address = listener.local_addr().map_err(failed)?;
        listener.set_nonblocking(true).map_err(failed)?;
        let listener = {
            let _guard = runtime.enter();
            tokio::net::TcpListener::from_std(listener).map_err(failed)?
        };
        info!(%address, "listening");
        if !address.ip().is_loopback() && config.token.is_none() {
            warn!(%address, "anyone who reaches this port may use it: no auth.token is set");
        }

        let leaving = Arc::new(AtomicBool::new(false));
        let (closing, closed) = watch::channel(false);
        let (events, told) = Events::channel(wake.clone());
        let (pictures, asked) = Requests::channel(wake.clone());
        let (inquiries, inquired) = Requests::channel(wake);
        let pulse = Pulse::new(timepiece.clone(), config.stall_timeout);
        let counters = ProtocolCounters::default();
        let timings = Timings::default();
        let settings = Settings::new(config.clone());
        let desk = Desk {
            peer: String::new(),
            clerk: Arc::new(Clerk {
                settings: settings.clone(),
                events,
                timepiece: timepiece.clone(),
                counters: counters.clone(),
                timings: timings.clone(),
            }),
            seats: Arc::new(Semaphore::new(config.max_clients)),
            encoders: Arc::new(Semaphore::new(MAX_ENCODERS)),
            connections: Arc::new(AtomicU64::new(0)),
            pictures,
            inquiries,
            pulse: pulse.clone(),
            began_nanos: timepiece.wall(timepiece.now()).as_nanosecond(),
            leaving: leaving.clone(),
            closing: closed,
        };
        runtime.spawn(accept(listener, desk));
        let inlet = Inlet {
            config,
            settings,
            timepiece,
            events: told,
            pictures: asked,
            inquiries: inquired,
            pulse,
            vitals: watch_vitals(runtime),
            counters,
            timings,
        };
        Ok(Self(Arc::new(Port { address, leaving, closing, inlet: Mutex::new(Some(inlet)) })))
    }

    /// Where it listens: with the real port, when a free one was asked for.
    pub fn local_addr(&self) -> SocketAddr {
        self.0.address
    }

    /// Lets no new client in, and says that it is not ready. Who is there is served as before.
    pub fn stop_admitting(&self) {
        self.0.leaving.store(true, Ordering::Relaxed);
    }

    /// Takes no more connections, tells clients that the worker ends, and waits until every
    /// connection is closed, at most until the deadline. What is still open then is left to the
    /// runtime's end.
    pub async fn close(self, deadline: Duration) {
        self.stop_admitting();
        self.0.closing.send_replace(true);
        // Each connection holds a receiver as long as it lives.
        if timeout(deadline, self.0.closing.closed()).await.is_err() {
            warn!("not all connections were closed within {} ms", deadline.as_millis());
        }
    }

    /// The world's ends, the first time.
    pub(crate) fn take_inlet(&self) -> Option<Inlet> {
        self.0.inlet.lock().expect("never held across a panic").take()
    }
}

fn listen(name: &str) -> Result<TcpListener, ProtocolError> {
    let listen = name.to_owned();
    let addresses: Vec<_> = match name.to_socket_addrs() {
        Ok(addresses) => addresses.collect(),
        Err(source) => return Err(ProtocolError::Lookup { listen, source }),
    };
    if addresses.is_empty() {
        return Err(ProtocolError::NoAddress { listen });
    }
    TcpListener::bind(&*addresses).map_err(|source| ProtocolError::Listen { listen, source })
}

/// Takes connections until the worker ends. When as many as are allowed are open, the next ones wait
/// in the system's queue.
async fn accept(listener: tokio::net::TcpListener, desk: Desk) {
    let places = Arc::new(Semaphore::new(desk.clerk.config().max_http_connections));
    let mut closing = desk.closing.clone();
    loop {
        let place = tokio::select! {
            place = places.clone().acquire_owned() => place.expect("it is never closed"),
            _ = closing.wait_for(|closing| *closing) => return,
        };
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            _ = closing.wait_for(|closing| *closing) => return,
        };
        match accepted {
            Ok((stream, peer)) => {
                let desk = Desk { peer: peer.to_string(), ..desk.clone() };
                tokio::spawn(answer(stream, desk, place));
            }
            Err(error) => {
                warn!(%error, "a connection could not be taken");
                sleep(ACCEPT_PAUSE).await;
            }
        }
    }
}

/// Answers the requests of one connection, until it is closed or becomes a WebSocket, which gives
/// its place back.
async fn answer(stream: TcpStream, desk: Desk, place: OwnedSemaphorePermit) {
    let peer = desk.peer.clone();
    let mut closing = desk.closing.clone();
    let grace = desk.clerk.config().request_timeout;
    // Small messages that must not wait for an acknowledgement of the one before.
    if let Err(error) = stream.set_nodelay(true) {
        debug!(peer, %error, "small messages may be delayed");
    }
    let service = TowerToHyperService::new(router(desk));
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEADER_TIMEOUT)
        .max_buf_size(MAX_HEAD_BYTES)
        .serve_connection(TokioIo::new(stream), service)
        .with_upgrades();
    let mut connection = std::pin::pin!(connection);
    let ended = tokio::select! {
        ended = connection.as_mut() => Some(ended),
        () = sleep(HTTP_LIFETIME) => None,
        _ = closing.wait_for(|closing| *closing) => None,
    };
    let ended = match ended {
        Some(ended) => ended,
        None => {
            // What is being answered is answered, if it is read in time.
            connection.as_mut().graceful_shutdown();
            timeout(grace, connection).await.unwrap_or(Ok(()))
        }
    };
    if let Err(error) = ended {
        debug!(peer, %error, "a connection broke off");
    }
    drop(place);
}

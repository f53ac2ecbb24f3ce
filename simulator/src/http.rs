//! A web server with snapshots, motion JPEG and files.

use std::collections::HashMap;
use std::convert::Infallible;
use std::fmt;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Condvar, Mutex, MutexGuard};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use axum::Router;
use axum::body::Body;
use axum::extract::State;
use axum::http::{StatusCode, Uri, header};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use futures_util::stream;
use tokio::net::TcpListener;
use tokio::sync::oneshot;
use url::Url;

use crate::error::SimulatorError;

/// Separates the pictures of a motion JPEG.
const BOUNDARY: &str = "picture";

/// A web server on loopback, until it is stopped or dropped. Then connections are closed.
pub struct HttpServer {
    address: SocketAddr,
    shared: Arc<Shared>,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

#[derive(Default)]
struct Shared {
    pages: Mutex<Pages>,
    hit: Condvar,
}

#[derive(Default)]
struct Pages {
    pages: HashMap<String, Page>,
    /// Requests by path, found or not.
    hits: HashMap<String, u64>,
}

#[derive(Clone)]
enum Page {
    Fixed { content_type: String, bytes: Bytes },
    Made(Arc<dyn Fn(u64) -> (String, Vec<u8>) + Send + Sync>),
    Motion { interval: Duration, picture: Arc<dyn Fn(u64) -> Vec<u8> + Send + Sync> },
    Failing(StatusCode),
    Hanging,
}

impl HttpServer {
    /// Starts a server without pages on a free port of 127.0.0.1.
    ///
    /// # Errors
    /// When the system has no port or thread left.
    pub fn start() -> Result<Self, SimulatorError> {
        Self::start_on((Ipv4Addr::LOCALHOST, 0).into())
    }

    /// Starts a server without pages on an address.
    ///
    /// # Errors
    /// When the address cannot be listened on.
    pub fn start_on(address: SocketAddr) -> Result<Self, SimulatorError> {
        let refused = |source| SimulatorError::Listen { address, source };
        let no_thread = |source| SimulatorError::Thread { address, source };
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .map_err(no_thread)?;
        let listener = std::net::TcpListener::bind(address).map_err(refused)?;
        listener.set_nonblocking(true).map_err(refused)?;
        let address = listener.local_addr().map_err(refused)?;
        let shared = Arc::new(Shared::default());
        let router = Router::new().fallback(answer).with_state(shared.clone());
        let (stop, stopped) = oneshot::channel();
        let thread = thread::Builder::new()
            .name("http-server".to_owned())
            .spawn(move || {
                runtime.block_on(async {
                    let listener = match TcpListener::from_std(listener) {
                        Ok(listener) => listener,
                        Err(error) => {
                            tracing::error!(%error, "the web server does not start");
                            return;
                        }
                    };
                    tokio::select! {
                        // It ends with an error only if the listener does.
                        _ = axum::serve(listener, router) => {}
                        _ = stopped => {}
                    }
                });
                // The runtime goes with this thread, and with it all connections.
            })
            .map_err(no_thread)?;
        Ok(Self { address, shared, stop: Some(stop), thread: Some(thread) })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The address of a page.
    pub fn url(&self, path: &str) -> Url {
        let mut url =
            Url::parse(&format!("http://{}/", self.address)).expect("an address makes a URL");
        url.set_path(path);
        url
    }

    /// Puts bytes at a path such as `/gate.jpg`, in the place of what was there.
    pub fn put(&self, path: &str, content_type: &str, bytes: impl Into<Bytes>) {
        let content_type = content_type.to_owned();
        self.set(path, Page::Fixed { content_type, bytes: bytes.into() });
    }

    /// Answers each request with what `make` says: content type and bytes. It is given how many
    /// requests this path had before, and runs on the server's only thread.
    pub fn put_with(
        &self,
        path: &str,
        make: impl Fn(u64) -> (String, Vec<u8>) + Send + Sync + 'static,
    ) {
        self.set(path, Page::Made(Arc::new(make)));
    }

    /// Shows a motion JPEG without end. `picture` is given the picture's number in its connection,
    /// and runs on the server's only thread. At least one picture a second is sent.
    pub fn put_mjpeg(
        &self,
        path: &str,
        fps: u32,
        picture: impl Fn(u64) -> Vec<u8> + Send + Sync + 'static,
    ) {
        let interval = Duration::from_secs(1) / fps.max(1);
        self.set(path, Page::Motion { interval, picture: Arc::new(picture) });
    }

    /// Takes away what is at a path: "not found" from now on.
    pub fn remove(&self, path: &str) {
        self.pages().pages.remove(path);
    }

    /// Answers requests for a path with a status, without content. What is no status becomes 500.
    pub fn fail(&self, path: &str, status: u16) {
        let status = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        self.set(path, Page::Failing(status));
    }

    /// Takes requests for a path and never answers.
    pub fn hang(&self, path: &str) {
        self.set(path, Page::Hanging);
    }

    /// How often a path was asked for, found or not.
    pub fn hits(&self, path: &str) -> u64 {
        self.pages().hits.get(path).copied().unwrap_or(0)
    }

    /// Waits until a path was asked for at least so often.
    ///
    /// # Errors
    /// When it was not after `timeout`.
    pub fn wait_for_hits(
        &self,
        path: &str,
        expected: u64,
        timeout: Duration,
    ) -> Result<(), SimulatorError> {
        let deadline = Instant::now() + timeout;
        let mut pages = self.pages();
        loop {
            let found = pages.hits.get(path).copied().unwrap_or(0);
            if expected <= found {
                return Ok(());
            }
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Err(SimulatorError::TimedOut {
                    path: path.to_owned(),
                    what: "requests",
                    found,
                    expected,
                    waited: timeout,
                });
            }
            pages = self.shared.hit.wait_timeout(pages, left).expect("no holder panics").0;
        }
    }

    /// Closes all connections and gives the port back. Dropping does the same.
    pub fn stop(self) {}

    fn set(&self, path: &str, page: Page) {
        self.pages().pages.insert(path.to_owned(), page);
    }

    fn pages(&self) -> MutexGuard<'_, Pages> {
        self.shared.pages.lock().expect("no holder panics")
    }
}

impl fmt::Debug for HttpServer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HttpServer").field("address", &self.address).finish_non_exhaustive()
    }
}

impl Drop for HttpServer {
    fn drop(&mut self) {
        if let Some(stop) = self.stop.take() {
            // Nobody listens any more when the thread has ended by itself.
            let _ = stop.send(());
        }
        if let Some(thread) = self.thread.take() {
            // It panicked: there is nobody left to tell.
            let _ = thread.join();
        }
    }
}

async fn answer(State(shared): State<Arc<Shared>>, uri: Uri) -> Response {
    let (page, hit) = {
        let mut pages = shared.pages.lock().expect("no holder panics");
        let hits = pages.hits.entry(uri.path().to_owned()).or_default();
        let hit = *hits;
        *hits += 1;
        (pages.pages.get(uri.path()).cloned(), hit)
    };
    shared.hit.notify_all();
    match page {
        Some(Page::Fixed { content_type, bytes }) => {
            ([(header::CONTENT_TYPE, content_type)], bytes).into_response()
        }
        Some(Page::Made(make)) => {
            let (content_type, bytes) = make(hit);
            ([(header::CONTENT_TYPE, content_type)], bytes).into_response()
        }
        Some(Page::Motion { interval, picture }) => motion(interval, picture),
        Some(Page::Failing(status)) => status.into_response(),
        Some(Page::Hanging) => std::future::pending().await,
        None => StatusCode::NOT_FOUND.into_response(),
    }
}

fn motion(interval: Duration, picture: Arc<dyn Fn(u64) -> Vec<u8> + Send + Sync>) -> Response {
    let ticks = tokio::time::interval(interval);
    let parts = stream::unfold((ticks, 0), move |(mut ticks, number)| {
        let picture = picture.clone();
        async move {
            ticks.tick().await;
            let jpeg = picture(number);
            let mut part = format!(
                "--{BOUNDARY}\r\nContent-Type: image/jpeg\r\nContent-Length: {}\r\n\r\n",
                jpeg.len()
            )
            .into_bytes();
            part.extend_from_slice(&jpeg);
            part.extend_from_slice(b"\r\n");
            Some((Ok::<_, Infallible>(Bytes::from(part)), (ticks, number + 1)))
        }
    });
    let content_type = format!("multipart/x-mixed-replace; boundary={BOUNDARY}");
    ([(header::CONTENT_TYPE, content_type)], Body::from_stream(parts)).into_response()
}

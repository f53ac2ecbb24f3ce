//! What an operator decides about the port.

use std::path::PathBuf;
use std::sync::{Arc, RwLock};
use std::time::Duration;

use bevy_ecs::prelude::*;
use detector_components::secret::Secret;
use detector_reach::Reach;

/// How clients are served. As a resource, it may be replaced at any time.
#[derive(Clone, Debug, PartialEq, Resource)]
pub struct ProtocolConfig {
    /// Name or address and port to listen on; port 0 takes a free one. Default: `127.0.0.1:8000`.
    pub listen: String,
    /// What a client must show, as `Authorization: Bearer` or as `?token=`. Default: nothing.
    pub token: Option<Secret>,
    /// Origins whose pages may connect without a token, as `https://cms.example.org`, besides this
    /// worker's own. Default: none.
    pub origins: Vec<String>,
    /// The largest message that is read, in bytes. Default: 1 MiB.
    pub max_message_bytes: usize,
    /// Messages a second that one client may send in the long run; a second's worth may come at
    /// once. What comes faster is read later: nothing is lost. Default: 100.
    pub messages_per_second: u32,
    /// The most WebSocket clients at once. Default: 32.
    pub max_clients: usize,
    /// The most connections at once that are not WebSockets (yet). Default: 128.
    pub max_http_connections: usize,
    /// Time from heartbeat to heartbeat. Default: 2 s.
    pub heartbeat_interval: Duration,
    /// Time from ping to ping on each WebSocket. Default: 20 s.
    pub ping_interval: Duration,
    /// A client of which nothing is heard for this long, pongs included, is gone. Default: 60 s.
    pub peer_timeout: Duration,
    /// The longest that a request over HTTP waits for the engine and for its picture.
    /// Default: 5 s.
    pub request_timeout: Duration,
    /// The engine is said to be stalled when it has not run for this long. Default: 5 s.
    pub stall_timeout: Duration,
    /// Whether clients are told what was refused. Counted it is always. Default: true.
    pub errors: bool,
    /// What cameras may be reached by, and where. Default: RTSP and HTTP, anywhere but link-local
    /// addresses and those where clouds give out credentials.
    pub cameras: Reach,
    /// What models may be reached by, and where. Default: HTTP, to the same places.
    pub models: Reach,
    /// Whether a camera's address may name a file of this machine. Default: false.
    pub allow_file_urls: bool,
    /// Whether the page offers to subscribe. Default: true.
    pub page_may_subscribe: bool,
    /// Where models may be named by a path. Default: none, models come by URL only.
    pub models_dir: Option<PathBuf>,
    /// Quality of pictures, from 1 to 100. Default: 85.
    pub jpeg_quality: u8,
    /// What this worker calls itself in its reports. Default: the host's name.
    pub worker_id: String,
    /// How many cameras this worker takes, for its reports. Default: 32.
    pub capacity: u32,
}

impl Default for ProtocolConfig {
    fn default() -> Self {
        Self {
            listen: "127.0.0.1:8000".to_owned(),
            token: None,
            origins: Vec::new(),
            max_message_bytes: 1 << 20,
            messages_per_second: 100,
            max_clients: 32,
            max_http_connections: 128,
            heartbeat_interval: Duration::from_secs(2),
            ping_interval: Duration::from_secs(20),
            peer_timeout: Duration::from_secs(60),
            request_timeout: Duration::from_secs(5),
            stall_timeout: Duration::from_secs(5),
            errors: true,
            cameras: Reach::cameras(),
            models: Reach::models(),
            allow_file_urls: false,
            page_may_subscribe: true,
            models_dir: None,
            jpeg_quality: 85,
            worker_id: sysinfo::System::host_name()
                .unwrap_or_else(|_| "detector-worker".to_owned()),
            capacity: 32,
        }
    }
}

/// The configuration as it is now, for sockets.
///
/// Written by the world when its [`ProtocolConfig`] changes. What a connection was opened with, such
/// as the size of its messages, it keeps.
#[derive(Clone, Debug)]
pub struct Settings(Arc<RwLock<Arc<ProtocolConfig>>>);

impl Settings {
    /// Begins with a configuration.
    pub fn new(config: ProtocolConfig) -> Self {
        Self(Arc::new(RwLock::new(Arc::new(config))))
    }

    /// The newest.
    pub fn get(&self) -> Arc<ProtocolConfig> {
        // Held only to move a pointer.
        self.0.read().expect("never held across a panic").clone()
    }

    /// Puts a newer one in its place.
    pub fn set(&self, config: ProtocolConfig) {
        *self.0.write().expect("never held across a panic") = Arc::new(config);
    }
}

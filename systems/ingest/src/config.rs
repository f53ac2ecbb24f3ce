use std::sync::{Arc, RwLock};
use std::time::Duration;

use bevy_ecs::prelude::*;
use detector_reach::Reach;

/// How cameras are opened and watched.
#[derive(Resource, Clone, Debug, PartialEq)]
pub struct IngestConfig {
    /// What cameras may be reached by, and where. Default: RTSP and HTTP, anywhere but link-local
    /// addresses and those where clouds give out credentials.
    pub reach: Reach,
    /// Time between two frames that are taken of a camera. Default: 100 ms.
    pub frame_period: Duration,
    /// The longest wait for the first frame of a new connection. Default: 10 s.
    pub first_frame_timeout: Duration,
    /// A stream without a frame for this long is opened again. Default: 5 s.
    pub stall_timeout: Duration,
    /// The first wait before a camera is opened again; it doubles with each failure. Default: 2 s.
    pub reconnect_base: Duration,
    /// The longest wait before a camera is opened again. Default: 60 s.
    pub reconnect_cap: Duration,
    /// How often in a row a camera is opened again. Default: for ever.
    pub max_retries: Option<u32>,
    /// How long RTP packets wait for ones that overtook them. Over TCP none does. Default: 50 ms.
    pub latency: Duration,
    /// Bytes of a snapshot. Default: 32 MiB.
    pub snapshot_max_bytes: usize,
    /// The longest that fetching a snapshot may take. Default: 10 s.
    pub snapshot_timeout: Duration,
    /// The longest that closing a stream is waited for before it is left to itself. Default: 3 s.
    pub teardown_deadline: Duration,
}

impl Default for IngestConfig {
    fn default() -> Self {
        Self {
            reach: Reach::cameras(),
            frame_period: Duration::from_millis(100),
            first_frame_timeout: Duration::from_secs(10),
            stall_timeout: Duration::from_secs(5),
            reconnect_base: Duration::from_secs(2),
            reconnect_cap: Duration::from_secs(60),
            max_retries: None,
            latency: Duration::from_millis(50),
            snapshot_max_bytes: 32 << 20,
            snapshot_timeout: Duration::from_secs(10),
            teardown_deadline: Duration::from_secs(3),
        }
    }
}

/// The configuration as it is now, for what runs outside the world.
///
/// Written by the world when its [`IngestConfig`] changes; each reader takes a copy of the newest.
#[derive(Clone, Debug)]
pub struct Settings(Arc<RwLock<IngestConfig>>);

impl Settings {
    /// Begins with a configuration.
    pub fn new(config: IngestConfig) -> Self {
        Self(Arc::new(RwLock::new(config)))
    }

    /// The newest.
    pub fn get(&self) -> IngestConfig {
        // Held only to copy a few numbers.
        self.0.read().expect("never held across a panic").clone()
    }

    /// Puts a newer one in its place.
    pub fn set(&self, config: IngestConfig) {
        *self.0.write().expect("never held across a panic") = config;
    }
}

use std::sync::{Arc, RwLock};
use std::time::Duration;

use bevy_ecs::prelude::*;
use detector_components::camera::Transport;
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
    /// How long RTP packets over UDP wait for ones that they overtook. Default: 100 ms.
    pub latency: Duration,
    /// Bytes of one coded picture. Default: 16 MiB.
    pub max_picture_bytes: usize,
    /// Columns times rows of a picture. Default: 40 million, beyond 8K.
    pub max_pixels: u64,
    /// How RTSP packets travel, where a camera's own options do not say. Default: `Auto`.
    pub transport: Transport,
    /// The same picture for so long is a frozen camera. Default: 30 s.
    pub freeze_after: Duration,
    /// A black or one-colour picture for so long is a covered camera. Default: 5 s.
    pub covered_after: Duration,
    /// Whether pictures that may be wrong are inferred. Default: yes; messages say so.
    pub infer_suspicious: bool,
    /// Cameras that are opened at once. Default: 16.
    pub connects: usize,
    /// Cameras of one host that are opened at once. Default: 4.
    pub connects_per_host: usize,
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
            latency: Duration::from_millis(100),
            max_picture_bytes: 16 << 20,
            max_pixels: 40_000_000,
            transport: Transport::Auto,
            freeze_after: Duration::from_secs(30),
            covered_after: Duration::from_secs(5),
            infer_suspicious: true,
            connects: 16,
            connects_per_host: 4,
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

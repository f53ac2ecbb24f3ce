//! Camera address to newest frame.
//!
//! In: [`Camera`](detector_components::camera::Camera)s. Out: their
//! [`LatestFrame`](detector_components::camera::LatestFrame) and
//! [`StreamState`](detector_components::camera::StreamState). Each camera has a supervisor of its own
//! outside the world, which opens it, watches it, and opens it again; whatever a camera does, no
//! other one notices.

mod accounts;
mod attempt;
mod backoff;
mod coded;
mod config;
mod decoder_log;
mod device;
mod element;
mod error;
mod failure;
mod flow;
mod gate;
mod gauge;
mod governor;
mod health;
mod http;
mod login;
mod look;
mod mark;
mod mjpeg;
mod multipart;
mod picture;
mod pipeline;
mod plugin;
mod refuse;
mod rtsp;
mod snapshot;
mod status;
mod stream;
mod systems;
mod watch;
mod web;

pub use config::IngestConfig;
pub use error::{IngestError, Missing, init, missing};
pub use failure::{Failure, FailureKind};
pub use gauge::Measured;
pub use look::{Seen, gives_snapshots, look};
pub use plugin::IngestPlugin;

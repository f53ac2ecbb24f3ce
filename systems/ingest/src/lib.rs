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
mod config;
mod device;
mod element;
mod error;
mod failure;
mod gauge;
mod http;
mod login;
mod look;
mod mjpeg;
mod multipart;
mod picture;
mod plugin;
mod snapshot;
mod status;
mod stream;
mod systems;
mod way;
mod web;

pub use config::IngestConfig;
pub use error::{IngestError, Missing, init, missing};
pub use failure::{Failure, FailureKind};
pub use gauge::Measured;
pub use look::{Seen, gives_snapshots, look};
pub use plugin::IngestPlugin;

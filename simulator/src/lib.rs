//! A camera simulator: RTSP and HTTP cameras on loopback, and their faults.
//!
//! [`RtspServer`] shows [`Footage`]: a test pattern, a file, or a [`Scene`] whose truth is known. It
//! can freeze, close connections, ask for a password and be restarted on its port. [`HttpServer`]
//! serves snapshots, motion JPEG and whatever else is put there. [`RedisServer`] is a real one.
//!
//! Nothing here is a mock: the clients under test meet the protocols as cameras speak them.

mod auth;
mod clip;
mod error;
mod footage;
mod http;
mod media;
mod redis;
mod rtsp;
mod scene;
mod watchers;

pub use error::SimulatorError;
pub use footage::{Footage, Login, Stream};
pub use http::HttpServer;
pub use redis::{RedisServer, RedisServerError, RedisSettings};
pub use rtsp::RtspServer;
pub use scene::{Color, Scene, Shape, ShownShape};

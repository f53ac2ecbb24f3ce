//! A camera simulator: RTSP and HTTP cameras on loopback, and their faults.
//!
//! [`RtspServer`] shows [`Footage`]: a test pattern, a file, or a [`Scene`] whose truth is known. It
//! can freeze, close connections, ask for a password and be restarted on its port. [`HttpServer`]
//! serves snapshots, motion JPEG and whatever else is put there. [`RedisServer`] is a real one.
//!
//! [`ScriptedCamera`] is an RTSP camera on raw sockets that follows a [`Script`] of [`Fault`]s. Its
//! pictures carry their number ([`NumberedScene`]), so that whatever a client shows can be compared
//! with what was sent.
//!
//! Nothing here is a mock: the clients under test meet the protocols as cameras speak them.

mod auth;
mod camera;
mod clip;
mod elementary;
mod error;
mod fault;
mod footage;
mod http;
mod media;
mod numbered;
mod random;
mod redis;
mod rtsp;
mod scene;
mod script;
mod watchers;

pub use camera::{Record, Request, ScriptedCamera, SentPicture};
pub use elementary::{AccessUnit, Codec, Elementary, Encoding};
pub use error::SimulatorError;
pub use fault::*;
pub use footage::{Footage, Login, Stream};
pub use http::HttpServer;
pub use numbered::NumberedScene;
pub use redis::{RedisServer, RedisServerError, RedisSettings};
pub use rtsp::RtspServer;
pub use scene::{Color, Scene, Shape, ShownShape};
pub use script::Script;

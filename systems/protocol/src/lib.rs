//! WebSocket and HTTP on one port: commands in, detections and state out.
//!
//! In: messages of clients, as [`ClientCommand`](detector_components::command::ClientCommand);
//! requests for the page, for pictures, for state, metrics and health. Out: finished passes as `imageDetection`, the state of all
//! subscriptions as `stateReport`, [`Refused`](detector_components::client::Refused) as `error`,
//! [`SessionPatch`](detector_components::display::SessionPatch) as `patchSession`.
//!
//! Sockets live on the async runtime, the world on the main thread. They meet in a bounded channel of
//! `event`s into the world, one of requests for pictures, and one `outbox` a client out of it. Only
//! `wire` knows how anything is written in JSON; nothing of it is seen outside this crate.
//!
//! What is promised, whatever clients do:
//! * nothing that a client sends ends its connection, except a breach of the WebSocket framing
//!   itself;
//! * a client that does not read, or floods, costs a bounded amount of memory and delays nobody;
//! * heartbeats keep their time, because nothing that could be slow stands between the clock and
//!   the outbox.

mod auth;
mod budget;
mod census;
mod config;
mod connection;
mod counters;
mod darkroom;
mod detections;
mod error;
mod event;
mod exposition;
mod failures;
mod gauge;
mod glance;
mod heartbeat;
mod http;
mod impairments;
mod inquiries;
mod metrics;
mod origin;
mod outbox;
mod page;
mod picture;
mod plugin;
mod pulse;
mod server;
mod sessions;
mod shelf;
mod shots;
mod sieve;
mod systems;
mod upgrade;
mod vitals;
mod wire;

pub use config::ProtocolConfig;
pub use counters::{ProtocolCounters, ProtocolCounts};
pub use error::ProtocolError;
pub use heartbeat::NextHeartbeat;
pub use plugin::ProtocolPlugin;
pub use server::ProtocolServer;

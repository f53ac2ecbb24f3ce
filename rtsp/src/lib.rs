//! An RTSP client for cameras (RFC 2326, with what cameras make of it).
//!
//! [`Client::open`] describes, sets up and plays one video track; [`Client::next`] then gives whole
//! coded pictures, and says when packets are missing. Nothing is delayed or dropped for being late:
//! over TCP there is nothing to wait for, and over UDP a packet waits only for those that overtook it.
//!
//! What cameras say about the stream is used where it helps and never trusted: sequence numbers begin
//! with the first packet that arrives, whatever `RTP-Info` says; the channel and the payload type are
//! those of the packets. Everything that a camera sends is bounded ([`Limits`]).
//!
//! Names are not looked up here: the caller says which addresses to connect to.

mod auth;
mod client;
mod clock;
mod connection;
mod depacketize;
mod error;
mod keep_alive;
mod message;
mod reorder;
mod rtcp;
mod sdp;
mod setup;
mod stream;
mod tunnel;
mod udp;

pub use auth::{Answer, Login};
pub use client::{Client, Event, Options, Picture, PictureData};
pub use connection::Limits;
pub use error::{Phase, RtspError, meaning};
pub use sdp::{Codec, Format};
pub use setup::Transport;
pub use stream::Server;

//! What sockets tell the world.

use std::sync::Arc;

use detector_components::clock::Moment;
use detector_components::command::{Command, Crop};
use detector_components::frame::Frame;
use detector_components::results::Results;
use detector_components::wake::{Reasons, Wake};
use tokio::sync::{mpsc, oneshot};

use crate::exposition::Metrics;
use crate::outbox::Outbox;
use crate::wire::state::State;

/// Events that wait for the world at most. When the engine is behind, sockets are not read.
pub const MAX_EVENTS: usize = 256;
/// Requests of one kind that wait for the world at most. More are refused at once.
pub const MAX_REQUESTS: usize = 32;

/// A connection, for as long as the process lives.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct ConnectionId(pub u64);

/// Something that happened on a client's socket.
pub struct Event {
    /// Whose.
    pub connection: ConnectionId,
    /// What.
    pub news: News,
}

/// What happened on a socket.
#[expect(clippy::large_enum_variant, reason = "events are few and gone at once")]
pub enum News {
    /// It is open.
    Opened {
        /// Where it comes from.
        peer: String,
        /// When.
        at: Moment,
        /// What is to be sent to it.
        outbox: Outbox,
    },
    /// The client asks for something.
    Asked(Command),
    /// The client wants a report now.
    WantsState,
    /// It is closed, for whatever reason. The last of its events.
    Closed,
}

/// The sockets' end of the channel into the world.
#[derive(Clone)]
pub struct Events {
    sender: mpsc::Sender<Event>,
    wake: Wake,
}

impl Events {
    /// A channel of [`MAX_EVENTS`].
    pub fn channel(wake: Wake) -> (Self, mpsc::Receiver<Event>) {
        let (sender, receiver) = mpsc::channel(MAX_EVENTS);
        (Self { sender, wake }, receiver)
    }

    /// Tells the world; waits while it is behind. A world that is gone is told nothing.
    pub async fn tell(&self, connection: ConnectionId, news: News) {
        if self.sender.send(Event { connection, news }).await.is_ok() {
            self.wake.call(Reasons::DELIVERY);
        }
    }
}

/// Someone wants to know how everything is.
pub enum Inquiry {
    /// As a whole.
    State(oneshot::Sender<Arc<State>>),
    /// In numbers.
    Metrics(oneshot::Sender<Arc<Metrics>>),
}

/// Someone wants a picture.
pub struct PictureRequest {
    /// Of what: a subscription's identifier, or a camera's name in the CMS.
    pub of: String,
    /// Whether detections are to be drawn.
    pub annotated: bool,
    /// Where the answer goes.
    pub answer: oneshot::Sender<Result<Shot, NoShot>>,
}

/// What a picture is made of.
#[derive(Clone, Debug)]
pub struct Shot {
    /// What it shows.
    pub frame: Frame,
    /// The part of it that is asked for.
    pub crop: Option<Crop>,
    /// What was found in this very frame. None when that was not asked for, or not known yet.
    pub results: Option<Arc<Results>>,
}

/// Why there is no picture.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NoShot {
    /// Nothing is called so.
    Unknown,
    /// The camera has not given a frame yet.
    NoFrame,
}

/// The web server's end of a channel into the world: for pictures, for inquiries.
pub struct Requests<T> {
    sender: mpsc::Sender<T>,
    wake: Wake,
}

impl<T> Clone for Requests<T> {
    fn clone(&self) -> Self {
        Self { sender: self.sender.clone(), wake: self.wake.clone() }
    }
}

impl<T> Requests<T> {
    /// A channel of [`MAX_REQUESTS`].
    pub fn channel(wake: Wake) -> (Self, mpsc::Receiver<T>) {
        let (sender, receiver) = mpsc::channel(MAX_REQUESTS);
        (Self { sender, wake }, receiver)
    }

    /// Asks the world. False when too many ask already.
    pub fn ask(&self, request: T) -> bool {
        let asked = self.sender.try_send(request).is_ok();
        self.wake.call(Reasons::DELIVERY);
        asked
    }
}

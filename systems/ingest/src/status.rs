//! How a camera is doing, told by its supervisor, read by the world.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use bevy_ecs::prelude::*;
use crossbeam_channel::{Receiver, Sender, bounded};
use detector_components::camera::{StreamFacts, StreamState};
use detector_components::wake::{Reasons, Wake};

/// The world's end of a camera's supervisor. Dropping it tells the supervisor to end; nobody waits.
#[derive(Component)]
pub struct Supervised {
    status: Arc<Status>,
    /// Closed when this is dropped.
    _alive: Sender<()>,
}

/// The supervisor's end.
#[derive(Clone)]
pub struct Report {
    status: Arc<Status>,
    ended: Receiver<()>,
    wake: Wake,
}

struct Status {
    state: Mutex<StreamState>,
    changed: AtomicBool,
    reconnects: AtomicU64,
    facts: Mutex<StreamFacts>,
}

/// A pair of ends.
pub fn supervision(wake: Wake) -> (Supervised, Report) {
    let status = Arc::new(Status {
        state: Mutex::new(StreamState::Connecting),
        changed: AtomicBool::new(false),
        reconnects: AtomicU64::new(0),
        facts: Mutex::default(),
    });
    let (alive, ended) = bounded(0);
    let supervised = Supervised { status: status.clone(), _alive: alive };
    (supervised, Report { status, ended, wake })
}

impl Supervised {
    /// The state, if it was told since this was last asked.
    pub fn news(&self) -> Option<StreamState> {
        self.status.changed.swap(false, Ordering::AcqRel).then(|| {
            // Both sides hold the lock only to move a value.
            self.status.state.lock().expect("never held across a panic").clone()
        })
    }

    /// What is known of the stream.
    pub fn facts(&self) -> StreamFacts {
        self.status.facts.lock().expect("never held across a panic").clone()
    }

    /// How often the camera was opened again.
    pub fn reconnects(&self) -> u64 {
        self.status.reconnects.load(Ordering::Relaxed)
    }
}

impl Report {
    /// Tells the state.
    pub fn tell(&self, state: StreamState) {
        let mut told = self.status.state.lock().expect("never held across a panic");
        if *told == state {
            return;
        }
        if matches!(state, StreamState::Reconnecting { .. }) {
            self.status.reconnects.fetch_add(1, Ordering::Relaxed);
        }
        *told = state;
        drop(told);
        self.status.changed.store(true, Ordering::Release);
        self.wake.call(Reasons::DELIVERY);
    }

    /// Notes what is known of the stream.
    pub fn know(&self, facts: StreamFacts) {
        *self.status.facts.lock().expect("never held across a panic") = facts;
    }

    /// Becomes readable, by an error, when the camera is not wanted any more.
    pub fn ended(&self) -> &Receiver<()> {
        &self.ended
    }

    /// Whether the camera is not wanted any more.
    pub fn has_ended(&self) -> bool {
        matches!(self.ended.try_recv(), Err(crossbeam_channel::TryRecvError::Disconnected))
    }
}

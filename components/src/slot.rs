//! Where a camera's thread leaves its newest frame.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use bevy_ecs::prelude::*;

use crate::clock::{Moment, Timepiece};
use crate::frame::Frame;
use crate::wake::{Reasons, Wake};

/// The newest frame of one camera, left here by its streaming thread.
///
/// One place: a slow engine sees the newest frame, never a backlog. Overwritten frames are counted.
/// The main thread is woken only for a frame that arrives when the camera is due, so a camera that
/// sends more than is wanted costs nothing beyond its decoding.
#[derive(Clone, Component)]
pub struct FrameSlot(Arc<Place>);

struct Place {
    newest: Mutex<Option<Frame>>,
    due_nanos: AtomicU64,
    received: AtomicU64,
    overwritten: AtomicU64,
    timepiece: Timepiece,
    wake: Wake,
}

impl FrameSlot {
    /// An empty place. The camera is due at once.
    pub fn new(timepiece: Timepiece, wake: Wake) -> Self {
        Self(Arc::new(Place {
            newest: Mutex::new(None),
            due_nanos: AtomicU64::new(0),
            received: AtomicU64::new(0),
            overwritten: AtomicU64::new(0),
            timepiece,
            wake,
        }))
    }

    /// Leaves a frame, instead of an older one that nobody took.
    pub fn put(&self, frame: Frame) {
        // Both sides hold the lock only to move a pointer.
        let overwritten = self.0.newest.lock().expect("never held across a panic").replace(frame);
        self.0.received.fetch_add(1, Ordering::Relaxed);
        if overwritten.is_some() {
            self.0.overwritten.fetch_add(1, Ordering::Relaxed);
        }
        if self.0.timepiece.now().nanos >= self.0.due_nanos.load(Ordering::Acquire) {
            self.0.wake.call(Reasons::FRAME);
        }
    }

    /// Takes the newest frame.
    pub fn take(&self) -> Option<Frame> {
        self.0.newest.lock().expect("never held across a panic").take()
    }

    /// Says from when on an arriving frame wakes the engine.
    pub fn set_due(&self, due: Moment) {
        self.0.due_nanos.store(due.nanos, Ordering::Release);
    }

    /// Frames that ever arrived.
    pub fn received(&self) -> u64 {
        self.0.received.load(Ordering::Relaxed)
    }

    /// Frames that were replaced before anyone took them.
    pub fn overwritten(&self) -> u64 {
        self.0.overwritten.load(Ordering::Relaxed)
    }
}

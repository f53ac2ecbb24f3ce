//! The one thing the main thread waits for.

use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};
use std::time::Duration;

use bevy_ecs::prelude::*;
use crossbeam_channel::{Receiver, Sender, bounded};

/// Why the main thread was woken. Several may hold at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Reasons(u8);

impl Reasons {
    /// Nothing: the wait ran out.
    pub const NONE: Self = Self(0);
    /// A camera that is due has a frame: run `Sample`.
    pub const FRAME: Self = Self(1);
    /// A stage's outside work answered, or a client spoke: run `Deliver`.
    pub const DELIVERY: Self = Self(2);
    /// The process was asked to end.
    pub const EXIT: Self = Self(4);

    /// Whether all of `other` hold.
    pub fn contains(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }
}

/// Wakes the main thread, from any thread, without ever waiting.
///
/// One place: calls between two waits melt into one, and their reasons add up.
#[derive(Clone, Debug, Resource)]
pub struct Wake {
    reasons: Arc<AtomicU8>,
    bell: Sender<()>,
}

/// The main thread's end of [`Wake`].
#[derive(Debug)]
pub struct Sleeper {
    reasons: Arc<AtomicU8>,
    bell: Receiver<()>,
}

/// A pair of ends.
pub fn wake() -> (Wake, Sleeper) {
    let reasons = Arc::new(AtomicU8::new(0));
    let (ring, bell) = bounded(1);
    (Wake { reasons: reasons.clone(), bell: ring }, Sleeper { reasons, bell })
}

impl Wake {
    /// Wakes the main thread for `reason`.
    pub fn call(&self, reason: Reasons) {
        self.reasons.fetch_or(reason.0, Ordering::Release);
        // Full means that a call is already waiting to be heard; it will see this reason too.
        let _ = self.bell.try_send(());
    }
}

impl Sleeper {
    /// Waits for a call, at most `timeout`, and takes the reasons.
    pub fn wait(&self, timeout: Duration) -> Reasons {
        // A timeout and a call are handled alike: the reasons say which it was.
        let _ = self.bell.recv_timeout(timeout);
        Reasons(self.reasons.swap(0, Ordering::Acquire))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn calls_between_two_waits_melt_into_one() {
        let (wake, sleeper) = wake();
        wake.call(Reasons::FRAME);
        wake.call(Reasons::DELIVERY);

        let reasons = sleeper.wait(Duration::ZERO);

        assert!(reasons.contains(Reasons::FRAME) && reasons.contains(Reasons::DELIVERY));
        assert_eq!(sleeper.wait(Duration::ZERO), Reasons::NONE);
    }
}

//! Whether the engine runs, as seen from outside the main thread.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use bevy_ecs::prelude::*;
use detector_components::clock::{Moment, Timepiece};

/// No run yet: half a thousand years after the start.
const NEVER: u64 = u64::MAX;

/// When the engine ran last. Written at each run by the main thread, read by whoever asks for its
/// health.
#[derive(Clone, Debug, Resource)]
pub struct Pulse {
    timepiece: Timepiece,
    stall_timeout: Duration,
    last: Arc<AtomicU64>,
}

impl Pulse {
    /// Of an engine that has not run yet.
    pub fn new(timepiece: Timepiece, stall_timeout: Duration) -> Self {
        Self { timepiece, stall_timeout, last: Arc::new(AtomicU64::new(NEVER)) }
    }

    /// The engine runs.
    pub fn beat(&self, now: Moment) {
        self.last.store(now.nanos.min(NEVER - 1), Ordering::Relaxed);
    }

    /// Why the engine is not to be relied on. None when it is.
    pub fn trouble(&self) -> Option<String> {
        match self.last.load(Ordering::Relaxed) {
            NEVER => Some("the engine has not run yet".to_owned()),
            nanos => {
                let silence = self.timepiece.now().since(Moment { nanos });
                (silence > self.stall_timeout)
                    .then(|| format!("the engine has not run for {} ms", silence.as_millis()))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_engine_that_stops_running_is_noticed() {
        let timepiece = Timepiece::manual();
        let pulse = Pulse::new(timepiece.clone(), Duration::from_secs(5));
        assert_eq!(pulse.trouble().as_deref(), Some("the engine has not run yet"));
        pulse.beat(timepiece.now());
        timepiece.advance(Duration::from_secs(5));
        assert_eq!(pulse.trouble(), None);
        timepiece.advance(Duration::from_secs(1));
        assert_eq!(pulse.trouble().as_deref(), Some("the engine has not run for 6000 ms"));
        pulse.beat(timepiece.now());
        assert_eq!(pulse.trouble(), None);
    }
}

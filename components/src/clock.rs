//! Time as data: a test can own it.

use std::ops::Add;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use bevy_ecs::prelude::*;
use jiff::{SignedDuration, Timestamp};

/// A point on the engine's monotonic clock: nanoseconds since it started.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Moment {
    /// Nanoseconds since the clock started.
    pub nanos: u64,
}

impl Moment {
    /// Time from `earlier` to this moment; zero when `earlier` is later.
    pub fn since(self, earlier: Self) -> Duration {
        Duration::from_nanos(self.nanos.saturating_sub(earlier.nanos))
    }
}

impl Add<Duration> for Moment {
    type Output = Self;

    fn add(self, duration: Duration) -> Self {
        let nanos = u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX);
        Self { nanos: self.nanos.saturating_add(nanos) }
    }
}

/// Tells the time on any thread: cameras stamp their frames with it.
#[derive(Clone, Debug, Resource)]
pub struct Timepiece(Arc<Source>);

#[derive(Debug)]
enum Source {
    Real { started: Instant, started_wall: Timestamp },
    Manual { nanos: AtomicU64, started_wall: Timestamp },
}

impl Timepiece {
    /// Follows the machine's clocks, starting now.
    pub fn real() -> Self {
        Self(Arc::new(Source::Real { started: Instant::now(), started_wall: Timestamp::now() }))
    }

    /// Stands still until [`Timepiece::advance`] moves it. For tests.
    pub fn manual() -> Self {
        Self(Arc::new(Source::Manual {
            nanos: AtomicU64::new(0),
            started_wall: Timestamp::UNIX_EPOCH,
        }))
    }

    /// Moves a manual clock.
    ///
    /// # Panics
    /// When the clock is a real one.
    pub fn advance(&self, by: Duration) {
        let Source::Manual { nanos, .. } = &*self.0 else {
            panic!("only a manual clock can be moved");
        };
        let by =
            u64::try_from(by.as_nanos()).expect("a test moves the clock by less than centuries");
        nanos.fetch_add(by, Ordering::Relaxed);
    }

    /// The monotonic time now.
    pub fn now(&self) -> Moment {
        let nanos = match &*self.0 {
            Source::Real { started, .. } => {
                u64::try_from(started.elapsed().as_nanos()).unwrap_or(u64::MAX)
            }
            Source::Manual { nanos, .. } => nanos.load(Ordering::Relaxed),
        };
        Moment { nanos }
    }

    /// The wall-clock time of `moment`, for timestamps that leave the process.
    ///
    /// Measured from now, so that a wall clock that was set meanwhile is followed.
    pub fn wall(&self, moment: Moment) -> Timestamp {
        match &*self.0 {
            Source::Real { started_wall, .. } => {
                let age = self.now().since(moment);
                Timestamp::now()
                    .checked_sub(SignedDuration::try_from(age).unwrap_or(SignedDuration::ZERO))
                    .unwrap_or(*started_wall)
            }
            Source::Manual { started_wall, .. } => started_wall
                .checked_add(SignedDuration::from_nanos(
                    i64::try_from(moment.nanos).unwrap_or(i64::MAX),
                ))
                .unwrap_or(*started_wall),
        }
    }
}

/// The time of the current run of the schedules. Written by the runner, once before each run.
#[derive(Clone, Copy, Debug, Default, Resource)]
pub struct Clock {
    /// Monotonic time at the start of this run.
    pub now: Moment,
    /// How many times the schedules have run.
    pub run: u64,
}

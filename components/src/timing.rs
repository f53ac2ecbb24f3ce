//! How long the steps from a camera to a client take.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use bevy_ecs::prelude::*;

/// A step on the way of a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Step {
    /// From an encoded picture's arrival to its pixels.
    Decode,
    /// From a frame's capture to the beginning of its pass, decoding included: how long it waited for
    /// the device.
    Wait,
    /// Laying the pictures of one batch into a network's input.
    Preprocess,
    /// One batch on the device.
    Infer,
    /// From the root's answer to the last one below it.
    Branch,
    /// From a finished pass to the server's answer to an action.
    Act,
    /// From a message's being written to its being handed to the client's socket.
    Send,
    /// From a frame's capture to its results' being published.
    FrameAge,
}

impl Step {
    /// Every step, in the order of a frame's way.
    pub const ALL: [Self; 8] = [
        Self::Decode,
        Self::Wait,
        Self::Preprocess,
        Self::Infer,
        Self::Branch,
        Self::Act,
        Self::Send,
        Self::FrameAge,
    ];

    /// Its name in metrics.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Decode => "decode",
            Self::Wait => "wait",
            Self::Preprocess => "preprocess",
            Self::Infer => "infer",
            Self::Branch => "branch",
            Self::Act => "act",
            Self::Send => "send",
            Self::FrameAge => "frame_age",
        }
    }
}

/// How long each step took, since the start. Counted on several threads; cheap to clone, all clones
/// count together.
#[derive(Resource, Clone, Debug, Default)]
pub struct Timings(Arc<[Buckets; Step::ALL.len()]>);

#[derive(Debug, Default)]
struct Buckets {
    /// One for each of [`Timings::BOUNDS`], and one for what is beyond.
    counts: [AtomicU64; Timings::BOUNDS.len() + 1],
    nanos: AtomicU64,
}

/// How long a step took so far.
#[derive(Clone, Debug, PartialEq)]
pub struct Histogram {
    /// All of it together, in seconds.
    pub sum: f64,
    /// How often.
    pub count: u64,
    /// How often it took longer than the bound before and no longer than this one, in seconds. The
    /// last bound is infinite.
    pub buckets: Vec<(f64, u64)>,
}

impl Timings {
    /// Upper bounds of what is counted together, in seconds.
    pub const BOUNDS: [f64; 14] =
        [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0];

    /// Counts one time that a step took so long.
    pub fn record(&self, step: Step, took: Duration) {
        let buckets = &self.0[step as usize];
        let secs = took.as_secs_f64();
        let place = Self::BOUNDS.partition_point(|bound| *bound < secs);
        buckets.counts[place].fetch_add(1, Ordering::Relaxed);
        let nanos = u64::try_from(took.as_nanos()).unwrap_or(u64::MAX);
        buckets.nanos.fetch_add(nanos, Ordering::Relaxed);
    }

    /// How long a step took so far.
    pub fn of(&self, step: Step) -> Histogram {
        let Buckets { counts, nanos } = &self.0[step as usize];
        let counts = counts.iter().map(|count| count.load(Ordering::Relaxed));
        let bounds = Self::BOUNDS.into_iter().chain([f64::INFINITY]);
        let buckets: Vec<_> = bounds.zip(counts).collect();
        Histogram {
            sum: nanos.load(Ordering::Relaxed) as f64 / 1e9,
            count: buckets.iter().map(|(_, count)| count).sum(),
            buckets,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_is_counted_at_its_bound() {
        let timings = Timings::default();
        for millis in [1, 2, 100_000] {
            timings.record(Step::Infer, Duration::from_millis(millis));
        }
        let histogram = timings.of(Step::Infer);
        assert_eq!((histogram.count, histogram.sum), (3, 100.003));
        let full: Vec<_> = histogram.buckets.into_iter().filter(|(_, count)| *count > 0).collect();
        assert_eq!(full, [(0.001, 1), (0.0025, 1), (f64::INFINITY, 1)]);
        assert_eq!(timings.of(Step::Decode).count, 0);
    }
}

//! Cameras, and how they are doing.

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use bevy_ecs::prelude::*;

use crate::clock::Moment;
use crate::frame::Frame;
use crate::secret::SecretUrl;

/// A camera that some view looks at. Exists while at least one does; despawning it closes the
/// stream. Equal sources are one camera.
#[derive(Component, Debug)]
#[require(StreamState, Pace, CameraCounters, LastBegun)]
pub struct Camera {
    /// Where its pictures come from. Printing it shows no credentials.
    pub source: CameraSource,
}

/// Where pictures come from.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum CameraSource {
    /// A stream that runs by itself: RTSP, or anything over HTTP that GStreamer plays.
    Stream(SecretUrl),
    /// A still picture, fetched again and again.
    Snapshot {
        /// Of a JPEG or PNG.
        url: SecretUrl,
        /// Time from fetch to fetch.
        interval: Duration,
    },
    /// A file with video.
    File {
        /// On this machine.
        path: PathBuf,
        /// From the start again at its end.
        looped: bool,
        /// At the speed it was taken, rather than as fast as it can be decoded.
        real_time: bool,
    },
    /// A camera at this machine, by its device.
    Device(PathBuf),
}

impl CameraSource {
    /// What a path of this machine stands for: a device below `/dev`, else a file. A file stands for a
    /// camera, and a camera neither ends nor runs ahead.
    pub fn of_path(path: PathBuf) -> Self {
        // What lies below /dev/shm is memory that looks like files.
        match path.starts_with("/dev") && !path.starts_with("/dev/shm") {
            true => Self::Device(path),
            false => Self::File { path, looped: true, real_time: true },
        }
    }
}

impl fmt::Display for CameraSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Stream(url) | Self::Snapshot { url, .. } => url.fmt(f),
            Self::File { path, .. } | Self::Device(path) => path.display().fmt(f),
        }
    }
}

/// How a camera's stream is doing. Written by `ingest`.
#[derive(Component, Clone, Debug, Default, PartialEq, Eq)]
pub enum StreamState {
    /// Opened for the first time; no frame yet.
    #[default]
    Connecting,
    /// Frames arrive.
    Running,
    /// Connected, but no usable frame arrived within the stall time-out.
    Stalled,
    /// The stream failed and will be opened again.
    Reconnecting {
        /// What failed, without credentials.
        reason: Arc<str>,
    },
    /// The stream ended or failed for good.
    Failed {
        /// Why, without credentials.
        reason: Arc<str>,
    },
}

/// The newest frame that was sampled. Absent before the first.
#[derive(Component, Clone, Debug)]
#[require(LastBegun)]
pub struct LatestFrame(pub Frame);

/// Sequence number of the newest frame of a camera that some view began a pass on.
///
/// While it is not that of [`LatestFrame`], a newer frame may still take its place.
#[derive(Component, Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LastBegun(pub Option<u64>);

/// Decides when the next frame of a camera is wanted.
///
/// A grid of due times, one period apart; the first frame at or after a due time is taken. A
/// camera that falls behind skips grid points rather than catching up.
#[derive(Component, Clone, Copy, Debug, Default)]
pub struct Pace {
    /// From when on the next frame is wanted.
    pub due: Moment,
}

impl Pace {
    /// Notes that a frame was taken at `now`, and returns how many due times were skipped.
    pub fn taken(&mut self, now: Moment, period: Duration) -> u64 {
        let late = now.since(self.due);
        let period_nanos = period.as_nanos().max(1);
        let skipped = u64::try_from(late.as_nanos() / period_nanos).unwrap_or(u64::MAX);
        let next = self.due + period;
        // Behind by a period or more, and at the first frame, the grid starts anew at this one.
        let (due, skipped) = match (self.due.nanos, skipped) {
            (0, _) => (now + period, 0),
            (_, 0) => (next, 0),
            (_, skipped) => (now + period, skipped),
        };
        self.due = due;
        skipped
    }
}

/// What happened to a camera's frames. Written by the stage that counts.
#[derive(Component, Clone, Copy, Debug, Default)]
pub struct CameraCounters {
    /// Frames handed to the views.
    pub sampled: u64,
    /// Due times that passed without a frame taken.
    pub skipped: u64,
    /// Times that the stream was opened again.
    pub reconnects: u64,
    /// Smoothed frames a second that arrive.
    pub fps: f32,
}

#[cfg(test)]
mod tests {
    use super::*;

    const PERIOD: Duration = Duration::from_millis(100);

    fn at(millis: u64) -> Moment {
        Moment::default() + Duration::from_millis(millis)
    }

    #[test]
    fn a_late_frame_does_not_shift_the_grid() {
        let mut pace = Pace { due: at(1_000) };
        assert_eq!(pace.taken(at(1_030), PERIOD), 0);
        assert_eq!(pace.due, at(1_100));
    }

    #[test]
    fn missed_due_times_are_counted_and_not_caught_up() {
        let mut pace = Pace { due: at(1_000) };
        assert_eq!(pace.taken(at(1_350), PERIOD), 3);
        assert_eq!(pace.due, at(1_450));
    }

    #[test]
    fn the_first_frame_starts_the_grid() {
        let mut pace = Pace::default();
        assert_eq!(pace.taken(at(5_000), PERIOD), 0);
        assert_eq!(pace.due, at(5_100));
    }
}

//! Cameras, and how they are doing.

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use bevy_ecs::prelude::*;
use jiff::SignedDuration;

use crate::clock::Moment;
use crate::frame::Frame;
use crate::integrity::FaultCounts;
use crate::secret::SecretUrl;

/// A camera that some view looks at. Exists while at least one does; despawning it closes the
/// stream. Equal sources are one camera.
#[derive(Component, Debug)]
#[require(StreamState, StreamFacts, Pace, CameraCounters, LastBegun)]
pub struct Camera {
    /// Where its pictures come from. Printing it shows no credentials.
    pub source: CameraSource,
}

/// Where pictures come from.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum CameraSource {
    /// A stream that runs by itself: RTSP, or anything over HTTP that GStreamer plays.
    Stream {
        /// Where it is.
        url: SecretUrl,
        /// How it is opened.
        options: StreamOptions,
    },
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

/// How an RTSP stream is opened. Part of what makes two cameras equal.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct StreamOptions {
    /// How its packets travel.
    pub transport: Transport,
    /// Which of its video tracks is watched, counted from 0. None: the first that can be decoded.
    pub track: Option<u8>,
}

/// How the packets of an RTSP stream travel.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Transport {
    /// Over the RTSP connection; over UDP where the camera refuses that.
    #[default]
    Auto,
    /// Over the RTSP connection.
    Tcp,
    /// Over UDP, from the camera to this machine.
    Udp,
    /// Over UDP, from the camera to a group.
    Multicast,
    /// Over two HTTP connections, for networks that let nothing else through.
    Http,
}

impl Transport {
    /// All of them, with the names that configuration and messages have for them.
    pub const NAMES: [(&'static str, Self); 5] = [
        ("auto", Self::Auto),
        ("tcp", Self::Tcp),
        ("udp", Self::Udp),
        ("multicast", Self::Multicast),
        ("http", Self::Http),
    ];
}

impl CameraSource {
    /// A stream that is opened with the default options.
    pub fn stream(url: SecretUrl) -> Self {
        Self::Stream { url, options: StreamOptions::default() }
    }

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
            Self::Stream { url, .. } | Self::Snapshot { url, .. } => url.fmt(f),
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
    /// Waiting for its turn to connect: many cameras are being opened at once.
    Queued {
        /// Cameras that are opened before it.
        ahead: u32,
    },
    /// Connected and receiving, but no key frame came yet, so nothing can be shown.
    WaitingForKeyFrame {
        /// Since when, and how far apart key frames are once that is known.
        reason: Arc<str>,
    },
    /// Frames arrive.
    Running,
    /// Pictures arrive, but they show nothing useful.
    Impaired {
        /// In which way.
        impairment: Impairment,
        /// Since when, and how many pictures.
        reason: Arc<str>,
    },
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

impl StreamState {
    /// The names of all states, as [`as_str`](Self::as_str) gives them.
    pub const NAMES: [&'static str; 10] = [
        "connecting",
        "queued",
        "waiting_for_key_frame",
        "running",
        "frozen",
        "covered",
        "damaged",
        "stalled",
        "reconnecting",
        "failed",
    ];

    /// Its name on the wire, in `/state` and in metrics.
    pub fn as_str(&self) -> &'static str {
        match self {
            Self::Connecting => "connecting",
            Self::Queued { .. } => "queued",
            Self::WaitingForKeyFrame { .. } => "waiting_for_key_frame",
            Self::Running => "running",
            Self::Impaired { impairment, .. } => impairment.as_str(),
            Self::Stalled => "stalled",
            Self::Reconnecting { .. } => "reconnecting",
            Self::Failed { .. } => "failed",
        }
    }

    /// Whether usable frames arrive.
    pub fn is_online(&self) -> bool {
        matches!(self, Self::Running)
            || matches!(self, Self::Impaired { impairment, .. } if *impairment != Impairment::Frozen)
    }

    /// Why no frames arrive, or why they are of no use.
    pub fn reason(&self) -> Option<Arc<str>> {
        match self {
            Self::Running => None,
            Self::Connecting => Some("the camera has not sent a frame yet".into()),
            Self::Queued { ahead } => {
                Some(format!("waiting to connect: {ahead} cameras are ahead").into())
            }
            Self::Stalled => Some("the camera has stopped sending frames".into()),
            Self::WaitingForKeyFrame { reason }
            | Self::Impaired { reason, .. }
            | Self::Reconnecting { reason }
            | Self::Failed { reason } => Some(reason.clone()),
        }
    }
}

/// In which way the pictures of a running camera are of no use.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Impairment {
    /// The same picture comes again and again.
    Frozen,
    /// The lens is covered, or everything is black.
    Covered,
    /// Most pictures are broken.
    Damaged,
}

impl Impairment {
    /// Its name on the wire, in `/state` and in metrics.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Frozen => "frozen",
            Self::Covered => "covered",
            Self::Damaged => "damaged",
        }
    }
}

/// What is known of a camera's stream. Written by `ingest`; nothing is known at first.
#[derive(Component, Clone, Debug, Default, PartialEq)]
pub struct StreamFacts {
    /// What pictures are encoded as, for people: `H.264`.
    pub codec: Option<Arc<str>>,
    /// How they arrive: `tcp`, `udp`, `multicast`, `http`.
    pub transport: Option<&'static str>,
    /// Time between the last two key frames.
    pub key_interval: Option<Duration>,
    /// The camera's clock minus this machine's. None when the camera does not say the time.
    pub clock_offset: Option<SignedDuration>,
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
    /// Pictures that were left out or are suspicious, by fault.
    pub faults: FaultCounts,
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

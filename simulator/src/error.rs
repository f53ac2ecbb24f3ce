//! What can go wrong with a simulated camera.

use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use detector_components::geometry::Size;
use gstreamer::glib;

/// Why a camera cannot be simulated, or did not do what was waited for.
#[derive(Debug, thiserror::Error)]
pub enum SimulatorError {
    /// GStreamer itself does not start.
    #[error("starting GStreamer")]
    GStreamer(#[source] glib::Error),
    /// A part of GStreamer is not installed.
    #[error("the GStreamer element {element} is missing: install the Debian package {package}")]
    MissingElement {
        /// Its name.
        element: &'static str,
        /// Where it is.
        package: &'static str,
    },
    /// The address is taken or not ours.
    #[error("listening on {address}")]
    Listen {
        /// Where.
        address: SocketAddr,
        /// What the system says.
        #[source]
        source: io::Error,
    },
    /// A thread could not be started.
    #[error("starting a thread for the server on {address}")]
    Thread {
        /// Whose.
        address: SocketAddr,
        /// What the system says.
        #[source]
        source: io::Error,
    },
    /// The size is no video's: chroma has half of it.
    #[error(
        "footage of {} x {} pixels at {fps} frames a second, expected even sides of 16 to 4096 \
         and 1 to 120 frames",
        size.width, size.height
    )]
    Format {
        /// Columns and rows.
        size: Size,
        /// Frames a second.
        fps: u32,
    },
    /// Numbered pictures could not be compressed.
    #[error("encoding numbered pictures: {reason}")]
    Encoding {
        /// What is wrong with the options, or what GStreamer says.
        reason: String,
    },
    /// A certificate could not be made.
    #[error("making a certificate: {reason}")]
    Certificate {
        /// What the library says.
        reason: String,
    },
    /// The file is no video that can be shown.
    #[error("reading the video {}: {reason}", path.display())]
    File {
        /// Which.
        path: PathBuf,
        /// What GStreamer says.
        reason: String,
    },
    /// The file is larger than what is kept in memory.
    #[error("the video {} has more than {limit} bytes of pictures", path.display())]
    FileTooLarge {
        /// Which.
        path: PathBuf,
        /// What is accepted.
        limit: usize,
    },
    /// There is no camera at this path.
    #[error("there is no camera at {path}")]
    NoCamera {
        /// Where one was expected.
        path: String,
    },
    /// A scripted camera did not see what was waited for.
    #[error("no {what} after {waited:?}: {record}")]
    NotSeen {
        /// What was waited for.
        what: &'static str,
        /// How long.
        waited: Duration,
        /// What it saw instead.
        record: String,
    },
    /// What was waited for did not happen.
    #[error("{path} has {found} {what} after {waited:?}, expected {expected}")]
    TimedOut {
        /// Where.
        path: String,
        /// Of what.
        what: &'static str,
        /// How many there were in the end.
        found: u64,
        /// How many were waited for.
        expected: u64,
        /// How long.
        waited: Duration,
    },
}

//! What this stage needs from the machine.

use gstreamer as gst;

use crate::{decoder_log, mark, refuse, web};

/// Why cameras cannot be opened at all.
#[derive(Debug, thiserror::Error)]
pub enum IngestError {
    /// GStreamer does not start.
    #[error("starting GStreamer")]
    Start(#[source] gst::glib::Error),
    /// GStreamer does not take this stage's elements.
    #[error("adding elements to GStreamer")]
    Register(#[source] gst::glib::BoolError),
    /// Elements that every camera needs are not installed.
    #[error("GStreamer lacks {elements}: install the Debian package {package}")]
    Missing {
        /// Which.
        elements: String,
        /// Where they are.
        package: &'static str,
    },
}

/// What is needed, and the Debian packages that have it.
const NEEDED: [(&str, &[&str]); 4] = [
    ("gstreamer1.0-plugins-base", &["uridecodebin", "videoconvert", "appsink", "decodebin"]),
    ("gstreamer1.0-plugins-good", &["qtdemux"]),
    ("gstreamer1.0-plugins-bad", &["h264parse", "h265parse"]),
    ("gstreamer1.0-libav", &["avdec_h264", "avdec_h265"]),
];

/// What some cameras need: those with H.265 or JPEG over RTP, motion JPEG over HTTP, files, and
/// cameras of this machine.
const WELCOME: [(&str, &[&str]); 2] = [
    (
        "gstreamer1.0-plugins-good",
        &[
            "rtpjpegdepay",
            "rtpvp8depay",
            "rtpmp4vdepay",
            "multipartdemux",
            "jpegdec",
            "matroskademux",
            "v4l2src",
        ],
    ),
    ("gstreamer1.0-plugins-bad", &["tsdemux"]),
];

/// A GStreamer element that is not installed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Missing {
    /// Which.
    pub element: &'static str,
    /// The Debian package that has it.
    pub package: &'static str,
    /// Whether every camera needs it, and not just some.
    pub needed: bool,
}

/// Everything that is not installed.
///
/// # Errors
/// When GStreamer does not start.
pub fn missing() -> Result<Vec<Missing>, IngestError> {
    gst::init().map_err(IngestError::Start)?;
    let absent = |all: &'static [(&str, &[&str])], needed| {
        all.iter().flat_map(move |(package, elements)| {
            let absent =
                elements.iter().filter(|element| gst::ElementFactory::find(element).is_none());
            absent.map(move |element| Missing { element, package, needed })
        })
    };
    Ok(absent(&NEEDED, true).chain(absent(&WELCOME, false)).collect())
}

/// Starts GStreamer, lets it open the web with this stage's means, and looks for what every camera
/// needs. To be called once, before the plugin is built; calling it again does nothing.
///
/// # Errors
/// When something is not installed: with the package to install.
pub fn init() -> Result<(), IngestError> {
    gst::init().map_err(IngestError::Start)?;
    mark::register();
    decoder_log::listen();
    refuse::register().and_then(|()| web::register()).map_err(IngestError::Register)?;
    let mut absent = missing()?.into_iter().filter(|missing| missing.needed).peekable();
    let Some(Missing { package, .. }) = absent.peek().copied() else { return Ok(()) };
    let elements: Vec<_> = absent
        .filter(|missing| missing.package == package)
        .map(|missing| missing.element)
        .collect();
    Err(IngestError::Missing { elements: elements.join(", "), package })
}

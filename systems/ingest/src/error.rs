//! What this stage needs from the machine.

use gstreamer as gst;

/// Why cameras cannot be opened at all.
#[derive(Debug, thiserror::Error)]
pub enum IngestError {
    /// GStreamer does not start.
    #[error("starting GStreamer")]
    Start(#[source] gst::glib::Error),
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
    ("gstreamer1.0-plugins-good", &["rtspsrc", "rtph264depay", "qtdemux", "souphttpsrc"]),
    ("gstreamer1.0-plugins-bad", &["h264parse", "h265parse"]),
    ("gstreamer1.0-libav", &["avdec_h264", "avdec_h265"]),
];

/// Starts GStreamer and looks for what every camera needs. To be called once, before the plugin is
/// built; calling it again does nothing.
///
/// # Errors
/// When something is not installed: with the package to install.
pub fn init() -> Result<(), IngestError> {
    gst::init().map_err(IngestError::Start)?;
    for (package, elements) in NEEDED {
        let missing: Vec<_> = elements
            .iter()
            .filter(|element| gst::ElementFactory::find(element).is_none())
            .copied()
            .collect();
        if !missing.is_empty() {
            return Err(IngestError::Missing { elements: missing.join(", "), package });
        }
    }
    Ok(())
}

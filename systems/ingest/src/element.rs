//! Elements of GStreamer's.

use gstreamer as gst;

use crate::failure::Failure;

/// A new element.
///
/// # Errors
/// When its plugin is not installed.
pub fn make(name: &str) -> Result<gst::Element, Failure> {
    gst::ElementFactory::make(name)
        .build()
        .map_err(|_| Failure::other(format!("GStreamer has no {name}")))
}

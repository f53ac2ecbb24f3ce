//! Keeps a stream within what may be opened.

use gstreamer as gst;
use gstreamer::prelude::*;
use url::Url;

use crate::web::WebSource;

/// Keeps what a stream names (a playlist's segments) from being opened by anything that does not look
/// at it first: files, devices, other protocols.
pub fn keep_within(pipeline: &gst::Pipeline, decoder: &gst::Element) {
    let decoder = decoder.downgrade();
    pipeline.connect_deep_element_added(move |pipeline, _, element| {
        let Some(handler) = element.dynamic_cast_ref::<gst::URIHandler>() else { return };
        let opens = handler.uri_type() == gst::URIType::Src && !element.is::<WebSource>();
        let parent = element.parent();
        // The camera's own address, which was looked at.
        let own = parent.is_some() && parent == decoder.upgrade().map(Cast::upcast);
        if !opens || own {
            return;
        }
        let scheme = handler.uri().and_then(|uri| Some(Url::parse(&uri).ok()?.scheme().to_owned()));
        // Nobody has started it yet: without an address it opens nothing.
        if element.find_property("location").is_some() {
            element.set_property("location", None::<&str>);
        }
        gst::element_error!(
            pipeline,
            gst::ResourceError::Failed,
            ("the stream names what may not be opened: {}", scheme.unwrap_or_default())
        );
    });
}

//! The way to a camera: where its name leads, and whom it redirects to.
//!
//! GStreamer looks names up and follows redirects by itself, without asking. So both are done here
//! before, and its own redirects are kept from leading elsewhere.

use std::sync::{Arc, Mutex};

use detector_reach::{Reach, forbidden};
use gstreamer as gst;
use gstreamer::prelude::*;
use tracing::debug;
use url::Url;

use crate::plugin::Outside;

/// The address to open for a camera's: itself, or where HTTP redirects to.
///
/// # Errors
/// When its host is not known or may not be reached, or the way leads where nobody may go.
pub fn find(url: Url, reach: &Reach, outside: &Outside) -> Result<Url, String> {
    reach.look_up(&url).map_err(|error| error.to_string())?;
    if !matches!(url.scheme(), "http" | "https") {
        return Ok(url);
    }
    // Only the head of the answer is waited for: where redirects end, the stream itself begins.
    let ask = async { outside.client.get(url.clone()).send().await };
    let answer = outside.runtime.block_on(ask);
    match answer {
        Ok(answer) => Ok(answer.url().clone()),
        Err(error) => match forbidden(&error) {
            Some(forbidden) => Err(forbidden.to_string()),
            None => {
                // What this client does not understand, GStreamer may.
                debug!(error = %error.without_url(), "the way to a camera was not looked at");
                Ok(url)
            }
        },
    }
}

/// Keeps an element that opens an address from following redirects to where nobody may go.
pub fn keep_to(source: &gst::Element, reach: &Reach) {
    if source.find_property("automatic-redirect").is_some() {
        source.set_property("automatic-redirect", false);
    }
    if source.factory().is_none_or(|factory| factory.name() != "rtspsrc") {
        return;
    }
    let reach = reach.clone();
    let allowed = Arc::new(Mutex::new(None::<String>));
    // Asked before each request. After a redirect the element's location is the new one.
    source.connect("before-send", false, move |values| {
        let source = values.first()?.get::<gst::Element>().ok()?;
        let location = source.property::<Option<String>>("location");
        // One element asks at a time.
        let mut allowed = allowed.lock().expect("never held across a panic");
        if location == *allowed {
            return Some(true.to_value());
        }
        let url = location.as_deref().and_then(|location| Url::parse(location).ok());
        let looked = url.map(|url| reach.look_up(&url).map_err(|error| error.to_string()));
        match looked {
            Some(Ok(_)) => {
                *allowed = location;
                Some(true.to_value())
            }
            refused => {
                let why = refused.and_then(Result::err).unwrap_or_else(|| "to nowhere".to_owned());
                gst::element_error!(
                    source,
                    gst::ResourceError::OpenRead,
                    ["the camera redirects where nobody may go: {why}"]
                );
                Some(false.to_value())
            }
        }
    });
}

//! The way to a camera: where its name leads, and whom it redirects to.
//!
//! GStreamer looks names up by itself, without asking, and whoever answers may answer otherwise the
//! second time. So an RTSP camera's name is looked up here, once, and GStreamer is given the address
//! that was found. With TLS it is given the name: whoever is at another place than it should be cannot
//! prove to have that name, and is told nothing. What is opened over HTTP, [`web`](crate::web) opens.

use std::net::{SocketAddr, TcpStream};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use detector_reach::Reach;
use gstreamer as gst;
use gstreamer::prelude::*;
use url::Url;

use crate::web::WebSource;

/// How often a camera may send on in one attempt.
pub const MAX_REDIRECTS: usize = 5;
/// The longest that one of several places of a host is waited for before the next one is tried.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(2);

/// Why nobody is spoken to at a camera's address, when that is known. None: somebody answers, or its
/// name leads nowhere, which was said before.
pub fn obstacle(url: &Url, reach: &Reach) -> Option<&'static str> {
    let mut found = None;
    for place in reach.look_up(url).ok()? {
        let error = TcpStream::connect_timeout(&place, CONNECT_TIMEOUT).err()?;
        found = Some(crate::failure::obstacle(error.kind())?);
    }
    found
}

/// The address to give to GStreamer for a camera's.
///
/// # Errors
/// When its host is not known or may not be reached.
pub fn find(mut url: Url, reach: &Reach) -> Result<Url, String> {
    if matches!(url.scheme(), "http" | "https") {
        let looked = reach.check(&url);
        return looked.map(|()| url).map_err(|forbidden| forbidden.to_string());
    }
    let places = reach.look_up(&url).map_err(|error| error.to_string())?;
    if url.scheme() != "rtsp" {
        return Ok(url);
    }
    let place = answering(&places).ok_or("its host is nowhere")?;
    url.set_ip_host(place.ip()).map_err(|()| "its host cannot be written as an address")?;
    Ok(url)
}

/// The first place where somebody answers; the first of all if nobody does, which will be said when
/// it is opened. A camera that is at one place only is not asked twice.
fn answering(places: &[SocketAddr]) -> Option<&SocketAddr> {
    let answers = |place: &&SocketAddr| TcpStream::connect_timeout(place, CONNECT_TIMEOUT).is_ok();
    match places {
        [] => None,
        [only] => Some(only),
        [first, ..] => places.iter().find(answers).or(Some(first)),
    }
}

/// Where a camera sent on to, if it did.
#[derive(Clone, Default)]
pub struct Redirect(Arc<Mutex<Option<Url>>>);

impl Redirect {
    /// Where to. Afterwards it has not been sent on.
    pub fn take(&self) -> Option<Url> {
        self.place().take()
    }

    fn place(&self) -> std::sync::MutexGuard<'_, Option<Url>> {
        self.0.lock().expect("never held across a panic")
    }
}

/// Keeps an element that opens an RTSP address from following redirects: it has connected by then, but
/// says nothing to whoever is there. Where to is noted.
pub fn note_redirects(source: &gst::Element, redirect: &Redirect) {
    let redirect = redirect.clone();
    let opened = Mutex::new(None::<String>);
    // Asked before each request. After a redirect the element's location is the new one.
    source.connect("before-send", false, move |values| {
        let source = values.first()?.get::<gst::Element>().ok()?;
        let location = source.property::<Option<String>>("location").unwrap_or_default();
        // One element asks at a time.
        let mut opened = opened.lock().expect("never held across a panic");
        let first = opened.get_or_insert_with(|| location.clone());
        if *first == location {
            return Some(true.to_value());
        }
        *redirect.place() = Url::parse(&location).ok();
        gst::element_error!(source, gst::ResourceError::OpenRead, ("the camera sends on"));
        Some(false.to_value())
    });
}

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
        if !opens || own || within_rtsp(element) {
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

fn within_rtsp(element: &gst::Element) -> bool {
    let mut around = element.parent();
    while let Some(object) = around {
        let factory = object.downcast_ref::<gst::Element>().and_then(ElementExt::factory);
        if factory.is_some_and(|factory| factory.name() == "rtspsrc") {
            return true;
        }
        around = object.parent();
    }
    false
}

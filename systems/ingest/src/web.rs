//! What GStreamer opens over HTTP: a stream, and what a stream names in its turn (the playlists and
//! segments of HLS, for one).
//!
//! GStreamer's own element looks names up and follows redirects by itself, without asking. This one
//! stands in its place for the whole process: it opens only what may be reached, through the client
//! that snapshots are fetched with. What an element may use comes to it from its pipeline, as a
//! context; one that was given none opens nothing.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use detector_components::secret::SecretUrl;
use gstreamer as gst;
use gstreamer::glib;
use gstreamer::prelude::*;
use tokio::runtime::Handle;

use crate::http::Requests;
use crate::plugin::Outside;

/// What [`Access`] is called among a pipeline's contexts.
const CONTEXT: &str = "detector.web-access";
/// The longest segments that are waited for.
const MAX_SEGMENT_SECS: u64 = 60;
/// Before GStreamer's own elements, whose best is primary.
const RANK: i32 = 512;

/// What is opened, with what, and for whom.
#[derive(Clone, glib::Boxed)]
#[boxed_type(name = "DetectorWebAccess")]
struct Access(Arc<Means>);

struct Means {
    runtime: Handle,
    requests: Requests,
    segments: Segments,
}

glib::wrapper! {
    /// Gives what is at an address, byte for byte.
    pub struct WebSource(ObjectSubclass<imp::WebSource>)
        @extends gstreamer_base::PushSrc, gstreamer_base::BaseSrc, gst::Element, gst::Object,
        @implements gst::URIHandler;
}

/// Lets GStreamer open what it opens over HTTP with this.
pub fn register() -> Result<(), glib::BoolError> {
    static REGISTERED: OnceLock<Result<(), glib::BoolError>> = OnceLock::new();
    let register = || {
        let rank = gst::Rank::from(RANK);
        gst::Element::register(None, "detectorwebsrc", rank, WebSource::static_type())
    };
    REGISTERED.get_or_init(register).clone()
}

/// How long the segments are that a stream comes in (HLS), as its newest playlist says.
#[derive(Clone, Debug, Default)]
pub struct Segments(Arc<AtomicU64>);

impl Segments {
    /// The longest that nothing may come while all is well: one segment is over and the next is not yet
    /// named. Zero for what comes in no segments.
    pub fn patience(&self) -> Duration {
        let longest = Duration::from_secs(self.0.load(Ordering::Relaxed));
        // A playlist is read again after a segment's time, or half of it.
        longest * 3
    }

    /// Notes what a playlist says, if this is one.
    fn note(&self, text: &[u8]) {
        const TARGET: &[u8] = b"#EXT-X-TARGETDURATION:";
        if !text.starts_with(b"#EXTM3U") {
            return;
        }
        let Some(at) = memchr::memmem::find(text, TARGET) else { return };
        let digits = text[at + TARGET.len()..].trim_ascii_start();
        let digits = digits.split(|byte| !byte.is_ascii_digit()).next().unwrap_or_default();
        let seconds = std::str::from_utf8(digits).ok().and_then(|digits| digits.parse().ok());
        if let Some(seconds) = seconds {
            self.0.store(MAX_SEGMENT_SECS.min(seconds), Ordering::Relaxed);
        }
    }
}

/// Gives a pipeline what it needs to open the addresses of a camera.
pub fn give_access(
    pipeline: &gst::Pipeline,
    camera: &SecretUrl,
    outside: &Outside,
    segments: &Segments,
) {
    let access = Access(Arc::new(Means {
        runtime: outside.runtime.clone(),
        requests: outside.stream_of(camera),
        segments: segments.clone(),
    }));
    let mut context = gst::Context::new(CONTEXT, true);
    context.get_mut().expect("nobody else has it yet").structure_mut().set("access", access);
    pipeline.set_context(&context);
}

mod imp {
    use std::sync::Mutex;

    use bytes::Bytes;
    use gstreamer_base::prelude::*;
    use gstreamer_base::subclass::base_src::CreateSuccess;
    use gstreamer_base::subclass::prelude::*;
    use reqwest::{Response, StatusCode};
    use tokio::sync::watch;
    use url::Url;

    use super::*;
    use crate::failure::{Failure, FailureKind};
    use crate::http::RequestError;

    pub struct WebSource {
        url: Mutex<Option<Url>>,
        reading: Mutex<Reading>,
        /// Whether what waits is to stop waiting.
        flushing: watch::Sender<bool>,
    }

    /// How far reading is. Belongs to the thread that streams.
    #[derive(Default)]
    struct Reading {
        access: Option<Access>,
        answer: Option<Response>,
        /// The first byte that is wanted, and the one after the last.
        part: (u64, Option<u64>),
    }

    impl Default for WebSource {
        fn default() -> Self {
            let (flushing, _) = watch::channel(false);
            Self { url: Mutex::default(), reading: Mutex::default(), flushing }
        }
    }

    #[glib::object_subclass]
    impl ObjectSubclass for WebSource {
        const NAME: &'static str = "DetectorWebSource";
        type Type = super::WebSource;
        type ParentType = gstreamer_base::PushSrc;
        type Interfaces = (gst::URIHandler,);
    }

    impl ObjectImpl for WebSource {
        fn constructed(&self) {
            self.parent_constructed();
            self.obj().set_format(gst::Format::Bytes);
        }
    }

    impl GstObjectImpl for WebSource {}

    impl ElementImpl for WebSource {
        fn metadata() -> Option<&'static gst::subclass::ElementMetadata> {
            static METADATA: std::sync::LazyLock<gst::subclass::ElementMetadata> =
                std::sync::LazyLock::new(|| {
                    gst::subclass::ElementMetadata::new(
                        "Checked HTTP source",
                        "Source/Network",
                        "Opens over HTTP only what may be reached",
                        "detector-worker",
                    )
                });
            Some(&METADATA)
        }

        fn pad_templates() -> &'static [gst::PadTemplate] {
            static TEMPLATES: std::sync::LazyLock<Vec<gst::PadTemplate>> =
                std::sync::LazyLock::new(|| {
                    let (direction, presence) = (gst::PadDirection::Src, gst::PadPresence::Always);
                    let any = gst::Caps::new_any();
                    gst::PadTemplate::new("src", direction, presence, &any).into_iter().collect()
                });
            &TEMPLATES
        }
    }

    impl BaseSrcImpl for WebSource {
        fn start(&self) -> Result<(), gst::ErrorMessage> {
            let element = self.obj();
            let refused = |why: &str| gst::error_msg!(gst::ResourceError::Failed, ("{why}"));
            let context = element.context(CONTEXT).or_else(|| {
                // Whoever made this element may know and not have told yet.
                let asked = gst::message::NeedContext::builder(CONTEXT).src(&*element).build();
                let _ = element.post_message(asked);
                element.context(CONTEXT)
            });
            let access = context
                .and_then(|context| context.structure().get::<Access>("access").ok())
                .ok_or_else(|| refused("it was not said what may be opened"))?;
            *self.reading() = Reading { access: Some(access), ..Reading::default() };
            Ok(())
        }

        fn stop(&self) -> Result<(), gst::ErrorMessage> {
            *self.reading() = Reading::default();
            Ok(())
        }

        fn is_seekable(&self) -> bool {
            !self.obj().is_live()
        }

        fn do_seek(&self, segment: &mut gst::Segment) -> bool {
            let Some(segment) = segment.downcast_mut::<gst::format::Bytes>() else { return false };
            let start = segment.start().map_or(0, |start| *start);
            let stop = segment.stop().map(|stop| *stop);
            segment.set_position(gst::format::Bytes::from_u64(start));
            let mut reading = self.reading();
            reading.answer = None;
            reading.part = (start, stop);
            true
        }

        fn unlock(&self) -> Result<(), gst::ErrorMessage> {
            self.flushing.send_replace(true);
            Ok(())
        }

        fn unlock_stop(&self) -> Result<(), gst::ErrorMessage> {
            self.flushing.send_replace(false);
            Ok(())
        }
    }

    impl PushSrcImpl for WebSource {
        fn create(
            &self,
            _buffer: Option<&mut gst::BufferRef>,
        ) -> Result<CreateSuccess, gst::FlowError> {
            let mut reading = self.reading();
            let Some(access) = reading.access.clone() else { return Err(gst::FlowError::Flushing) };
            let url = self.url.lock().expect("never held across a panic").clone();
            let mut flushing = self.flushing.subscribe();
            let more = access.0.runtime.block_on(async {
                tokio::select! {
                    biased;
                    // The sender lives as long as this.
                    _ = flushing.wait_for(|flushing| *flushing) => None,
                    more = read(&mut reading, &access.0, url) => Some(more),
                }
            });
            match more {
                None => Err(gst::FlowError::Flushing),
                Some(Ok(Some(bytes))) => {
                    Ok(CreateSuccess::NewBuffer(gst::Buffer::from_slice(bytes)))
                }
                Some(Ok(None)) => Err(gst::FlowError::Eos),
                Some(Err(failure)) => {
                    self.post_error_message(message(&failure));
                    Err(gst::FlowError::Error)
                }
            }
        }
    }

    impl URIHandlerImpl for WebSource {
        const URI_TYPE: gst::URIType = gst::URIType::Src;

        fn protocols() -> &'static [&'static str] {
            &["http", "https"]
        }

        fn uri(&self) -> Option<String> {
            let url = self.url.lock().expect("never held across a panic");
            url.as_ref().map(ToString::to_string)
        }

        fn set_uri(&self, uri: &str) -> Result<(), glib::Error> {
            let url = Url::parse(uri)
                .map_err(|error| glib::Error::new(gst::URIError::BadUri, &error.to_string()))?;
            *self.url.lock().expect("never held across a panic") = Some(url);
            Ok(())
        }
    }

    impl WebSource {
        fn reading(&self) -> std::sync::MutexGuard<'_, Reading> {
            self.reading.lock().expect("never held across a panic")
        }
    }

    /// The next bytes; nothing when there are no more.
    async fn read(
        reading: &mut Reading,
        means: &Means,
        url: Option<Url>,
    ) -> Result<Option<Bytes>, Failure> {
        let (answer, first) = match &mut reading.answer {
            Some(answer) => (answer, false),
            none => (none.insert(open(means, url, reading.part).await?), true),
        };
        let bytes = answer.chunk().await.map_err(RequestError::within)?;
        if first && let Some(bytes) = &bytes {
            means.segments.note(bytes);
        }
        Ok(bytes)
    }

    async fn open(
        means: &Means,
        url: Option<Url>,
        (start, stop): (u64, Option<u64>),
    ) -> Result<Response, RequestError> {
        let url = url.ok_or(detector_reach::Forbidden::NoHost)?;
        let range = match stop {
            _ if (start, stop) == (0, None) => None,
            // The last byte is asked for, not the one after it.
            Some(stop) => Some(format!("bytes={start}-{}", stop.max(1) - 1)),
            None => Some(format!("bytes={start}-")),
        };
        let answer = means.requests.get_at(&url, range.as_deref()).await?;
        if range.is_some() && answer.status() != StatusCode::PARTIAL_CONTENT {
            return Err(RequestError::Status { status: answer.status(), shown: false });
        }
        Ok(answer)
    }

    /// A failure as GStreamer tells it, to be understood by [`Failure::of_message`].
    fn message(failure: &Failure) -> gst::ErrorMessage {
        let kind = match failure.kind {
            FailureKind::Login => gst::ResourceError::NotAuthorized,
            FailureKind::NotFound => gst::ResourceError::NotFound,
            FailureKind::Unreachable => gst::ResourceError::OpenRead,
            _ => gst::ResourceError::Failed,
        };
        gst::error_msg!(kind, ("{}", failure.text))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, expected: u64) {
        let segments = Segments::default();
        segments.note(text.as_bytes());
        assert_eq!(segments.patience(), Duration::from_secs(expected));
    }

    #[test]
    fn a_playlist_says_how_long_its_segments_are() {
        check("#EXTM3U\n#EXT-X-VERSION:3\n#EXT-X-TARGETDURATION:6\n", 18);
        check("#EXTM3U\r\n#EXT-X-TARGETDURATION: 6.5\r\n", 18);
        check("#EXTM3U\n#EXT-X-TARGETDURATION:86400\n", 180);
        check("#EXTM3U\n#EXT-X-STREAM-INF:BANDWIDTH=1\n", 0);
        check("#EXT-X-TARGETDURATION:6\n", 0);
    }
}

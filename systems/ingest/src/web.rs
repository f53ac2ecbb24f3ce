//! What GStreamer opens over HTTP: a stream, and what a stream names in its turn (the playlists and
//! segments of HLS, for one).
//!
//! GStreamer's own element looks names up and follows redirects by itself, without asking. This one
//! stands in its place for the whole process: it opens only what may be reached, through the client
//! that snapshots are fetched with. What an element may use comes to it from its pipeline, as a
//! context; one that was given none opens nothing.

use std::sync::{Arc, OnceLock};

use detector_components::secret::SecretUrl;
use detector_reach::Reach;
use gstreamer as gst;
use gstreamer::glib;
use gstreamer::prelude::*;
use reqwest::Client;
use tokio::runtime::Handle;

use crate::plugin::Outside;

/// What [`Access`] is called among a pipeline's contexts.
const CONTEXT: &str = "detector.web-access";
/// Before GStreamer's own elements, whose best is primary.
const RANK: i32 = 512;

/// What is opened, with what, and for whom.
#[derive(Clone, glib::Boxed)]
#[boxed_type(name = "DetectorWebAccess")]
struct Access(Arc<Means>);

struct Means {
    runtime: Handle,
    client: Client,
    reach: Reach,
    /// The camera's address. What else is at the same host and port gets the same login.
    camera: SecretUrl,
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

/// Gives a pipeline what it needs to open the addresses of a camera.
pub fn give_access(pipeline: &gst::Pipeline, camera: &SecretUrl, outside: &Outside) {
    let access = Access(Arc::new(Means {
        runtime: outside.runtime.clone(),
        client: outside.streams.clone(),
        reach: outside.settings.get().reach,
        camera: camera.clone(),
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
    use reqwest::header::RANGE;
    use reqwest::{Response, StatusCode};
    use tokio::sync::watch;
    use url::Url;

    use super::*;
    use crate::failure::{Failure, FailureKind};
    use crate::snapshot::{SnapshotError, answered};

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
        let answer = match &mut reading.answer {
            Some(answer) => answer,
            none => none.insert(open(means, url, reading.part).await?),
        };
        Ok(answer.chunk().await.map_err(SnapshotError::from)?)
    }

    async fn open(
        means: &Means,
        url: Option<Url>,
        (start, stop): (u64, Option<u64>),
    ) -> Result<Response, SnapshotError> {
        let mut url = url.ok_or(detector_reach::Forbidden::NoHost)?;
        means.reach.check(&url)?;
        let camera = means.camera.expose();
        if url.origin() == camera.origin() {
            // Both cannot fail on an address with a host, which this one has.
            let _ = url.set_username(camera.username());
            let _ = url.set_password(camera.password());
        }
        let whole = (start, stop) == (0, None);
        let url = SecretUrl::new(url);
        let answer = answered(&url, |url| {
            let request = means.client.get(url);
            match stop {
                _ if whole => request,
                // The last byte is asked for, not the one after it.
                Some(stop) => request.header(RANGE, format!("bytes={start}-{}", stop.max(1) - 1)),
                None => request.header(RANGE, format!("bytes={start}-")),
            }
        });
        let answer = answer.await?;
        if !whole && answer.status() != StatusCode::PARTIAL_CONTENT {
            return Err(SnapshotError::Status(answer.status()));
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

//! Refuses what a stream names.
//!
//! A playlist can name anything that some element of GStreamer's opens: files, devices, sockets, other
//! protocols. Elements that follow playlists ask for an element by its address, so this one stands in
//! the place of all that open anything; only HTTP is left to [`web`](crate::web), which looks at every
//! address. The worker's own files and devices are opened by elements that it names itself.

use std::sync::OnceLock;

use gstreamer as gst;
use gstreamer::glib;
use gstreamer::prelude::*;

/// Before GStreamer's own elements, whose best is primary.
const RANK: i32 = 512;

/// Elements that open something by themselves when a stream asks for it, and that no camera needs.
const UNWANTED: [&str; 6] =
    ["dashdemux", "dashdemux2", "mssdemux", "mssdemux2", "sdpdemux", "hlsdemux2"];

glib::wrapper! {
    /// Opens nothing.
    pub struct RefusingSource(ObjectSubclass<imp::RefusingSource>)
        @extends gstreamer_base::PushSrc, gstreamer_base::BaseSrc, gst::Element, gst::Object,
        @implements gst::URIHandler;
}

/// Puts this in the place of every element that opens an address.
pub fn register() -> Result<(), glib::BoolError> {
    static REGISTERED: OnceLock<Result<(), glib::BoolError>> = OnceLock::new();
    let register = || {
        for name in UNWANTED {
            if let Some(factory) = gst::ElementFactory::find(name) {
                factory.set_rank(gst::Rank::NONE);
            }
        }
        let rank = gst::Rank::from(RANK);
        gst::Element::register(None, "detectorrefusingsrc", rank, RefusingSource::static_type())
    };
    REGISTERED.get_or_init(register).clone()
}

mod imp {
    use std::collections::BTreeSet;
    use std::sync::{LazyLock, Mutex};

    use gstreamer_base::subclass::base_src::CreateSuccess;
    use gstreamer_base::subclass::prelude::*;

    use super::*;

    #[derive(Default)]
    pub struct RefusingSource {
        uri: Mutex<Option<String>>,
    }

    #[glib::object_subclass]
    impl ObjectSubclass for RefusingSource {
        const NAME: &'static str = "DetectorRefusingSource";
        type Type = super::RefusingSource;
        type ParentType = gstreamer_base::PushSrc;
        type Interfaces = (gst::URIHandler,);
    }

    impl ObjectImpl for RefusingSource {}

    impl GstObjectImpl for RefusingSource {}

    impl ElementImpl for RefusingSource {
        fn metadata() -> Option<&'static gst::subclass::ElementMetadata> {
            static METADATA: LazyLock<gst::subclass::ElementMetadata> = LazyLock::new(|| {
                gst::subclass::ElementMetadata::new(
                    "Refusing source",
                    "Source",
                    "Opens nothing that a stream names",
                    "detector-worker",
                )
            });
            Some(&METADATA)
        }

        fn pad_templates() -> &'static [gst::PadTemplate] {
            static TEMPLATES: LazyLock<Vec<gst::PadTemplate>> = LazyLock::new(|| {
                let (direction, presence) = (gst::PadDirection::Src, gst::PadPresence::Always);
                let any = gst::Caps::new_any();
                gst::PadTemplate::new("src", direction, presence, &any).into_iter().collect()
            });
            &TEMPLATES
        }
    }

    impl BaseSrcImpl for RefusingSource {
        fn start(&self) -> Result<(), gst::ErrorMessage> {
            let uri = self.uri.lock().expect("never held across a panic").clone();
            let scheme = uri.as_deref().and_then(|uri| uri.split(':').next()).unwrap_or_default();
            let text = format!("the stream names what may not be opened: {scheme}");
            // Elements that follow playlists keep the errors of what they open to themselves.
            if let Some(pipeline) = root(self.obj().upcast_ref()) {
                gst::element_error!(pipeline, gst::ResourceError::Failed, ("{text}"));
            }
            Err(gst::error_msg!(gst::ResourceError::Failed, ("{text}")))
        }
    }

    impl PushSrcImpl for RefusingSource {
        fn create(
            &self,
            _buffer: Option<&mut gst::BufferRef>,
        ) -> Result<CreateSuccess, gst::FlowError> {
            Err(gst::FlowError::Error)
        }
    }

    impl URIHandlerImpl for RefusingSource {
        const URI_TYPE: gst::URIType = gst::URIType::Src;

        fn protocols() -> &'static [&'static str] {
            static PROTOCOLS: LazyLock<Vec<&'static str>> = LazyLock::new(protocols);
            &PROTOCOLS
        }

        fn uri(&self) -> Option<String> {
            self.uri.lock().expect("never held across a panic").clone()
        }

        fn set_uri(&self, uri: &str) -> Result<(), glib::Error> {
            *self.uri.lock().expect("never held across a panic") = Some(uri.to_owned());
            Ok(())
        }
    }

    /// Every protocol that some installed element opens, but HTTP.
    fn protocols() -> Vec<&'static str> {
        let known: BTreeSet<String> = gst::Registry::get()
            .features(gst::ElementFactory::static_type())
            .iter()
            .filter_map(|feature| feature.downcast_ref::<gst::ElementFactory>())
            .filter(|factory| factory.uri_type() == gst::URIType::Src)
            .flat_map(|factory| factory.uri_protocols())
            .map(|protocol| protocol.to_string())
            .filter(|protocol| !["http", "https"].contains(&&**protocol))
            .collect();
        // Once in a process.
        known.into_iter().map(|protocol| &*Box::leak(protocol.into_boxed_str())).collect()
    }

    fn root(element: &gst::Element) -> Option<gst::Element> {
        let mut root = None;
        let mut around = element.parent();
        while let Some(object) = around {
            around = object.parent();
            root = object.downcast::<gst::Element>().ok();
        }
        root
    }

    #[cfg(test)]
    mod tests {
        use super::*;

        #[test]
        fn nothing_but_http_is_opened_by_its_address() {
            gst::init().unwrap();
            register().unwrap();
            for uri in [
                "file:///etc/passwd",
                "udp://127.0.0.1:9",
                "rtsp://127.0.0.1/",
                "v4l2:///dev/video0",
            ] {
                let element = gst::Element::make_from_uri(gst::URIType::Src, uri, None).unwrap();
                assert!(element.is::<super::super::RefusingSource>(), "{uri}");
                assert!(element.set_state(gst::State::Paused).is_err(), "{uri}");
                element.set_state(gst::State::Null).unwrap();
            }
        }
    }
}

//! Passwords for some paths of a server, and none for the others.

use gstreamer::glib;
use gstreamer_rtsp_server::subclass::prelude::*;
use gstreamer_rtsp_server::{RTSPAuth, RTSPContext};

mod imp {
    use std::collections::HashSet;
    use std::sync::Mutex;

    use super::*;

    #[derive(Default)]
    pub struct PathAuth {
        pub locked: Mutex<HashSet<String>>,
    }

    #[glib::object_subclass]
    impl ObjectSubclass for PathAuth {
        const NAME: &'static str = "DetectorSimulatorPathAuth";
        type Type = super::PathAuth;
        type ParentType = RTSPAuth;
    }

    impl ObjectImpl for PathAuth {}

    impl RTSPAuthImpl for PathAuth {
        fn check(&self, context: &RTSPContext, check: &glib::GString) -> bool {
            let Some(url) = context.uri() else {
                return true;
            };
            let path = crate::rtsp::path_of(url);
            let locked = self
                .locked
                .lock()
                .expect("no holder panics")
                .iter()
                .any(|locked| crate::rtsp::is_of(&path, locked));
            // Whether a name may see this path is known by the factory, whose roles are the names.
            !locked || self.parent_check(context, check)
        }
    }
}

glib::wrapper! {
    /// Asks for a password only where one was set.
    pub struct PathAuth(ObjectSubclass<imp::PathAuth>) @extends RTSPAuth;
}

impl PathAuth {
    pub fn new() -> Self {
        glib::Object::new()
    }

    pub fn lock(&self, path: &str) {
        self.imp().locked.lock().expect("no holder panics").insert(path.to_owned());
    }

    pub fn unlock(&self, path: &str) {
        self.imp().locked.lock().expect("no holder panics").remove(path);
    }
}

//! An RTSP server with simulated cameras.

use std::collections::HashMap;
use std::fmt;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::io;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use gstreamer as gst;
use gstreamer::glib;
use gstreamer_rtsp_server as rtsp;
use gstreamer_rtsp_server::gst_rtsp::{RTSPAuthMethod, RTSPUrl};
use gstreamer_rtsp_server::prelude::*;
use gstreamer_rtsp_server::{RTSPClient, RTSPContext, RTSPFilterResult, RTSPToken};
use url::Url;

use crate::auth::PathAuth;
use crate::error::SimulatorError;
use crate::footage::{Login, Stream};
use crate::media;
use crate::watchers::{ClientId, Watchers};

/// Cameras on one port, until it is stopped or dropped. Then connections are closed, and another
/// server may have the port.
///
/// What the library beneath cannot do: change the size of the pictures within a session (see
/// [`RtspServer::replace`]), answer a DESCRIBE while a camera is frozen (the client waits, as it
/// would for a camera that hangs), and use different authentication schemes for different paths.
pub struct RtspServer {
    server: rtsp::RTSPServer,
    mounts: rtsp::RTSPMountPoints,
    auth: PathAuth,
    address: SocketAddr,
    cameras: Mutex<HashMap<String, Camera>>,
    watchers: Arc<Watchers>,
    context: glib::MainContext,
    stopping: Arc<AtomicBool>,
    listener: glib::Source,
    thread: Option<JoinHandle<()>>,
}

struct Camera {
    stream: Stream,
    frozen: Arc<AtomicBool>,
}

impl RtspServer {
    /// Starts a server without cameras. Port 0 is a free one: see [`RtspServer::address`].
    ///
    /// # Errors
    /// When the address cannot be listened on, or parts of GStreamer are missing.
    pub fn start(address: SocketAddr) -> Result<Self, SimulatorError> {
        gst::init().map_err(SimulatorError::GStreamer)?;
        media::check_elements()?;
        let server = rtsp::RTSPServer::new();
        server.set_address(&address.ip().to_string());
        server.set_service(&address.port().to_string());
        let mounts = rtsp::RTSPMountPoints::new();
        server.set_mount_points(Some(&mounts));
        let auth = PathAuth::new();
        auth.set_supported_methods(RTSPAuthMethod::Digest);
        server.set_auth(Some(&auth));
        let watchers = Arc::new(Watchers::default());
        server.connect_client_connected({
            let watchers = watchers.clone();
            move |_, client| watch(client, &watchers)
        });

        let context = glib::MainContext::new();
        let refused = |source| SimulatorError::Listen { address, source };
        let listener = server
            .attach(Some(&context))
            .ok()
            .and_then(|id| context.find_source_by_id(&id))
            // The library does not tell; binding once more does.
            .ok_or_else(|| refused(why_not(address)))?;
        let port = u16::try_from(server.bound_port())
            .map_err(|_| refused(io::ErrorKind::AddrNotAvailable.into()))?;
        // Not a `MainLoop`: told to quit before it runs, it would run for ever.
        let stopping = Arc::new(AtomicBool::new(false));
        let thread = thread::Builder::new()
            .name("rtsp-server".to_owned())
            .spawn({
                let (context, stopping) = (context.clone(), stopping.clone());
                move || {
                    while !stopping.load(Ordering::Acquire) {
                        context.iteration(true);
                    }
                }
            })
            .map_err(|source| SimulatorError::Thread { address, source })?;
        Ok(Self {
            server,
            mounts,
            auth,
            address: SocketAddr::new(address.ip(), port),
            cameras: Mutex::default(),
            watchers,
            context,
            stopping,
            listener,
            thread: Some(thread),
        })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The address of a camera, without credentials.
    pub fn url(&self, path: &str) -> Url {
        let mut address = self.address;
        // "Any address" is none to connect to.
        match address {
            SocketAddr::V4(v4) if v4.ip().is_unspecified() => {
                address.set_ip(Ipv4Addr::LOCALHOST.into());
            }
            SocketAddr::V6(v6) if v6.ip().is_unspecified() => {
                address.set_ip(Ipv6Addr::LOCALHOST.into());
            }
            _ => {}
        }
        let mut url = Url::parse(&format!("rtsp://{address}/")).expect("an address makes a URL");
        url.set_path(path);
        url
    }

    /// Puts a camera at a path such as `/gate`, in the place of the one that was there.
    ///
    /// A file is read here, which may take a while.
    ///
    /// # Errors
    /// When the footage cannot be shown.
    pub fn add(&self, path: &str, stream: Stream) -> Result<(), SimulatorError> {
        let frozen = Arc::new(AtomicBool::new(false));
        let factory = media::factory(&stream, frozen.clone())?;
        self.auth.unlock(path);
        if let Some(login) = &stream.login {
            self.admit(path, login, &factory);
        }
        self.mounts.add_factory(path, factory);
        self.cameras().insert(path.to_owned(), Camera { stream, frozen });
        Ok(())
    }

    /// Takes a camera away and closes the connections of its clients. New ones get "not found".
    pub fn remove(&self, path: &str) {
        self.mounts.remove_factory(path);
        self.auth.unlock(path);
        self.cameras().remove(path);
        self.drop_clients(path);
    }

    /// Lets a camera show something else, perhaps in another size, with the same login. Its
    /// connections are closed: clients come back to it as to a camera whose settings were changed.
    ///
    /// # Errors
    /// When there is no such camera, or the footage cannot be shown.
    pub fn replace(
        &self,
        path: &str,
        footage: crate::footage::Footage,
    ) -> Result<(), SimulatorError> {
        let stream = self.with_camera(path, |camera| camera.stream.clone())?;
        self.add(path, Stream { footage, ..stream })?;
        self.drop_clients(path);
        Ok(())
    }

    /// Stops the flow of pictures; connections stay, and so do the server's reports on them.
    ///
    /// # Errors
    /// When there is no such camera.
    pub fn freeze(&self, path: &str) -> Result<(), SimulatorError> {
        self.with_camera(path, |camera| camera.frozen.store(true, Ordering::Relaxed))
    }

    /// Ends [`RtspServer::freeze`], from the next key frame on.
    ///
    /// # Errors
    /// When there is no such camera.
    pub fn resume(&self, path: &str) -> Result<(), SimulatorError> {
        self.with_camera(path, |camera| camera.frozen.store(false, Ordering::Relaxed))
    }

    /// Closes the connections of all that watch a camera. They may come back at once.
    pub fn drop_clients(&self, path: &str) {
        let watching = self.watchers.of(path);
        self.close(|client| watching.contains(&id_of(client)));
    }

    /// How many clients watch a camera now.
    pub fn clients(&self, path: &str) -> usize {
        self.watchers.of(path).len()
    }

    /// Waits until exactly so many clients watch a camera.
    ///
    /// # Errors
    /// When it has another number after `timeout`.
    pub fn wait_for_clients(
        &self,
        path: &str,
        expected: usize,
        timeout: Duration,
    ) -> Result<(), SimulatorError> {
        self.watchers.wait_for(path, expected, timeout).map_err(|found| SimulatorError::TimedOut {
            path: path.to_owned(),
            what: "clients",
            found: found as u64,
            expected: expected as u64,
            waited: timeout,
        })
    }

    /// Closes all connections and gives the port back. Dropping does the same.
    pub fn stop(self) {}

    fn admit(&self, path: &str, login: &Login, factory: &rtsp::RTSPMediaFactory) {
        // A role is what a factory knows a user by. The same login may open several cameras, so it
        // follows from the login alone; it is a structure's name, so it has letters only.
        let mut hasher = DefaultHasher::new();
        (&login.user, &login.password).hash(&mut hasher);
        let role = format!("user-{:016x}", hasher.finish());
        factory.add_role_from_structure(
            &gst::Structure::builder(role.as_str())
                .field(rtsp::RTSP_PERM_MEDIA_FACTORY_ACCESS, true)
                .field(rtsp::RTSP_PERM_MEDIA_FACTORY_CONSTRUCT, true)
                .build(),
        );
        let token = RTSPToken::builder().field(rtsp::RTSP_TOKEN_MEDIA_FACTORY_ROLE, role).build();
        if login.digest {
            self.auth.add_digest(&login.user, &login.password, &token);
        } else {
            let basic = rtsp::RTSPAuth::make_basic(&login.user, &login.password);
            self.auth.add_basic(&basic, &token);
            self.auth.set_supported_methods(RTSPAuthMethod::Basic);
        }
        self.auth.lock(path);
    }

    fn with_camera<T>(
        &self,
        path: &str,
        act: impl FnOnce(&Camera) -> T,
    ) -> Result<T, SimulatorError> {
        self.cameras()
            .get(path)
            .map(act)
            .ok_or_else(|| SimulatorError::NoCamera { path: path.to_owned() })
    }

    fn close(&self, is_meant: impl Fn(&RTSPClient) -> bool) {
        self.server.client_filter(Some(&mut |_, client| {
            if is_meant(client) { RTSPFilterResult::Remove } else { RTSPFilterResult::Keep }
        }));
    }

    fn cameras(&self) -> MutexGuard<'_, HashMap<String, Camera>> {
        self.cameras.lock().expect("no holder panics")
    }
}

impl fmt::Debug for RtspServer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RtspServer").field("address", &self.address).finish_non_exhaustive()
    }
}

impl Drop for RtspServer {
    fn drop(&mut self) {
        // In this order nobody comes in while the others are sent away.
        self.listener.destroy();
        self.close(|_| true);
        self.stopping.store(true, Ordering::Release);
        self.context.wakeup();
        if let Some(thread) = self.thread.take() {
            // It panicked: there is nobody left to tell.
            let _ = thread.join();
        }
    }
}

/// Counts a client as long as it plays.
fn watch(client: &RTSPClient, watchers: &Arc<Watchers>) {
    let path = |context: &RTSPContext| context.uri().map(path_of);
    let watching = watchers.clone();
    client.connect_play_request(move |client, context| {
        if let Some(path) = path(context) {
            watching.started(id_of(client), path);
        }
    });
    let watching = watchers.clone();
    client.connect_teardown_request(move |client, context| {
        if let Some(path) = path(context) {
            watching.stopped(id_of(client), &path);
        }
    });
    let watching = watchers.clone();
    client.connect_closed(move |client| watching.left(id_of(client)));
}

/// Where a client lies in memory tells it from all others that exist.
fn id_of(client: &RTSPClient) -> ClientId {
    client.as_ptr() as ClientId
}

/// The path of a URL, without what a client adds to name one track or with a slash too many.
pub fn path_of(url: &RTSPUrl) -> String {
    let uri = url.request_uri();
    let path = Url::parse(&uri).map_or_else(|_| String::new(), |url| url.path().to_owned());
    path.trim_end_matches('/').to_owned()
}

/// Whether a request's path is that of a camera, or of one of its tracks.
pub fn is_of(path: &str, camera: &str) -> bool {
    path.strip_prefix(camera.trim_end_matches('/'))
        .is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

/// What the system says about listening on an address.
fn why_not(address: SocketAddr) -> io::Error {
    match std::net::TcpListener::bind(address) {
        Err(error) => error,
        Ok(_) => io::ErrorKind::AddrInUse.into(),
    }
}

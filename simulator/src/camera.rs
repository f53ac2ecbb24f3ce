//! A camera on raw sockets that misbehaves on demand.

mod client;
mod connection;
mod login;
mod message;
mod record;
mod route;
mod rtp;
mod sdp;
mod setup;
mod stream;
mod tls;
mod tunnel;

use std::collections::HashMap;
use std::fmt;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use tokio::io::DuplexStream;
use tokio::net::TcpListener;
use tokio::sync::oneshot;
use url::Url;

use crate::error::SimulatorError;
use crate::fault::Fault;
use crate::script::{Behaviour, Script, Shown};
use record::Recorder;
use tls::Identity;

pub use record::{Record, Request, SentPicture};

/// An RTSP camera that follows a [`Script`], until it is dropped. Then its connections are closed.
///
/// It shows the script's footage at every path. Each session begins with the first picture, unless a
/// fault says otherwise, and ends with its connection.
///
/// ```no_run
/// # use std::time::Duration;
/// # use detector_simulator::{Codec, Script, ScriptedCamera};
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let camera = ScriptedCamera::start(Script::parse(Codec::H264, &["loss=0.01", "auth=sha256"])?)?;
/// println!("{}", camera.url("/gate"));
/// camera.wait_for("a session", Duration::from_secs(10), |record| record.playing == 1)?;
/// # Ok(())
/// # }
/// ```
pub struct ScriptedCamera {
    shared: Arc<Shared>,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

/// What all connections share.
struct Shared {
    address: SocketAddr,
    started: Instant,
    recorder: Recorder,
    active: Mutex<Active>,
    /// What POST requests bring, for the GET request with the same cookie.
    tunnels: Mutex<HashMap<String, DuplexStream>>,
}

/// The script that counts now.
#[derive(Clone)]
struct Active {
    script: Arc<Script>,
    behaviour: Arc<Behaviour>,
    shown: Arc<Shown>,
    identity: Option<Identity>,
}

impl Active {
    fn new(script: Script, address: SocketAddr) -> Result<Self, SimulatorError> {
        let behaviour = Behaviour::of(&script.faults);
        let identity = behaviour.tls.map(|fault| Identity::new(address.ip(), fault)).transpose()?;
        Ok(Self {
            shown: Arc::new(script.shown()?),
            behaviour: Arc::new(behaviour),
            script: Arc::new(script),
            identity,
        })
    }
}

impl Shared {
    fn active(&self) -> Active {
        self.lock().clone()
    }

    fn behaviour(&self) -> Arc<Behaviour> {
        self.lock().behaviour.clone()
    }

    fn lock(&self) -> MutexGuard<'_, Active> {
        self.active.lock().expect("no holder panics")
    }

    fn tunnels(&self) -> MutexGuard<'_, HashMap<String, DuplexStream>> {
        self.tunnels.lock().expect("no holder panics")
    }
}

impl ScriptedCamera {
    /// Encodes what is shown, and starts the camera.
    ///
    /// # Errors
    /// When the footage cannot be made, or the address not be listened on.
    pub fn start(script: Script) -> Result<Self, SimulatorError> {
        let address = script.listen;
        let refused = |source| SimulatorError::Listen { address, source };
        let no_thread = |source| SimulatorError::Thread { address, source };
        let listener = std::net::TcpListener::bind(address).map_err(refused)?;
        listener.set_nonblocking(true).map_err(refused)?;
        let address = listener.local_addr().map_err(refused)?;
        let shared = Arc::new(Shared {
            address,
            started: Instant::now(),
            recorder: Recorder::default(),
            active: Mutex::new(Active::new(script, address)?),
            tunnels: Mutex::default(),
        });
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .map_err(no_thread)?;
        let (stop, stopped) = oneshot::channel();
        let thread = thread::Builder::new()
            .name("scripted-camera".to_owned())
            .spawn({
                let shared = shared.clone();
                move || {
                    runtime.block_on(async {
                        tokio::select! {
                            () = accept(listener, shared) => {}
                            _ = stopped => {}
                        }
                    });
                    // The runtime goes with this thread, and with it all connections.
                }
            })
            .map_err(no_thread)?;
        Ok(Self { shared, stop: Some(stop), thread: Some(thread) })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.shared.address
    }

    /// The address of a path, without credentials.
    pub fn url(&self, path: &str) -> Url {
        let scheme = if self.shared.behaviour().tls.is_some() { "rtsps" } else { "rtsp" };
        let mut url = Url::parse(&format!("{scheme}://{}/", self.shared.address))
            .expect("an address makes a URL");
        let (path, query) = path.split_once('?').map_or((path, None), |(p, q)| (p, Some(q)));
        url.set_path(path);
        url.set_query(query);
        url
    }

    /// The same with user and password of the script.
    pub fn url_with_login(&self, path: &str) -> Url {
        let (mut url, script) = (self.url(path), self.shared.active().script);
        // It fails for addresses that cannot have them, which this one can.
        let _ = url.set_username(&script.user);
        let _ = url.set_password(Some(&script.password));
        url
    }

    /// Replaces all faults, from the next request and the next picture on. Sessions keep their
    /// footage, and count the times of faults from their PLAY.
    ///
    /// # Errors
    /// When the footage that they ask for cannot be made.
    pub fn set_faults(&self, faults: Vec<Fault>) -> Result<(), SimulatorError> {
        let mut script = (*self.shared.active().script).clone();
        script.faults = faults;
        let active = Active::new(script, self.shared.address)?;
        *self.shared.lock() = active;
        Ok(())
    }

    /// The certificate that it shows, as DER; for [`Fault::Tls`].
    pub fn certificate(&self) -> Option<Vec<u8>> {
        self.shared.active().identity.map(|identity| identity.certificate.to_vec())
    }

    /// What it was asked, and what it has sent.
    pub fn record(&self) -> Record {
        self.shared.recorder.read(Record::clone)
    }

    /// Looks at the record without a copy.
    pub fn read<T>(&self, read: impl FnOnce(&Record) -> T) -> T {
        self.shared.recorder.read(read)
    }

    /// Waits until the record is as wanted, and gives it. `what` names that in the error.
    ///
    /// # Errors
    /// When it is not so after `timeout`.
    pub fn wait_for(
        &self,
        what: &'static str,
        timeout: Duration,
        is_so: impl Fn(&Record) -> bool,
    ) -> Result<Record, SimulatorError> {
        match self.shared.recorder.wait(timeout, is_so) {
            (record, true) => Ok(record),
            (record, false) => {
                let record = record.to_string();
                Err(SimulatorError::NotSeen { what, waited: timeout, record })
            }
        }
    }
}

impl fmt::Debug for ScriptedCamera {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ScriptedCamera").field("address", &self.address()).finish_non_exhaustive()
    }
}

impl Drop for ScriptedCamera {
    fn drop(&mut self) {
        // It has ended already: then there is nothing to stop.
        let _ = self.stop.take().map(|stop| stop.send(()));
        if let Some(thread) = self.thread.take() {
            // It panicked: there is nobody left to tell.
            let _ = thread.join();
        }
    }
}

async fn accept(listener: std::net::TcpListener, shared: Arc<Shared>) {
    let listener = match TcpListener::from_std(listener) {
        Ok(listener) => listener,
        Err(error) => {
            tracing::error!(%error, "the camera does not start");
            return;
        }
    };
    loop {
        match listener.accept().await {
            Ok((stream, _)) => {
                tokio::spawn(connection::serve(stream, shared.clone()));
            }
            Err(error) => {
                // Too many open files, most likely: it gets better when some are closed.
                tracing::warn!(%error, "accepting a connection");
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        }
    }
}

//! What the check brings along: cameras and a model archive, on the address by which the worker sees
//! this machine.

use std::net::SocketAddr;

use anyhow::{Context, Result};
use detector_archive::pack;
use detector_components::geometry::Region;
use detector_picture::encode_jpeg;
use detector_simulator::{Footage, HttpServer, Login, RtspServer, Stream};
use serde_json::{Value, json};
use url::Url;

use super::client::{Client, Place};
use crate::tiny;

/// Where the archive is.
pub const ARCHIVE: &str = "/shapes.mpta";
/// Where the RTSP camera is.
pub const CAMERA: &str = "/drawn";
/// Where the snapshot camera is.
const SNAPSHOT: &str = "/drawn.jpg";
/// Who the RTSP camera lets in.
const USER: &str = "check";

/// Cameras and a web server, for as long as this lives.
pub struct Props {
    /// The web server: snapshots and the archive.
    pub http: HttpServer,
    /// The RTSP camera, which wants a login.
    pub rtsp: RtspServer,
    /// The camera's password, and the archive's signature: nobody is to see it again.
    pub secret: String,
}

impl Props {
    /// Starts everything.
    ///
    /// # Errors
    /// When something does not start: the simulator's encoder is not installed everywhere.
    pub async fn set_up(place: &Place, client: &Client) -> Result<Self> {
        let address = SocketAddr::new(client.local.ip(), 0);
        let secret = format!("s3cret-{:x}", place.port_of_ours(client) ^ std::process::id());
        let rtsp = RtspServer::start(address).context("starting a camera")?;
        let login = Login { user: USER.to_owned(), password: secret.clone(), digest: true };
        rtsp.add(CAMERA, Stream::new(Footage::drawn()).login(login))
            .context("starting a camera")?;
        let http = HttpServer::start_on(address).context("starting a web server")?;
        http.put(ARCHIVE, "application/zip", archive()?);
        let still = tiny::scene().draw(0);
        let jpeg = encode_jpeg(&still, Region::whole(still.size()), 95).context("drawing")?;
        http.put(SNAPSHOT, "image/jpeg", jpeg);
        Ok(Self { http, rtsp, secret })
    }

    /// The RTSP camera's address, with its login.
    pub fn camera(&self) -> Url {
        self.camera_with(&self.secret)
    }

    /// The RTSP camera's address, with another password.
    pub fn camera_with(&self, password: &str) -> Url {
        let mut url = self.rtsp.url(CAMERA);
        // Both cannot fail on an address with a host.
        let _ = url.set_username(USER);
        let _ = url.set_password(Some(password));
        url
    }

    /// The archive's address, presigned.
    pub fn model(&self, path: &str) -> Url {
        let mut url = self.http.url(path);
        url.set_query(Some(&format!("sig={}", self.secret)));
        url
    }

    /// A subscription to the RTSP camera, with some fields changed or added.
    pub fn subscription(&self, id: &str, change: &Value) -> Value {
        let mut payload = json!({
            "subscriptionIdentifier": id,
            "rtspUrl": self.camera().as_str(),
            "modelUrl": self.model(ARCHIVE).as_str(),
            "modelId": 7,
            "modelName": "Shapes",
        });
        for (key, value) in change.as_object().into_iter().flatten() {
            payload[key] = value.clone();
        }
        payload
    }

    /// What makes a subscription one to the snapshot camera.
    pub fn snapshots(&self) -> Value {
        let url = self.http.url(SNAPSHOT);
        json!({"rtspUrl": null, "snapshotUrl": url.as_str(), "snapshotInterval": 200})
    }
}

/// An archive that finds squares and balls, and tells the CMS of each.
fn archive() -> Result<Vec<u8>> {
    let checkpoint = tiny::checkpoint()?;
    let pipeline = json!({"pipeline": {
        "modelId": "shape", "modelFile": "shapes.pt", "minConfidence": 0.5,
        "actions": [{"type": "patch_session", "data": {
            "seen": "{class}", "stage": "{progression_stage}", "plate": "{session.plate}",
        }}],
    }});
    let folder = tempfile::tempdir().context("making a folder for the archive")?;
    let out = folder.path().join("shapes.mpta");
    pack(&out, &pipeline, &[("shapes.pt", &checkpoint)]).context("packing the archive")?;
    std::fs::read(&out).context("reading the archive")
}

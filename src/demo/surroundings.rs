//! What stands around the worker in the demo: cameras, a web server with the archive, Redis.

use std::fs;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use detector_archive::pack;
use detector_simulator::{Footage, HttpServer, RedisServer, RtspServer, Stream};
use serde_json::{Value, json};
use tempfile::TempDir;

use super::inbox::CHANNEL;

/// Classes that the street is watched for.
const WATCHED: [&str; 6] = ["person", "car", "bus", "truck", "bicycle", "motorcycle"];

/// Cameras, a web server and Redis, for as long as this lives.
pub struct Surroundings {
    rtsp: RtspServer,
    http: HttpServer,
    redis: RedisServer,
    /// Where the archive was packed.
    _folder: TempDir,
}

impl Surroundings {
    /// Starts everything.
    ///
    /// # Errors
    /// When an asset is missing, or something does not start.
    pub fn start(assets: &Path) -> Result<Self> {
        let asset = |name: &str| -> Result<PathBuf> {
            let file = assets.join(name);
            if !file.exists() {
                bail!("{} is not there: run script/assets", file.display());
            }
            Ok(file)
        };
        let (video, still) = (asset("bikes.mp4")?, asset("bus.jpg")?);
        let (detector, plates) = (asset("yolo11n-seg.pt")?, asset("plates.pt")?);

        let rtsp = RtspServer::start((Ipv4Addr::LOCALHOST, 0).into())
            .context("starting the RTSP camera")?;
        rtsp.add("/street", Stream::new(Footage::File { path: video }))
            .context("starting the RTSP camera")?;
        let http = HttpServer::start().context("starting the web server")?;
        let still = fs::read(&still).with_context(|| format!("reading {}", still.display()))?;
        http.put("/bus.jpg", "image/jpeg", still);
        let redis = RedisServer::start()?;

        let folder = tempfile::tempdir().context("making a folder for the archive")?;
        let archive = folder.path().join("street.mpta");
        let files = [("yolo11n-seg.pt", detector.as_path()), ("plates.pt", plates.as_path())];
        pack(&archive, &pipeline(redis.address()), &files).context("packing the archive")?;
        let archive = fs::read(&archive).context("reading the archive")?;
        http.put("/street.mpta", "application/zip", archive);
        Ok(Self { rtsp, http, redis, _folder: folder })
    }

    /// What runs where, for people.
    pub fn described(&self) -> Vec<(&'static str, String)> {
        vec![
            ("an RTSP camera (bikes.mp4)", self.street_url()),
            ("a snapshot camera (bus.jpg)", self.snapshot_url()),
            ("the model archive", self.model_url()),
            ("Redis", format!("redis://{}", self.redis.address())),
        ]
    }

    /// The RTSP camera.
    pub fn street_url(&self) -> String {
        self.rtsp.url("/street").to_string()
    }

    /// The snapshot camera.
    pub fn snapshot_url(&self) -> String {
        self.http.url("/bus.jpg").to_string()
    }

    /// The archive.
    pub fn model_url(&self) -> String {
        self.http.url("/street.mpta").to_string()
    }

    /// Where Redis listens.
    pub fn redis_address(&self) -> SocketAddr {
        self.redis.address()
    }
}

/// The street's road users, and the plates of its motor vehicles.
fn pipeline(redis: SocketAddr) -> Value {
    json!({
        "pipeline": {
            "modelId": "street",
            "modelFile": "yolo11n-seg.pt",
            "triggerClasses": WATCHED,
            "minConfidence": 0.4,
            "actions": [
                {
                    "type": "redis_save_image",
                    "key": "demo:{display_id}:{camera_id}:{frame}:{uuid}",
                    "format": "jpeg",
                    "quality": 90,
                    "expire_seconds": 60,
                },
                {
                    "type": "redis_publish",
                    "channel": CHANNEL,
                    "message": r#"{"display":"{display_id}","camera":"{camera_id}","class":"{class}","confidence":{confidence},"image":"{image_key}"}"#,
                },
            ],
            "branches": [{
                "modelId": "plate",
                "modelFile": "plates.pt",
                "triggerClasses": ["car", "bus", "truck"],
                "minConfidence": 0.4,
                "crop": true,
                "resizeTarget": [320, 320],
            }],
        },
        "redis": {"host": redis.ip().to_string(), "port": redis.port()},
    })
}

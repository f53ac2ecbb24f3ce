//! What an operator decides: `config.ron`, then `DETECTOR_*` variables, then the command line.

use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use detector_infer::{Branch, DeviceChoice, PrecisionChoice};
use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize};
use url::Url;

use crate::log;

mod cameras;
mod error;
mod layers;
mod live;
mod origin;
mod places;
mod reach;
mod show;

pub use cameras::Cameras;
pub use error::ConfigError;
pub use live::Change;
pub use origin::{Flag, Loaded, Origin, Sources};
pub use reach::{Allowed, Reaches};
pub use show::show;

/// Everything that can be decided. A missing field has its default, an unknown one is refused.
///
/// `config.ron` in the project's root documents each field; a test keeps it equal to
/// [`Config::default`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// Name or address and port of the server; port 0 takes a free one. Default: `127.0.0.1:8000`.
    pub listen: String,
    /// Who may connect.
    pub auth: Auth,
    /// Frames a second that are taken of each camera, at most. Default: 10.
    pub target_fps: f64,
    /// Time between two frames of a camera. When given, it wins over `target_fps`.
    pub poll_interval_ms: Option<u64>,
    /// Cameras that may be open at once. Default: 32.
    pub max_streams: usize,
    /// The first wait before a camera is opened again; it doubles with each failure, up to a minute.
    /// Default: 2.
    #[serde(alias = "reconnect_interval_sec")]
    pub reconnect_interval_secs: f64,
    /// How often in a row a camera is opened again; -1: for ever. Default: -1.
    pub max_retries: i64,
    /// A camera without a frame for this long is stalled, and opened again. Default: 5.
    pub stall_timeout_secs: f64,
    /// Time between two state reports. Default: 2.
    pub heartbeat_interval_secs: f64,
    /// How long the subscriptions of a client that went are kept for its return. Default: 30.
    pub orphan_grace_secs: f64,
    /// How long a worker that was asked to end is given for it. Default: 5.
    pub shutdown_grace_secs: f64,
    /// How long a model that nobody runs is kept loaded. Default: 300.
    pub model_idle_secs: f64,
    /// Where models named by a path are looked for. Default: none, models come by URL only.
    pub models_dir: Option<PathBuf>,
    /// Where fetched models are kept. Default: the user's cache directory.
    pub cache_dir: Option<PathBuf>,
    /// What inference runs on: `auto`, `cpu`, `gpu`, `gpu:N`, `gpu:software`. Default: `auto`.
    pub device: String,
    /// The numbers that networks compute with: `auto`, `f32`, `f16`, `bf16`. Default: `auto`.
    pub precision: String,
    /// Which branch of a head that has two finds the boxes: `auto`, `one2one`, `one2many`. Default:
    /// `auto`, which is what Ultralytics does: `one2many`.
    pub head: String,
    /// Whether a camera's address may name a file of this machine. Default: false.
    pub allow_file_urls: bool,
    /// How cameras are opened, and which of their pictures are used.
    pub cameras: Cameras,
    /// Which addresses of cameras and models may be opened.
    pub reach: Reaches,
    /// How clients are talked to.
    pub protocol: Protocol,
    /// How the actions of pipelines are carried out.
    pub actions: ActionSettings,
    /// What the page in the browser offers.
    pub page: Page,
    /// What is accepted from outside.
    pub limits: Limits,
    /// What is written down.
    pub log: Log,
}

/// Who may connect.
#[derive(Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Auth {
    /// What clients must show as `Authorization: Bearer`, or as `?token=`. Default: nothing.
    #[serde(deserialize_with = "unrepeated")]
    pub token: Option<String>,
    /// Origins whose pages may connect without a token, besides the worker's own. Default: none.
    pub origins: Vec<String>,
}

/// A secret of the wrong type is not repeated in the error.
fn unrepeated<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<String>, D::Error> {
    Option::deserialize(deserializer).map_err(|_| D::Error::custom("expected a text in quotes"))
}

impl fmt::Debug for Auth {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Auth")
            .field("token", &self.token.as_ref().map(|_| "***"))
            .field("origins", &self.origins)
            .finish()
    }
}

/// How clients are talked to.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Protocol {
    /// Whether clients are told what was refused. Default: true.
    pub errors: bool,
    /// What this worker calls itself. Default: the host's name.
    pub worker_id: Option<String>,
}

/// How the actions of pipelines are carried out.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ActionSettings {
    /// Events whose actions may wait for one server. Default: 10 000.
    pub max_waiting: usize,
    /// Bytes of what may wait for one server, pictures included. Default: 64 MiB.
    pub max_bytes: u64,
    /// What waited longer is dropped. Default: 60.
    pub time_to_live_secs: f64,
    /// The longest wait for a connection or an answer. Default: 5.
    pub timeout_secs: f64,
    /// A PEM file of those who may vouch for a Redis that is spoken to by TLS. Default: those that
    /// the system trusts.
    pub tls_ca: Option<PathBuf>,
}

/// What the page in the browser offers.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Page {
    /// Whether cameras may be added from it, for as long as it is open. Default: true.
    pub may_subscribe: bool,
}

/// What is accepted from outside.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Limits {
    /// Bytes of a message. Default: 1 MiB.
    pub message_bytes: usize,
    /// Messages a second of one client, in the long run. Default: 100.
    pub messages_per_second: u32,
    /// Clients at once. Default: 32.
    pub clients: usize,
    /// Subscriptions of all clients at once. Default: 1 024.
    pub subscriptions: usize,
    /// Displays known at once, beyond which no session or stage makes one more. Default: 1 024.
    pub displays: usize,
    /// Bytes of a model archive. Default: 2 GiB.
    pub archive_bytes: u64,
    /// Bytes of a snapshot. Default: 32 MiB.
    pub snapshot_bytes: u64,
}

/// What is written down, beside what stage counters say.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Log {
    /// The least level, or directives such as `info,detector_ingest=debug`. Default: `info`.
    pub level: String,
    /// `text` or `json`. Default: `text`.
    pub format: LogFormat,
    /// Where a `detector_worker.log` is kept. Default: nowhere.
    pub directory: Option<PathBuf>,
    /// Bytes of it after which a new one is begun. Default: 16 MiB.
    pub file_bytes: usize,
    /// How many earlier ones are kept, `detector_worker.log.1` the newest of them. Default: 6.
    pub files: usize,
}

/// How a line of the log looks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LogFormat {
    /// For people.
    #[default]
    Text,
    /// One JSON object a line.
    Json,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            listen: "127.0.0.1:8000".to_owned(),
            auth: Auth::default(),
            target_fps: 10.0,
            poll_interval_ms: None,
            max_streams: 32,
            reconnect_interval_secs: 2.0,
            max_retries: -1,
            stall_timeout_secs: 5.0,
            heartbeat_interval_secs: 2.0,
            orphan_grace_secs: 30.0,
            shutdown_grace_secs: 5.0,
            model_idle_secs: 300.0,
            models_dir: None,
            cache_dir: None,
            device: "auto".to_owned(),
            precision: "auto".to_owned(),
            head: "auto".to_owned(),
            allow_file_urls: false,
            cameras: Cameras::default(),
            reach: Reaches::default(),
            protocol: Protocol::default(),
            actions: ActionSettings::default(),
            page: Page::default(),
            limits: Limits::default(),
            log: Log::default(),
        }
    }
}

impl Default for Protocol {
    fn default() -> Self {
        Self { errors: true, worker_id: None }
    }
}

impl Default for ActionSettings {
    fn default() -> Self {
        Self {
            max_waiting: 10_000,
            max_bytes: 64 << 20,
            time_to_live_secs: 60.0,
            timeout_secs: 5.0,
            tls_ca: None,
        }
    }
}

impl Default for Page {
    fn default() -> Self {
        Self { may_subscribe: true }
    }
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            message_bytes: 1 << 20,
            messages_per_second: 100,
            clients: 32,
            subscriptions: 1_024,
            displays: 1_024,
            archive_bytes: 2 << 30,
            snapshot_bytes: 32 << 20,
        }
    }
}

impl Default for Log {
    fn default() -> Self {
        Self {
            level: "info".to_owned(),
            format: LogFormat::Text,
            directory: None,
            file_bytes: 16 << 20,
            files: 6,
        }
    }
}

impl Config {
    /// Where the configuration is looked for when none is named.
    pub const FILE: &str = "config.ron";

    /// Looks at what each value means. All faults are reported at once.
    ///
    /// # Errors
    /// When a value is out of its range.
    pub fn check(&self) -> Result<(), ConfigError> {
        let mut faults = Vec::new();
        let mut expect = |holds: bool, fault: String| {
            if !holds {
                faults.push(fault);
            }
        };
        let fps = self.target_fps;
        expect(
            fps > 0.0 && fps <= 240.0,
            format!("target_fps: expected more than 0, at most 240, found {fps}"),
        );
        expect(
            self.poll_interval_ms.is_none_or(|millis| (1..=3_600_000).contains(&millis)),
            "poll_interval_ms: expected 1 to 3600000".to_owned(),
        );
        expect(self.max_streams > 0, "max_streams: expected at least 1, found 0".to_owned());
        expect(
            self.max_retries >= -1,
            format!("max_retries: expected -1 (for ever) or more, found {}", self.max_retries),
        );
        let day = 86_400.0;
        for (name, secs, least) in [
            ("reconnect_interval_secs", self.reconnect_interval_secs, 0.05),
            ("stall_timeout_secs", self.stall_timeout_secs, 0.1),
            ("heartbeat_interval_secs", self.heartbeat_interval_secs, 0.05),
            ("orphan_grace_secs", self.orphan_grace_secs, 0.0),
            ("shutdown_grace_secs", self.shutdown_grace_secs, 0.0),
            ("model_idle_secs", self.model_idle_secs, 0.0),
            ("actions.time_to_live_secs", self.actions.time_to_live_secs, 0.1),
            ("actions.timeout_secs", self.actions.timeout_secs, 0.1),
        ] {
            expect(
                (least..=day).contains(&secs),
                format!("{name}: expected {least} to {day}, found {secs}"),
            );
        }
        expect(
            self.auth.token.as_ref().is_none_or(|token| !token.is_empty()),
            "auth.token: expected a text, found an empty one; leave it out to need none".to_owned(),
        );
        for origin in &self.auth.origins {
            // As a browser writes it: nothing after host and port.
            let read = Url::parse(origin).ok();
            let written = read.map(|url| url.origin().ascii_serialization());
            expect(
                written.as_ref() == Some(origin),
                format!(
                    "auth.origins: expected one like https://cms.example.org, found {origin:?}"
                ),
            );
        }
        expect(
            self.actions.max_waiting > 0,
            "actions.max_waiting: expected at least 1, found 0".to_owned(),
        );
        expect(
            self.limits.messages_per_second > 0,
            "limits.messages_per_second: expected at least 1, found 0".to_owned(),
        );
        expect(
            self.limits.message_bytes >= 1_024,
            format!(
                "limits.message_bytes: expected at least 1024, found {}",
                self.limits.message_bytes
            ),
        );
        expect(
            self.log.file_bytes >= 65_536,
            format!("log.file_bytes: expected at least 65536, found {}", self.log.file_bytes),
        );
        expect(
            self.log.files <= 1_000,
            format!("log.files: expected at most 1000, found {}", self.log.files),
        );
        for (name, fault) in [
            ("device", self.device.parse::<DeviceChoice>().err().map(|fault| fault.to_string())),
            (
                "precision",
                self.precision.parse::<PrecisionChoice>().err().map(|fault| fault.to_string()),
            ),
            ("head", self.head.parse::<Branch>().err().map(|fault| fault.to_string())),
            ("log.level", log::check_level(&self.log.level).err()),
        ] {
            expect(fault.is_none(), format!("{name}: {}", fault.unwrap_or_default()));
        }
        faults.extend(self.cameras.faults());
        faults.extend(self.reach.faults());
        if faults.is_empty() { Ok(()) } else { Err(ConfigError::Values(faults)) }
    }

    /// Time between two frames of a camera.
    pub fn frame_period(&self) -> Duration {
        match self.poll_interval_ms {
            Some(millis) => Duration::from_millis(millis),
            None => Duration::from_secs_f64(1.0 / self.target_fps),
        }
    }
}

#[cfg(test)]
mod reference;
#[cfg(test)]
mod tests;

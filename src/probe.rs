//! `detector-worker probe`: what a camera sends, and how long each step to its first frame takes.
//!
//! It opens the camera with the worker's own code: what works here works there.

use std::fmt;
use std::io::Write as _;
use std::net::{SocketAddr, TcpStream, ToSocketAddrs};
use std::path::PathBuf;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use detector_components::camera::CameraSource;
use detector_components::geometry::Region;
use detector_components::secret::SecretUrl;
use detector_ingest::{Failure, FailureKind, IngestConfig, Measured, gives_snapshots, look};
use detector_picture::encode_jpeg;
use detector_reach::InspectError;
use url::Host;

use self::report::{Problem, Report, Step, Video};
use crate::cli::ProbeArgs;
use crate::engine::ingest;
use crate::source::{SNAPSHOT_INTERVAL, address, device};

mod advice;
mod report;

/// The longest wait for a connection.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// Quality of the saved frame.
const JPEG_QUALITY: u8 = 95;

/// Runs the command. `false`: the camera gave no frame.
///
/// # Errors
/// When the address or the configuration is wrong, GStreamer is not complete, or the frame cannot be
/// written.
pub fn probe(args: &ProbeArgs) -> Result<bool> {
    detector_ingest::init()?;
    let config = ingest(&args.settings.sources().load()?.config);
    let report = Report::of(args, &config)?;
    let text = if args.json {
        serde_json::to_string_pretty(&report).context("writing the report")?
    } else {
        report.to_string()
    };
    writeln!(std::io::stdout(), "{}", text.trim_end()).context("writing to standard output")?;
    Ok(report.problem.is_none())
}

/// The camera that is asked.
enum Probed {
    /// Of this machine.
    Device(PathBuf),
    /// Somewhere else, or a file.
    Address(SecretUrl),
}

impl Probed {
    fn of(text: &str) -> Result<Self> {
        match device(text) {
            Some(path) => Ok(Self::Device(path)),
            None => address(text).map(Self::Address),
        }
    }

    fn has_login(&self) -> bool {
        matches!(self, Self::Address(url) if !url.expose().username().is_empty())
    }

    fn scheme(&self) -> &str {
        match self {
            Self::Device(_) => "file",
            Self::Address(url) => url.scheme(),
        }
    }
}

impl fmt::Display for Probed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Device(path) => path.display().fmt(f),
            Self::Address(url) => url.fmt(f),
        }
    }
}

impl Report {
    fn of(args: &ProbeArgs, config: &IngestConfig) -> Result<Self> {
        let camera = Probed::of(&args.camera)?;
        let (mut report, mut measured) = (Self::new(camera.to_string()), Measured::default());
        let seen = report
            .reach(&camera, config)
            .and_then(|source| report.look(source, args, config, &mut measured));
        if let Err(failure) = seen {
            report.problem = Some(Problem::of(&failure, &camera, &measured));
        }
        report.video = Video::of(&measured);
        Ok(report)
    }

    /// Step by step to where it can be opened, until one fails.
    fn reach(&mut self, camera: &Probed, config: &IngestConfig) -> Result<CameraSource, Failure> {
        let url = match camera {
            Probed::Device(path) => return Ok(CameraSource::Device(path.clone())),
            Probed::Address(url) if url.scheme() == "file" => {
                let path = url.expose().to_file_path();
                let path = path.map_err(|()| Failure::other("it is no path of this machine"))?;
                return Ok(CameraSource::File { path, looped: false, real_time: true });
            }
            Probed::Address(url) => url,
        };
        let addresses = self.step(
            "name lookup",
            || lookup(url),
            |found| {
                let found: Vec<_> = found.iter().map(|address| address.ip().to_string()).collect();
                found.join(", ")
            },
        )?;
        let place = self.step("connect", || connect(&addresses), SocketAddr::to_string)?;
        if matches!(url.scheme(), "https" | "rtsps") {
            self.look_at_certificate(url, place, config)?;
        }
        let still = matches!(url.scheme(), "http" | "https") && gives_snapshots(url, config)?;
        Ok(match still {
            true => CameraSource::Snapshot { url: url.clone(), interval: SNAPSHOT_INTERVAL },
            false => CameraSource::stream(url.clone()),
        })
    }

    /// Shows what the camera shows of itself.
    fn look_at_certificate(
        &mut self,
        url: &SecretUrl,
        place: SocketAddr,
        config: &IngestConfig,
    ) -> Result<(), Failure> {
        let inspect = || {
            config.reach.inspect(url.expose(), place, CONNECT_TIMEOUT).map_err(|error| {
                let text = format!("no TLS with the camera: {error}");
                match error {
                    InspectError::Io(_) => Failure::new(FailureKind::Unreachable, text),
                    InspectError::Tls(_) | InspectError::Name => Failure::other(text),
                }
            })
        };
        let shown = self.step("certificate", inspect, |shown| match &shown.fault {
            None => format!("SHA-256 {}", shown.fingerprint),
            Some(fault) => format!("SHA-256 {}: {}", shown.fingerprint, fault.doubt),
        })?;
        match shown.fault {
            None => Ok(()),
            Some(fault) => Err(Failure::new(
                FailureKind::Certificate,
                format!("no TLS with the camera: {fault}"),
            )),
        }
    }

    /// Opens it, and saves its first frame.
    fn look(
        &mut self,
        source: CameraSource,
        args: &ProbeArgs,
        config: &IngestConfig,
        measured: &mut Measured,
    ) -> Result<(), Failure> {
        let opened = Instant::now();
        let seen = look(source, config.clone(), Duration::from_secs_f64(args.seconds));
        *measured = seen.measured;
        let first_frame = measured.first_frame.as_ref().map(|(at, _)| *at);
        for (name, at) in [("first packet", measured.first_packet), ("first frame", first_frame)] {
            let took = at.map(|at| at.duration_since(opened));
            self.steps.extend(took.map(|took| Step::new(name, took, String::new())));
        }
        if let Some((_, frame)) = &measured.first_frame {
            let file = args.output.clone().unwrap_or_else(default_output);
            let jpeg = encode_jpeg(&frame.pixels, Region::whole(frame.pixels.size()), JPEG_QUALITY)
                .map_err(|error| Failure::other(format!("encoding the first frame: {error}")))?;
            std::fs::write(&file, jpeg).map_err(|error| {
                Failure::other(format!("writing the first frame to {}: {error}", file.display()))
            })?;
            self.first_frame = Some(file);
        }
        seen.failure.map_or(Ok(()), Err)
    }

    fn step<T>(
        &mut self,
        name: &'static str,
        work: impl FnOnce() -> Result<T, Failure>,
        detail: impl FnOnce(&T) -> String,
    ) -> Result<T, Failure> {
        let began = Instant::now();
        let done = work()?;
        self.steps.push(Step::new(name, began.elapsed(), detail(&done)));
        Ok(done)
    }
}

fn lookup(url: &SecretUrl) -> Result<Vec<SocketAddr>, Failure> {
    let unreachable = |text: String| Failure::new(FailureKind::Unreachable, text);
    let usual = match url.scheme() {
        "rtsp" => 554,
        "rtsps" => 322,
        "https" => 443,
        _ => 80,
    };
    let port = url.expose().port().unwrap_or(usual);
    let host = url.expose().host_str().filter(|host| !host.is_empty());
    let host = host.ok_or_else(|| Failure::other("there is no host in the address"))?;
    // Brackets around an IPv6 address belong to the URL.
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    let found = (bare, port).to_socket_addrs().map_err(|error| {
        let named = matches!(Host::parse(host), Ok(Host::Domain(_)));
        unreachable(match named {
            true => format!("no machine is known by the name {host} ({error})"),
            false => error.to_string(),
        })
    })?;
    let found: Vec<_> = found.collect();
    if found.is_empty() {
        return Err(unreachable(format!("the name {host} has no address")));
    }
    Ok(found)
}

fn connect(addresses: &[SocketAddr]) -> Result<SocketAddr, Failure> {
    let mut reasons = Vec::new();
    for address in addresses {
        match TcpStream::connect_timeout(address, CONNECT_TIMEOUT) {
            Ok(_) => return Ok(*address),
            Err(error) => reasons.push(format!("{address}: {error}")),
        }
    }
    Err(Failure::new(FailureKind::Unreachable, reasons.join("; ")))
}

fn default_output() -> PathBuf {
    std::env::temp_dir().join("detector-probe.jpg")
}

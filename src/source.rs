//! A camera as people name it on the command line.

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result, anyhow, bail};
use detector_components::camera::CameraSource;
use detector_components::secret::SecretUrl;
use detector_ingest::{IngestConfig, gives_snapshots};

/// Between two snapshots.
pub const SNAPSHOT_INTERVAL: Duration = Duration::from_millis(500);

/// What is said of a text that names no camera.
const EXPECTED: &str = "the camera's address: expected a URL such as \
                        rtsp://user:password@host/path, a file, or a device such as /dev/video0";

/// The camera behind an address, a file or a device of this machine: `/dev/video0`, or its number.
///
/// A server is asked whether it gives pictures or a stream.
///
/// # Errors
/// When the text names none, or the server does not answer.
pub fn camera(text: &str) -> Result<CameraSource> {
    if let Some(device) = device(text) {
        return Ok(CameraSource::Device(device));
    }
    let url = address(text)?;
    if url.scheme() == "file" {
        let path = url.expose().to_file_path().ok().context("it is no path of this machine")?;
        return Ok(CameraSource::of_path(path));
    }
    // `user:password@host` is a URL too, of the scheme `user`.
    if !matches!(url.scheme(), "rtsp" | "rtsps" | "http" | "https") {
        bail!("{EXPECTED}");
    }
    let config = IngestConfig::default();
    let still = matches!(url.scheme(), "http" | "https")
        && gives_snapshots(&url, &config).map_err(|failure| anyhow!("{url}: {}", failure.text))?;
    Ok(match still {
        true => CameraSource::Snapshot { url, interval: SNAPSHOT_INTERVAL },
        false => CameraSource::stream(url),
    })
}

/// The device that a text names: `/dev/video0`, its number, or its URL.
pub fn device(text: &str) -> Option<PathBuf> {
    if text.parse::<u16>().is_ok() {
        return Some(format!("/dev/video{text}").into());
    }
    let path = match SecretUrl::parse(text) {
        Ok(url) if url.scheme() == "file" => url.expose().to_file_path().ok()?,
        _ => text.into(),
    };
    match CameraSource::of_path(path) {
        CameraSource::Device(path) => Some(path),
        _ => None,
    }
}

/// An address, or a file's path.
///
/// # Errors
/// When the text is neither.
pub fn address(text: &str) -> Result<SecretUrl> {
    match SecretUrl::parse(text) {
        Ok(url) => Ok(url),
        Err(_) if Path::new(text).exists() => {
            let path = Path::new(text).canonicalize().with_context(|| format!("opening {text}"))?;
            let url = url::Url::from_file_path(path).ok().context("the path is not absolute")?;
            Ok(SecretUrl::new(url))
        }
        // The text is not repeated: a password may be why it is none.
        Err(error) => Err(error).context(EXPECTED),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_is_a_device() {
        for text in ["0", "/dev/video0", "file:///dev/video0"] {
            assert_eq!(camera(text).unwrap(), CameraSource::Device("/dev/video0".into()));
        }
    }

    #[test]
    fn a_file_below_dev_is_a_file() {
        let file = tempfile::Builder::new().suffix(".mp4").tempfile_in("/dev/shm").unwrap();
        let source = camera(file.path().to_str().unwrap()).unwrap();
        assert!(matches!(source, CameraSource::File { .. }), "{source:?}");
    }

    #[test]
    fn a_file_is_played_again_and_again() {
        let source = camera("Cargo.toml").unwrap();
        let CameraSource::File { path, looped: true, real_time: true } = source else {
            panic!("{source:?}");
        };
        assert!(path.is_absolute() && path.ends_with("Cargo.toml"), "{}", path.display());
    }

    #[test]
    fn what_is_no_camera_is_refused_without_being_repeated() {
        let error = format!("{:#}", camera("admin:secret@camera").unwrap_err());
        assert!(error.contains("expected a URL") && !error.contains("secret"), "{error}");
    }
}

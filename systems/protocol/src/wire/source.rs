//! Addresses of cameras and models: which are allowed, and what they stand for.

use std::path::{Component, Path, PathBuf};
use std::time::Duration;

use detector_components::camera::{CameraSource, StreamOptions, Transport};
use detector_components::model::ModelSource;
use detector_components::secret::{AddressError, SecretUrl};
use detector_reach::{Forbidden, Reach};
use url::ParseError;

use super::fields::{Faults, Fields, shortened};
use crate::config::ProtocolConfig;

/// What addresses may name.
#[derive(Clone, Debug)]
pub struct Allowed {
    /// What cameras may be reached by, and where.
    pub cameras: Reach,
    /// What models may be reached by, and where.
    pub models: Reach,
    /// Whether a camera may be a file or a device of this machine.
    pub camera_files: bool,
    /// Where models may be named by a path.
    pub models_dir: Option<PathBuf>,
}

impl Allowed {
    /// As the configuration says.
    pub fn by(config: &ProtocolConfig) -> Self {
        Self {
            cameras: config.cameras.clone(),
            models: config.models.clone(),
            camera_files: config.allow_file_urls,
            models_dir: config.models_dir.clone(),
        }
    }
}

/// Where the pictures come from: from snapshots when both their fields are there, else a stream.
pub fn camera(fields: Fields, allowed: &Allowed, faults: &mut Faults) -> Option<CameraSource> {
    let source = source(fields, allowed, faults);
    let options = stream_options(fields, faults);
    Some(match source? {
        CameraSource::Stream { url, .. } => CameraSource::Stream { url, options },
        other => other,
    })
}

fn source(fields: Fields, allowed: &Allowed, faults: &mut Faults) -> Option<CameraSource> {
    let faults_before = faults.count();
    let snapshot = fields.text("snapshotUrl", faults);
    // Zero is how some clients say that there is none.
    let interval = fields.whole("snapshotInterval", faults).filter(|&millis| millis != 0);
    if let (Some(url), Some(millis)) = (snapshot, interval) {
        let url = snapshot_url(&fields.path("snapshotUrl"), url, &allowed.cameras, faults);
        let Ok(millis @ 1..) = u64::try_from(millis) else {
            let path = fields.path("snapshotInterval");
            faults.invalid(&path, format_args!("{millis}, expected milliseconds above 0"));
            return None;
        };
        return Some(CameraSource::Snapshot { url: url?, interval: Duration::from_millis(millis) });
    }
    if let Some(url) = fields.text("rtspUrl", faults) {
        return stream(&fields.path("rtspUrl"), url, allowed, faults);
    }
    if faults.count() > faults_before {
        // What is there but wrong is not missing.
    } else if snapshot.is_some() {
        faults.invalid(&fields.path("snapshotInterval"), "missing");
    } else {
        faults.invalid(
            &fields.path("rtspUrl"),
            "missing, expected it or snapshotUrl with snapshotInterval",
        );
    }
    None
}

/// How the stream of an RTSP address is opened. Any other address has no such options: they are
/// refused there, but for `auto`, which asks for nothing.
fn stream_options(fields: Fields, faults: &mut Faults) -> StreamOptions {
    let transport = transport(fields, faults).unwrap_or_default();
    let options = StreamOptions { transport, track: track(fields, faults) };
    // What is wrong with the address itself was said when it was read.
    let address = fields.text("rtspUrl", &mut Faults::default());
    let url = address.and_then(|text| SecretUrl::parse(text).ok());
    let scheme = url.as_ref().map(SecretUrl::scheme);
    if let Some("rtsp" | "rtsps") = scheme {
        return options;
    }
    let found = scheme.map(|scheme| format!(", and rtspUrl is {scheme}")).unwrap_or_default();
    for (name, given) in [
        ("rtspTransport", options.transport != Transport::Auto),
        ("track", options.track.is_some()),
    ] {
        if given {
            let what = format_args!("only for an rtspUrl of scheme rtsp or rtsps{found}");
            faults.invalid(&fields.path(name), what);
        }
    }
    StreamOptions::default()
}

fn transport(fields: Fields, faults: &mut Faults) -> Option<Transport> {
    let text = fields.text("rtspTransport", faults)?;
    let known = Transport::NAMES.into_iter().find(|(name, _)| *name == text);
    if known.is_none() {
        let names = Transport::NAMES.map(|(name, _)| name).join(", ");
        let what = format_args!("{:?}, expected one of {names}", shortened(text));
        faults.invalid(&fields.path("rtspTransport"), what);
    }
    known.map(|(_, transport)| transport)
}

fn track(fields: Fields, faults: &mut Faults) -> Option<u8> {
    let number = fields.whole("track", faults)?;
    let track = u8::try_from(number).ok();
    if track.is_none() {
        let what = format_args!("{number}, expected a whole number from 0 to {}", u8::MAX);
        faults.invalid(&fields.path("track"), what);
    }
    track
}

fn snapshot_url(path: &str, text: &str, cameras: &Reach, faults: &mut Faults) -> Option<SecretUrl> {
    let url = parsed(path, text, faults)?;
    match url.scheme() {
        "http" | "https" => reachable(path, url, cameras, faults),
        scheme => {
            faults.forbidden(path, format_args!("scheme {scheme}, expected http or https"));
            None
        }
    }
}

fn stream(path: &str, text: &str, allowed: &Allowed, faults: &mut Faults) -> Option<CameraSource> {
    let url = parsed(path, text, faults)?;
    if url.scheme() != "file" {
        return reachable(path, url, &allowed.cameras, faults).map(CameraSource::stream);
    }
    if !allowed.camera_files {
        faults.forbidden(path, "files and devices of this machine are not allowed as cameras here");
        return None;
    }
    match url.expose().to_file_path() {
        Ok(path) => Some(CameraSource::of_path(path)),
        Err(()) => {
            faults.invalid(path, "no path of this machine");
            None
        }
    }
}

/// The address, if it may be opened as far as can be told before its name is looked up.
fn reachable(path: &str, url: SecretUrl, reach: &Reach, faults: &mut Faults) -> Option<SecretUrl> {
    match reach.check(url.expose()) {
        Ok(()) => return Some(url),
        Err(Forbidden::NoHost) => faults.invalid(path, Forbidden::NoHost),
        Err(forbidden) => faults.forbidden(path, forbidden),
    }
    None
}

/// Where the model comes from: a URL, or a path below the models' directory.
pub fn model(fields: Fields, allowed: &Allowed, faults: &mut Faults) -> Option<ModelSource> {
    let path = fields.path("modelUrl");
    let faults_before = faults.count();
    let Some(text) = fields.text("modelUrl", faults) else {
        if faults.count() == faults_before {
            faults.invalid(&path, "missing");
        }
        return None;
    };
    let file = match SecretUrl::parse(text) {
        Ok(url) if url.scheme() != "file" => {
            return reachable(&path, url, &allowed.models, faults).map(ModelSource::Url);
        }
        Ok(url) => match url.expose().to_file_path() {
            Ok(file) => file,
            Err(()) => {
                faults.invalid(&path, "no path of this machine");
                return None;
            }
        },
        Err(AddressError::Url(ParseError::RelativeUrlWithoutBase)) => PathBuf::from(text),
        Err(error) => {
            faults.invalid(&path, error);
            return None;
        }
    };
    let Some(models_dir) = &allowed.models_dir else {
        faults.forbidden(&path, "a path, but models_dir is not configured");
        return None;
    };
    let inside = within(models_dir, &file);
    if inside.is_none() {
        faults.forbidden(&path, "not a path within models_dir");
    }
    inside.map(ModelSource::File)
}

/// `file` within `directory`, if that is where it is.
///
/// Looks at the names only. A link in the directory was put there by whoever configured it.
fn within(directory: &Path, file: &Path) -> Option<PathBuf> {
    let relative = if file.is_absolute() {
        let absolute = std::path::absolute(directory).ok()?;
        file.strip_prefix(directory).or_else(|_| file.strip_prefix(absolute)).ok()?
    } else {
        file
    };
    let mut inside = directory.to_owned();
    for component in relative.components() {
        match component {
            Component::Normal(name) => inside.push(name),
            Component::CurDir => {}
            _ => return None,
        }
    }
    (inside != directory).then_some(inside)
}

/// The error does not repeat the text, which may hold a password.
fn parsed(path: &str, text: &str, faults: &mut Faults) -> Option<SecretUrl> {
    SecretUrl::parse(text).map_err(|error| faults.invalid(path, error)).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(file: &str, expected: Option<&str>) {
        assert_eq!(within(Path::new("/srv/models"), Path::new(file)), expected.map(PathBuf::from));
    }

    #[test]
    fn a_path_is_taken_from_the_models_directory() {
        check("a.mpta", Some("/srv/models/a.mpta"));
        check("./traffic/a.mpta", Some("/srv/models/traffic/a.mpta"));
        check("/srv/models/a.mpta", Some("/srv/models/a.mpta"));
    }

    #[test]
    fn a_path_that_leaves_it_is_refused() {
        check("../a.mpta", None);
        check("traffic/../../a.mpta", None);
        check("/srv/models/../a.mpta", None);
        check("/srv/models-of-others/a.mpta", None);
        check("/etc/passwd", None);
    }

    #[test]
    fn the_directory_itself_is_no_model() {
        check(".", None);
        check("/srv/models/", None);
    }
}

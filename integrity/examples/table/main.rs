//! What the check finds and what it does not, and that it is silent where nothing is wrong.
//!
//!     cargo run --release -p detector_integrity --example table -- [OPTION]... [FOLDER]...
//!
//! Each photograph and video of the folders is looked at; the default is what `script/assets` fetches.
//! `--seconds=60` of each scene, at ten pictures a second; `--size=640x360`; `--only=WORD` looks at scenes
//! whose name has the word, or one of several, `--part=0/3` at the first third of them, for three processes at once;
//! `--table=alarms` and `--table=damage` print one table; `--keep=FOLDER` writes what was found or missed
//! wrongly there, as PGM.

mod damage;
mod draw;
mod random;
mod scene;
mod stream;
mod tables;

use std::env;
use std::path::PathBuf;

use detector_components::geometry::Size;

/// What was asked for.
pub struct Options {
    seconds: u64,
    size: Size,
    only: Vec<String>,
    part: [usize; 2],
    keep: Option<PathBuf>,
    folders: Vec<PathBuf>,
}

fn main() {
    let mut options = Options {
        seconds: 60,
        size: Size { width: 640, height: 360 },
        only: Vec::new(),
        part: [0, 1],
        keep: None,
        folders: Vec::new(),
    };
    let mut tables = vec!["alarms", "damage"];
    for argument in env::args().skip(1) {
        match argument.split_once('=') {
            Some(("--seconds", value)) => options.seconds = value.parse().expect("a number"),
            Some(("--size", value)) => {
                let (width, height) = value.split_once('x').expect("WIDTHxHEIGHT");
                let side = |value: &str| value.parse().expect("a number");
                options.size = Size { width: side(width), height: side(height) };
            }
            Some(("--only", value)) => options.only.push(value.to_owned()),
            Some(("--part", value)) => {
                let (part, parts) = value.split_once('/').expect("PART/PARTS");
                options.part = [part, parts].map(|number| number.parse().expect("a number"));
            }
            Some(("--keep", value)) => options.keep = Some(value.into()),
            Some(("--table", "alarms")) => tables = vec!["alarms"],
            Some(("--table", "damage")) => tables = vec!["damage"],
            _ => options.folders.push(argument.into()),
        }
    }
    if options.folders.is_empty() {
        let cache = env::var_os("XDG_CACHE_HOME")
            .map(PathBuf::from)
            .unwrap_or_else(|| PathBuf::from(env::var_os("HOME").expect("a home")).join(".cache"));
        options.folders.push(cache.join("detector-worker/assets"));
    }
    if tables.contains(&"alarms") {
        tables::false_alarms(&options);
    }
    if tables.contains(&"damage") {
        tables::damages(&options);
    }
}

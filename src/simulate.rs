//! `detector-worker simulate`: cameras, to try a worker or a network with.

use std::fmt::Write;
use std::path::Path;
use std::sync::mpsc;

use anyhow::{Context, Result};
use detector_simulator::{
    Codec, Elementary, Fault, Footage, RtspServer, Script, ScriptedCamera, Stream,
};

use crate::cli::SimulateArgs;
use crate::stop;

/// Runs the command, until Ctrl-C.
///
/// # Errors
/// When the port is taken or a video cannot be played.
pub fn simulate(args: &SimulateArgs) -> Result<()> {
    if args.list_faults {
        print!("{}", faults());
        return Ok(());
    }
    // Before anything is said: who reads of a camera may end it at once.
    let (over, ended) = mpsc::channel();
    stop::on_signal(move || {
        // A receiver that is gone has ended already.
        let _ = over.send(());
    })?;
    let wait = || ended.recv().context("waiting for the end");
    if args.faults.is_empty() && args.codec.is_none() {
        let server = healthy(args)?;
        println!("Ctrl-C ends it.");
        wait()?;
        drop(server);
    } else {
        let camera = scripted(args)?;
        println!("Ctrl-C ends it.");
        wait()?;
        println!("{}", camera.record());
    }
    Ok(())
}

/// Cameras without faults.
fn healthy(args: &SimulateArgs) -> Result<RtspServer> {
    let server =
        RtspServer::start(args.listen).with_context(|| format!("listening on {}", args.listen))?;
    let mut cameras = vec![("/drawn".to_owned(), Footage::drawn())];
    for video in &args.videos {
        cameras.push((path_of(video)?, Footage::File { path: video.clone() }));
    }
    for (path, footage) in cameras {
        server.add(&path, Stream::new(footage)).with_context(|| format!("camera {path}"))?;
        println!("{}", server.url(&path));
    }
    Ok(server)
}

/// A camera with faults, which has a path for each video and one for numbered pictures.
fn scripted(args: &SimulateArgs) -> Result<ScriptedCamera> {
    let mut script = Script::new(args.codec.unwrap_or(Codec::H264));
    script.listen = args.listen;
    script.faults.clone_from(&args.faults);
    for video in &args.videos {
        let path = path_of(video)?;
        let footage = Elementary::read(video).with_context(|| format!("camera {path}"))?;
        script.footage.insert(path, footage);
    }
    let wants_login = script
        .faults
        .iter()
        .any(|fault| matches!(fault, Fault::Auth(_) | Fault::LockAfter(_) | Fault::RefuseLogin));
    let paths: Vec<String> = script.footage.keys().cloned().collect();
    let camera =
        ScriptedCamera::start(script).with_context(|| format!("a camera at {}", args.listen))?;
    for path in std::iter::once("/numbered").chain(paths.iter().map(String::as_str)) {
        let url = if wants_login { camera.url_with_login(path) } else { camera.url(path) };
        println!("{url}");
    }
    Ok(camera)
}

fn path_of(video: &Path) -> Result<String> {
    let name = video.file_stem().context("a video needs a name")?.to_string_lossy();
    Ok(format!("/{name}"))
}

/// All faults, one a line.
fn faults() -> String {
    let forms = Fault::KNOWN.iter().map(|known| known.form().len());
    let width = forms.max().unwrap_or(0);
    Fault::KNOWN.iter().fold(String::new(), |mut text, known| {
        // Writing to a string does not fail.
        let _ = writeln!(text, "{:width$}  {}", known.form(), known.about);
        text
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_fault_is_documented() {
        let page = include_str!("../docs/ref/commands.md");
        for known in Fault::KNOWN {
            let row = format!("| `{}` | {} |", known.form().replace('|', "\\|"), known.about);
            assert!(page.contains(&row), "commands.md lacks {row}");
        }
    }
}

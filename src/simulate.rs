//! `detector-worker simulate`: cameras, to try a worker or a network with.

use std::sync::mpsc;

use anyhow::{Context, Result};
use detector_simulator::{Footage, RtspServer, Stream};

use crate::cli::SimulateArgs;
use crate::stop;

/// Runs the command, until Ctrl-C.
///
/// # Errors
/// When the port is taken or a video cannot be played.
pub fn simulate(args: &SimulateArgs) -> Result<()> {
    // Before anything is said: who reads of a camera may end it at once.
    let (over, ended) = mpsc::channel();
    stop::on_signal(move || {
        // A receiver that is gone has ended already.
        let _ = over.send(());
    })?;
    let server =
        RtspServer::start(args.listen).with_context(|| format!("listening on {}", args.listen))?;
    let mut cameras = vec![("/drawn".to_owned(), Footage::drawn())];
    for video in &args.videos {
        let name = video.file_stem().context("a video needs a name")?.to_string_lossy();
        cameras.push((format!("/{name}"), Footage::File { path: video.clone() }));
    }
    for (path, footage) in cameras {
        server.add(&path, Stream::new(footage)).with_context(|| format!("camera {path}"))?;
        println!("{}", server.url(&path));
    }
    println!("Ctrl-C ends it.");
    ended.recv().context("waiting for the end")
}

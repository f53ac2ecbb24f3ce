//! `detector-worker run`: the server.

use std::fmt;
use std::io::{self, Write};

use anyhow::Result;
use tracing::{debug, warn};

use crate::cli::RunArgs;
use crate::config::{Config, Sources};
use crate::progress::models::ModelProgressPlugin;
use crate::progress::{Step, beside};
use crate::reload::Reload;
use crate::service::{self, ServicePlugin};
use crate::stop::Hangups;
use crate::worker::Worker;
use crate::{log, progress, stop};

/// Runs the command, until a signal ends it.
///
/// # Errors
/// When the configuration is wrong, the port is taken, or there is no such device.
pub fn run(args: &RunArgs) -> Result<()> {
    // Before anything that takes time: a SIGHUP meanwhile would end the process.
    let hangups = Hangups::listen()?;
    let sources = args.sources();
    let config = sources.load()?.config;
    let log = log::start(&config.log)?;
    let opening = Step::begin("opening the device");
    let mut worker = Worker::new(&config)?;
    drop(opening);
    worker.app_mut().add_plugins((ServicePlugin::start()?, ModelProgressPlugin::start()?));

    let address = worker.address();
    let is_open = !address.ip().is_loopback() && config.auth.token.is_none();
    let origin = origin(&sources);
    // Before anything is said: who reads that it listens may end it at once.
    let stop = worker.stop();
    stop::on_signal(move || {
        service::stopping();
        stop.ask();
    })?;
    let mut reload = Reload::new(sources, config, worker.renewal(), log.level());
    hangups.follow(move || reload.reload())?;

    say(format_args!("detector-worker {}", env!("CARGO_PKG_VERSION")));
    say(format_args!("  clients        ws://{address}/"));
    say(format_args!("  health         http://{address}/healthz"));
    say(format_args!("  inference on   {}", worker.device()));
    say(format_args!("  configuration  {origin}"));
    if is_open {
        warn!(%address, "whoever reaches this address may connect: set auth.token");
    }
    worker.run();
    progress::end();
    say(format_args!("ended"));
    Ok(())
}

/// Writes a line for who is looking. When nobody is any more, the worker goes on.
fn say(line: fmt::Arguments<'_>) {
    if let Err(error) = beside(|| writeln!(io::stdout(), "{line}")) {
        debug!(%error, "nobody reads what is said");
    }
}

fn origin(sources: &Sources) -> String {
    match sources.file() {
        Some(file) => file.display().to_string(),
        None => format!("built in (there is no {} here)", Config::FILE),
    }
}

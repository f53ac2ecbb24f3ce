//! `detector-worker run`: the server.

use anyhow::Result;
use tracing::warn;

use crate::cli::RunArgs;
use crate::config::{Config, Sources};
use crate::reload::Reload;
use crate::service::{self, ServicePlugin};
use crate::worker::Worker;
use crate::{log, stop};

/// Runs the command, until a signal ends it.
///
/// # Errors
/// When the configuration is wrong, the port is taken, or there is no such device.
pub fn run(args: &RunArgs) -> Result<()> {
    let sources = args.sources();
    let config = sources.load()?.config;
    let log = log::start(&config.log)?;
    let mut worker = Worker::new(&config)?;
    worker.app_mut().add_plugins(ServicePlugin::start()?);

    let address = worker.address();
    println!("detector-worker {}", env!("CARGO_PKG_VERSION"));
    println!("  clients        ws://{address}/");
    println!("  health         http://{address}/healthz");
    println!("  inference on   {}", worker.device());
    println!("  configuration  {}", origin(&sources));
    if !address.ip().is_loopback() && config.auth.token.is_none() {
        warn!(%address, "whoever reaches this address may connect: set auth.token");
    }

    let stop = worker.stop();
    stop::on_signal(move || {
        service::stopping();
        stop.ask();
    })?;
    let mut reload = Reload::new(sources, config, worker.renewal(), log.level());
    stop::on_hangup(move || reload.reload())?;
    worker.run();
    println!("ended");
    Ok(())
}

fn origin(sources: &Sources) -> String {
    match sources.file() {
        Some(file) => file.display().to_string(),
        None => format!("built in (there is no {} here)", Config::FILE),
    }
}

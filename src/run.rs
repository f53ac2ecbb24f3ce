//! `detector-worker run`: the server.

use std::path::Path;

use anyhow::Result;
use tracing::warn;

use crate::cli::RunArgs;
use crate::config::Config;
use crate::service::{self, ServicePlugin};
use crate::worker::Worker;
use crate::{log, stop};

/// Runs the command, until a signal ends it.
///
/// # Errors
/// When the configuration is wrong, the port is taken, or there is no such device.
pub fn run(args: &RunArgs) -> Result<()> {
    let mut config = Config::load(args.config.as_deref(), std::env::vars())?;
    if let Some(listen) = &args.listen {
        config.listen.clone_from(listen);
    }
    if let Some(device) = &args.device {
        config.device.clone_from(device);
    }
    config.check()?;
    let _log = log::start(&config.log)?;
    let mut worker = Worker::new(&config)?;
    worker.app_mut().add_plugins(ServicePlugin::start()?);

    let address = worker.address();
    println!("detector-worker {}", env!("CARGO_PKG_VERSION"));
    println!("  clients        ws://{address}/");
    println!("  health         http://{address}/healthz");
    println!("  inference on   {}", worker.device());
    println!("  configuration  {}", origin(args.config.as_deref()));
    if !address.ip().is_loopback() && config.auth.token.is_none() {
        warn!(%address, "whoever reaches this address may connect: set auth.token");
    }

    let stop = worker.stop();
    stop::on_signal(move || {
        service::stopping();
        stop.ask();
    })?;
    worker.run();
    println!("ended");
    Ok(())
}

fn origin(named: Option<&Path>) -> String {
    match named {
        Some(file) => file.display().to_string(),
        None if Path::new(Config::FILE).exists() => Config::FILE.to_owned(),
        None => format!("built in (there is no {} here)", Config::FILE),
    }
}

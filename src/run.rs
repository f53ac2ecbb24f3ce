//! `detector-worker run`: the server.

use std::fmt;
use std::io::{self, Write};

use anyhow::Result;
use bevy_app::prelude::App;
use tracing::{debug, warn};

use crate::cli::ServeArgs;
use crate::config::{Config, Sources};
use crate::log::LogLevel;
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
pub fn run(args: &ServeArgs) -> Result<()> {
    // Before anything that takes time: a SIGHUP meanwhile would end the process.
    let hangups = Hangups::listen()?;
    let sources = args.settings.sources();
    let config = sources.load()?.config;
    let log = log::start(&config.log)?;
    let serving = Serving { sources, config, level: log.level(), hangups };
    #[cfg(feature = "window")]
    if args.window {
        return serving.behind_a_window();
    }
    serving.serve(|_| {})
}

/// What the worker is started with.
struct Serving {
    sources: Sources,
    config: Config,
    level: LogLevel,
    hangups: Hangups,
}

impl Serving {
    /// Serves until a signal ends it. `add` may add to the engine before it runs.
    fn serve(self, add: impl FnOnce(&mut App)) -> Result<()> {
        let Self { sources, config, level, hangups } = self;
        let opening = Step::begin("opening the device");
        let mut worker = Worker::new(&config)?;
        drop(opening);
        let app = worker.app_mut();
        app.add_plugins((ServicePlugin::start()?, ModelProgressPlugin::start()?));
        add(app);

        let address = worker.address();
        let is_open = !address.ip().is_loopback() && config.auth.token.is_none();
        let origin = origin(&sources);
        // Before anything is said: who reads that it listens may end it at once.
        let stop = worker.stop();
        stop::on_signal(move || {
            service::stopping();
            stop.ask();
        })?;
        let mut reload = Reload::new(sources, config, worker.renewal(), level);
        hangups.follow(move || reload.reload())?;

        say(format_args!("detector-worker {}", env!("CARGO_PKG_VERSION")));
        say(format_args!("  page           http://{address}/"));
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

    /// Serves on a thread of its own, as windows want the main one. Without a display, it serves
    /// without a window; when the window goes, it goes on.
    #[cfg(feature = "window")]
    fn behind_a_window(self) -> Result<()> {
        use anyhow::{Context, anyhow};
        use detector_window::{Left, Window, WindowPlugin};

        let window = match Window::new("detector-worker") {
            Ok(window) => window,
            Err(error) => {
                warn!(%error, "there is no window; the worker runs without one");
                return self.serve(|_| {});
            }
        };
        let link = window.link();
        let serve = move || {
            let _end = link.end_on_drop();
            self.serve(|app| {
                app.add_plugins(WindowPlugin { link, may_change: false, disclose: false });
            })
        };
        let worker = std::thread::Builder::new()
            .name("worker".to_owned())
            .spawn(serve)
            .context("starting the worker's thread")?;
        match window.show() {
            Ok(Left::EngineEnded) => {}
            Ok(Left::Closed) => say(format_args!("the window is closed; the worker goes on")),
            Err(error) => warn!(%error, "there is no window; the worker goes on without one"),
        }
        worker.join().map_err(|_| anyhow!("the worker's thread panicked"))?
    }
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

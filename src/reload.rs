//! The configuration, read again while the worker runs.

use std::sync::{Arc, Mutex};

use detector_components::wake::{Reasons, Wake};
use tracing::{error, info, warn};

use crate::config::{Change, Config, Sources};
use crate::log::LogLevel;

/// The way of a new configuration into the world.
///
/// One place: of two that come between two runs, the newer one counts.
#[derive(Clone)]
pub struct Renewal {
    newest: Arc<Mutex<Option<Config>>>,
    wake: Wake,
}

impl Renewal {
    /// Wakes the runner through `wake`.
    pub fn new(wake: Wake) -> Self {
        Self { newest: Arc::default(), wake }
    }

    /// Leaves a configuration for the next run.
    pub fn leave(&self, config: Config) {
        *self.newest.lock().expect("never held across a panic") = Some(config);
        self.wake.call(Reasons::DELIVERY);
    }

    /// Takes what was left.
    pub fn take(&self) -> Option<Config> {
        self.newest.lock().expect("never held across a panic").take()
    }
}

/// Reads the configuration again, each time it is asked to.
pub struct Reload {
    sources: Sources,
    /// What is in force.
    current: Config,
    renewal: Renewal,
    level: LogLevel,
}

impl Reload {
    /// Begins with what the worker was started with.
    pub fn new(sources: Sources, current: Config, renewal: Renewal, level: LogLevel) -> Self {
        Self { sources, current, renewal, level }
    }

    /// Reads it, and puts in force what can change while the worker runs. Each change is written
    /// down; a configuration that is wrong changes nothing.
    pub fn reload(&mut self) {
        let read = match self.sources.load() {
            Ok(loaded) => loaded.config,
            Err(error) => {
                error!(%error, "the configuration was not read again: what was in force stays");
                return;
            }
        };
        let changes = self.current.changes(&read);
        if changes.is_empty() {
            info!("the configuration was read again: nothing has changed");
        }
        for Change { path, before, after, live } in &changes {
            if *live {
                info!(setting = path, %before, %after, "changed");
            } else {
                warn!(setting = path, %before, %after, "takes effect when the worker is started again");
            }
        }
        let merged = self.current.with_live_values(&read);
        if merged.log.level != self.current.log.level
            && let Err(error) = self.level.set(&merged.log.level)
        {
            error!(error = format!("{error:#}"), "the level of the log stays");
        }
        self.renewal.leave(merged.clone());
        self.current = merged;
    }
}

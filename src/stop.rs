//! How the worker is asked to end.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use anyhow::{Context, Result};
use detector_components::wake::{Reasons, Wake};
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::iterator::Signals;

/// Asks the worker to end, from any thread. Asking twice changes nothing.
#[derive(Clone, Debug)]
pub struct Stop {
    asked: Arc<AtomicBool>,
    wake: Wake,
}

impl Stop {
    /// Wakes the runner through `wake`.
    pub fn new(wake: Wake) -> Self {
        Self { asked: Arc::new(AtomicBool::new(false)), wake }
    }

    /// Asks.
    pub fn ask(&self) {
        self.asked.store(true, Ordering::Release);
        self.wake.call(Reasons::EXIT);
    }

    /// Whether the end was asked for.
    pub fn asked(&self) -> bool {
        self.asked.load(Ordering::Acquire)
    }
}

/// Calls `ask` at the first SIGINT or SIGTERM. The second ends the process on the spot, for an
/// operator who does not want to wait.
///
/// # Errors
/// When the system refuses the handlers.
pub fn on_signal(ask: impl Fn() + Send + 'static) -> Result<()> {
    let mut signals = Signals::new([SIGINT, SIGTERM]).context("listening for signals")?;
    thread::Builder::new()
        .name("signals".to_owned())
        .spawn(move || {
            for (count, signal) in signals.forever().enumerate() {
                if count > 0 {
                    // What shells say of a process that a signal ended.
                    std::process::exit(128 + signal);
                }
                ask();
            }
        })
        .context("starting the thread for signals")?;
    Ok(())
}

/// SIGHUPs: from when this is made, they do not end the process.
pub struct Hangups(Signals);

impl Hangups {
    /// Begins to listen for them.
    ///
    /// # Errors
    /// When the system refuses the handler.
    pub fn listen() -> Result<Self> {
        Ok(Self(Signals::new([SIGHUP]).context("listening for SIGHUP")?))
    }

    /// Calls `read_again` at each one from here on, and once if any came before.
    ///
    /// # Errors
    /// When there is no thread for it.
    pub fn follow(mut self, mut read_again: impl FnMut() + Send + 'static) -> Result<()> {
        thread::Builder::new()
            .name("hangups".to_owned())
            .spawn(move || self.0.forever().for_each(|_| read_again()))
            .context("starting the thread for SIGHUP")?;
        Ok(())
    }
}

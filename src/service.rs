//! What the service manager is told: that the worker is ready, that it is alive, that it ends.
//!
//! Speaks the protocol of systemd's `sd_notify(3)`. Where no service manager listens, nothing is said.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::Duration;

use anyhow::{Context, Result};
use bevy_app::prelude::*;
use bevy_ecs::prelude::{IntoScheduleConfigs, Res, Resource};
use detector_components::clock::Clock;
use detector_components::stage::{Deliver, StageSystems};
use sd_notify::NotifyState;
use tracing::warn;

/// How long nothing happens at most before it is looked whether the engine has begun to run.
const LOOK_INTERVAL: Duration = Duration::from_millis(100);

/// Tells the service manager that the worker is ready once the engine runs, and that it is alive for
/// as long as it does.
///
/// The engine only counts its runs. A thread of its own tells, so that a service manager that does
/// not listen holds up nothing, and an engine that hangs is not said to be alive.
pub struct ServicePlugin {
    runs: Runs,
}

/// How often the engine ran.
#[derive(Clone, Debug, Default, Resource)]
struct Runs(Arc<AtomicU64>);

impl ServicePlugin {
    /// Starts the thread that tells, if a service manager listens.
    ///
    /// # Errors
    /// When the system refuses the thread.
    pub fn start() -> Result<Self> {
        let runs = Runs::default();
        if std::env::var_os("NOTIFY_SOCKET").is_some() {
            let (watched, watchdog) = (runs.clone(), sd_notify::watchdog_enabled());
            thread::Builder::new()
                .name("service".to_owned())
                .spawn(move || watch(&watched, watchdog))
                .context("starting the thread for the service manager")?;
        }
        Ok(Self { runs })
    }
}

impl Plugin for ServicePlugin {
    fn build(&self, app: &mut App) {
        app.insert_resource(self.runs.clone())
            .add_systems(Deliver, count_run.before(StageSystems::Receive));
    }
}

/// Says that the worker ends: what it still does then is not held against it.
pub fn stopping() {
    tell(&[NotifyState::Stopping]);
}

fn count_run(runs: Res<Runs>, clock: Res<Clock>) {
    runs.0.store(clock.run, Ordering::Relaxed);
}

/// Looks at the engine for as long as the process lives.
fn watch(runs: &Runs, watchdog: Option<Duration>) {
    while runs.0.load(Ordering::Relaxed) == 0 {
        thread::sleep(LOOK_INTERVAL);
    }
    tell(&[NotifyState::Ready, NotifyState::Status("watching")]);
    let Some(limit) = watchdog else { return };
    // Twice within the limit, as `sd_watchdog_enabled(3)` asks for.
    let mut before = 0;
    loop {
        let now = runs.0.load(Ordering::Relaxed);
        if now != before {
            tell(&[NotifyState::Watchdog]);
        }
        before = now;
        thread::sleep(limit / 2);
    }
}

fn tell(state: &[NotifyState]) {
    if let Err(error) = sd_notify::notify(state) {
        warn!(%error, "the service manager was not told");
    }
}

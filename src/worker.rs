//! The worker, assembled: every stage, the port it is reached on, the device it computes on.

use std::net::SocketAddr;
use std::sync::mpsc;
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, anyhow};
use bevy_app::prelude::*;
use bevy_ecs::prelude::World;
use detector_action::{ActConfig, ActPlugin, Dispatcher};
use detector_components::clock::Timepiece;
use detector_components::secret::Secret;
use detector_components::wake::{Sleeper, wake};
use detector_ingest::IngestPlugin;
use detector_protocol::{ProtocolConfig, ProtocolPlugin, ProtocolServer};
use detector_subscribe::{SubscribeConfig, SubscribePlugin};

use crate::config::Config;
use crate::engine::{Engine, archive, ingest, open_device};
use crate::reload::Renewal;
use crate::runner::{TICK, finish_passes, run_until_asked_to_end};
use crate::stop::Stop;

/// What clients, actions and threads are given to end in order, even when the grace is over.
const LEAST_FAREWELL: Duration = Duration::from_millis(500);

/// A worker that is ready to run. It listens already; nobody is answered until [`Worker::run`].
pub struct Worker {
    app: App,
    sleeper: Sleeper,
    engine: Engine,
    address: SocketAddr,
    device: String,
    stop: Stop,
    shutdown_grace: Duration,
    renewal: Renewal,
}

impl Worker {
    /// Takes the port, opens the device and plugs the stages together.
    ///
    /// # Errors
    /// When the configuration is wrong, the port is taken, or there is no such device.
    pub fn new(config: &Config) -> Result<Self> {
        config.check()?;
        detector_ingest::init()?;
        let (wake, sleeper) = wake();
        let (stop, renewal) = (Stop::new(wake.clone()), Renewal::new(wake.clone()));
        let engine = Engine::new(Timepiece::real(), wake)?;
        let server = ProtocolServer::bind(
            protocol(config),
            engine.runtime.handle(),
            engine.timepiece.clone(),
            engine.wake.clone(),
        )
        .with_context(|| format!("listening on {}", config.listen))?;
        let address = server.local_addr();
        let device = open_device(config)?;
        let device_name = device.to_string();

        let mut app = App::empty();
        engine.build(&mut app, config, device);
        app.add_plugins((
            ProtocolPlugin { server },
            SubscribePlugin { config: subscribe(config) },
            IngestPlugin {
                config: ingest(config),
                runtime: engine.runtime.handle().clone(),
                timepiece: engine.timepiece.clone(),
                wake: engine.wake.clone(),
            },
            ActPlugin {
                config: actions(config)?,
                runtime: engine.runtime.handle().clone(),
                timepiece: engine.timepiece.clone(),
            },
        ));
        let shutdown_grace = Duration::from_secs_f64(config.shutdown_grace_secs);
        let device = device_name;
        Ok(Self { app, sleeper, engine, address, device, stop, shutdown_grace, renewal })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// What inference runs on, and why.
    pub fn device(&self) -> &str {
        &self.device
    }

    /// Asks it to end.
    pub fn stop(&self) -> Stop {
        self.stop.clone()
    }

    /// Gives it a new configuration. What cannot change while it runs stays.
    pub fn renewal(&self) -> Renewal {
        self.renewal.clone()
    }

    /// The engine, to add to it before it runs.
    pub fn app_mut(&mut self) -> &mut App {
        &mut self.app
    }

    /// Runs until it is asked to end, then ends in order, within the grace: nobody new comes in, what
    /// was begun is finished and sent, clients are told, actions that wait are executed, cameras are
    /// closed.
    pub fn run(mut self) {
        let renewal = self.renewal;
        run_until_asked_to_end(&mut self.app, &self.sleeper, TICK, |world| {
            if let Some(config) = renewal.take() {
                renew(world, &config);
            }
        });
        let over = Instant::now() + self.shutdown_grace;
        let remaining = || over.saturating_duration_since(Instant::now()).max(LEAST_FAREWELL);
        if let Some(server) = self.app.world().get_resource::<ProtocolServer>() {
            server.stop_admitting();
        }
        finish_passes(&mut self.app, &self.sleeper, self.shutdown_grace);
        let world = self.app.world_mut();
        if let Some(server) = world.remove_resource::<ProtocolServer>() {
            self.engine.runtime.block_on(server.close(remaining()));
        }
        if let Some(dispatcher) = world.remove_resource::<Dispatcher>() {
            self.engine.runtime.block_on(dispatcher.flush(remaining()));
        }
        // Cameras, models and threads go with the world.
        drop(self.app);
        self.engine.runtime.shutdown_timeout(remaining());
    }
}

/// A worker in a thread of its own.
pub struct Running {
    address: SocketAddr,
    device: String,
    stop: Stop,
    renewal: Renewal,
    thread: JoinHandle<()>,
}

impl Running {
    /// Starts it and waits until it listens.
    ///
    /// # Errors
    /// Like [`Worker::new`].
    pub fn start(config: Config) -> Result<Self> {
        let (ready, started) = mpsc::channel();
        let run = move || match Worker::new(&config) {
            Ok(worker) => {
                let (device, stop, renewal) =
                    (worker.device.clone(), worker.stop(), worker.renewal());
                let told = ready.send(Ok((worker.address, device, stop, renewal)));
                if told.is_ok() {
                    worker.run();
                }
            }
            Err(error) => {
                // Whoever started it has gone if this fails.
                let _ = ready.send(Err(error));
            }
        };
        let thread = thread::Builder::new()
            .name("worker".to_owned())
            .spawn(run)
            .context("starting the worker's thread")?;
        let (address, device, stop, renewal) =
            started.recv().context("the worker's thread ended while it started")??;
        Ok(Self { address, device, stop, renewal, thread })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// What inference runs on, and why.
    pub fn device(&self) -> &str {
        &self.device
    }

    /// Gives it a new configuration. What cannot change while it runs stays.
    pub fn renew(&self, config: Config) {
        self.renewal.leave(config);
    }

    /// Whether it has ended, though nobody asked.
    pub fn has_ended(&self) -> bool {
        self.thread.is_finished()
    }

    /// Asks it to end, and waits until it has.
    ///
    /// # Errors
    /// When it panicked.
    pub fn stop(self) -> Result<()> {
        self.stop.ask();
        self.thread.join().map_err(|_| anyhow!("the worker's main thread panicked"))
    }
}

/// Replaces what the stages were configured with.
fn renew(world: &mut World, config: &Config) {
    world.insert_resource(protocol(config));
    world.insert_resource(subscribe(config));
    world.insert_resource(archive(config));
    world.insert_resource(ingest(config));
}

fn protocol(config: &Config) -> ProtocolConfig {
    let default = ProtocolConfig::default();
    ProtocolConfig {
        listen: config.listen.clone(),
        token: config.auth.token.as_deref().map(Secret::new),
        origins: config.auth.origins.clone(),
        max_message_bytes: config.limits.message_bytes,
        messages_per_second: config.limits.messages_per_second,
        max_clients: config.limits.clients,
        heartbeat_interval: Duration::from_secs_f64(config.heartbeat_interval_secs),
        errors: config.protocol.errors,
        cameras: config.reach.cameras(),
        models: config.reach.models(),
        allow_file_urls: config.allow_file_urls,
        page_may_subscribe: config.page.may_subscribe,
        models_dir: config.models_dir.clone(),
        worker_id: config.protocol.worker_id.clone().unwrap_or(default.worker_id),
        capacity: u32::try_from(config.max_streams).unwrap_or(u32::MAX),
        ..ProtocolConfig::default()
    }
}

fn subscribe(config: &Config) -> SubscribeConfig {
    SubscribeConfig {
        max_streams: config.max_streams,
        max_subscriptions: config.limits.subscriptions,
        max_displays: config.limits.displays,
        orphan_grace: Duration::from_secs_f64(config.orphan_grace_secs),
        model_idle: Duration::from_secs_f64(config.model_idle_secs),
    }
}

fn actions(config: &Config) -> Result<ActConfig> {
    let config = &config.actions;
    let tls_ca = match &config.tls_ca {
        Some(file) => {
            let pem = std::fs::read(file)
                .with_context(|| format!("reading actions.tls_ca, {}", file.display()))?;
            Some(pem.into())
        }
        None => None,
    };
    Ok(ActConfig {
        max_waiting: config.max_waiting,
        max_bytes: config.max_bytes,
        time_to_live: Duration::from_secs_f64(config.time_to_live_secs),
        timeout: Duration::from_secs_f64(config.timeout_secs),
        tls_ca,
        ..ActConfig::default()
    })
}

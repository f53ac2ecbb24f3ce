//! What is being fetched and unpacked, outside the world.

use std::collections::HashMap;
use std::time::Duration;

use bevy_ecs::prelude::*;
use crossbeam_channel::{Receiver, Sender, bounded};
use detector_components::model::{Fetched, ModelSource};
use detector_components::wake::{Reasons, Wake};
use reqwest::Client;
use tokio::runtime::Handle;
use tokio::task::{JoinHandle, spawn_blocking};
use tracing::warn;

use crate::error::ArchiveError;
use crate::fetch::{client, fetch};
use crate::plugin::ArchiveConfig;
use crate::unpack::{Unpacked, unpack};

/// Archives that wait to be taken. There is one for each model at most; whoever finds no room waits.
const MAX_WAITING: usize = 256;

/// An archive that is there, or is not.
pub struct Arrived {
    /// The model it is for.
    pub model: Entity,
    /// What is in it.
    pub result: Result<Unpacked, ArchiveError>,
}

/// What is being fetched and unpacked.
#[derive(Resource)]
pub struct Loader {
    runtime: Handle,
    client: Client,
    wake: Wake,
    arrive: Sender<Arrived>,
    arrived: Receiver<Arrived>,
    tasks: HashMap<Entity, JoinHandle<()>>,
}

impl Loader {
    pub fn new(config: &ArchiveConfig, runtime: Handle, wake: Wake) -> Self {
        let (arrive, arrived) = bounded(MAX_WAITING);
        let client = client(config);
        Self { runtime, client, wake, arrive, arrived, tasks: HashMap::new() }
    }

    /// Begins with a model, as the configuration says now. How much of it has come is told in
    /// `fetched`.
    pub fn begin(
        &mut self,
        model: Entity,
        source: ModelSource,
        config: ArchiveConfig,
        fetched: Fetched,
    ) {
        let client = self.client.clone();
        let (arrive, wake) = (self.arrive.clone(), self.wake.clone());
        let task = self.runtime.spawn(async move {
            let result = load(&client, source, config, &fetched).await;
            // The receiver waits for each of them: a full channel is emptied by the next run.
            let sent = spawn_blocking(move || arrive.send(Arrived { model, result }).is_ok()).await;
            if sent.unwrap_or(false) {
                wake.call(Reasons::DELIVERY);
            }
        });
        self.tasks.insert(model, task);
    }

    /// Stops with a model that nobody wants any more.
    pub fn cancel(&mut self, model: Entity) {
        if let Some(task) = self.tasks.remove(&model) {
            task.abort();
        }
    }

    /// What has arrived since this was last asked.
    pub fn arrived(&mut self) -> Vec<Arrived> {
        let arrived: Vec<_> = self.arrived.try_iter().collect();
        for Arrived { model, .. } in &arrived {
            self.tasks.remove(model);
        }
        arrived
    }
}

async fn load(
    client: &Client,
    source: ModelSource,
    config: ArchiveConfig,
    fetched: &Fetched,
) -> Result<Unpacked, ArchiveError> {
    std::fs::create_dir_all(&config.cache_dir)
        .map_err(ArchiveError::io("making the cache directory"))?;
    let url = match source {
        ModelSource::File(path) => {
            return blocking(move || unpack(&path, &config.cache_dir, &config.limits)).await;
        }
        ModelSource::Url(url) => url,
    };
    let mut pause = config.retry_base;
    let mut tries = 0;
    let file = loop {
        match fetch(client, &url, &config, fetched).await {
            Err(error) if error.is_transient() && tries < config.retries => {
                warn!(model = %url, %error, "fetching a model failed; it is tried again");
                tries += 1;
                tokio::time::sleep(pause).await;
                pause = (pause * 2).min(Duration::from_secs(60));
            }
            result => break result?,
        }
    };
    blocking(move || unpack(file.path(), &config.cache_dir, &config.limits)).await
}

async fn blocking(
    work: impl FnOnce() -> Result<Unpacked, ArchiveError> + Send + 'static,
) -> Result<Unpacked, ArchiveError> {
    spawn_blocking(work)
        .await
        .unwrap_or_else(|error| Err(ArchiveError::Zip(format!("reading it failed: {error}"))))
}

//! Errands to the servers that they are for.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use bevy_ecs::prelude::*;
use detector_components::model::RedisServer;
use tokio::runtime::Handle;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tracing::warn;

use crate::counters::ActionCounters;
use crate::courier::{deliver, pack};
use crate::errand::Errand;
use crate::plugin::ActConfig;
use crate::queue::Queue;

/// Errands whose pictures wait to be encoded. They hold whole frames, so they are few; what comes on
/// top is dropped and counted.
const MAX_UNPACKED: usize = 64;

/// The way to each Redis server that some model names. Dropping it ends the ways once they are
/// empty; [`Dispatcher::flush`] waits for that.
#[derive(Resource)]
pub struct Dispatcher {
    config: ActConfig,
    runtime: Handle,
    counters: ActionCounters,
    ways: HashMap<RedisServer, Way>,
    ended: Vec<JoinHandle<()>>,
}

struct Way {
    errands: mpsc::Sender<Errand>,
    courier: JoinHandle<()>,
}

impl Dispatcher {
    pub(crate) fn new(config: ActConfig, runtime: Handle, counters: ActionCounters) -> Self {
        Self { config, runtime, counters, ways: HashMap::new(), ended: Vec::new() }
    }

    /// Hands an errand over. Never waits.
    pub(crate) fn send(&mut self, server: &RedisServer, errand: Errand) {
        if server.tls {
            warn!(host = server.host, "an action was not executed: TLS to Redis is not built in");
            self.counters.failed(errand.steps.len());
            return;
        }
        if !self.ways.contains_key(server) {
            let way = self.open(server);
            self.ways.insert(server.clone(), way);
        }
        let way = &self.ways[server];
        if way.errands.try_send(errand).is_err() {
            self.counters.crowded_out();
        }
    }

    fn open(&self, server: &RedisServer) -> Way {
        let (errands, unpacked) = mpsc::channel(MAX_UNPACKED);
        let queue = Arc::new(Queue::new(self.config.max_waiting, self.config.max_bytes));
        self.runtime.spawn(pack(unpacked, queue.clone(), self.counters.clone()));
        let courier = deliver(server.clone(), queue, self.config.clone(), self.counters.clone());
        Way { errands, courier: self.runtime.spawn(courier) }
    }

    /// Closes the ways to servers that no model names any more. What is under way to them is still
    /// delivered.
    pub(crate) fn keep_only(&mut self, named: impl Fn(&RedisServer) -> bool) {
        self.ended.retain(|courier| !courier.is_finished());
        let left: Vec<_> = self.ways.keys().filter(|server| !named(server)).cloned().collect();
        for server in left {
            if let Some(way) = self.ways.remove(&server) {
                self.ended.push(way.courier);
            }
        }
    }

    /// Sends what is under way, for at most so long.
    pub async fn flush(self, deadline: Duration) {
        let mut couriers = self.ended;
        // Taking the senders apart from the tasks closes the queues.
        couriers.extend(self.ways.into_values().map(|way| way.courier));
        let all = async {
            for courier in &mut couriers {
                if let Err(error) = courier.await {
                    warn!(%error, "a courier to Redis failed");
                }
            }
        };
        if tokio::time::timeout(deadline, all).await.is_err() {
            warn!("Redis was away at the end: actions that waited for it are lost");
            couriers.iter().for_each(JoinHandle::abort);
        }
    }
}

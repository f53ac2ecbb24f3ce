//! Errands to the servers that they are for.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use bevy_ecs::prelude::*;
use detector_components::action::Outcome;
use detector_components::clock::Timepiece;
use detector_components::timing::Timings;
use tokio::runtime::Handle;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tracing::warn;

use crate::courier::{Link, deliver, pack};
use crate::errand::Errand;
use crate::ledger::Ledger;
use crate::plugin::ActConfig;
use crate::queue::Queue;
use crate::server::Server;

/// Errands that wait to be packed for one server. What comes on top is dropped and counted.
const MAX_UNPACKED: usize = 4_096;
/// Pictures among them that wait to be encoded. They hold whole frames, so they are few; an errand
/// that comes on top is dropped and counted.
const MAX_PICTURES: usize = 64;

/// The way to each server that some model names. Dropping it ends the ways once they are empty;
/// [`Dispatcher::flush`] waits for that.
#[derive(Resource)]
pub struct Dispatcher {
    config: ActConfig,
    runtime: Handle,
    timepiece: Timepiece,
    ledger: Ledger,
    ways: HashMap<Server, Way>,
    ended: Vec<Journey>,
}

struct Way {
    errands: mpsc::Sender<Errand>,
    /// Pictures among them.
    pictures: Arc<AtomicUsize>,
    journey: Journey,
}

/// What is under way to one server.
struct Journey {
    server: Server,
    queue: Arc<Queue>,
    courier: JoinHandle<()>,
}

impl Dispatcher {
    pub(crate) fn new(
        config: ActConfig,
        runtime: Handle,
        timepiece: Timepiece,
        ledger: Ledger,
    ) -> Self {
        Self { config, runtime, timepiece, ledger, ways: HashMap::new(), ended: Vec::new() }
    }

    /// Hands an errand over. Never waits. How long it is under way is counted in `timings`.
    pub(crate) fn send(&mut self, server: &Server, errand: Errand, timings: &Timings) {
        let (kinds, origin) = (errand.kinds(), errand.origin.clone());
        let note = |outcome| {
            kinds.iter().for_each(|kind| self.ledger.note(*kind, &origin, outcome));
        };
        if !self.ways.contains_key(server) {
            let Some(way) = self.open(server, timings) else {
                note(Outcome::NoServer);
                return;
            };
            self.ways.insert(server.clone(), way);
        }
        let way = &self.ways[server];
        let pictures = errand.pictures();
        if way.pictures.load(Ordering::Relaxed) + pictures > MAX_PICTURES {
            note(Outcome::CrowdedOut);
            return;
        }
        way.pictures.fetch_add(pictures, Ordering::Relaxed);
        if way.errands.try_send(errand).is_err() {
            way.pictures.fetch_sub(pictures, Ordering::Relaxed);
            note(Outcome::CrowdedOut);
        }
    }

    fn open(&self, server: &Server, timings: &Timings) -> Option<Way> {
        let link = Link::to(server, &self.config, &self.ledger)?;
        let (errands, unpacked) = mpsc::channel(MAX_UNPACKED);
        let pictures = Arc::<AtomicUsize>::default();
        let queue = Arc::new(Queue::new(
            self.config.max_waiting,
            self.config.max_bytes,
            self.ledger.clone(),
        ));
        let packer = pack(unpacked, pictures.clone(), queue.clone(), self.ledger.clone());
        self.runtime.spawn(packer);
        let courier = self.runtime.spawn(deliver(
            server.clone(),
            link,
            queue.clone(),
            self.config.clone(),
            self.timepiece.clone(),
            self.ledger.clone(),
            timings.clone(),
        ));
        let journey = Journey { server: server.clone(), queue, courier };
        Some(Way { errands, pictures, journey })
    }

    /// Closes the ways to servers that no model names any more. What is under way to them is still
    /// delivered.
    pub(crate) fn keep_only(&mut self, named: impl Fn(&Server) -> bool) {
        self.ended.retain(|journey| !journey.courier.is_finished());
        let left: Vec<_> = self.ways.keys().filter(|server| !named(server)).cloned().collect();
        for server in left {
            if let Some(way) = self.ways.remove(&server) {
                self.ended.push(way.journey);
            }
        }
    }

    /// Sends what is under way, for at most so long. What is left then is lost, and counted.
    pub async fn flush(self, deadline: Duration) {
        let mut journeys = self.ended;
        // Taking the senders apart from the tasks closes the queues.
        journeys.extend(self.ways.into_values().map(|way| way.journey));
        let all = async {
            for journey in &mut journeys {
                if let Err(error) = (&mut journey.courier).await {
                    warn!(server = %journey.server, %error, "a courier failed");
                }
            }
        };
        if tokio::time::timeout(deadline, all).await.is_ok() {
            return;
        }
        for Journey { server, queue, courier } in journeys {
            courier.abort();
            // It stops at its next wait; what it has in hand is given up with the rest.
            let _ = courier.await;
            let lost = queue.abandon();
            if lost > 0 {
                warn!(%server, actions = lost,
                    "a server was away at the end: what waited for it is lost");
            }
        }
    }
}

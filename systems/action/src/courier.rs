//! Who carries errands to one server.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use detector_components::action::{Absence, Outcome};
use detector_components::clock::{Moment, Timepiece};
use detector_components::timing::{Step, Timings};
use tokio::sync::mpsc;
use tracing::{info, warn};

use crate::errand::{Errand, Parcel};
use crate::ledger::Ledger;
use crate::plugin::ActConfig;
#[cfg(feature = "postgres")]
use crate::postgres::PostgresLink;
use crate::queue::Queue;
use crate::redis::RedisLink;
use crate::server::Server;

/// A connection to a server that is opened when it is needed, and again after it broke.
pub enum Link {
    Redis(RedisLink),
    #[cfg(feature = "postgres")]
    Postgres(PostgresLink),
}

/// The server did not get to do what it was asked, and may the next time. Says why, without what was
/// sent.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct Away(pub String);

impl Link {
    /// A connection to a server. None when this build cannot speak to it.
    pub fn to(server: &Server, config: &ActConfig, ledger: &Ledger) -> Option<Self> {
        match server {
            Server::Redis(redis) => Some(Self::Redis(RedisLink::new(redis, config, ledger))),
            #[cfg(feature = "postgres")]
            Server::Postgres(server) => {
                Some(Self::Postgres(PostgresLink::new(server, config, ledger)))
            }
            #[cfg(not(feature = "postgres"))]
            Server::Postgres(_) => None,
        }
    }

    /// Sends what is left of a parcel; what was answered is taken out of it and counted.
    async fn send(&mut self, parcel: &mut Parcel) -> Result<(), Away> {
        match self {
            Self::Redis(link) => link.send(parcel).await,
            #[cfg(feature = "postgres")]
            Self::Postgres(link) => link.send(parcel).await,
        }
    }
}

/// Encodes the pictures of errands in the order they come, and queues them for the server, until no
/// more can come.
pub async fn pack(
    mut errands: mpsc::Receiver<Errand>,
    pictures: Arc<AtomicUsize>,
    queue: Arc<Queue>,
    ledger: Ledger,
) {
    while let Some(errand) = errands.recv().await {
        let (kinds, origin) = (errand.kinds(), errand.origin.clone());
        let packed = match errand.pictures() {
            0 => Ok(errand.packed()),
            count => {
                let packed = tokio::task::spawn_blocking(move || errand.packed()).await;
                pictures.fetch_sub(count, Ordering::Relaxed);
                packed
            }
        };
        let error = match packed {
            Ok(Ok(parcel)) => {
                queue.put(parcel);
                continue;
            }
            Ok(Err(error)) => error.to_string(),
            Err(error) => error.to_string(),
        };
        let id = &origin.subscription;
        warn!(subscription = %id, model = %origin.model_name, node = %origin.node, %error,
            "an action's picture was not encoded; the actions with it are left out");
        for kind in kinds {
            ledger.note_why(kind, &origin, Outcome::NotEncoded, &*error);
        }
    }
    queue.close();
}

/// Sends what is queued, oldest first, until the queue is closed and empty.
///
/// While the server is away it waits and tries again, for ever; what has waited for too long then is
/// dropped and counted.
pub async fn deliver(
    server: Server,
    mut link: Link,
    queue: Arc<Queue>,
    config: ActConfig,
    timepiece: Timepiece,
    ledger: Ledger,
    timings: Timings,
) {
    let mut pause = config.reconnect_base;
    let mut away: Option<Moment> = None;
    let place = ledger.servers.add(server.to_string());
    while let Some(mut parcel) = queue.next().await {
        if timepiece.now().since(parcel.since) > config.time_to_live {
            for kind in parcel.kinds() {
                ledger.note(kind, &parcel.origin, Outcome::Expired);
            }
            queue.done();
            continue;
        }
        match link.send(&mut parcel).await {
            Ok(()) => {
                timings.record(Step::Act, timepiece.now().since(parcel.since));
                queue.done();
                pause = config.reconnect_base;
                if away.take().is_some() {
                    place.set(None);
                    info!(%server, "the server is there again; what waited is sent");
                }
            }
            Err(Away(reason)) => {
                if away.is_none() {
                    warn!(%server, %reason, "the server is away; what is sent to it waits");
                }
                let since = *away.get_or_insert_with(|| timepiece.now());
                place.set(Some(Absence { reason: reason.into(), since }));
                queue.put_back(parcel);
                tokio::time::sleep(jittered(pause)).await;
                pause = (pause * 2).min(config.reconnect_cap);
            }
        }
    }
}

/// From half the pause to all of it, so that many workers do not return at once.
fn jittered(pause: Duration) -> Duration {
    let part = (uuid::Uuid::new_v4().as_u128() % 1_000) as f64 / 2_000.0;
    pause.mul_f64(0.5 + part)
}

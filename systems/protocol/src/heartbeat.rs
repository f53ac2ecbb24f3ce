//! Tells clients how everything is doing, in time and when they ask.

use std::collections::BTreeMap;
use std::time::Duration;

use bevy_ecs::prelude::*;
use detector_components::camera::{CameraCounters, LatestFrame, StreamState};
use detector_components::clock::{Clock, Moment};
use detector_components::model::ModelState;
use detector_components::network::RunsOn;
use detector_components::node::{Nodes, RunsNetwork};
use detector_components::subscription::Subscription;
use detector_components::view::{LatestResults, RunsPipeline, ViewOf, Watches};
use tokio_tungstenite::tungstenite::Utf8Bytes;

use crate::config::ProtocolConfig;
use crate::counters::ProtocolCounters;
use crate::outbox::Outbox;
use crate::systems::Surroundings;
use crate::wire::report::{Watched, Worker, report};

/// When the next heartbeat of any client is due: the engine should run then. None without clients.
#[derive(Resource, Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct NextHeartbeat(pub Option<Moment>);

/// When a client's next report is due. A grid from the moment it connected, which no late report
/// shifts.
#[derive(Component, Clone, Copy, Debug)]
pub struct Heartbeat {
    /// From when on the next report is due.
    pub due: Moment,
}

/// The client has asked for a report. However often it did so before this run, it gets one.
#[derive(Component)]
#[component(storage = "SparseSet")]
pub struct StateWanted;

impl Heartbeat {
    /// Whether a report is due; if so, the next one is later than now.
    fn is_due(&mut self, now: Moment, interval: Duration) -> bool {
        if now < self.due {
            return false;
        }
        let interval_nanos = interval.as_nanos().max(1);
        let missed = now.since(self.due).as_nanos() / interval_nanos;
        let step = u64::try_from((missed + 1) * interval_nanos).unwrap_or(u64::MAX);
        self.due = self.due + Duration::from_nanos(step);
        true
    }
}

/// What there is to say about subscriptions.
type Watching<'w, 's> = (
    Query<'w, 's, (&'static Subscription, &'static Watches)>,
    Query<'w, 's, (&'static ViewOf, &'static RunsPipeline, Option<&'static LatestResults>)>,
    Query<'w, 's, (&'static StreamState, &'static CameraCounters, Option<&'static LatestFrame>)>,
    Query<'w, 's, (&'static ModelState, Option<&'static Nodes>)>,
    Query<'w, 's, &'static RunsNetwork>,
    Query<'w, 's, &'static RunsOn>,
);

/// Sends the reports that are due or asked for. All of one run are the same.
pub fn send_reports(
    mut clients: Query<(Entity, &Outbox, &mut Heartbeat, Has<StateWanted>)>,
    watching: Watching,
    surroundings: Res<Surroundings>,
    config: Res<ProtocolConfig>,
    clock: Res<Clock>,
    counters: Res<ProtocolCounters>,
    mut next: ResMut<NextHeartbeat>,
    mut commands: Commands,
) {
    let mut written: Option<Utf8Bytes> = None;
    let mut write = || {
        counters.report();
        written.get_or_insert_with(|| compose(&watching, &surroundings, &config)).clone()
    };
    for (client, outbox, mut heartbeat, wanted) in &mut clients {
        if wanted {
            outbox.reply(write());
            commands.entity(client).remove::<StateWanted>();
        }
        if heartbeat.is_due(clock.now, config.heartbeat_interval) {
            outbox.heartbeat(write());
        }
    }
    let due = clients.iter().map(|(_, _, heartbeat, _)| heartbeat.due).min();
    next.set_if_neq(NextHeartbeat(due));
}

fn compose(
    (subscriptions, views, cameras, models, nodes, networks): &Watching,
    around: &Surroundings,
    config: &ProtocolConfig,
) -> Utf8Bytes {
    let now = around.timepiece.now();
    let mut connections = BTreeMap::new();
    for (subscription, watches) in subscriptions {
        let Ok((of, runs, results)) = views.get(watches.0) else { continue };
        let Ok((stream, counts, frame)) = cameras.get(of.0) else { continue };
        let Ok((model, members)) = models.get(runs.0) else { continue };
        let members = members.into_iter().flat_map(Nodes::iter);
        let fallback = nodes
            .iter_many(members)
            .matched()
            .filter_map(|runs| networks.get(runs.0).ok())
            .find_map(|on| on.fallback.as_deref());
        let age = frame.map(|frame| now.since(frame.0.captured).as_millis() as u64);
        let watched = Watched {
            subscription,
            stream,
            model,
            fps: counts.fps,
            frame_age_millis: age,
            fallback,
            inference_millis: results.map(|results| results.0.inference_nanos as f32 / 1e6),
        };
        // Two clients may hold the same identifier; they hold it for the same thing then.
        connections.entry(&subscription.id).or_insert_with(|| watched.into());
    }
    let worker = Worker {
        id: &config.worker_id,
        uptime_secs: now.since(Moment::default()).as_secs(),
        capacity: config.capacity,
        vitals: *around.vitals.borrow(),
    };
    report(&worker, connections.into_values().collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    const INTERVAL: Duration = Duration::from_secs(2);

    fn at(millis: u64) -> Moment {
        Moment::default() + Duration::from_millis(millis)
    }

    #[test]
    fn the_first_is_due_at_once_and_late_ones_do_not_shift_the_grid() {
        let mut heartbeat = Heartbeat { due: at(500) };
        assert!(!heartbeat.is_due(at(499), INTERVAL));
        assert!(heartbeat.is_due(at(510), INTERVAL));
        assert!(!heartbeat.is_due(at(2_499), INTERVAL));
        assert!(heartbeat.is_due(at(2_600), INTERVAL));
        assert_eq!(heartbeat.due, at(4_500));
    }

    #[test]
    fn missed_ones_are_not_caught_up() {
        let mut heartbeat = Heartbeat { due: at(500) };
        assert!(heartbeat.is_due(at(9_000), INTERVAL));
        assert_eq!(heartbeat.due, at(10_500));
    }
}

//! Everything that there is to tell of the world, for reports, `/state` and `/metrics`.

use std::sync::Arc;

use bevy_ecs::prelude::*;
use bevy_ecs::system::SystemParam;
use detector_components::action::{ActionCounters, ActionServers, RecentActions};
use detector_components::camera::{Camera, CameraCounters, LatestFrame, StreamFacts, StreamState};
use detector_components::client::Client;
use detector_components::clock::{Clock, Moment};
use detector_components::device::DeviceState;
use detector_components::display::{Display, ProgressionStage, Session, SessionValues, Shows};
use detector_components::job::{Batch, InBatch, Job};
use detector_components::model::{Fetched, Idle, Model, ModelState};
use detector_components::network::{
    BatchLimit, LoadProgress, Network, NetworkCounters, NetworkInfo, NetworkState, RunsOn,
};
use detector_components::node::{BranchOf, Checkpoint, Node, NodeOf, RunsNetwork};
use detector_components::pass::Pass;
use detector_components::slot::FrameSlot;
use detector_components::subscription::{OwnedBy, Owns, Subscription};
use detector_components::timing::Timings;
use detector_components::view::{RunsPipeline, View, ViewCounters, ViewOf, Watches};

use crate::counters::ProtocolCounters;
use crate::outbox::Outbox;
use crate::systems::Surroundings;

/// What went wrong last with a camera, and when. Kept while it runs again.
#[derive(Component, Clone, Debug)]
pub struct LastError {
    /// What went wrong, without credentials.
    pub reason: Arc<str>,
    /// When.
    pub at: Moment,
}

/// Everything that there is to tell.
#[derive(SystemParam)]
pub struct Census<'w, 's> {
    pub clients: Query<'w, 's, (&'static Client, &'static Outbox, Option<&'static Owns>)>,
    pub displays: Query<
        'w,
        's,
        (
            &'static Display,
            Option<&'static Session>,
            Option<&'static SessionValues>,
            Option<&'static ProgressionStage>,
            Option<&'static Shows>,
        ),
    >,
    pub subscriptions:
        Query<'w, 's, (&'static Subscription, &'static Watches, Option<&'static OwnedBy>)>,
    pub views: Query<
        'w,
        's,
        (Entity, &'static View, &'static ViewOf, &'static RunsPipeline, &'static ViewCounters),
    >,
    pub cameras: Query<
        'w,
        's,
        (
            Entity,
            &'static Camera,
            &'static StreamState,
            &'static CameraCounters,
            &'static StreamFacts,
            Option<&'static LatestFrame>,
            Option<&'static FrameSlot>,
            Option<&'static LastError>,
        ),
    >,
    pub models: Query<
        'w,
        's,
        (Entity, &'static Model, &'static ModelState, Has<Idle>, Option<&'static Fetched>),
    >,
    pub nodes: Query<
        'w,
        's,
        (
            &'static Node,
            &'static NodeOf,
            Option<&'static Checkpoint>,
            Option<&'static BranchOf>,
            Option<&'static RunsNetwork>,
        ),
    >,
    pub networks: Query<
        'w,
        's,
        (
            Entity,
            &'static Network,
            &'static NetworkState,
            &'static NetworkCounters,
            &'static LoadProgress,
            Option<&'static NetworkInfo>,
            Option<&'static BatchLimit>,
            Option<&'static RunsOn>,
        ),
    >,
    pub device: Option<Res<'w, DeviceState>>,
    pub actions: Option<Res<'w, ActionCounters>>,
    pub recent_actions: Option<Res<'w, RecentActions>>,
    pub action_servers: Option<Res<'w, ActionServers>>,
    pub jobs: Query<'w, 's, Has<InBatch>, With<Job>>,
    pub batches: Query<'w, 's, (), With<Batch>>,
    pub passes: Query<'w, 's, (), With<Pass>>,
    pub timings: Res<'w, Timings>,
    pub counters: Res<'w, ProtocolCounters>,
    pub surroundings: Res<'w, Surroundings>,
    pub clock: Res<'w, Clock>,
}

/// Remembers what went wrong with cameras, for when somebody asks later.
pub fn remember_errors(
    cameras: Query<(Entity, &StreamState), Changed<StreamState>>,
    clock: Res<Clock>,
    mut commands: Commands,
) {
    for (camera, state) in &cameras {
        if let StreamState::Reconnecting { reason }
        | StreamState::Failed { reason }
        | StreamState::Impaired { reason, .. } = state
        {
            let last = LastError { reason: reason.clone(), at: clock.now };
            commands.entity(camera).insert(last);
        }
    }
}

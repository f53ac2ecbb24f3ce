use std::sync::Arc;

use bevy_ecs::prelude::*;
use bevy_ecs::system::SystemParam;
use detector_components::camera::{Camera, CameraCounters, LatestFrame, StreamState};
use detector_components::clock::Clock;
use detector_components::device::DeviceState;
use detector_components::model::{Model, ModelState};
use detector_components::network::{NetworkInfo, NetworkState};
use detector_components::node::{BranchOf, Keep, Node, Nodes, RunsNetwork, Trigger};
use detector_components::subscription::Subscription;
use detector_components::tally::{Disclosed, LatestTally};
use detector_components::view::{
    LatestResults, RunsPipeline, View, ViewCounters, ViewOf, WatchedBy,
};

use crate::link::{Command, Link};
use crate::scene::{Look, LookNode, Scene};

/// From which confidence on is told what nodes leave out: below it, networks say almost anything.
pub const DISCLOSED_FROM: f32 = 0.05;

/// Who looks at the window.
#[derive(Resource)]
pub struct Audience {
    link: Link,
    may_change: bool,
    disclose: bool,
}

impl Audience {
    pub fn new(link: Link, may_change: bool, disclose: bool) -> Self {
        Self { link, may_change, disclose }
    }
}

/// Does what the user asked for.
pub fn do_what_is_asked(
    audience: Res<Audience>,
    new: Query<Entity, Added<Node>>,
    views: Query<&RunsPipeline>,
    models: Query<&Nodes>,
    mut nodes: Query<&mut Keep, With<Node>>,
    mut commands: Commands,
) {
    if audience.disclose && audience.link.is_open() {
        for node in &new {
            commands.entity(node).insert(Disclosed { from: DISCLOSED_FROM });
        }
    }
    for command in audience.link.asked() {
        match command {
            Command::SetThreshold { node, min_confidence } => {
                if let Ok(mut keep) = nodes.get_mut(node)
                    && audience.may_change
                {
                    keep.min_confidence = min_confidence.clamp(0.0, 1.0);
                }
            }
            Command::Disclose { view, on } => {
                let members = views.get(view).and_then(|runs| models.get(runs.0));
                for node in members.into_iter().flat_map(Nodes::iter) {
                    let mut node = commands.entity(node);
                    if on {
                        node.try_insert(Disclosed { from: DISCLOSED_FROM });
                    } else {
                        node.try_remove::<Disclosed>();
                    }
                }
            }
        }
    }
}

/// Stops telling what nodes leave out once nobody looks any more.
pub fn cover_up(
    audience: Res<Audience>,
    disclosed: Query<Entity, With<Disclosed>>,
    mut commands: Commands,
) {
    if !audience.link.is_open() {
        for node in &disclosed {
            commands.entity(node).remove::<Disclosed>();
        }
    }
}

/// Leaves the window what there is to show, while somebody looks.
pub fn leave_scene(audience: Res<Audience>, sights: Sights) {
    if audience.link.is_open() {
        audience.link.put(sights.scene(audience.may_change));
    }
}

/// What there is to show.
#[derive(SystemParam)]
pub struct Sights<'w, 's> {
    views: Query<
        'w,
        's,
        (
            Entity,
            &'static View,
            &'static ViewOf,
            &'static RunsPipeline,
            &'static ViewCounters,
            Option<&'static WatchedBy>,
            Option<&'static LatestResults>,
            Option<&'static LatestTally>,
        ),
    >,
    cameras: Query<
        'w,
        's,
        (
            &'static Camera,
            &'static StreamState,
            &'static CameraCounters,
            Option<&'static LatestFrame>,
        ),
    >,
    models: Query<'w, 's, (&'static Model, &'static ModelState, Option<&'static Nodes>)>,
    nodes: Query<
        'w,
        's,
        (
            &'static Node,
            &'static Keep,
            &'static Trigger,
            Option<&'static BranchOf>,
            Option<&'static RunsNetwork>,
            Option<&'static Disclosed>,
        ),
    >,
    networks: Query<'w, 's, (&'static NetworkState, Option<&'static NetworkInfo>)>,
    subscriptions: Query<'w, 's, &'static Subscription>,
    device: Option<Res<'w, DeviceState>>,
    clock: Res<'w, Clock>,
}

impl Sights<'_, '_> {
    fn scene(&self, may_change: bool) -> Scene {
        let mut looks: Vec<Look> =
            self.views.iter().filter_map(|(view, ..)| self.look(view)).collect();
        // By name, so that a camera keeps its place in the grid whatever comes and goes.
        looks.sort_by(|a, b| (&a.name, a.view).cmp(&(&b.name, b.view)));
        let device = self.device.as_ref().map_or_else(|| "".into(), |device| device.name.clone());
        Scene { device, looks, may_change }
    }

    fn look(&self, view: Entity) -> Option<Look> {
        let (_, View { crop_in_frame }, of, runs, counters, watched, results, tally) =
            self.views.get(view).ok()?;
        let (camera, stream, camera_counters, latest) = self.cameras.get(of.0).ok()?;
        let (model, model_state, members) = self.models.get(runs.0).ok()?;
        let source: Arc<str> = camera.source.to_string().into();
        let mut names: Vec<_> = watched
            .into_iter()
            .flat_map(WatchedBy::iter)
            .filter_map(|id| self.subscriptions.get(id).ok())
            .map(|subscription| subscription.id.as_str())
            .collect();
        names.sort_unstable();
        names.dedup();
        let name = if names.is_empty() { source.clone() } else { names.join(", ").into() };
        let latest = latest.map(|latest| latest.0.clone());
        let results = results.map(|results| results.0.clone());
        let tally = tally.filter(|tally| {
            results.as_ref().is_some_and(|results| results.frame.sequence == tally.frame)
        });
        Some(Look {
            view,
            name,
            source,
            stream: stream.clone(),
            fps: camera_counters.fps,
            model: model.source.to_string().into(),
            model_state: model_state.clone(),
            latest_age: latest.as_ref().map(|frame| self.clock.now.since(frame.captured)),
            latest,
            crop_in_frame: *crop_in_frame,
            tally: tally.map(|tally| tally.tally.clone()),
            results,
            results_age: std::time::Duration::from_nanos(counters.last_age_nanos),
            finished: counters.finished,
            skipped: counters.skipped,
            failed: counters.failed,
            nodes: members
                .into_iter()
                .flat_map(Nodes::iter)
                .filter_map(|node| self.node(node))
                .collect(),
        })
    }

    fn node(&self, id: Entity) -> Option<LookNode> {
        let (node, keep, trigger, parent, runs, disclosed) = self.nodes.get(id).ok()?;
        let network = runs.and_then(|runs| self.networks.get(runs.0).ok());
        let above = |parent: &BranchOf| self.nodes.get(parent.0).ok().and_then(|above| above.3);
        let depth = std::iter::successors(parent, |parent| above(parent)).count();
        Some(LookNode {
            node: id,
            name: node.name.clone(),
            depth,
            finds_boxes: network.and_then(|(_, info)| info).map(|info| info.task.finds_boxes()),
            network: network.map(|(state, _)| state.clone()).unwrap_or_default(),
            min_confidence: keep.min_confidence,
            classes: keep.classes.clone(),
            expected: keep.expected.clone(),
            starts_on: trigger.classes.clone(),
            starts_from: trigger.min_confidence,
            disclosed_from: disclosed.map(|disclosed| disclosed.from),
        })
    }
}

#[cfg(test)]
mod tests;

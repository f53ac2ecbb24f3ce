use std::sync::Arc;

use bevy_ecs::prelude::*;
use detector_components::camera::{LastBegun, LatestFrame};
use detector_components::clock::{Clock, Moment};
use detector_components::detection::{
    DetectedBy, Detection, DetectionOf, Detections, FoundIn, SeenIn, TopClasses, Track,
};
use detector_components::frame::Frame;
use detector_components::geometry::{Placement, Region};
use detector_components::job::{InBatch, Job, JobAnswered, JobOf, Jobs, OnDetection};
use detector_components::model::{Model, ModelState};
use detector_components::network::{BatchLimit, NetworkInfo, NetworkState, Resizable};
use detector_components::node::{
    BranchOf, Branches, InputShape, Keep, Node, NodeOf, Nodes, ResolvedClasses, RunsNetwork,
    Tracking, Trigger,
};
use detector_components::pass::{Finished, Pass, PassOf, Passes};
use detector_components::results::{Finding, PassResults, Results};
use detector_components::tally::{LatestTally, Tally};
use detector_components::timing::{Step, Timings};
use detector_components::view::{LatestResults, RunsPipeline, View, ViewCounters, ViewOf};
use tracing::field::display;
use tracing::{debug, info, warn};

use crate::follow::{Faint, Tracks};
use crate::found::{faint, sort};
use crate::origin::Origins;
use crate::resolve::{Claim, resolve};
use crate::tree::{Leaf, tree};
use crate::trigger::{Refused, refused, starts};

/// Numbers jobs in the order they were asked for.
#[derive(Resource, Default)]
pub struct JobOrder(u64);

impl JobOrder {
    fn next(&mut self) -> u64 {
        self.0 += 1;
        self.0
    }
}

/// The frame that a view was last offered, and the last that it began a pass on.
#[derive(Component, Default)]
pub struct Turn {
    offered: Option<u64>,
    begun: Option<u64>,
    begun_order: u64,
}

/// Calls a model ready once every network of its pipeline is, and every class name in it exists;
/// failed when one cannot be.
pub fn ready_models(
    mut models: Query<(&Model, &mut ModelState, &Nodes)>,
    nodes: Query<(&Node, &Keep, &Trigger, Option<&InputShape>, Option<&BranchOf>, &RunsNetwork)>,
    networks: Query<(&NetworkState, Option<&NetworkInfo>)>,
    mut commands: Commands,
) {
    for (model, mut state, members) in &mut models {
        if *state != ModelState::Loading {
            continue;
        }
        let network_of = |node: Entity| {
            let (.., runs) = nodes.get(node).ok()?;
            networks.get(runs.0).ok()
        };
        let mut faults = Vec::new();
        let mut waiting = false;
        let mut resolved = Vec::new();
        for node in members.iter() {
            match network_of(node) {
                Some((NetworkState::Failed { reason }, _)) => {
                    let name = nodes.get(node).map_or("?", |(node, ..)| &node.name);
                    faults.push(format!("{name}: {reason}"));
                }
                Some((NetworkState::Ready, Some(_))) => {}
                _ => waiting = true,
            }
        }
        if !waiting && faults.is_empty() {
            for entity in members.iter() {
                let Ok((node, keep, trigger, shape, parent, _)) = nodes.get(entity) else {
                    continue;
                };
                let info = |node| network_of(node).and_then(|(_, info)| info);
                let Some(own) = info(entity) else { continue };
                let parent = parent.and_then(|parent| info(parent.0));
                match resolve(&Claim { node, keep, trigger, shape, own, parent }) {
                    Ok(classes) => resolved.push((entity, classes)),
                    Err(more) => faults.extend(more),
                }
            }
        }
        if !faults.is_empty() {
            let reason = faults.join("\n");
            warn!(model = %model.source, %reason, "the model cannot run");
            *state = ModelState::Failed { reason: reason.into() };
        } else if !waiting {
            for (node, classes) in resolved {
                commands.entity(node).insert(classes);
            }
            info!(model = %model.source, "the model is ready");
            *state = ModelState::Ready;
        }
    }
}

/// Calls a model loading again while one of its networks is: its device was lost.
pub fn reload_models(
    mut models: Query<(&mut ModelState, &Nodes)>,
    nodes: Query<&RunsNetwork>,
    networks: Query<&NetworkState, Changed<NetworkState>>,
) {
    for (mut state, members) in &mut models {
        let of = members.iter().filter_map(|node| nodes.get(node).ok());
        let mut states = of.filter_map(|runs| networks.get(runs.0).ok());
        if *state == ModelState::Ready && states.any(|state| *state == NetworkState::Loading) {
            *state = ModelState::Loading;
        }
    }
}

/// Begins a pass for each view whose camera has a new frame.
///
/// A view has one pass at a time, and a network no more waiting inputs than its next batch holds:
/// the others keep their turn and meet a newer frame. Who waited longest begins first.
pub fn start_passes(
    mut views: Query<(
        Entity,
        &View,
        &ViewOf,
        &RunsPipeline,
        &mut ViewCounters,
        Option<&mut Turn>,
        Has<Passes>,
    )>,
    mut cameras: Query<(&LatestFrame, &mut LastBegun)>,
    models: Query<(&ModelState, &Nodes)>,
    roots: Query<
        (Entity, &RunsNetwork, Option<&InputShape>),
        (With<NodeOf>, With<ResolvedClasses>, Without<BranchOf>),
    >,
    networks: Query<(&NetworkInfo, Option<&BatchLimit>, Has<Resizable>)>,
    waiting: Query<&Job, Without<InBatch>>,
    origins: Origins,
    clock: Res<Clock>,
    timings: Res<Timings>,
    mut order: ResMut<JobOrder>,
    mut commands: Commands,
) {
    let mut eager = Vec::new();
    for (view, _, of, runs, mut counters, turn, busy) in &mut views {
        let Some(mut turn) = turn else {
            commands.entity(view).insert((Turn::default(), Tracks::default()));
            continue;
        };
        let ready = models.get(runs.0).is_ok_and(|(state, _)| *state == ModelState::Ready);
        let Ok((LatestFrame(frame), _)) = cameras.get(of.0) else { continue };
        if !ready {
            continue;
        }
        if turn.offered != Some(frame.sequence) {
            // The frame before this one was never begun: there was no time for it.
            if turn.offered.is_some() && turn.offered != turn.begun {
                counters.skipped += 1;
            }
            turn.offered = Some(frame.sequence);
        }
        if !busy && turn.begun != turn.offered {
            eager.push((turn.begun_order, view));
        }
    }
    eager.sort_unstable();

    let mut taken: Vec<(Entity, usize)> = Vec::new();
    for (_, id) in eager {
        let Ok((_, view, of, runs, _, Some(mut turn), _)) = views.get_mut(id) else { continue };
        let Ok((LatestFrame(frame), mut last_begun)) = cameras.get_mut(of.0) else { continue };
        let Ok((_, members)) = models.get(runs.0) else { continue };
        let Some((root, runs_network, shape)) =
            members.iter().find_map(|node| roots.get(node).ok())
        else {
            continue;
        };
        let network = runs_network.0;
        let Ok((info, limit, fits)) = networks.get(network) else { continue };

        let at = taken.iter().position(|(other, _)| *other == network).unwrap_or_else(|| {
            taken.push((network, waiting.iter().filter(|job| job.network == network).count()));
            taken.len() - 1
        });
        if taken[at].1 >= limit.map_or(1, |limit| limit.0) {
            continue;
        }

        let whole = Region::whole(frame.pixels.size());
        let region = match view.crop_in_frame {
            None => Some(whole),
            Some(crop) => crop.bbox().region_within(whole),
        };
        turn.begun = Some(frame.sequence);
        last_begun.set_if_neq(LastBegun(Some(frame.sequence)));
        let Some(region) = region else {
            let (camera, model) = (origins.camera(id), origins.model(id));
            let (camera, model) = (camera.map(display), model.map(display));
            debug!(camera, model, frame = frame.sequence, "the crop lies outside the frame");
            continue;
        };
        taken[at].1 += 1;
        turn.begun_order = order.next();
        timings.record(Step::Wait, clock.now.since(frame.captured));
        let pass = Pass { started: clock.now, region, inference_nanos: 0 };
        let pass = commands.spawn((pass, PassOf(id), frame.clone())).id();
        let placement = placement(region, info, shape, fits);
        let order = turn.begun_order;
        commands.spawn((Job { order, node: root, network, placement }, JobOf(pass)));
    }
}

/// When the root of a pass's pipeline answered.
#[derive(Component, Clone, Copy)]
pub struct RootAnswered(Moment);

/// Turns answers into detections, and starts the branches that they trigger.
pub fn take_answers(
    mut answers: MessageReader<JobAnswered>,
    jobs: Query<(&Job, &JobOf, Option<&OnDetection>)>,
    mut passes: Query<(&mut Pass, &PassOf, &mut Tally)>,
    mut counters: Query<&mut ViewCounters>,
    nodes: Query<(&Node, &Keep, &ResolvedClasses, Option<&Tracking>, Option<&Branches>)>,
    branches: Query<(&Trigger, &ResolvedClasses, &RunsNetwork, Option<&InputShape>)>,
    networks: Query<(&NetworkInfo, Has<Resizable>)>,
    origins: Origins,
    clock: Res<Clock>,
    mut order: ResMut<JobOrder>,
    mut commands: Commands,
) {
    for answered in answers.read() {
        let Ok((job, JobOf(pass_id), on)) = jobs.get(answered.job) else { continue };
        // Answered, whatever the answer is worth.
        commands.entity(answered.job).despawn();
        let Ok((mut pass, of, mut tally)) = passes.get_mut(*pass_id) else { continue };
        pass.inference_nanos += answered.device_nanos;
        if on.is_none() {
            commands.entity(*pass_id).insert(RootAnswered(clock.now));
        }
        let Ok((node, keep, resolved, tracking, children)) = nodes.get(job.node) else { continue };
        let own = tally.of(job.node);
        own.looked += 1;
        let answer = match &answered.answer {
            Ok(answer) => answer,
            Err(reason) => {
                let (camera, model) = (origins.camera(of.0), origins.model(of.0));
                let (camera, model) = (camera.map(display), model.map(display));
                warn!(camera, model, node = %node.name, %reason, "inference failed");
                if let Ok(mut counters) = counters.get_mut(of.0) {
                    counters.failed += 1;
                }
                own.failed += 1;
                continue;
            }
        };
        let Ok((network, _)) = networks.get(job.network) else { continue };

        if let Some(tracking) = tracking {
            for sighting in faint(answer, &job.placement, keep, resolved, tracking) {
                commands.spawn((Faint(sighting), DetectionOf(*pass_id), DetectedBy(job.node)));
            }
        }
        let seen = job.placement.source;
        let sorted = sort(answer, &job.placement, network, keep, resolved);
        let found = sorted.found;
        own.found += found.len() as u32;
        own.leave_out(sorted.left_out);
        let ids: Vec<Entity> = found
            .iter()
            .map(|found| {
                let mut detection = commands.spawn((
                    found.detection.clone(),
                    DetectionOf(*pass_id),
                    DetectedBy(job.node),
                    SeenIn(seen),
                ));
                if let Some(on) = on {
                    detection.insert(FoundIn(on.0));
                }
                if !found.top.is_empty() {
                    detection.insert(TopClasses(found.top.clone()));
                }
                detection.id()
            })
            .collect();

        for branch in children.into_iter().flat_map(Branches::iter) {
            let Ok((trigger, resolved, runs, shape)) = branches.get(branch) else { continue };
            let Ok((network, resizable)) = networks.get(runs.0) else { continue };
            let Refused { class, confidence } = refused(trigger, resolved, &found);
            if class + confidence > 0 {
                let branch = tally.of(branch);
                branch.not_of_its_classes += class;
                branch.not_confident_enough += confidence;
            }
            for start in starts(trigger, resolved, &found, seen) {
                // Boxes have any shape: a size for each would be too many.
                let fits = resizable && start.region == pass.region;
                let job = Job {
                    order: order.next(),
                    node: branch,
                    network: runs.0,
                    placement: placement(start.region, network, shape, fits),
                };
                commands.spawn((job, JobOf(*pass_id), OnDetection(ids[start.on])));
            }
        }
    }
}

/// Gives each pass without unanswered jobs its results.
pub fn finish_passes(
    mut passes: Query<
        (Entity, &Pass, &PassOf, &Frame, &mut Tally, Option<&Detections>, Option<&RootAnswered>),
        (Without<Jobs>, Without<Finished>),
    >,
    detections: Query<(
        Entity,
        &Detection,
        &DetectedBy,
        Option<&FoundIn>,
        Option<&Track>,
        Option<&TopClasses>,
    )>,
    mut views: Query<(&RunsPipeline, &mut ViewCounters)>,
    models: Query<&Nodes>,
    nodes: Query<(&Node, &RunsNetwork)>,
    networks: Query<&NetworkInfo>,
    clock: Res<Clock>,
    timings: Res<Timings>,
    mut commands: Commands,
) {
    for (id, pass, of, frame, mut tally, found, answered) in &mut passes {
        let Ok((runs, mut counters)) = views.get_mut(of.0) else { continue };
        let Ok(members) = models.get(runs.0) else {
            // The model went while the pass was running: nobody can say what its boxes mean.
            commands.entity(id).despawn();
            continue;
        };
        let leaves = detections
            .iter_many(found.into_iter().flat_map(Detections::iter))
            .matched()
            .filter_map(|(id, detection, by, found_in, track, top)| {
                let (node, runs) = nodes.get(by.0).ok()?;
                let classes = &networks.get(runs.0).ok()?.classes;
                let named = |&(class_id, confidence): &(u32, f32)| {
                    Some((classes.get(class_id as usize)?.clone(), class_id, confidence))
                };
                Some(Leaf {
                    id,
                    node: (by.0, node.name.clone()),
                    found_in: found_in.map(|parent| parent.0),
                    finding: Finding {
                        class: detection.class.clone(),
                        class_id: detection.class_id,
                        confidence: detection.confidence,
                        bbox_in_frame: detection.bbox_in_frame,
                        outline_in_frame: detection.outline_in_frame.clone(),
                        track: track.map(|track| track.0),
                        top: top.iter().flat_map(|top| &top.0).filter_map(named).collect(),
                        branches: Vec::new(),
                    },
                })
            });
        let rank = |node| members.iter().position(|member| member == node).unwrap_or(usize::MAX);
        let results = Arc::new(Results {
            frame: frame.clone(),
            // Nodes are spawned root first.
            node: members.iter().next().unwrap_or(Entity::PLACEHOLDER),
            findings: tree(leaves.collect(), rank),
            inference_nanos: pass.inference_nanos,
        });
        counters.finished += 1;
        if let Some(answered) = answered {
            timings.record(Step::Branch, clock.now.since(answered.0));
        }
        counters.last_inference_nanos = pass.inference_nanos;
        let age = clock.now.since(frame.captured);
        counters.last_age_nanos = u64::try_from(age.as_nanos()).unwrap_or(u64::MAX);
        // Nobody asks the pass itself any more.
        let tally = Arc::new(std::mem::take(&mut *tally));
        let tally = LatestTally { frame: frame.sequence, tally };
        commands.entity(of.0).insert((LatestResults(results.clone()), tally));
        commands.entity(id).insert((PassResults(results), Finished));
    }
}

/// Clears passes that were acted on and published.
pub fn clear_finished(passes: Query<Entity, With<Finished>>, mut commands: Commands) {
    for pass in &passes {
        commands.entity(pass).despawn();
    }
}

/// How a region is laid into a network's input. `fits`: the input may have the region's shape.
fn placement(
    region: Region,
    network: &NetworkInfo,
    shape: Option<&InputShape>,
    fits: bool,
) -> Placement {
    let own = network.input;
    let shape = shape.copied().unwrap_or(if fits && own.width == own.height {
        InputShape::Rect { longest: own.width }
    } else {
        InputShape::Fixed(own)
    });
    match (network.task.finds_boxes(), shape) {
        (true, InputShape::Rect { longest }) => Placement::rect(region, longest, network.stride),
        (true, InputShape::Fixed(size)) => Placement::letterbox(region, size),
        (false, InputShape::Fixed(size)) => Placement::centre_crop(region, size),
        (false, InputShape::Rect { .. }) => Placement::centre_crop(region, own),
    }
}

#[cfg(test)]
mod tests;

use std::path::Path;
use std::sync::Arc;

use bevy_ecs::prelude::*;
use detector_components::device::DeviceState;
use detector_components::job::{Batch, Job, JobAnswered};
use detector_components::network::{
    BatchLimit, LoadProgress, Network, NetworkCounters, NetworkState, Resizable, RunsNodes, RunsOn,
};
use detector_components::node::{Checkpoint, Keep, ResolvedClasses, RunsNetwork, Tracking};
use detector_components::tally::Disclosed;
use detector_components::timing::{Step, Timings};
use detector_gpu::{Filled, SlotPool};
use detector_yolo::Criteria;
use tracing::{info, warn};

use crate::about::about;
use crate::origin::Origins;
use crate::thread::{DeviceThread, Loaded, Reply, Request};

/// The checkpoint that a network is to be loaded from. Gone once the device was asked to.
#[derive(Component)]
pub struct Unloaded(Arc<Path>);

/// Gives each node its network: one for all nodes whose checkpoint is the same file.
pub fn share_networks(
    nodes: Query<(Entity, &Checkpoint), Without<RunsNetwork>>,
    networks: Query<(Entity, &Network)>,
    mut commands: Commands,
) {
    let mut known: Vec<(Arc<str>, Entity)> =
        networks.iter().map(|(id, network)| (network.sha256.clone(), id)).collect();
    for (node, checkpoint) in &nodes {
        let shared = known.iter().find(|(sha256, _)| *sha256 == checkpoint.sha256);
        let network = shared.map(|(_, network)| *network).unwrap_or_else(|| {
            let sha256 = checkpoint.sha256.clone();
            let network = commands
                .spawn((
                    Network { sha256: sha256.clone() },
                    SlotPool::default(),
                    Unloaded(checkpoint.path.clone()),
                ))
                .id();
            known.push((sha256, network));
            network
        });
        commands.entity(node).insert(RunsNetwork(network));
    }
}

/// Asks the device to load what is new.
pub fn load_networks(
    networks: Query<(Entity, &Unloaded, &LoadProgress)>,
    device: Res<DeviceThread>,
    mut commands: Commands,
) {
    for (network, Unloaded(path), progress) in &networks {
        let (path, progress) = (path.clone(), progress.clone());
        if device.ask(Request::Load { network, path, progress }).is_ok() {
            commands.entity(network).remove::<Unloaded>();
        }
    }
}

/// Unloads networks that no node runs any more.
pub fn unload_networks(
    networks: Query<(Entity, &Network), Without<RunsNodes>>,
    device: Res<DeviceThread>,
    mut commands: Commands,
) {
    for (entity, network) in &networks {
        if device.ask(Request::Unload { network: entity }).is_ok() {
            info!(network = %short(&network.sha256), "the network was unloaded");
            commands.entity(entity).despawn();
        }
    }
}

/// Asks for slots of sizes that are wanted for the first time.
pub fn provide_slots(mut pools: Query<(Entity, &mut SlotPool)>, device: Res<DeviceThread>) {
    for (network, mut pool) in &mut pools {
        if !pool.has_wanted() {
            continue;
        }
        for (width, height) in pool.take_wanted() {
            if device.ask(Request::MakeSlots { network, width, height }).is_err() {
                pool.want(width, height);
            }
        }
    }
}

/// Sends filled batches to the device, in the order they were formed.
pub fn submit_batches(
    mut filled: Query<(Entity, &Batch, &mut Filled)>,
    networks: Query<&NetworkState>,
    jobs: Query<&Job>,
    nodes: Query<(&Keep, &ResolvedClasses, Option<&Tracking>, Option<&Disclosed>)>,
    device: Res<DeviceThread>,
    mut commands: Commands,
) {
    let mut ready: Vec<_> = filled
        .iter()
        .filter(|(_, _, filled)| filled.0.is_some())
        .map(|(id, batch, _)| (batch.order, id))
        .collect();
    ready.sort_unstable();
    for (_, id) in ready {
        let Ok((id, batch, mut filled)) = filled.get_mut(id) else { continue };
        if networks.get(batch.network).is_err() {
            // Its network was unloaded, and those who asked are gone with it.
            commands.entity(id).despawn();
            continue;
        }
        let Some(slot) = filled.0.take() else { continue };
        let criteria = batch
            .jobs
            .iter()
            .map(|job| {
                let node = jobs.get(*job).ok().and_then(|job| nodes.get(job.node).ok());
                // A job that is gone has its row already; nobody reads what is said of it.
                node.map(|(keep, classes, tracking, disclosed)| {
                    criteria(keep, classes, tracking, disclosed)
                })
                .unwrap_or_default()
            })
            .collect();
        let request = Request::Run { batch: id, network: batch.network, slot, criteria };
        if let Err(Request::Run { slot, .. }) = device.ask(request) {
            filled.0 = Some(slot);
            return;
        }
    }
}

fn criteria(
    keep: &Keep,
    classes: &ResolvedClasses,
    tracking: Option<&Tracking>,
    disclosed: Option<&Disclosed>,
) -> Criteria {
    // Weaker boxes keep tracks alive; `branch` tells them from what was found.
    let least = tracking.map_or(1.0, |tracking| tracking.low_confidence).min(keep.min_confidence);
    let criteria = Criteria {
        min_confidence: least,
        max_overlap: keep.max_overlap,
        max_detections: keep.max_detections as usize,
        classes: classes.kept.clone(),
    };
    match disclosed {
        None => criteria,
        // No bound on how many, or other classes would take the places of those that are kept.
        Some(disclosed) => Criteria {
            min_confidence: least.min(disclosed.from),
            max_detections: usize::MAX,
            classes: None,
            ..criteria
        },
    }
}

/// Takes what the device has done: networks that are ready, slots, answers.
pub fn receive_replies(
    device: Res<DeviceThread>,
    mut networks: Query<(&Network, &mut NetworkState, &mut NetworkCounters, &mut SlotPool)>,
    batches: Query<&Batch>,
    mut state: ResMut<DeviceState>,
    timings: Res<Timings>,
    origins: Origins,
    mut answers: MessageWriter<JobAnswered>,
    mut commands: Commands,
) {
    for reply in device.replies() {
        match reply {
            Reply::Loaded { network: id, result } => {
                let Ok((network, mut state, _, mut pool)) = networks.get_mut(id) else { continue };
                let (model, network) = (origins.models(id), short(&network.sha256));
                match result {
                    Ok(Loaded { info, batch, resizable, slots, device, doubt }) => {
                        if let Some(doubt) = &doubt {
                            warn!(model, network, doubt, "the network runs on the CPU");
                        }
                        for slot in slots {
                            pool.put(slot);
                        }
                        info!(model, network, batch, "the network is ready");
                        let runs_on =
                            RunsOn { device: device.into(), fallback: doubt.map(Arc::from) };
                        let described = (about(&info), BatchLimit(batch), runs_on);
                        commands.entity(id).insert(described);
                        if resizable {
                            commands.entity(id).insert(Resizable);
                        } else {
                            commands.entity(id).remove::<Resizable>();
                        }
                        *state = NetworkState::Ready;
                    }
                    Err(reason) => {
                        warn!(model, network, reason, "no network was made");
                        *state = NetworkState::Failed { reason: reason.into() };
                    }
                }
            }
            Reply::Lost { reason, networks: lost, first_slot } => {
                state.losses += 1;
                state.last_loss = Some(reason.into());
                for id in lost {
                    let Ok((_, mut state, _, mut pool)) = networks.get_mut(id) else { continue };
                    pool.renew(first_slot);
                    *state = NetworkState::Loading;
                }
            }
            Reply::Reopened { device } => state.name = device.into(),
            Reply::Slots { network, slots } => {
                if let Ok((.., mut pool)) = networks.get_mut(network) {
                    slots.into_iter().for_each(|slot| pool.put(slot));
                }
            }
            Reply::Ran { batch: id, network, slot, result, took } => {
                timings.record(Step::Infer, took);
                commands.entity(id).try_despawn();
                let Ok(batch) = batches.get(id) else { continue };
                let nanos = u64::try_from(took.as_nanos()).unwrap_or(u64::MAX);
                if let Ok((_, _, mut counters, mut pool)) = networks.get_mut(network) {
                    pool.put(slot);
                    counters.batches += 1;
                    counters.last_batch_nanos = nanos;
                    match &result {
                        Ok(answers) => counters.inputs += answers.len() as u64,
                        Err(_) => counters.failed += batch.jobs.len() as u64,
                    }
                }
                let mut rows = result.map(Vec::into_iter).map_err(Arc::<str>::from);
                for job in &batch.jobs {
                    let answer = match &mut rows {
                        Ok(rows) => {
                            rows.next().ok_or_else(|| "the network left an input unanswered".into())
                        }
                        Err(reason) => Err(reason.clone()),
                    };
                    answers.write(JobAnswered { job: *job, answer, device_nanos: nanos });
                }
            }
        }
    }
}

/// Enough of a hash to tell networks apart in a log.
fn short(sha256: &str) -> &str {
    sha256.get(..12).unwrap_or(sha256)
}

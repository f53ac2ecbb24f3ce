use std::collections::BTreeMap;
use std::sync::Arc;

use bevy_ecs::prelude::*;
use detector_components::frame::Frame;
use detector_components::geometry::Size;
use detector_components::job::{Batch, InBatch, Job, JobAnswered, JobOf};
use detector_components::timing::{Step, Timings};
use detector_components::wake::{Reasons, Wake};
use detector_gpu::{Filled, InputSlot, SlotPool};

use crate::filler::{Filler, Order};

/// Numbers batches in the order they were formed.
#[derive(Resource, Default)]
pub struct BatchOrder(u64);

/// Puts the waiting jobs of each network together, oldest first, as many as a free slot holds.
///
/// Jobs whose inputs differ in size do not fit into one slot: each size has its batch. Without a
/// free slot jobs wait; so the slots of a network bound what is in flight.
pub fn form_batches(
    waiting: Query<(Entity, &Job, &JobOf), Without<InBatch>>,
    passes: Query<&Frame>,
    mut pools: Query<&mut SlotPool>,
    filler: Res<Filler>,
    mut order: ResMut<BatchOrder>,
    mut commands: Commands,
) {
    let mut groups: BTreeMap<(Entity, Size), Vec<(u64, Entity)>> = BTreeMap::new();
    for (id, job, _) in &waiting {
        groups.entry((job.network, job.placement.tensor)).or_default().push((job.order, id));
    }
    let mut groups: Vec<_> = groups.into_iter().collect();
    for (_, jobs) in &mut groups {
        jobs.sort_unstable();
    }
    // Who waits longest is served first.
    groups.sort_unstable_by_key(|(_, jobs)| jobs[0].0);
    for ((network, size), jobs) in groups {
        let Ok(mut pool) = pools.get_mut(network) else { continue };
        for jobs in jobs.chunks(pool.rows(size.width as usize, size.height as usize).max(1)) {
            let Some(slot) = pool.take(size.width as usize, size.height as usize) else { break };
            let (ids, rows): (Vec<Entity>, Vec<_>) = jobs
                .iter()
                .filter_map(|(_, id)| {
                    let (id, job, of) = waiting.get(*id).ok()?;
                    let frame = passes.get(of.0).ok()?;
                    Some((id, (frame.pixels.clone(), job.placement)))
                })
                .unzip();
            let batch = commands.spawn_empty().id();
            if let Err(refused) = filler.order(Order { batch, slot, rows }) {
                // Busier than there are slots for can only be for a moment: the next run tries again.
                pool.put(refused.slot);
                commands.entity(batch).despawn();
                return;
            }
            order.0 += 1;
            for id in &ids {
                commands.entity(*id).insert(InBatch(batch));
            }
            commands.entity(batch).insert(Batch { order: order.0, network, jobs: ids });
        }
    }
}

/// Hands filled slots to the batches that ordered them. What could not be filled is answered so.
pub fn receive_filled(
    filler: Res<Filler>,
    batches: Query<&Batch>,
    mut pools: Query<&mut SlotPool>,
    mut answers: MessageWriter<JobAnswered>,
    timings: Res<Timings>,
    wake: Res<Wake>,
    mut commands: Commands,
) {
    for done in filler.done() {
        timings.record(Step::Preprocess, done.took);
        let Ok(batch) = batches.get(done.batch) else {
            // The network went meanwhile, and its slots with it.
            continue;
        };
        match done.result {
            Ok(()) => {
                commands.entity(done.batch).insert(Filled(Some(done.slot)));
            }
            Err(error) => {
                // `branch` says it for each job, with its camera and model.
                let reason: Arc<str> = error.to_string().into();
                for job in &batch.jobs {
                    let answer = Err(reason.clone());
                    answers.write(JobAnswered { job: *job, answer, device_nanos: 0 });
                }
                give_back(&mut pools, batch.network, done.slot);
                commands.entity(done.batch).despawn();
                // Answers are read at the beginning of a run: ask for one.
                wake.call(Reasons::DELIVERY);
            }
        }
    }
}

fn give_back(pools: &mut Query<&mut SlotPool>, network: Entity, slot: InputSlot) {
    if let Ok(mut pool) = pools.get_mut(network) {
        pool.put(slot);
    }
}

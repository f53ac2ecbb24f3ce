//! Inference that was asked for and not yet answered.

use std::sync::Arc;

use bevy_ecs::prelude::*;

use crate::geometry::{BBox, Placement};
use crate::outline::Outline;

/// One input for one network. Despawned when it is answered.
///
/// Spawned by `branch` with [`JobOf`], and [`OnDetection`] unless it is the root's.
#[derive(Component, Debug, Clone)]
pub struct Job {
    /// Counts up: the oldest job has the least. Jobs are batched in this order.
    pub order: u64,
    /// The node that asks.
    pub node: Entity,
    /// The network that answers.
    pub network: Entity,
    /// What it looks at, and how that lies in the network's input.
    pub placement: Placement,
}

/// Points from a job to its pass.
#[derive(Component, Debug)]
#[relationship(relationship_target = Jobs)]
pub struct JobOf(pub Entity);

/// The unanswered jobs of a pass. Kept by [`JobOf`]; absent when all are answered.
#[derive(Component, Debug)]
#[relationship_target(relationship = JobOf, linked_spawn)]
pub struct Jobs(Vec<Entity>);

/// The detection that started the job.
#[derive(Component, Debug, Clone, Copy)]
pub struct OnDetection(pub Entity);

/// The job is part of a batch, and waits for the device.
#[derive(Component, Debug, Clone, Copy)]
pub struct InBatch(pub Entity);

/// Jobs of one network that run together, each in its row of one input slot.
///
/// Spawned by `preprocess`, which fills the slot; despawned by `infer` when it is answered.
#[derive(Component, Debug, Clone)]
pub struct Batch {
    /// Counts up: batches go to the device in this order.
    pub order: u64,
    /// The network that answers.
    pub network: Entity,
    /// The jobs, row by row. A job may be gone meanwhile: its row is run and forgotten.
    pub jobs: Vec<Entity>,
}

/// A job was answered. Written by `infer`, read by `branch` in the same run.
#[derive(Message, Debug, Clone)]
pub struct JobAnswered {
    /// The job. It, or its pass, may be gone meanwhile.
    pub job: Entity,
    /// What the network said, or why it could not.
    pub answer: Result<Answer, Arc<str>>,
    /// Time that the network took, for the whole batch.
    pub device_nanos: u64,
}

/// What a network said about one input.
#[derive(Debug, Clone, PartialEq)]
pub enum Answer {
    /// Boxes that survived suppression, best first.
    Boxes(Vec<TensorBox>),
    /// A probability for each class, by its number.
    Probabilities(Vec<f32>),
}

/// A box in the network's own words.
#[derive(Debug, Clone, PartialEq)]
pub struct TensorBox {
    /// In pixels of the input tensor.
    pub bbox_in_tensor: BBox,
    /// 0 to 1.
    pub confidence: f32,
    /// Number of the class.
    pub class_id: u32,
    /// In pixels of the input tensor, where the network tells more than a box.
    pub outline_in_tensor: Option<Outline>,
}

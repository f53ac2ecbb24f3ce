//! Networks: checkpoints made to run on the inference device.

use std::sync::Arc;

use bevy_ecs::prelude::*;

use crate::geometry::Size;

mod step;

pub use step::{LoadProgress, LoadStep};

/// A network, shared by all nodes whose checkpoint is the same file.
#[derive(Component, Debug)]
#[require(NetworkState, NetworkCounters, LoadProgress)]
pub struct Network {
    /// SHA-256 of the checkpoint, in hexadecimal.
    pub sha256: Arc<str>,
}

/// The nodes that a network runs. Kept by [`RunsNetwork`](crate::node::RunsNetwork); absent when
/// none does, and then the network is unloaded.
#[derive(Component, Debug)]
#[relationship_target(relationship = crate::node::RunsNetwork)]
pub struct RunsNodes(Vec<Entity>);

/// How far a network is. Written by `infer`.
#[derive(Component, Clone, Debug, Default, PartialEq, Eq)]
pub enum NetworkState {
    /// Being read, laid out and warmed; again after its device was lost.
    #[default]
    Loading,
    /// Runs at full speed.
    Ready,
    /// Cannot run.
    Failed {
        /// Why, with the place in the file.
        reason: Arc<str>,
    },
}

/// What a network runs on. Present once it is ready. Written by `infer`.
#[derive(Component, Clone, Debug, PartialEq, Eq)]
pub struct RunsOn {
    /// The device, for people.
    pub device: Arc<str>,
    /// Why it is not the device that others run on. None: it is.
    pub fallback: Option<Arc<str>>,
}

/// What a checkpoint says of itself. Present once it was read.
#[derive(Component, Clone, Debug, PartialEq)]
pub struct NetworkInfo {
    /// What it answers.
    pub task: Task,
    /// Names of its classes, by their number.
    pub classes: Arc<[Arc<str>]>,
    /// The size it was trained for, a multiple of `stride`.
    pub input: Size,
    /// Input sides must be a multiple of this.
    pub stride: u32,
    /// Where it comes from.
    pub provenance: Provenance,
}

/// Where a network comes from: what its checkpoint says, as far as it says something. Texts are the
/// checkpoint's own, each of a few hundred letters at most; places on its maker's machine or in the
/// network are left out of them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Provenance {
    /// Of Ultralytics' networks, such as `YOLO11`.
    pub family: Option<Arc<str>>,
    /// Which of the family's sizes.
    pub scale: Option<Arc<str>>,
    /// Version of Ultralytics that saved it.
    pub version: Option<Arc<str>>,
    /// When it was saved.
    pub date: Option<Arc<str>>,
    /// Licence of its weights.
    pub licence: Option<Arc<str>>,
    /// Name of the model that its training began with.
    pub trained_from: Option<Arc<str>>,
    /// Name of the data that it was trained with.
    pub trained_on: Option<Arc<str>>,
}

/// The network takes an input of any size at once. Absent where each size is compiled and tuned first,
/// which takes seconds: there, frames of all shapes are padded to one. Written by `infer`.
#[derive(Component, Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Resizable;

/// How many inputs one batch of a network holds at most. Written by `infer`; 1 when absent.
///
/// No more passes are begun than fit into the next batch, so that a busy device meets new frames
/// rather than a queue of old ones.
#[derive(Component, Clone, Copy, Debug, PartialEq, Eq)]
pub struct BatchLimit(pub usize);

/// What a network answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Task {
    /// Boxes with classes.
    Detect,
    /// Boxes with classes, and which pixels belong to what is in them.
    Segment,
    /// Boxes with classes, and points of what is in them.
    Pose,
    /// Rotated boxes with classes.
    Obb,
    /// One class for the whole input.
    Classify,
}

impl Task {
    /// In Ultralytics' words.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Detect => "detect",
            Self::Segment => "segment",
            Self::Pose => "pose",
            Self::Obb => "obb",
            Self::Classify => "classify",
        }
    }

    /// Whether it says where in its input something is.
    pub fn finds_boxes(self) -> bool {
        self != Self::Classify
    }
}

/// What a network did. Written by `infer`.
#[derive(Component, Clone, Copy, Debug, Default)]
pub struct NetworkCounters {
    /// Inputs that it answered.
    pub inputs: u64,
    /// Batches that it ran.
    pub batches: u64,
    /// Inputs that failed.
    pub failed: u64,
    /// Time of the last batch on the device.
    pub last_batch_nanos: u64,
}

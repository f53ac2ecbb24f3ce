//! The nodes of a model's pipeline: one network each, and when it runs.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use bevy_ecs::prelude::*;

use crate::action::Action;
use crate::geometry::Size;

/// One step of a pipeline: a network, when it runs, and what is kept of its answer.
///
/// Spawned by `archive` with [`NodeOf`], [`Checkpoint`], and [`BranchOf`] unless it is the root.
#[derive(Component, Debug, Clone)]
#[require(Trigger, Keep, Actions)]
pub struct Node {
    /// Its `modelId`: the key of its results.
    pub name: Arc<str>,
}

/// Points from a node to its model.
#[derive(Component, Debug)]
#[relationship(relationship_target = Nodes)]
pub struct NodeOf(pub Entity);

/// The nodes of a model. Kept by [`NodeOf`].
#[derive(Component, Debug)]
#[relationship_target(relationship = NodeOf, linked_spawn)]
pub struct Nodes(Vec<Entity>);

/// Points from a node to the node whose detections start it. Absent on the root.
#[derive(Component, Debug)]
#[relationship(relationship_target = Branches)]
pub struct BranchOf(pub Entity);

/// The nodes that a node's detections may start. Kept by [`BranchOf`].
#[derive(Component, Debug)]
#[relationship_target(relationship = BranchOf)]
pub struct Branches(Vec<Entity>);

/// The checkpoint of a node, ready to be read.
#[derive(Component, Debug, Clone)]
pub struct Checkpoint {
    /// A `.pt` on this machine, kept while the component lives.
    pub path: Arc<Path>,
    /// SHA-256 of the file, in hexadecimal. Equal checkpoints share one network.
    pub sha256: Arc<str>,
}

/// When a branch runs. Not used on the root, which runs on every sampled frame.
#[derive(Component, Debug, Clone, Default, PartialEq)]
pub struct Trigger {
    /// Classes of the parent's detections that start it. Empty: any.
    pub classes: Vec<Arc<str>>,
    /// Least confidence of the parent's detection, inclusive.
    pub min_confidence: f32,
    /// What it looks at.
    pub input: BranchInput,
}

/// What a branch looks at.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum BranchInput {
    /// What its parent looked at.
    #[default]
    ParentImage,
    /// The box of the detection that started it.
    TriggeringBox,
    /// The parent's best box of this class.
    BestBoxOf(Arc<str>),
}

/// What is kept of a node's answer.
#[derive(Component, Debug, Clone, PartialEq)]
pub struct Keep {
    /// Least confidence of its own boxes, exclusive, as Ultralytics does.
    pub min_confidence: f32,
    /// Classes of its own boxes that are kept. Empty: all.
    pub classes: Vec<Arc<str>>,
    /// Two boxes of a class that overlap by more (IoU) are one.
    pub max_overlap: f32,
    /// The most boxes, best first.
    pub max_detections: u32,
    /// Whether the node answers only with what [`Keep::expected`] asks for.
    pub expected: Expected,
}

impl Default for Keep {
    /// Ultralytics' defaults: confidence 0.25, overlap 0.7, 300 boxes.
    fn default() -> Self {
        Self {
            min_confidence: 0.25,
            classes: Vec::new(),
            max_overlap: 0.7,
            max_detections: 300,
            expected: Expected::Nothing,
        }
    }
}

/// What must be among a node's detections for it to answer at all.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Expected {
    /// It always answers.
    #[default]
    Nothing,
    /// At least one of these classes.
    AnyOf(Vec<Arc<str>>),
    /// Every one of these classes.
    AllOf(Vec<Arc<str>>),
}

/// The size that a node's network runs at, and how a picture is laid into it.
///
/// Absent: the network's own size, letterboxed or centre-cropped as its task is trained; for a detector
/// that is [`Resizable`](crate::network::Resizable), and a region that is the same in every frame, as
/// [`InputShape::Rect`] with that size.
#[derive(Component, Debug, Clone, Copy, PartialEq, Eq)]
pub enum InputShape {
    /// Always this size.
    Fixed(Size),
    /// The smallest multiple of the network's stride that holds the picture scaled to this longest
    /// side: Ultralytics' `rect=True`.
    Rect {
        /// Longest side.
        longest: u32,
    },
}

/// What happens when a node and everything under it have answered, in order.
#[derive(Component, Debug, Clone, Default, PartialEq)]
pub struct Actions {
    /// What is done.
    pub list: Arc<[Action]>,
    /// What the list is run for.
    pub occasion: Occasion,
    /// Time in which the list is run once at most for each track, or for each class where nothing
    /// tracks. None: it is always run.
    pub cooldown: Option<Duration>,
}

/// What a node's actions are run for.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Occasion {
    /// Each of its detections, by itself.
    #[default]
    Detection,
    /// All detections of one answer together: they are one event, and its best detection speaks for
    /// it.
    Answer,
}

/// How a node's detections are followed from frame to frame. Absent when they are not.
#[derive(Component, Debug, Clone, PartialEq)]
pub struct Tracking {
    /// How detections find their tracks.
    pub method: TrackingMethod,
    /// How long something may be out of sight and still be the same.
    pub lost: Duration,
    /// Least overlap (IoU) of a detection with where its track is expected.
    pub min_overlap: f32,
    /// Boxes below the node's own threshold and above this keep a track alive, and are not reported.
    pub low_confidence: f32,
    /// Frames in which something must have been seen before it has a number.
    pub stable_after: u32,
    /// Whether a track keeps its class: a car never becomes a bus.
    pub per_class: bool,
}

/// How detections find their tracks.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum TrackingMethod {
    /// By overlap with where each track is expected, strong detections first: ByteTrack.
    ByteTrack,
    /// The same, and by the direction and the place in which things were really seen: OC-SORT.
    #[default]
    OcSort,
}

impl Default for Tracking {
    fn default() -> Self {
        Self {
            method: TrackingMethod::default(),
            lost: Duration::from_secs(5),
            min_overlap: 0.2,
            low_confidence: 0.1,
            stable_after: 1,
            per_class: true,
        }
    }
}

/// The class numbers behind a node's class names, looked up in the networks that it deals with.
/// Written by `branch` once those are loaded; a model is ready only with it on every node.
#[derive(Component, Debug, Clone, Default, PartialEq, Eq)]
pub struct ResolvedClasses {
    /// [`Keep::classes`] in its own network. `None`: all.
    pub kept: Option<Arc<[u32]>>,
    /// [`Trigger::classes`] in its parent's network. `None`: any.
    pub triggers: Option<Arc<[u32]>>,
    /// The class of [`BranchInput::BestBoxOf`] in its parent's network.
    pub crop: Option<u32>,
    /// The classes of [`Keep::expected`] in its own network.
    pub expected: Vec<u32>,
}

/// Points from a node to the network that runs it. Written by `infer`.
#[derive(Component, Debug)]
#[relationship(relationship_target = crate::network::RunsNodes)]
pub struct RunsNetwork(pub Entity);

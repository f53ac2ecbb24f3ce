//! What the window shows at one moment: data of the world, shared or copied, never borrowed.

use std::sync::Arc;
use std::time::Duration;

use bevy_ecs::prelude::Entity;
use detector_components::camera::StreamState;
use detector_components::command::Crop;
use detector_components::frame::Frame;
use detector_components::model::ModelState;
use detector_components::network::NetworkState;
use detector_components::node::Expected;
use detector_components::results::Results;
use detector_components::tally::Tally;

/// Everything that there is to show.
#[derive(Clone, Debug)]
pub struct Scene {
    /// What inference runs on, and why.
    pub device: Arc<str>,
    /// What is looked at, in an order that stays.
    pub looks: Vec<Look>,
    /// Whether what the window asks for changes what the engine finds.
    pub may_change: bool,
}

/// One view: a camera, seen through a model.
#[derive(Clone, Debug)]
pub struct Look {
    /// The view.
    pub view: Entity,
    /// What people call it: the subscriptions that watch it, or its camera.
    pub name: Arc<str>,
    /// The camera's address, without credentials.
    pub source: Arc<str>,
    /// How its stream is doing.
    pub stream: StreamState,
    /// Frames a second that arrive.
    pub fps: f32,
    /// The model's address, without credentials.
    pub model: Arc<str>,
    /// How far it is.
    pub model_state: ModelState,
    /// The newest frame that was sampled.
    pub latest: Option<Frame>,
    /// How old that frame was when the scene was made.
    pub latest_age: Option<Duration>,
    /// The part of the frame that is looked at; all of it when `None`.
    pub crop_in_frame: Option<Crop>,
    /// What was seen last, with the frame that it was seen in.
    pub results: Option<Arc<Results>>,
    /// What was left out of it. Of the same frame as `results`.
    pub tally: Option<Arc<Tally>>,
    /// From the capture of that frame to its results.
    pub results_age: Duration,
    /// Passes that finished.
    pub finished: u64,
    /// Frames that came while a pass was running.
    pub skipped: u64,
    /// Times that a network failed.
    pub failed: u64,
    /// The nodes of the pipeline, parents first.
    pub nodes: Vec<LookNode>,
}

/// A node of the pipeline that a view runs.
#[derive(Clone, Debug)]
pub struct LookNode {
    /// Which.
    pub node: Entity,
    /// Its `modelId`.
    pub name: Arc<str>,
    /// How many nodes are above it.
    pub depth: usize,
    /// Whether it finds boxes; a classifier says one thing of the whole. None while it is not loaded.
    pub finds_boxes: Option<bool>,
    /// How far its network is.
    pub network: NetworkState,
    /// Least confidence of its own boxes, exclusive.
    pub min_confidence: f32,
    /// Classes of its own boxes that are kept. Empty: all.
    pub classes: Vec<Arc<str>>,
    /// What must be there for it to answer.
    pub expected: Expected,
    /// Classes of its parent's detections that start it. Empty: any.
    pub starts_on: Vec<Arc<str>>,
    /// Least confidence of a detection that starts it.
    pub starts_from: f32,
    /// From which confidence on is told what it leaves out. None: it is not.
    pub disclosed_from: Option<f32>,
}

impl Look {
    /// The frame to show: the one that was looked at last, so that what was found lies where it was
    /// found; the newest one where nothing looks.
    pub fn frame(&self) -> Option<&Frame> {
        match &self.results {
            Some(results) if self.model_state == ModelState::Ready => Some(&results.frame),
            _ => self.latest.as_ref(),
        }
    }

    /// What was found in [`Look::frame`]. None while nobody knows.
    pub fn shown_results(&self) -> Option<&Results> {
        self.results.as_deref().filter(|_| self.model_state == ModelState::Ready)
    }

    /// What is known of a node.
    pub fn node(&self, id: Entity) -> Option<&LookNode> {
        self.nodes.iter().find(|node| node.node == id)
    }

    /// Whether what is left out is told.
    pub fn is_disclosed(&self) -> bool {
        self.nodes.iter().any(|node| node.disclosed_from.is_some())
    }
}

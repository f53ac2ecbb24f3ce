//! What is looked at, whoever asked. Equal subscriptions share one view: one inference, fanned out.

use std::sync::Arc;

use bevy_ecs::prelude::*;

use crate::command::Crop;
use crate::results::Results;

/// A crop of a camera, seen through a model. Exists while a subscription watches it.
///
/// Always comes with [`ViewOf`] and [`RunsPipeline`].
#[derive(Component, Debug, Clone, PartialEq, Eq, Hash)]
#[require(ViewCounters)]
pub struct View {
    /// The part of the frame that is looked at; all of it when `None`. Cut to each frame.
    pub crop_in_frame: Option<Crop>,
}

/// Points from a subscription to the view it watches.
#[derive(Component, Debug)]
#[relationship(relationship_target = WatchedBy)]
pub struct Watches(pub Entity);

/// The subscriptions watching a view. Kept by [`Watches`]; absent when nobody watches.
#[derive(Component, Debug)]
#[relationship_target(relationship = Watches)]
pub struct WatchedBy(Vec<Entity>);

/// Points from a view to its camera.
#[derive(Component, Debug)]
#[relationship(relationship_target = Views)]
pub struct ViewOf(pub Entity);

/// The views of a camera. Kept by [`ViewOf`].
#[derive(Component, Debug)]
#[relationship_target(relationship = ViewOf)]
pub struct Views(Vec<Entity>);

/// Points from a view to the model whose pipeline it runs.
#[derive(Component, Debug)]
#[relationship(relationship_target = RunBy)]
pub struct RunsPipeline(pub Entity);

/// The views that run a model's pipeline. Kept by [`RunsPipeline`]; absent when none does.
#[derive(Component, Debug)]
#[relationship_target(relationship = RunsPipeline)]
pub struct RunBy(Vec<Entity>);

/// What a view saw last. Absent before its first finished pass.
#[derive(Component, Debug, Clone)]
pub struct LatestResults(pub Arc<Results>);

/// What happened in a view. Written by `branch`.
#[derive(Component, Debug, Clone, Copy, Default)]
pub struct ViewCounters {
    /// Passes that finished.
    pub finished: u64,
    /// Frames that came while the view's last pass was still running, and were left out.
    pub skipped: u64,
    /// Passes that failed.
    pub failed: u64,
    /// Time of the last pass, from its frame's capture to its results.
    pub last_age_nanos: u64,
    /// Time that the last pass's networks took, in all.
    pub last_inference_nanos: u64,
}

//! One run of a view's pipeline over one frame.

use bevy_ecs::prelude::*;

use crate::clock::Moment;
use crate::geometry::Region;
use crate::tally::Tally;

/// One run of a view's pipeline over one [`Frame`](crate::frame::Frame), which it carries. Its jobs
/// and detections go with it.
///
/// Spawned by `branch` when a frame was sampled; [`Finished`] when nothing under it is unanswered.
#[derive(Component, Debug)]
#[require(Tally)]
pub struct Pass {
    /// When it began.
    pub started: Moment,
    /// The part of the frame that the view looks at.
    pub region: Region,
    /// Time that its networks took so far.
    pub inference_nanos: u64,
}

/// Points from a pass to its view.
#[derive(Component, Debug)]
#[relationship(relationship_target = Passes)]
pub struct PassOf(pub Entity);

/// The passes of a view that are in flight. Kept by [`PassOf`]; they go with the view.
#[derive(Component, Debug)]
#[relationship_target(relationship = PassOf, linked_spawn)]
pub struct Passes(Vec<Entity>);

/// Every job of the pass is answered. It has its results, is acted on and published in this run of
/// the schedule, and gone in the next.
#[derive(Component, Debug)]
pub struct Finished;

//! What was found, while a pass is being assembled.

use std::sync::Arc;

use bevy_ecs::prelude::*;

use crate::geometry::{BBox, Region};
use crate::outline::Outline;

/// Something that a node found. A classifier finds one thing: its whole input.
///
/// Spawned by `branch` with [`DetectionOf`], [`DetectedBy`] and [`SeenIn`], and [`FoundIn`] below the
/// root.
#[derive(Component, Debug, Clone, PartialEq)]
pub struct Detection {
    /// Name of its class.
    pub class: Arc<str>,
    /// Number of its class.
    pub class_id: u32,
    /// 0 to 1.
    pub confidence: f32,
    /// In pixels of the camera's frame.
    pub bbox_in_frame: BBox,
    /// In pixels of the camera's frame, where the network tells more than a box.
    pub outline_in_frame: Option<Outline>,
}

/// Points from a detection to its pass.
#[derive(Component, Debug)]
#[relationship(relationship_target = Detections)]
pub struct DetectionOf(pub Entity);

/// What a pass has found so far. Kept by [`DetectionOf`].
#[derive(Component, Debug)]
#[relationship_target(relationship = DetectionOf, linked_spawn)]
pub struct Detections(Vec<Entity>);

/// The node that found it.
#[derive(Component, Debug, Clone, Copy)]
pub struct DetectedBy(pub Entity);

/// The detection whose branch found it.
#[derive(Component, Debug, Clone, Copy)]
pub struct FoundIn(pub Entity);

/// The number of the track that it belongs to. The same thing has the same one in each frame of a
/// view.
#[derive(Component, Debug, Clone, Copy, PartialEq, Eq)]
pub struct Track(pub u64);

/// A classifier's best classes: number and probability, best first.
#[derive(Component, Debug, Clone, PartialEq)]
pub struct TopClasses(pub Vec<(u32, f32)>);

/// What the network that found it was looking at.
#[derive(Component, Debug, Clone, Copy)]
pub struct SeenIn(pub Region);

//! What the command line says of a pipeline's first node.

use anyhow::{Result, bail};
use bevy_app::prelude::*;
use bevy_ecs::prelude::*;
use detector_components::geometry::Size;
use detector_components::node::{BranchOf, InputShape, Keep, Node};
use detector_components::stage::{Deliver, StageSystems};

use crate::cli::Fit;

/// What the command line says of the pipeline's first node. What is `None` stays as the archive has it.
#[derive(Resource, Clone, Copy, Debug, Default)]
pub struct RootWishes {
    /// Longest side of the network's input, in pixels.
    pub size: Option<u32>,
    /// What gives the input its shape.
    pub fit: Fit,
    /// Least confidence of a box.
    pub min_confidence: Option<f32>,
    /// Boxes that overlap by more are one.
    pub max_overlap: Option<f32>,
    /// The most boxes.
    pub max_detections: Option<u32>,
}

/// Changes the first node of each pipeline before its network is asked for anything.
pub struct WishesPlugin(pub RootWishes);

impl Plugin for WishesPlugin {
    fn build(&self, app: &mut App) {
        app.insert_resource(self.0).add_systems(
            Deliver,
            grant_wishes.after(StageSystems::Archive).before(StageSystems::Ingest),
        );
    }
}

/// Takes a part of one.
///
/// # Errors
/// When it is none.
pub fn in_part(name: &str, value: Option<f32>) -> Result<()> {
    if let Some(value) = value.filter(|value| !(0.0..=1.0).contains(value)) {
        bail!("{name}: expected 0 to 1, found {value}");
    }
    Ok(())
}

/// Takes the side of a network's input.
///
/// # Errors
/// When no input has it.
pub fn as_side(name: &str, value: Option<u32>) -> Result<()> {
    if let Some(value) = value.filter(|value| !(1..=8_192).contains(value)) {
        bail!("{name}: expected 1 to 8192, found {value}");
    }
    Ok(())
}

/// Changes the pipeline's first node as the command line wishes, before its network is asked for.
fn grant_wishes(
    mut roots: Query<(Entity, &mut Keep, Option<&InputShape>), (Added<Node>, Without<BranchOf>)>,
    wishes: Res<RootWishes>,
    mut commands: Commands,
) {
    for (root, mut keep, shape) in &mut roots {
        keep.min_confidence = wishes.min_confidence.unwrap_or(keep.min_confidence);
        keep.max_overlap = wishes.max_overlap.unwrap_or(keep.max_overlap);
        keep.max_detections = wishes.max_detections.unwrap_or(keep.max_detections);
        let own = match shape {
            Some(InputShape::Fixed(size)) => Some(size.width.max(size.height)),
            Some(InputShape::Rect { longest }) => Some(*longest),
            None => None,
        };
        match (wishes.size.or(own), wishes.fit == Fit::Picture) {
            (Some(longest), true) => {
                commands.entity(root).insert(InputShape::Rect { longest });
            }
            (Some(side), false) if wishes.size.is_some() => {
                let size = Size { width: side, height: side };
                commands.entity(root).insert(InputShape::Fixed(size));
            }
            _ => {}
        }
    }
}

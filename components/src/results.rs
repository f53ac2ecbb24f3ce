//! What a finished pass found, as a tree: the form that actions and clients see.

use std::sync::Arc;

use bevy_ecs::prelude::*;

use crate::frame::Frame;
use crate::geometry::BBox;
use crate::outline::Outline;

/// What a pass found. Put on it by `branch` when it finishes.
#[derive(Debug, Clone)]
pub struct Results {
    /// What it was found in.
    pub frame: Frame,
    /// The root node, whose findings these are.
    pub node: Entity,
    /// What the root found, best first.
    pub findings: Vec<Finding>,
    /// Time that the pass's networks took, in all.
    pub inference_nanos: u64,
}

/// The results of a finished pass, shared with whoever shows them.
#[derive(Component, Debug, Clone)]
pub struct PassResults(pub Arc<Results>);

/// One thing that was found, and what its branches said of it.
#[derive(Debug, Clone, PartialEq)]
pub struct Finding {
    /// Name of its class.
    pub class: Arc<str>,
    /// Number of its class.
    pub class_id: u32,
    /// 0 to 1.
    pub confidence: f32,
    /// In pixels of the camera's frame. A classifier's is what it looked at.
    pub bbox_in_frame: BBox,
    /// In pixels of the camera's frame, where the network tells more than a box.
    pub outline_in_frame: Option<Outline>,
    /// The number of its track: the same thing has the same one in each frame of a view. None when
    /// its node does not track.
    pub track: Option<u64>,
    /// A classifier's best classes with their probability, best first; empty for a detector.
    pub top: Vec<(Arc<str>, u32, f32)>,
    /// The branches that it started and that answered, in the archive's order.
    pub branches: Vec<BranchFindings>,
}

/// What one branch said of one finding.
#[derive(Debug, Clone, PartialEq)]
pub struct BranchFindings {
    /// The branch.
    pub node: Entity,
    /// Its `modelId`.
    pub name: Arc<str>,
    /// What it found, best first. A branch that looked and found nothing is left out.
    pub findings: Vec<Finding>,
}

impl Finding {
    /// The best finding of each branch that answered, nested ones included, nearest first.
    pub fn best_of_branches(&self) -> Vec<(&Arc<str>, &Finding)> {
        let mut best = Vec::new();
        let mut level = vec![self];
        while !level.is_empty() {
            let mut next = Vec::new();
            for finding in level {
                for branch in &finding.branches {
                    if let Some(first) = branch.findings.first() {
                        best.push((&branch.name, first));
                    }
                    next.extend(&branch.findings);
                }
            }
            level = next;
        }
        // The nearest and best of a name comes first; later ones of the same name are left out.
        let mut seen = Vec::<&Arc<str>>::new();
        best.retain(|(name, _)| {
            let new = !seen.contains(name);
            seen.push(name);
            new
        });
        best
    }
}

//! What became of what networks said: why there are no more detections.

use std::sync::Arc;

use bevy_ecs::prelude::*;

use crate::geometry::BBox;

/// Whatever the node's network says from this confidence on is told, of any class, so that somebody
/// can be shown what the node leaves out. What the node finds stays the same.
///
/// Put on nodes by `window`, for as long as somebody looks.
#[derive(Component, Clone, Copy, Debug, PartialEq)]
pub struct Disclosed {
    /// Least confidence, exclusive.
    pub from: f32,
}

/// What became of what the networks of a pass said so far, node by node in the order in which they
/// first looked. Written by `branch`.
#[derive(Component, Clone, Debug, Default, PartialEq)]
pub struct Tally(pub Vec<NodeTally>);

/// The tally of a view's last finished pass. Absent before the first.
#[derive(Component, Clone, Debug)]
pub struct LatestTally {
    /// Sequence number of the frame that was looked at.
    pub frame: u64,
    /// What became of what was said of it.
    pub tally: Arc<Tally>,
}

/// What became of what one node's network said in one pass.
#[derive(Clone, Debug, PartialEq)]
pub struct NodeTally {
    /// The node.
    pub node: Entity,
    /// Times that it looked and was answered.
    pub looked: u32,
    /// Times that its network failed.
    pub failed: u32,
    /// What it found.
    pub found: u32,
    /// What it left out, best first; at most [`NodeTally::MAX_LEFT_OUT`] of them.
    pub left_out: Vec<LeftOut>,
    /// All that it left out, by the reason.
    pub counts: Counts,
    /// Detections of its parent that did not start it, as their class is none that does.
    pub not_of_its_classes: u32,
    /// Detections of its parent, of a class that starts it, with too little confidence.
    pub not_confident_enough: u32,
}

/// How much was left out for each reason.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// [`Reason::Weak`].
    pub weak: u32,
    /// [`Reason::OtherClass`].
    pub other_class: u32,
    /// [`Reason::TooMany`].
    pub too_many: u32,
    /// [`Reason::Unexpected`].
    pub unexpected: u32,
}

/// Something that a network said and its node left out.
#[derive(Clone, Debug, PartialEq)]
pub struct LeftOut {
    /// Why.
    pub reason: Reason,
    /// Name of its class.
    pub class: Arc<str>,
    /// 0 to 1.
    pub confidence: f32,
    /// In pixels of the camera's frame.
    pub bbox_in_frame: BBox,
}

/// Why something was left out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Reason {
    /// Its class is not among those that the node keeps.
    OtherClass,
    /// Its confidence is not above the node's least.
    Weak,
    /// The node keeps no more boxes of one answer.
    TooMany,
    /// What the node expects was not among its answer, so that none of it counts.
    Unexpected,
}

impl NodeTally {
    /// Of one node and pass, that many are kept to be shown; the rest is counted.
    pub const MAX_LEFT_OUT: usize = 100;

    /// Of a node that has not looked yet.
    pub fn new(node: Entity) -> Self {
        Self {
            node,
            looked: 0,
            failed: 0,
            found: 0,
            left_out: Vec::new(),
            counts: Counts::default(),
            not_of_its_classes: 0,
            not_confident_enough: 0,
        }
    }

    /// Adds what one answer left out.
    pub fn leave_out(&mut self, left_out: Vec<LeftOut>) {
        for LeftOut { reason, .. } in &left_out {
            let count = match reason {
                Reason::OtherClass => &mut self.counts.other_class,
                Reason::Weak => &mut self.counts.weak,
                Reason::TooMany => &mut self.counts.too_many,
                Reason::Unexpected => &mut self.counts.unexpected,
            };
            *count += 1;
        }
        self.left_out.extend(left_out);
        self.left_out.sort_by(|a, b| b.confidence.total_cmp(&a.confidence));
        self.left_out.truncate(Self::MAX_LEFT_OUT);
    }
}

impl Tally {
    /// The entry of a node, made when there is none.
    pub fn of(&mut self, node: Entity) -> &mut NodeTally {
        let known = self.0.iter().position(|entry| entry.node == node);
        let at = known.unwrap_or_else(|| {
            self.0.push(NodeTally::new(node));
            self.0.len() - 1
        });
        &mut self.0[at]
    }

    /// The entry of a node that looked, or that something of its parent did not start.
    pub fn get(&self, node: Entity) -> Option<&NodeTally> {
        self.0.iter().find(|entry| entry.node == node)
    }
}

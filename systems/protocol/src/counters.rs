//! What happened at the port, in numbers.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use bevy_ecs::prelude::*;
use detector_components::command::RefusalCode;

use crate::outbox::Dropped;

/// What happened at the port since the worker started. Written by sockets and by the world; cheap
/// to clone, all clones count together.
#[derive(Clone, Debug, Default, Resource)]
pub struct ProtocolCounters(Arc<Counts>);

#[derive(Debug, Default)]
struct Counts {
    clients: AtomicU64,
    turned_away: AtomicU64,
    messages: AtomicU64,
    refused: [AtomicU64; RefusalCode::ALL.len()],
    patch_results: [AtomicU64; 2],
    patches: AtomicU64,
    reports: AtomicU64,
    detections: AtomicU64,
    dropped_replies: AtomicU64,
    dropped_heartbeats: AtomicU64,
    dropped_detections: AtomicU64,
}

/// The numbers at one moment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ProtocolCounts {
    /// Clients that connected.
    pub clients: u64,
    /// Connections that were turned away: without the token, or one too many.
    pub turned_away: u64,
    /// Messages that clients sent, whatever they were.
    pub messages: u64,
    /// Messages that were refused, wherever.
    pub refused: u64,
    /// Patches of sessions that were put into outboxes.
    pub patches: u64,
    /// Patches that the CMS says it has taken.
    pub patches_taken: u64,
    /// Patches that the CMS says it has not taken.
    pub patches_failed: u64,
    /// State reports that were put into outboxes.
    pub reports: u64,
    /// Detections that were put into outboxes.
    pub detections: u64,
    /// Replies and errors that a client did not read in time.
    pub dropped_replies: u64,
    /// Heartbeats that a client did not read in time.
    pub dropped_heartbeats: u64,
    /// Detections that a client did not read in time.
    pub dropped_detections: u64,
}

impl ProtocolCounters {
    /// The numbers now.
    pub fn counts(&self) -> ProtocolCounts {
        let of = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        ProtocolCounts {
            clients: of(&self.0.clients),
            turned_away: of(&self.0.turned_away),
            messages: of(&self.0.messages),
            refused: RefusalCode::ALL.map(|code| self.refused_for(code)).iter().sum(),
            patches: of(&self.0.patches),
            patches_taken: of(&self.0.patch_results[1]),
            patches_failed: of(&self.0.patch_results[0]),
            reports: of(&self.0.reports),
            detections: of(&self.0.detections),
            dropped_replies: of(&self.0.dropped_replies),
            dropped_heartbeats: of(&self.0.dropped_heartbeats),
            dropped_detections: of(&self.0.dropped_detections),
        }
    }

    /// How many messages were refused for this reason, wherever.
    pub fn refused_for(&self, code: RefusalCode) -> u64 {
        self.0.refused[code as usize].load(Ordering::Relaxed)
    }

    pub(crate) fn client(&self) {
        add(&self.0.clients, 1);
    }

    pub(crate) fn turned_away(&self) {
        add(&self.0.turned_away, 1);
    }

    pub(crate) fn message(&self) {
        add(&self.0.messages, 1);
    }

    pub(crate) fn refused(&self, code: RefusalCode) {
        add(&self.0.refused[code as usize], 1);
    }

    pub(crate) fn patch(&self) {
        add(&self.0.patches, 1);
    }

    pub(crate) fn patch_result(&self, success: bool) {
        add(&self.0.patch_results[usize::from(success)], 1);
    }

    pub(crate) fn report(&self) {
        add(&self.0.reports, 1);
    }

    pub(crate) fn detection(&self) {
        add(&self.0.detections, 1);
    }

    pub(crate) fn dropped(&self, dropped: Dropped) {
        add(&self.0.dropped_replies, dropped.replies);
        add(&self.0.dropped_heartbeats, dropped.heartbeats);
        add(&self.0.dropped_detections, dropped.detections);
    }
}

fn add(counter: &AtomicU64, count: u64) {
    counter.fetch_add(count, Ordering::Relaxed);
}

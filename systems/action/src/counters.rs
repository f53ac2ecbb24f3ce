//! What happened to actions.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use bevy_ecs::prelude::*;

/// What happened to actions since the start. Counted on several threads.
#[derive(Resource, Clone, Debug, Default)]
pub struct ActionCounters(Arc<Counts>);

#[derive(Debug, Default)]
struct Counts {
    executed: AtomicU64,
    skipped: AtomicU64,
    failed: AtomicU64,
    crowded_out: AtomicU64,
    expired: AtomicU64,
}

/// [`ActionCounters`] at one moment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ActionTotals {
    /// Commands that Redis has answered.
    pub executed: u64,
    /// Actions whose templates had a name without a value.
    pub skipped: u64,
    /// Actions that cannot be executed: Redis refused them, or their picture was not encoded.
    pub failed: u64,
    /// Errands that made room for newer ones.
    pub crowded_out: u64,
    /// Errands that waited too long.
    pub expired: u64,
}

impl ActionCounters {
    /// What was counted so far.
    pub fn totals(&self) -> ActionTotals {
        let get = |count: &AtomicU64| count.load(Ordering::Relaxed);
        let Counts { executed, skipped, failed, crowded_out, expired } = &*self.0;
        ActionTotals {
            executed: get(executed),
            skipped: get(skipped),
            failed: get(failed),
            crowded_out: get(crowded_out),
            expired: get(expired),
        }
    }

    pub(crate) fn executed(&self) {
        self.0.executed.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn skipped(&self) {
        self.0.skipped.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn failed(&self, actions: usize) {
        self.0.failed.fetch_add(actions as u64, Ordering::Relaxed);
    }

    pub(crate) fn crowded_out(&self) {
        self.0.crowded_out.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn expired(&self) {
        self.0.expired.fetch_add(1, Ordering::Relaxed);
    }
}

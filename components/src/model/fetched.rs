//! How much of an archive has come.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use bevy_ecs::prelude::*;

/// How much of a model's archive has come over the network. Present while it is fetched. Counted by
/// `archive` on another thread.
#[derive(Component, Clone, Debug, Default)]
pub struct Fetched(Arc<Counts>);

#[derive(Debug, Default)]
struct Counts {
    bytes: AtomicU64,
    /// 0: the server has not said.
    total: AtomicU64,
}

impl Fetched {
    /// An answer begins, of so many bytes if its server says so. What came of an earlier one is void.
    pub fn begin(&self, total: Option<u64>) {
        self.0.bytes.store(0, Ordering::Relaxed);
        self.0.total.store(total.unwrap_or(0), Ordering::Relaxed);
    }

    /// So many bytes have come in all.
    pub fn set(&self, bytes: u64) {
        self.0.bytes.store(bytes, Ordering::Relaxed);
    }

    /// Bytes that have come.
    pub fn bytes(&self) -> u64 {
        self.0.bytes.load(Ordering::Relaxed)
    }

    /// Bytes that are to come in all, where the server says it.
    pub fn total(&self) -> Option<u64> {
        Some(self.0.total.load(Ordering::Relaxed)).filter(|total| *total > 0)
    }
}

//! What became of actions: counted for ever, remembered for a while.

use std::sync::Arc;

use bevy_ecs::prelude::*;
use detector_components::action::{
    ActionCounters, ActionKind, ActionServers, Origin, Outcome, RecentAction, RecentActions,
};
use detector_components::clock::Timepiece;

/// Where the end of each action is written down, from whatever thread it is seen on.
#[derive(Resource, Clone)]
pub struct Ledger {
    /// How often each end was that of each kind.
    pub counters: ActionCounters,
    /// The last ones.
    pub recent: RecentActions,
    /// How the servers are.
    pub servers: ActionServers,
    timepiece: Timepiece,
}

impl Ledger {
    pub fn new(timepiece: Timepiece) -> Self {
        Self {
            counters: ActionCounters::default(),
            recent: RecentActions::default(),
            servers: ActionServers::default(),
            timepiece,
        }
    }

    /// Writes down that an action came to this end.
    pub fn note(&self, kind: ActionKind, origin: &Arc<Origin>, outcome: Outcome) {
        self.write(kind, origin, outcome, None);
    }

    /// Writes down that an action came to this end, and why: a text that holds no credentials and
    /// nothing of what was sent.
    pub fn note_why(
        &self,
        kind: ActionKind,
        origin: &Arc<Origin>,
        outcome: Outcome,
        reason: impl Into<Arc<str>>,
    ) {
        self.write(kind, origin, outcome, Some(reason.into()));
    }

    fn write(
        &self,
        kind: ActionKind,
        origin: &Arc<Origin>,
        outcome: Outcome,
        reason: Option<Arc<str>>,
    ) {
        let (origin, at) = (origin.clone(), self.timepiece.now());
        // Remembered first: whoever sees it counted finds it here too.
        self.recent.note(RecentAction { kind, origin, outcome, reason, at, times: 1 });
        self.counters.count(kind, outcome);
    }
}

//! What happened to actions, and how many wait.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use bevy_ecs::prelude::*;

use super::ActionKind;

/// What can happen to an action.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Outcome {
    /// Done: Redis, or the database, has answered.
    Executed,
    /// Not done: a template has a name without a value.
    MissingValue,
    /// Not done: a branch that it waits for found nothing.
    MissingBranch,
    /// Not done: its list fired for the same thing a short while ago.
    CoolingDown,
    /// Not done: the archive names no server for it, or this build cannot speak to one.
    NoServer,
    /// Not done: its picture could not be encoded.
    NotEncoded,
    /// Not done: the server understood it and refuses.
    Refused,
    /// Dropped: it made room for newer ones.
    CrowdedOut,
    /// Dropped: it waited too long.
    Expired,
    /// Perhaps done: its answer was lost, and it must not be done twice.
    AnswerLost,
    /// Dropped: it still waited when the worker ended.
    Ended,
}

impl Outcome {
    /// Every outcome.
    pub const ALL: [Self; 11] = [
        Self::Executed,
        Self::MissingValue,
        Self::MissingBranch,
        Self::CoolingDown,
        Self::NoServer,
        Self::NotEncoded,
        Self::Refused,
        Self::CrowdedOut,
        Self::Expired,
        Self::AnswerLost,
        Self::Ended,
    ];

    /// Its name in metrics and reports.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Executed => "executed",
            Self::MissingValue => "missing_value",
            Self::MissingBranch => "missing_branch",
            Self::CoolingDown => "cooling_down",
            Self::NoServer => "no_server",
            Self::NotEncoded => "not_encoded",
            Self::Refused => "refused",
            Self::CrowdedOut => "crowded_out",
            Self::Expired => "expired",
            Self::AnswerLost => "answer_lost",
            Self::Ended => "ended",
        }
    }
}

/// What happened to actions since the start, by their kind. Counted by `action` on several threads.
#[derive(Resource, Debug, Clone, Default)]
pub struct ActionCounters(Arc<Counts>);

#[derive(Debug, Default)]
struct Counts {
    outcomes: [[AtomicU64; Outcome::ALL.len()]; ActionKind::ALL.len()],
    waiting: AtomicU64,
    waiting_bytes: AtomicU64,
}

/// What waits for servers that are away or busy.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Backlog {
    /// Actions.
    pub actions: u64,
    /// Bytes of them, pictures included.
    pub bytes: u64,
}

impl ActionCounters {
    /// Counts what happened to one action.
    pub fn count(&self, kind: ActionKind, outcome: Outcome) {
        self.0.outcomes[kind as usize][outcome as usize].fetch_add(1, Ordering::Relaxed);
    }

    /// How often this happened to actions of this kind.
    pub fn of(&self, kind: ActionKind, outcome: Outcome) -> u64 {
        self.0.outcomes[kind as usize][outcome as usize].load(Ordering::Relaxed)
    }

    /// How often this happened to actions of any kind.
    pub fn total(&self, outcome: Outcome) -> u64 {
        ActionKind::ALL.into_iter().map(|kind| self.of(kind, outcome)).sum()
    }

    /// Everything that was counted, zeros included.
    pub fn all(&self) -> impl Iterator<Item = (ActionKind, Outcome, u64)> + '_ {
        ActionKind::ALL.into_iter().flat_map(move |kind| {
            Outcome::ALL.into_iter().map(move |outcome| (kind, outcome, self.of(kind, outcome)))
        })
    }

    /// What waits now, for all servers.
    pub fn backlog(&self) -> Backlog {
        Backlog {
            actions: self.0.waiting.load(Ordering::Relaxed),
            bytes: self.0.waiting_bytes.load(Ordering::Relaxed),
        }
    }

    /// Notes that so many actions wait from now on.
    pub fn begin_waiting(&self, backlog: Backlog) {
        self.0.waiting.fetch_add(backlog.actions, Ordering::Relaxed);
        self.0.waiting_bytes.fetch_add(backlog.bytes, Ordering::Relaxed);
    }

    /// Notes that they wait no more.
    pub fn end_waiting(&self, backlog: Backlog) {
        self.0.waiting.fetch_sub(backlog.actions, Ordering::Relaxed);
        self.0.waiting_bytes.fetch_sub(backlog.bytes, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_outcome_of_every_kind_is_counted_for_itself() {
        let counters = ActionCounters::default();
        for kind in ActionKind::ALL {
            for outcome in Outcome::ALL {
                counters.count(kind, outcome);
                assert_eq!(counters.of(kind, outcome), 1);
            }
        }
        assert_eq!(counters.total(Outcome::Expired), 5);
        assert_eq!(counters.all().map(|(.., count)| count).sum::<u64>(), 55);
    }
}

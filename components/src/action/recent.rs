//! The last actions, and what became of them.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard};

use bevy_ecs::prelude::*;

use super::{ActionKind, Outcome};
use crate::clock::Moment;
use crate::identity::SubscriptionId;

/// Who had an action executed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Origin {
    /// For whom: it names display and camera.
    pub subscription: SubscriptionId,
    /// The CMS's name of the model.
    pub model_name: Arc<str>,
    /// The node in whose list it stands.
    pub node: Arc<str>,
}

/// An action that came to its end, or several that came to the same end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RecentAction {
    /// What was to be done.
    pub kind: ActionKind,
    /// Who wanted it.
    pub origin: Arc<Origin>,
    /// What became of it.
    pub outcome: Outcome,
    /// Why, where the outcome alone does not say it. Of the last one.
    pub reason: Option<Arc<str>>,
    /// When the last one ended.
    pub at: Moment,
    /// How many, since it has been remembered.
    pub times: u64,
}

impl RecentAction {
    fn is_like(&self, other: &Self) -> bool {
        (self.kind, self.outcome, &self.origin) == (other.kind, other.outcome, &other.origin)
    }

    fn is_done(&self) -> bool {
        self.outcome == Outcome::Executed
    }
}

/// The last actions that were done, and the last ones that were not: at most [`RecentActions::MAX`] of
/// each, so that what is done many times a second leaves the rare failure in sight. Those that are
/// alike are remembered as one. Written by `action` on several threads.
#[derive(Resource, Debug, Clone, Default)]
pub struct RecentActions(Arc<Mutex<VecDeque<RecentAction>>>);

impl RecentActions {
    /// The most that are remembered of those that were done, and of those that were not.
    pub const MAX: usize = 50;

    /// Remembers one; the one of its sort that has not been seen for longest makes room.
    pub fn note(&self, mut action: RecentAction) {
        let mut kept = self.lock();
        if let Some(place) = kept.iter().position(|before| before.is_like(&action))
            && let Some(before) = kept.remove(place)
        {
            action.times += before.times;
        }
        let is_done = action.is_done();
        kept.push_back(action);
        let mut of_its_sort =
            (0..kept.len()).filter(|place| kept[*place].is_done() == is_done).rev();
        if let Some(oldest) = of_its_sort.nth(Self::MAX) {
            kept.remove(oldest);
        }
    }

    /// All that is remembered, the newest first.
    pub fn newest_first(&self) -> Vec<RecentAction> {
        self.lock().iter().rev().cloned().collect()
    }

    fn lock(&self) -> MutexGuard<'_, VecDeque<RecentAction>> {
        // Held only to move one, or to copy a hundred.
        self.0.lock().expect("never held across a panic")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn action(subscription: &str, outcome: Outcome, nanos: u64) -> RecentAction {
        let origin = Origin {
            subscription: SubscriptionId::new(subscription),
            model_name: "Cars".into(),
            node: "cars".into(),
        };
        RecentAction {
            kind: ActionKind::Publish,
            origin: origin.into(),
            outcome,
            reason: None,
            at: Moment { nanos },
            times: 1,
        }
    }

    fn told(recent: &RecentActions) -> Vec<(String, Outcome, u64, u64)> {
        let told = |action: RecentAction| {
            let id = action.origin.subscription.to_string();
            (id, action.outcome, action.times, action.at.nanos)
        };
        recent.newest_first().into_iter().map(told).collect()
    }

    #[test]
    fn actions_that_are_alike_are_remembered_as_one_with_the_time_of_the_last() {
        let recent = RecentActions::default();
        for (id, nanos) in [("gate", 1), ("yard", 2), ("gate", 3)] {
            recent.note(action(id, Outcome::Executed, nanos));
        }
        recent.note(action("gate", Outcome::Refused, 4));
        let expected = [
            ("gate".to_owned(), Outcome::Refused, 1, 4),
            ("gate".to_owned(), Outcome::Executed, 2, 3),
            ("yard".to_owned(), Outcome::Executed, 1, 2),
        ];
        assert_eq!(told(&recent), expected);
    }

    #[test]
    fn what_is_done_often_does_not_push_out_what_failed() {
        let recent = RecentActions::default();
        recent.note(action("gate", Outcome::Refused, 0));
        for camera in 0..2 * RecentActions::MAX {
            recent.note(action(&format!("camera-{camera}"), Outcome::Executed, 1));
        }
        let told = told(&recent);
        assert_eq!(told.len(), RecentActions::MAX + 1);
        assert_eq!(told.last(), Some(&("gate".to_owned(), Outcome::Refused, 1, 0)));
        assert_eq!(told[0].0, format!("camera-{}", 2 * RecentActions::MAX - 1));
    }
}

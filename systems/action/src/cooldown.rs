//! Lists of actions that rest after they were run.

use std::time::Duration;

use bevy_ecs::prelude::*;
use detector_components::clock::Moment;

use crate::event::Event;

/// When the lists of a view's nodes were run last. It goes with the view.
#[derive(Component, Debug, Default)]
pub struct Cooling(Vec<Run>);

#[derive(Debug)]
struct Run {
    node: Entity,
    what: What,
    rests_until: Moment,
}

/// What a list was run for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum What {
    Track(u64),
    Class(u32),
}

impl What {
    fn of(event: &Event) -> Self {
        event.track.map_or(Self::Class(event.finding.class_id), Self::Track)
    }
}

impl Cooling {
    /// Whether the list rests: it was run for the same track, or without tracks for the same class.
    /// Time is the frame's.
    pub fn rests(&mut self, event: &Event, captured: Moment) -> bool {
        self.0.retain(|run| captured < run.rests_until);
        self.0.iter().any(|run| run.node == event.node && run.what == What::of(event))
    }

    /// Notes that the list was run.
    pub fn run(&mut self, event: &Event, captured: Moment, cooldown: Duration) {
        let rests_until = captured + cooldown;
        self.0.push(Run { node: event.node, what: What::of(event), rests_until });
    }
}

#[cfg(test)]
mod tests {
    use detector_components::geometry::BBox;
    use detector_components::node::Occasion;
    use detector_components::results::Finding;

    use super::*;

    fn finding(class_id: u32) -> Finding {
        Finding {
            class: "car".into(),
            class_id,
            confidence: 0.5,
            bbox_in_frame: BBox::default(),
            outline_in_frame: None,
            track: None,
            top: Vec::new(),
            branches: Vec::new(),
        }
    }

    fn event(finding: &Finding, track: Option<u64>) -> Event<'_> {
        let node = Entity::PLACEHOLDER;
        Event { node, finding, answer: &[], occasion: Occasion::Detection, track }
    }

    #[test]
    fn a_list_rests_for_the_same_track_or_the_same_class() {
        let (car, bus) = (finding(2), finding(5));
        let start = Moment::default();
        let later = |millis| start + Duration::from_millis(millis);
        let mut cooling = Cooling::default();
        for ran in [event(&car, Some(1)), event(&car, None)] {
            assert!(!cooling.rests(&ran, start));
            cooling.run(&ran, start, Duration::from_secs(1));
        }
        assert!(cooling.rests(&event(&car, None), later(999)));
        assert!(cooling.rests(&event(&bus, Some(1)), later(999)));
        assert!(!cooling.rests(&event(&bus, None), later(999)));
        assert!(!cooling.rests(&event(&car, Some(2)), later(999)));
        assert!(!cooling.rests(&event(&car, Some(1)), later(1_000)));
    }
}

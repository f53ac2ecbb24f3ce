//! What is known of an event, by the names that templates use.

use detector_components::action::names;
use detector_components::display::SessionValues;
use detector_components::geometry::BBox;
use detector_components::node::Occasion;
use detector_components::results::Finding;
use jiff::Timestamp;

use crate::event::Event;
use crate::template::Fact;

/// What the actions of one event may name.
pub struct Facts<'a> {
    /// What was found, and what its branches say of it.
    pub event: &'a Event<'a>,
    /// The names around the event's node.
    pub pipeline: &'a Surroundings,
    /// When its frame was taken.
    pub captured: Timestamp,
    /// The frame's number.
    pub frame: u64,
    /// The whole identifier.
    pub subscription_id: String,
    /// The display it is shown on.
    pub display_id: String,
    /// The camera's name in the CMS.
    pub camera_id: String,
    /// The session on that display.
    pub session_id: Option<String>,
    /// The values of that session.
    pub session_values: Option<&'a SessionValues>,
    /// How far things are on that display.
    pub progression_stage: Option<String>,
    /// The CMS's identifier of the model.
    pub model_id: String,
    /// The CMS's name of the model.
    pub model_name: String,
    /// The same throughout the actions of one event.
    pub uuid: String,
    /// The key of the picture that an action before this one saves.
    pub image_key: Option<String>,
}

/// The names that a node's actions may use for what was found around it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Surroundings {
    /// The node's own.
    pub own: String,
    /// Those of all nodes below it, whether they answered or not.
    pub below: Vec<Below>,
}

/// A node below another.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Below {
    /// Its name.
    pub name: String,
    /// It looks at the whole picture that its parent looked at. It runs once for an answer, and what
    /// it says is true of everything in it.
    pub of_whole_picture: bool,
}

impl Facts<'_> {
    /// What a name stands for.
    pub fn get(&self, name: &str) -> Fact {
        let finding = self.event.finding;
        let BBox { x1, y1, x2, y2 } = finding.bbox_in_frame;
        let pixels = |side: f32| (side.round() as i64).to_string();
        let perhaps = |value: Option<String>| value.map_or(Fact::Missing, Fact::Known);
        Fact::Known(match name {
            "class" => finding.class.to_string(),
            "confidence" => confidence(finding.confidence),
            "id" => return perhaps(self.event.track.map(|track| track.to_string())),
            "bbox" => format!("[{}]", [x1, y1, x2, y2].map(pixels).join(",")),
            "x1" => pixels(x1),
            "y1" => pixels(y1),
            "x2" => pixels(x2),
            "y2" => pixels(y2),
            "timestamp" => format!("{:.3}", self.captured),
            "timestamp_ms" => self.captured.as_millisecond().to_string(),
            "uuid" => self.uuid.clone(),
            "filename" => {
                let millis = self.captured.as_millisecond();
                format!("{}_{millis}_{}.jpg", self.camera_id, self.uuid)
            }
            "image_key" => return perhaps(self.image_key.clone()),
            "camera_id" => self.camera_id.clone(),
            "display_id" => self.display_id.clone(),
            "session_id" => return perhaps(self.session_id.clone()),
            "subscription_id" => self.subscription_id.clone(),
            "model_id" => self.model_id.clone(),
            "model_name" => self.model_name.clone(),
            "frame" => self.frame.to_string(),
            "progression_stage" => return perhaps(self.progression_stage.clone()),
            _ => match name.strip_prefix(names::SESSION_PREFIX) {
                Some(key) => {
                    let value = self.session_values.and_then(|values| values.0.get(key));
                    return perhaps(value.map(ToString::to_string));
                }
                None => return self.of_node(name),
            },
        })
    }

    /// Whether a node below has found something.
    pub fn has(&self, branch: &str) -> bool {
        self.best_of(branch).is_some()
    }

    /// `NODE`, `NODE.class`, `NODE.confidence`, and the names of old archives for its class.
    fn of_node(&self, name: &str) -> Fact {
        let Surroundings { own, below } = self.pipeline;
        let is_node = |name: &str| name == own || below.iter().any(|below| below.name == name);
        // A node may have a point in its name.
        let (node, part) = if is_node(name) {
            (name, "class")
        } else {
            match name.rsplit_once('.').filter(|(node, _)| is_node(node)) {
                Some((node, part)) if names::OF_BRANCH.contains(&part) => (node, part),
                _ => return Fact::Unknown,
            }
        };
        let found = if node == own { Some(self.event.finding) } else { self.best_of(node) };
        match found {
            None => Fact::Missing,
            Some(found) if part == "confidence" => Fact::Known(confidence(found.confidence)),
            Some(found) => Fact::Known(found.class.to_string()),
        }
    }

    /// The best that a node below has found: under the event's own finding, else under another of the
    /// same answer, if that is one event, or if the node looked at what they have in common.
    fn best_of(&self, node: &str) -> Option<&Finding> {
        let shared = self.event.occasion == Occasion::Answer
            || self.pipeline.below.iter().any(|below| below.name == node && below.of_whole_picture);
        let others = if shared { self.event.answer } else { &[] };
        std::iter::once(self.event.finding).chain(others).find_map(|finding| {
            let mut best = finding.best_of_branches().into_iter();
            best.find(|(name, _)| &***name == node).map(|(_, found)| found)
        })
    }
}

/// A plain number of at most four places.
fn confidence(confidence: f32) -> String {
    let places = (f64::from(confidence) * 10_000.0).round() / 10_000.0;
    places.to_string()
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use bevy_ecs::entity::Entity;
    use detector_components::results::BranchFindings;

    use super::*;

    fn finding(class: &str, confidence: f32, branches: Vec<BranchFindings>) -> Finding {
        Finding {
            class: class.into(),
            class_id: 2,
            confidence,
            bbox_in_frame: BBox { x1: 10.2, y1: 20.0, x2: 299.6, y2: 200.0 },
            outline_in_frame: None,
            track: None,
            top: Vec::new(),
            branches,
        }
    }

    fn branch(name: &str, class: &str, confidence: f32) -> BranchFindings {
        BranchFindings {
            node: Entity::PLACEHOLDER,
            name: Arc::from(name),
            findings: vec![finding(class, confidence, Vec::new())],
        }
    }

    /// Cars of two kinds, with what is known of each; the first is spoken of.
    fn with_facts<T>(occasion: Occasion, track: Option<u64>, ask: impl FnOnce(&Facts) -> T) -> T {
        let answer = [
            finding("car", 0.91, vec![branch("color", "red", 0.875)]),
            finding(
                "front",
                0.5,
                vec![branch("brand.v1", "Honda", 0.5), branch("sky", "grey", 1.0)],
            ),
        ];
        let event = Event {
            node: Entity::PLACEHOLDER,
            finding: &answer[0],
            answer: &answer,
            occasion,
            track,
        };
        let below = |name: &str| Below { name: name.to_owned(), of_whole_picture: name == "sky" };
        let pipeline = Surroundings {
            own: "cars".to_owned(),
            below: ["color", "plate", "brand.v1", "sky"].map(below).into(),
        };
        let session_values = SessionValues([("plate".into(), "AB 1".into())].into());
        ask(&Facts {
            event: &event,
            pipeline: &pipeline,
            captured: "2025-07-14T12:34:56.789Z".parse().unwrap(),
            frame: 7,
            subscription_id: "gate;cam".to_owned(),
            display_id: "gate".to_owned(),
            camera_id: "cam".to_owned(),
            session_id: None,
            session_values: Some(&session_values),
            progression_stage: Some("car_wait_staff".to_owned()),
            model_id: "101".to_owned(),
            model_name: "Vehicles".to_owned(),
            uuid: "u".to_owned(),
            image_key: None,
        })
    }

    #[track_caller]
    fn check(name: &str, expected: Fact) {
        let fact = with_facts(Occasion::Detection, None, |facts| facts.get(name));
        assert_eq!(fact, expected, "{name}");
    }

    fn value(text: &str) -> Fact {
        Fact::Known(text.to_owned())
    }

    #[test]
    fn a_finding_is_known_by_its_names() {
        check("class", value("car"));
        check("confidence", value("0.91"));
        check("bbox", value("[10,20,300,200]"));
        check("x2", value("300"));
        check("timestamp", value("2025-07-14T12:34:56.789Z"));
        check("timestamp_ms", value("1752496496789"));
        check("camera_id", value("cam"));
        check("frame", value("7"));
        check("session.plate", value("AB 1"));
        check("progression_stage", value("car_wait_staff"));
        let id = with_facts(Occasion::Detection, Some(12), |facts| facts.get("id"));
        assert_eq!(id, value("12"));
    }

    #[test]
    fn every_name_that_archives_are_told_of_is_known() {
        for name in names::OF_DETECTION {
            let fact = with_facts(Occasion::Detection, None, |facts| facts.get(name));
            assert_ne!(fact, Fact::Unknown, "{name}");
        }
        for part in names::OF_BRANCH {
            let name = format!("color.{part}");
            assert!(matches!(
                with_facts(Occasion::Detection, None, |facts| facts.get(&name)),
                Fact::Known(_)
            ));
        }
    }

    #[test]
    fn nodes_are_known_by_their_names() {
        check("color", value("red"));
        check("color.class", value("red"));
        check("color.brand", value("red"));
        check("color.confidence", value("0.875"));
        check("cars", value("car"));
        check("cars.confidence", value("0.91"));
    }

    #[test]
    fn what_has_no_value_is_told_from_what_is_no_name() {
        check("plate", Fact::Missing);
        check("session_id", Fact::Missing);
        check("session.color", Fact::Missing);
        check("image_key", Fact::Missing);
        check("id", Fact::Missing);
        check("wheel", Fact::Unknown);
        check("color.wheel", Fact::Unknown);
    }

    #[test]
    fn what_is_said_of_another_finding_counts_when_they_are_one_event() {
        check("brand.v1", Fact::Missing);
        let brand = with_facts(Occasion::Answer, None, |facts| facts.get("brand.v1.brand"));
        assert_eq!(brand, value("Honda"));
        let has = with_facts(Occasion::Answer, None, |facts| {
            ["color", "brand.v1", "plate"].map(|name| facts.has(name))
        });
        assert_eq!(has, [true, true, false]);
    }

    #[test]
    fn what_is_said_of_the_whole_picture_counts_for_everything_in_it() {
        check("sky", value("grey"));
    }
}

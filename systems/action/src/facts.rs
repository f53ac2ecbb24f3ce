//! What is known of a finding, by the names that templates use.

use detector_components::geometry::BBox;
use detector_components::results::Finding;
use jiff::Timestamp;

use crate::template::Fact;

/// What the actions of one finding may name.
pub struct Facts<'a> {
    /// What was found, and what its branches say of it.
    pub finding: &'a Finding,
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
    /// The CMS's identifier of the model.
    pub model_id: String,
    /// The CMS's name of the model.
    pub model_name: String,
    /// The same throughout the actions of one finding.
    pub uuid: String,
    /// The key of the picture that an action before this one saves.
    pub image_key: Option<String>,
    /// The names of all branches below, those that did not answer included.
    pub branches: &'a [String],
}

impl Facts<'_> {
    /// What a name stands for.
    pub fn get(&self, name: &str) -> Fact {
        let BBox { x1, y1, x2, y2 } = self.finding.bbox_in_frame;
        let pixels = |side: f32| (side.round() as i64).to_string();
        Fact::Known(match name {
            "class" => self.finding.class.to_string(),
            "confidence" => confidence(self.finding.confidence),
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
            "camera_id" => self.camera_id.clone(),
            "display_id" => self.display_id.clone(),
            "subscription_id" => self.subscription_id.clone(),
            "model_id" => self.model_id.clone(),
            "model_name" => self.model_name.clone(),
            "frame" => self.frame.to_string(),
            "session_id" => return self.session_id.clone().map_or(Fact::Missing, Fact::Known),
            "image_key" => return self.image_key.clone().map_or(Fact::Missing, Fact::Known),
            // Set by tracking and by the CMS; neither is there yet.
            "id" | "progression_stage" => return Fact::Missing,
            _ if name.starts_with("session.") => return Fact::Missing,
            _ => return self.of_branch(name),
        })
    }

    /// `BRANCH`, `BRANCH.class`, `BRANCH.confidence`, and the names of old archives for its class.
    fn of_branch(&self, name: &str) -> Fact {
        let (branch, what) = match name.rsplit_once('.') {
            Some((branch, what)) if self.branches.iter().any(|known| known == branch) => {
                (branch, what)
            }
            _ => (name, "class"),
        };
        if !self.branches.iter().any(|known| known == branch) {
            return Fact::Unknown;
        }
        let best = self.finding.best_of_branches();
        let Some((_, best)) = best.into_iter().find(|(known, _)| &***known == branch) else {
            return Fact::Missing;
        };
        match what {
            "class" | "brand" | "body_type" | "color" => Fact::Known(best.class.to_string()),
            "confidence" => Fact::Known(confidence(best.confidence)),
            _ => Fact::Unknown,
        }
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

    use bevy_ecs::prelude::*;
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

    #[track_caller]
    fn check(name: &str, expected: Fact) {
        let answered = BranchFindings {
            node: Entity::PLACEHOLDER,
            name: Arc::from("color"),
            findings: vec![finding("red", 0.875, Vec::new())],
        };
        let finding = finding("car", 0.91, vec![answered]);
        let branches = ["color".to_owned(), "plate".to_owned()];
        let facts = Facts {
            finding: &finding,
            captured: "2025-07-14T12:34:56.789Z".parse().unwrap(),
            frame: 7,
            subscription_id: "gate;cam".to_owned(),
            display_id: "gate".to_owned(),
            camera_id: "cam".to_owned(),
            session_id: None,
            model_id: "101".to_owned(),
            model_name: "Vehicles".to_owned(),
            uuid: "u".to_owned(),
            image_key: None,
            branches: &branches,
        };
        assert_eq!(facts.get(name), expected, "{name}");
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
    }

    #[test]
    fn branches_are_known_by_their_names() {
        check("color", value("red"));
        check("color.class", value("red"));
        check("color.brand", value("red"));
        check("color.confidence", value("0.875"));
    }

    #[test]
    fn what_has_no_value_is_told_from_what_is_no_name() {
        check("plate", Fact::Missing);
        check("session_id", Fact::Missing);
        check("image_key", Fact::Missing);
        check("wheel", Fact::Unknown);
        check("color.wheel", Fact::Unknown);
    }
}

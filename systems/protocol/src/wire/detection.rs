//! `imageDetection`: what was seen in one frame.

use detector_components::display::Session;
use detector_components::geometry::Point;
use detector_components::integrity::{Integrity, PictureFault};
use detector_components::outline::{Keypoint, Outline};
use detector_components::results::Finding;
use detector_components::subscription::Subscription;
use jiff::Timestamp;
use serde::Serialize;
use serde_json::{Map, Value, json};
use tokio_tungstenite::tungstenite::Utf8Bytes;

use super::{decimals, external_id};

/// What everyone who watches a view is told of one of its passes.
pub struct Seen {
    /// When the frame arrived.
    pub captured: Timestamp,
    /// How long ago that was.
    pub frame_age_millis: u64,
    /// Number of the frame.
    pub sequence: u64,
    /// Columns of the frame.
    pub width: u32,
    /// Rows of the frame.
    pub height: u32,
    /// Whether the frame can be trusted.
    pub integrity: Integrity,
    /// When the frame was taken, by the camera's own clock, where it has one.
    pub camera_time: Option<Timestamp>,
    /// What was found, best first, as [`finding`] writes it.
    pub detections: Vec<Value>,
}

/// What was seen in one frame. Not sent when nothing was.
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[derive(Serialize)]
#[serde(tag = "type", rename = "imageDetection", rename_all = "camelCase")]
pub struct ImageDetection<'a> {
    subscription_identifier: &'a str,
    /// When the frame arrived, by this machine's clock: UTC, with milliseconds.
    timestamp: String,
    /// When the frame was taken, by the camera's own clock: UTC, with milliseconds. Only where the
    /// camera says the time.
    #[serde(skip_serializing_if = "Option::is_none")]
    camera_timestamp: Option<String>,
    data: Data<'a>,
    #[cfg_attr(test, schemars(with = "Option<super::schema::Id>"))]
    #[serde(skip_serializing_if = "Option::is_none")]
    session_id: Option<Value>,
    frame_age_ms: u64,
    frame: u64,
    image_width: u32,
    image_height: u32,
    /// What may be wrong with the frame. Only where something may be.
    #[serde(skip_serializing_if = "Option::is_none")]
    integrity: Option<&'static str>,
}

#[cfg_attr(test, derive(schemars::JsonSchema))]
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Data<'a> {
    /// The best.
    #[cfg_attr(test, schemars(with = "super::schema::Detection"))]
    detection: &'a Value,
    #[cfg_attr(test, schemars(with = "super::schema::Id"))]
    model_id: Value,
    model_name: &'a str,
    /// All of them, best first.
    #[cfg_attr(test, schemars(with = "Vec<super::schema::Detection>"))]
    detections: &'a [Value],
}

/// Writes an `imageDetection`. None when nothing was found.
pub fn image_detection(
    seen: &Seen,
    subscription: &Subscription,
    session: Option<&Session>,
) -> Option<Utf8Bytes> {
    let message = ImageDetection {
        subscription_identifier: subscription.id.as_str(),
        timestamp: format!("{:.3}", seen.captured),
        camera_timestamp: seen.camera_time.map(|time| format!("{time:.3}")),
        data: Data {
            detection: seen.detections.first()?,
            model_id: external_id(&subscription.model_id),
            model_name: &subscription.model_name,
            detections: &seen.detections,
        },
        session_id: session.map(|session| external_id(&session.0)),
        frame_age_ms: seen.frame_age_millis,
        frame: seen.sequence,
        image_width: seen.width,
        image_height: seen.height,
        integrity: seen.integrity.fault().map(PictureFault::as_str),
    };
    Some(serde_json::to_string(&message).expect("its keys are texts").into())
}

/// A finding as flat keys and values: its own, then the best of each branch under the branch's
/// name, then all of the branches as a tree of findings in the same form.
pub fn finding(finding: &Finding) -> Value {
    let bbox = finding.bbox_in_frame;
    let mut fields = Map::new();
    fields.insert("class".to_owned(), json!(finding.class));
    fields.insert("confidence".to_owned(), confidence(finding.confidence));
    if let Some(track) = finding.track {
        fields.insert("id".to_owned(), json!(track));
    }
    let corners = [bbox.x1, bbox.y1, bbox.x2, bbox.y2].map(|corner| corner.round() as i64);
    fields.insert("bbox".to_owned(), json!(corners));
    if let Some(outline) = &finding.outline_in_frame {
        tell(outline, &mut fields);
    }
    for (branch, best) in finding.best_of_branches() {
        // A branch that is called as a field of the protocol is found in the tree only.
        fields.entry(&**branch).or_insert_with(|| json!(best.class));
        fields.entry(format!("{branch}Confidence")).or_insert_with(|| confidence(best.confidence));
    }
    if !finding.branches.is_empty() {
        let tree: Map<_, _> = finding
            .branches
            .iter()
            .map(|branch| {
                let findings = branch.findings.iter().map(self::finding);
                (branch.name.to_string(), Value::Array(findings.collect()))
            })
            .collect();
        fields.insert("branchResults".to_owned(), Value::Object(tree));
    }
    Value::Object(fields)
}

/// What a network tells beside a box: `mask`, `keypoints`, or `angle` and `corners`.
fn tell(outline: &Outline, fields: &mut Map<String, Value>) {
    let point = |point: &Point| json!([point.x.round() as i64, point.y.round() as i64]);
    match outline {
        Outline::Mask(parts) => {
            let part = |part: &Vec<Point>| part.iter().map(point).collect::<Value>();
            fields.insert("mask".to_owned(), parts.iter().map(part).collect());
        }
        Outline::Keypoints(points) => {
            let keypoint = |keypoint: &Keypoint| {
                let mut numbers = point(&keypoint.point);
                if let (Some(numbers), Some(visibility)) =
                    (numbers.as_array_mut(), keypoint.visibility)
                {
                    numbers.push(confidence(visibility));
                }
                numbers
            };
            fields.insert("keypoints".to_owned(), points.iter().map(keypoint).collect());
        }
        Outline::Rotated { corners, angle } => {
            fields.insert("angle".to_owned(), decimals(*angle, 6));
            fields.insert("corners".to_owned(), corners.iter().map(point).collect());
        }
    }
}

fn confidence(value: f32) -> Value {
    decimals(value, 6)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use bevy_ecs::prelude::Entity;
    use detector_components::geometry::BBox;
    use detector_components::results::BranchFindings;

    use super::*;

    fn found(class: &str, confidence: f32, branches: Vec<(&str, Vec<Finding>)>) -> Finding {
        let branch = |(name, findings): (&str, _)| BranchFindings {
            node: Entity::PLACEHOLDER,
            name: Arc::from(name),
            findings,
        };
        Finding {
            class: Arc::from(class),
            class_id: 0,
            confidence,
            bbox_in_frame: BBox { x1: 10.4, y1: 19.6, x2: 300.0, y2: 199.9 },
            outline_in_frame: None,
            track: None,
            top: Vec::new(),
            branches: branches.into_iter().map(branch).collect(),
        }
    }

    #[track_caller]
    fn check_told(outline: Outline, expected: Value) {
        let found = Finding { outline_in_frame: Some(outline), ..found("person", 0.5, Vec::new()) };
        let written = finding(&found);
        for (name, value) in expected.as_object().unwrap() {
            assert_eq!(&written[name], value);
        }
    }

    #[test]
    fn what_a_network_tells_beside_a_box_is_written() {
        let point = |x, y| Point { x, y };
        let triangle = vec![point(1.2, 2.0), point(9.0, 2.6), point(5.0, 7.0)];
        check_told(Outline::Mask(vec![triangle]), json!({"mask": [[[1, 2], [9, 3], [5, 7]]]}));
        let keypoints = [(point(1.0, 2.0), Some(0.25)), (point(3.0, 4.0), None)];
        let keypoints =
            keypoints.map(|(point, visibility)| Keypoint { point, visibility }).to_vec();
        check_told(Outline::Keypoints(keypoints), json!({"keypoints": [[1, 2, 0.25], [3, 4]]}));
        let corners = [point(0.0, 0.0), point(4.0, 0.0), point(4.0, 2.0), point(0.0, 2.0)];
        check_told(
            Outline::Rotated { corners, angle: 0.5 },
            json!({"angle": 0.5, "corners": [[0, 0], [4, 0], [4, 2], [0, 2]]}),
        );
    }

    #[test]
    fn what_is_tracked_has_its_number() {
        let tracked = Finding { track: Some(7), ..found("car", 0.5, Vec::new()) };
        assert_eq!(finding(&tracked)["id"], json!(7));
        assert_eq!(finding(&found("car", 0.5, Vec::new())).get("id"), None);
    }

    #[test]
    fn branches_are_merged_flat_and_kept_as_a_tree() {
        let brand = found("Honda", 0.8, vec![]);
        let plate = found("plate", 0.7, vec![("country", vec![found("NL", 0.95, vec![])])]);
        let car = found("car", 0.91, vec![("carBrand", vec![brand]), ("plate", vec![plate])]);

        let bbox = json!([10, 20, 300, 200]);
        let country = json!({"class": "NL", "confidence": 0.95, "bbox": bbox});
        assert_eq!(
            finding(&car),
            json!({
                "class": "car", "confidence": 0.91, "bbox": bbox,
                "carBrand": "Honda", "carBrandConfidence": 0.8,
                "plate": "plate", "plateConfidence": 0.7,
                "country": "NL", "countryConfidence": 0.95,
                "branchResults": {
                    "carBrand": [{"class": "Honda", "confidence": 0.8, "bbox": bbox}],
                    "plate": [{
                        "class": "plate", "confidence": 0.7, "bbox": bbox,
                        "country": "NL", "countryConfidence": 0.95,
                        "branchResults": {"country": [country]},
                    }],
                },
            })
        );
    }

    #[test]
    fn a_branch_that_found_nothing_is_an_empty_list() {
        let car = found("car", 0.5, vec![("plate", vec![])]);
        assert_eq!(finding(&car)["branchResults"], json!({"plate": []}));
        assert_eq!(finding(&car).get("plate"), None);
    }

    #[test]
    fn a_branch_cannot_replace_what_the_finding_itself_says() {
        let car = found("car", 0.5, vec![("class", vec![found("red", 0.9, vec![])])]);
        assert_eq!(finding(&car)["class"], "car");
        assert_eq!(finding(&car)["branchResults"]["class"][0]["class"], "red");
    }
}

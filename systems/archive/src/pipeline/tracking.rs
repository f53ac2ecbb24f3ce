//! How a node's detections are followed.

use std::time::Duration;

use detector_components::node::{Tracking, TrackingMethod};

use super::fields::Fields;

/// Methods of the old worker's trackers that look at pictures as well as at boxes.
const BY_APPEARANCE: [&str; 6] =
    ["botsort", "strongsort", "deepsort", "deepocsort", "boosttrack", "hybridsort"];
/// The longest that something may be out of sight: ten minutes.
const MAX_LOST_SECS: f64 = 600.0;

/// Reads `tracking`. None when it is off, or wrong: the fields say where.
pub fn read(fields: &mut Fields) -> Option<Tracking> {
    let default = Tracking::default();
    let enabled = fields.flag("enabled").unwrap_or(false);
    let method = fields.text("method").map(|name| name.to_lowercase());
    let lost = fields.number("lostSeconds", 0.0, MAX_LOST_SECS);
    let min_overlap = fields.fraction("minOverlap");
    let low_confidence = fields.fraction("lowConfidence");
    let stable_after = fields.whole("stabilityThreshold", 0, 1_000);
    let per_class = fields.flag("perClass");
    let path = fields.path("method");
    let method = match method.as_deref() {
        None | Some("ocsort" | "default") => TrackingMethod::OcSort,
        Some("bytetrack") => TrackingMethod::ByteTrack,
        Some(name) if BY_APPEARANCE.contains(&name) => {
            fields.warn(&format!("{path}: {name:?} is not built in, \"ocsort\" is used"));
            TrackingMethod::OcSort
        }
        Some(name) => {
            fields.fault(&format!("{path}: expected \"ocsort\" or \"bytetrack\", found {name:?}"));
            return None;
        }
    };
    enabled.then(|| Tracking {
        method,
        lost: lost.map_or(default.lost, Duration::from_secs_f64),
        min_overlap: min_overlap.unwrap_or(default.min_overlap),
        low_confidence: low_confidence.unwrap_or(default.low_confidence),
        stable_after: stable_after
            .and_then(|frames| u32::try_from(frames).ok())
            .map_or(default.stable_after, |frames| frames.max(1)),
        per_class: per_class.unwrap_or(default.per_class),
    })
}

//! The names that templates know, beside those of an archive's own nodes.

/// What they call a detection, its frame and whoever watches.
pub const OF_DETECTION: [&str; 21] = [
    "class",
    "confidence",
    "id",
    "bbox",
    "x1",
    "y1",
    "x2",
    "y2",
    "timestamp",
    "timestamp_ms",
    "uuid",
    "filename",
    "image_key",
    "camera_id",
    "display_id",
    "session_id",
    "subscription_id",
    "model_id",
    "model_name",
    "frame",
    "progression_stage",
];

/// What follows a node's name and a point. Old archives call a class by what it means.
pub const OF_BRANCH: [&str; 5] = ["class", "confidence", "brand", "body_type", "color"];

/// What stands before the key of a value of the session.
pub const SESSION_PREFIX: &str = "session.";

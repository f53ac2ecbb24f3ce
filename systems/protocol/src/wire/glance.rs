//! What a view saw last, beside the frame that it saw it in.

use serde::Serialize;
use serde_json::Value;

/// What is said of a frame that is shown.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Glance {
    /// Number of the frame.
    pub frame: u64,
    /// When it was taken.
    pub timestamp: String,
    /// How long ago that was.
    pub frame_age_ms: u64,
    /// Columns of the camera's frame.
    pub image_width: u32,
    /// Rows of the camera's frame.
    pub image_height: u32,
    /// The part of the camera's frame that the picture shows: left, top, right, bottom.
    pub region: [u32; 4],
    /// Time that the networks took. None while nothing has been found out yet.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub inference_ms: Option<Value>,
    /// What was found in this frame, best first, as in an `imageDetection`.
    pub detections: Vec<Value>,
}

//! What a network predicts, in the words of the other stages.

use detector_components::geometry::{BBox, Point};
use detector_components::job::{Answer, TensorBox};
use detector_components::outline::{Keypoint, Outline};
use detector_yolo::{Detail, Prediction};

/// A prediction in the words of the other stages. Finding the outline of a mask is work: called on
/// the device's thread.
pub fn answer(prediction: Prediction) -> Answer {
    match prediction {
        Prediction::Probabilities(probabilities) => Answer::Probabilities(probabilities),
        Prediction::Boxes(boxes) => Answer::Boxes(
            boxes
                .into_iter()
                .map(|found| {
                    let [x1, y1, x2, y2] = found.bbox;
                    TensorBox {
                        bbox_in_tensor: BBox { x1, y1, x2, y2 },
                        confidence: found.confidence,
                        class_id: found.class,
                        outline_in_tensor: found.detail.as_ref().map(outline),
                    }
                })
                .collect(),
        ),
    }
}

fn outline(detail: &Detail) -> Outline {
    let point = |[x, y]: [f32; 2]| Point { x, y };
    match detail {
        Detail::Mask(mask) => {
            let part = |part: Vec<[f32; 2]>| part.into_iter().map(point).collect();
            Outline::Mask(mask.polygons().into_iter().map(part).collect())
        }
        Detail::Keypoints(points) => Outline::Keypoints(
            points
                .iter()
                .map(|keypoint| Keypoint {
                    point: point(keypoint.position),
                    visibility: keypoint.visibility,
                })
                .collect(),
        ),
        Detail::Rotated(rotated) => {
            Outline::Rotated { corners: rotated.corners().map(point), angle: rotated.angle }
        }
    }
}

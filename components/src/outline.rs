//! The form of what was found, where a network tells more than a box.

use crate::geometry::Point;

/// The form of what was found. The space of its points is part of the name of what has it.
#[derive(Debug, Clone, PartialEq)]
pub enum Outline {
    /// The outer edges of its parts, the largest one first.
    Mask(Vec<Vec<Point>>),
    /// Points of it, in the order of the network's training.
    Keypoints(Vec<Keypoint>),
    /// A rotated box.
    Rotated {
        /// In turn.
        corners: [Point; 4],
        /// By how much it is rotated, in radians, clockwise as one looks at it.
        angle: f32,
    },
}

/// A point of what was found.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Keypoint {
    /// Where it is.
    pub point: Point,
    /// 0 to 1: how sure it is that it can be seen, if the network tells.
    pub visibility: Option<f32>,
}

impl Outline {
    /// The same form, each of its points put elsewhere.
    pub fn map(&self, to: impl Fn(Point) -> Point) -> Self {
        match self {
            Self::Mask(parts) => {
                let part = |part: &Vec<Point>| part.iter().copied().map(&to).collect();
                Self::Mask(parts.iter().map(part).collect())
            }
            Self::Keypoints(points) => {
                let keypoint =
                    |keypoint: &Keypoint| Keypoint { point: to(keypoint.point), ..*keypoint };
                Self::Keypoints(points.iter().map(keypoint).collect())
            }
            Self::Rotated { corners, angle } => {
                Self::Rotated { corners: corners.map(to), angle: *angle }
            }
        }
    }
}

//! Boxes that are rotated.

use std::f32::consts::PI;

use super::sigmoid;

/// A box that is rotated.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct RotatedBox {
    /// `[x, y]` of its middle, in pixels of the input tensor.
    pub middle: [f32; 2],
    /// `[width, height]` before it is rotated, in pixels.
    pub size: [f32; 2],
    /// By how much it is rotated around its middle, in radians, clockwise as one looks at it.
    pub angle: f32,
}

/// How a head tells an angle.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum AngleForm {
    /// Through a sigmoid: from a quarter turn to the left to three quarters to the right.
    Logit,
    /// As it is.
    Radians,
}

impl AngleForm {
    /// The angle in radians.
    pub fn angle(self, number: f32) -> f32 {
        match self {
            Self::Logit => (sigmoid(number) - 0.25) * PI,
            Self::Radians => number,
        }
    }
}

impl RotatedBox {
    /// The box whose sides have these distances from an anchor, along its own axes.
    ///
    /// # Shapes
    ///
    /// - `sides`: left, top, right, bottom, in strides
    pub(super) fn around(
        [x, y]: [f32; 2],
        stride: f32,
        [left, top, right, bottom]: [f32; 4],
        angle: f32,
    ) -> Self {
        let (sin, cos) = angle.sin_cos();
        let (along, across) = ((right - left) / 2.0, (bottom - top) / 2.0);
        let middle = [x + along * cos - across * sin, y + along * sin + across * cos];
        let size = [left + right, top + bottom];
        Self { middle: middle.map(|at| at * stride), size: size.map(|side| side * stride), angle }
    }

    pub(super) fn is_finite(&self) -> bool {
        self.middle.iter().chain(&self.size).all(|number| number.is_finite())
            && self.angle.is_finite()
    }

    /// Its corners `[x, y]`, in turn.
    pub fn corners(&self) -> [[f32; 2]; 4] {
        let (sin, cos) = self.angle.sin_cos();
        let [width, height] = self.size.map(|side| side / 2.0);
        [[-width, -height], [width, -height], [width, height], [-width, height]]
            .map(|[x, y]| [self.middle[0] + x * cos - y * sin, self.middle[1] + x * sin + y * cos])
    }

    /// The smallest box around it that is not rotated, `[x1, y1, x2, y2]`.
    pub fn bounds(&self) -> [f32; 4] {
        let (sin, cos) = self.angle.sin_cos();
        let [width, height] = self.size.map(|side| side.abs() / 2.0);
        let reach =
            [width * cos.abs() + height * sin.abs(), width * sin.abs() + height * cos.abs()];
        let [x, y] = self.middle;
        [x - reach[0], y - reach[1], x + reach[0], y + reach[1]]
    }

    /// How much two boxes overlap, 0 to 1: one minus the Hellinger distance of the two normal
    /// distributions with the boxes' means and covariances (Murrugarra-Llerena et al., "Probabilistic
    /// Intersection-over-Union for Training and Evaluation of Oriented Object Detectors", 2021).
    pub(crate) fn overlap(&self, other: &Self) -> f32 {
        /// Keeps divisions and roots away from zero. As Ultralytics.
        const EPSILON: f32 = 1e-7;
        let [a1, b1, c1] = self.covariance();
        let [a2, b2, c2] = other.covariance();
        let (a, b, c) = (a1 + a2, b1 + b2, c1 + c2);
        let [dx, dy] = [0, 1].map(|axis| self.middle[axis] - other.middle[axis]);
        let determinant = a * b - c * c;
        let apart = (a * dy * dy + b * dx * dx) / (determinant + EPSILON) / 4.0
            - c * dx * dy / (determinant + EPSILON) / 2.0;
        let determinants = (a1 * b1 - c1 * c1).max(0.0) * (a2 * b2 - c2 * c2).max(0.0);
        let unlike = (determinant / (4.0 * determinants.sqrt() + EPSILON) + EPSILON).ln() / 2.0;
        let bhattacharyya = (apart + unlike).clamp(EPSILON, 100.0);
        1.0 - (1.0 - (-bhattacharyya).exp() + EPSILON).sqrt()
    }

    /// Of the uniform distribution over the box: of x, of y, of both.
    fn covariance(&self) -> [f32; 3] {
        let [a, b] = self.size.map(|side| side * side / 12.0);
        let (sin, cos) = self.angle.sin_cos();
        [a * cos * cos + b * sin * sin, a * sin * sin + b * cos * cos, (a - b) * cos * sin]
    }
}

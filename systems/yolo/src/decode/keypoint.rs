//! Points of what is in a box.

use super::{Anchor, sigmoid};

/// A point of what is in a box.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Keypoint {
    /// `[x, y]` in pixels of the input tensor.
    pub position: [f32; 2],
    /// 0 to 1: how sure it is that the point can be seen, if the network tells.
    pub visibility: Option<f32>,
}

/// Where the numbers of a keypoint count from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum KeypointForm {
    /// Twice the number, in strides, from the corner of the anchor's cell.
    FromCorner,
    /// The number, in strides, from the middle of the anchor's cell.
    FromMiddle,
}

/// # Shapes
///
/// - `number`: gives the numbers of all points after each other
pub(super) fn keypoints(
    number: impl Fn(usize) -> f32,
    count: usize,
    visibility: bool,
    form: KeypointForm,
    anchor: &Anchor,
) -> Vec<Keypoint> {
    let stride = if visibility { 3 } else { 2 };
    (0..count)
        .map(|point| {
            let position = [0, 1].map(|axis| {
                let (number, middle) = (number(point * stride + axis), anchor.middle[axis]);
                anchor.stride
                    * match form {
                        KeypointForm::FromCorner => number * 2.0 + (middle - 0.5),
                        KeypointForm::FromMiddle => number + middle,
                    }
            });
            let visibility = visibility.then(|| sigmoid(number(point * stride + 2)));
            Keypoint { position, visibility }
        })
        .collect()
}

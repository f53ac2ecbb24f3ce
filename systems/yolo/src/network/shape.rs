//! Shapes, computed before any tensor exists.
//!
//! A tensor library answers shapes that do not fit with a panic. A checkpoint comes from outside,
//! so every module first says what it makes of its input's shape, or why it cannot.

use super::error::NetworkError;
use super::place::Place;

/// Most values that one picture may have in any layer: four times what the largest known network
/// has at 1280 pixels.
const MAX_VALUES: usize = 1 << 28;

/// Shape of one picture inside the network.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Shape {
    pub channels: usize,
    pub height: usize,
    pub width: usize,
}

impl Shape {
    /// Refuses what has no values, or too many.
    pub fn checked(self, place: &Place) -> Result<Self, NetworkError> {
        let Self { channels, height, width } = self;
        if channels == 0 || height == 0 || width == 0 {
            return Err(unfit(place, format!("its output {channels}x{height}x{width} is empty")));
        }
        match channels.checked_mul(height).and_then(|values| values.checked_mul(width)) {
            Some(values) if values <= MAX_VALUES => Ok(self),
            _ => Err(NetworkError::TooLarge {
                place: place.clone(),
                what: "number of values in its output",
                limit: MAX_VALUES,
            }),
        }
    }

    /// Refuses another number of channels than `channels`.
    pub fn expect_channels(self, channels: usize, place: &Place) -> Result<(), NetworkError> {
        if self.channels == channels {
            return Ok(());
        }
        Err(unfit(place, format!("takes {channels} channels but gets {}", self.channels)))
    }

    /// Refuses to add tensors of different shapes.
    pub fn expect_equal(self, other: Self, place: &Place) -> Result<(), NetworkError> {
        if self == other {
            return Ok(());
        }
        Err(unfit(place, format!("cannot add {self:?} to {other:?}")))
    }
}

/// Size after a window moved over `size` values, or nothing where it does not fit once.
pub(crate) fn slid(
    size: usize,
    kernel: usize,
    stride: usize,
    padding: usize,
    dilation: usize,
) -> Option<usize> {
    let reach = dilation.checked_mul(kernel.checked_sub(1)?)?.checked_add(1)?;
    let room = size.checked_add(padding.checked_mul(2)?)?.checked_sub(reach)?;
    Some(room.checked_div(stride)? + 1)
}

pub(crate) fn unfit(place: &Place, problem: impl Into<String>) -> NetworkError {
    NetworkError::Unfit { place: place.clone(), problem: problem.into() }
}

//! Shapes of tensors.

use std::fmt;

/// The shape of a tensor of one picture.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shape {
    /// How many numbers each place has.
    pub channels: usize,
    /// Rows of places.
    pub height: usize,
    /// Places of a row.
    pub width: usize,
}

/// Most numbers of one tensor. What is larger was not meant.
const MOST: usize = 1 << 30;

impl Shape {
    /// How many numbers it has.
    pub fn len(self) -> usize {
        self.channels * self.height * self.width
    }

    /// Whether it has none. No tensor of a network is.
    pub fn is_empty(self) -> bool {
        self.len() == 0
    }

    /// Refuses what has no numbers or more than can be meant.
    pub(crate) fn checked(self) -> Result<Self, String> {
        let len = self.channels.checked_mul(self.height).and_then(|n| n.checked_mul(self.width));
        match len {
            Some(0) => Err(format!("a tensor of {self} is empty")),
            Some(len) if len <= MOST => Ok(self),
            _ => Err(format!("a tensor of {self} is too large")),
        }
    }
}

impl fmt::Display for Shape {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}x{}x{}", self.channels, self.height, self.width)
    }
}

/// How often a window of `size`, its numbers `dilation` apart, fits into `places`.
pub(crate) fn slid(
    places: usize,
    size: usize,
    stride: usize,
    padding: [usize; 2],
    dilation: usize,
) -> Option<usize> {
    let reach = size.checked_sub(1)?.checked_mul(dilation)?.checked_add(1)?;
    let room = places.checked_add(padding[0])?.checked_add(padding[1])?.checked_sub(reach)?;
    Some(room.checked_div(stride)? + 1)
}

//! How the places of a tensor lie in memory.

use crate::simd::LANES;

/// Height and width of a tensor, with the margin of zeros around it.
///
/// A tensor is blocks of sixteen channels; a block is a plane of places, row by row, and a place is
/// its sixteen numbers. So a place's neighbours lie at fixed distances, whatever the number of
/// channels. The margin is there for convolutions to read: it is zero from the beginning and nobody
/// writes it, since memory is only ever reused by tensors of the same grid.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Grid {
    pub height: usize,
    pub width: usize,
    pub margin: Margin,
}

/// Places around a tensor.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub(crate) struct Margin {
    pub top: usize,
    pub left: usize,
    pub bottom: usize,
    pub right: usize,
}

impl Margin {
    /// Enough for both.
    pub fn union(self, other: Self) -> Self {
        Self {
            top: self.top.max(other.top),
            left: self.left.max(other.left),
            bottom: self.bottom.max(other.bottom),
            right: self.right.max(other.right),
        }
    }
}

impl Grid {
    /// Places from one row to the next.
    pub fn pitch(&self) -> usize {
        self.margin.left + self.width + self.margin.right
    }

    /// Numbers from one row to the next.
    pub fn row(&self) -> usize {
        self.pitch() * LANES
    }

    /// Numbers of a plane.
    pub fn plane(&self) -> usize {
        (self.margin.top + self.height + self.margin.bottom) * self.row()
    }

    /// Where a place's numbers begin in its plane.
    pub fn at(&self, y: usize, x: usize) -> usize {
        (self.margin.top + y) * self.row() + (self.margin.left + x) * LANES
    }

    /// The same for a place that may lie in the margin.
    pub fn offset(&self, y: isize, x: isize) -> isize {
        self.at(0, 0) as isize + y * self.row() as isize + x * LANES as isize
    }
}

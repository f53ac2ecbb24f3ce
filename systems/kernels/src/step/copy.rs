//! Numbers that only move: channels put together, places repeated, margins added.

use crate::element::Element;
use crate::grid::Grid;
use crate::simd::{LANES, Simd};

use super::{Context, Step};

/// Channels that do not come in whole blocks, put together one by one.
pub(crate) struct Gather {
    /// For each output channel the plane that it is in, and its number in a place.
    pub channels: Vec<(usize, usize)>,
    pub output: Vec<usize>,
    pub grid: Grid,
}

impl<E: Element> Step<E> for Gather {
    fn tasks(&self) -> usize {
        self.output.len()
    }

    #[inline(always)]
    unsafe fn run<S: Simd>(&self, _: S, block: usize, context: &Context<E>) {
        let channels = self.channels.iter().skip(block * LANES).take(LANES);
        for (lane, &(plane, from_lane)) in channels.enumerate() {
            for y in 0..self.grid.height {
                for x in 0..self.grid.width {
                    let at = self.grid.at(y, x);
                    // SAFETY: both places are in their planes.
                    unsafe {
                        let value = *context.planes.add(plane + at + from_lane);
                        *context.planes.add(self.output[block] + at + lane) = value;
                    }
                }
            }
        }
    }
}

/// A tensor in which each place is a copy of some place of another, or of one value.
pub(crate) struct Rearrange {
    pub input: Vec<usize>,
    pub grid: Grid,
    pub output: Vec<usize>,
    pub output_grid: Grid,
    /// For each output row and column where it comes from, or nothing where `value` stands.
    pub rows: Vec<Option<usize>>,
    pub columns: Vec<Option<usize>>,
    pub value: f32,
}

/// Rows of a task.
const ROWS_OF_TASK: usize = 16;

impl<E: Element> Step<E> for Rearrange {
    fn tasks(&self) -> usize {
        self.output.len() * self.output_grid.height.div_ceil(ROWS_OF_TASK)
    }

    #[inline(always)]
    unsafe fn run<S: Simd>(&self, simd: S, task: usize, context: &Context<E>) {
        let chunks = self.output_grid.height.div_ceil(ROWS_OF_TASK);
        let (block, first) = (task / chunks, task % chunks * ROWS_OF_TASK);
        for (y, row) in self.rows.iter().enumerate().skip(first).take(ROWS_OF_TASK) {
            for (x, column) in self.columns.iter().enumerate() {
                // SAFETY: both places are in their grids.
                unsafe {
                    let value = match (*row, *column) {
                        (Some(y), Some(x)) => {
                            let at = self.input[block] + self.grid.at(y, x);
                            E::load(simd, context.planes.add(at))
                        }
                        _ => simd.splat(self.value),
                    };
                    let to = self.output[block] + self.output_grid.at(y, x);
                    E::store(simd, context.planes.add(to), value);
                }
            }
        }
    }
}

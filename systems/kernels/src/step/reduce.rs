//! Means over places, and shares of channels.

use crate::element::Element;
use crate::grid::Grid;
use crate::simd::{LANES, Math, Simd};

use super::{Context, Step};

/// The mean of each channel over all places.
pub(crate) struct Mean {
    pub input: Vec<usize>,
    pub grid: Grid,
    pub output: Vec<usize>,
    /// Of one place.
    pub output_grid: Grid,
}

impl<E: Element> Step<E> for Mean {
    fn tasks(&self) -> usize {
        self.input.len()
    }

    #[inline(always)]
    unsafe fn run<S: Simd>(&self, simd: S, block: usize, context: &Context<E>) {
        // SAFETY: the places are in their planes.
        unsafe {
            let mut sum = simd.splat(0.0);
            for y in 0..self.grid.height {
                let row = context.planes.add(self.input[block] + self.grid.at(y, 0));
                for x in 0..self.grid.width {
                    sum = simd.add(sum, E::load(simd, row.add(x * LANES)));
                }
            }
            let places = self.grid.height * self.grid.width;
            let mean = simd.multiply(sum, simd.splat(1.0 / places as f32));
            let to = self.output[block] + self.output_grid.at(0, 0);
            E::store(simd, context.planes.add(to), mean);
        }
    }
}

/// The softmax over the channels of each place.
pub(crate) struct Softmax {
    pub channels: usize,
    pub input: Vec<usize>,
    pub output: Vec<usize>,
    pub grid: Grid,
}

impl<E: Element> Step<E> for Softmax {
    fn tasks(&self) -> usize {
        self.grid.height
    }

    fn scratch(&self) -> usize {
        self.input.len() * LANES
    }

    #[inline(always)]
    unsafe fn run<S: Simd>(&self, simd: S, y: usize, context: &Context<E>) {
        for x in 0..self.grid.width {
            let at = self.grid.at(y, x);
            // SAFETY: the places are in their planes, and the scratch holds one place.
            unsafe {
                for (block, &plane) in self.input.iter().enumerate() {
                    let value = E::load(simd, context.planes.add(plane + at));
                    simd.store(context.scratch.add(block * LANES), value);
                }
                // What is not a channel has no share.
                for lane in self.channels..self.input.len() * LANES {
                    *context.scratch.add(lane) = f32::NEG_INFINITY;
                }
                softmax(simd, context.scratch, self.input.len(), LANES);
                for (block, &plane) in self.output.iter().enumerate() {
                    let value = simd.load(context.scratch.add(block * LANES));
                    E::store(simd, context.planes.add(plane + at), value);
                }
            }
        }
    }
}

/// Replaces `count` vectors, `step` numbers from each other, by their shares.
///
/// Negative infinity has no share.
///
/// # Safety
///
/// The vectors are there.
#[inline(always)]
pub(crate) unsafe fn softmax<S: Simd>(simd: S, start: *mut f32, count: usize, step: usize) {
    // SAFETY: as the caller promises.
    unsafe {
        let mut most = simd.load(start);
        for index in 1..count {
            most = simd.max(most, simd.load(start.add(index * step)));
        }
        let most = simd.to_array(most).into_iter().fold(f32::NEG_INFINITY, f32::max);
        let most = simd.splat(most);
        let mut sum = simd.splat(0.0);
        for index in 0..count {
            let at = start.add(index * step);
            let value = simd.exp(simd.subtract(simd.load(at), most));
            sum = simd.add(sum, value);
            simd.store(at, value);
        }
        let sum: f32 = simd.to_array(sum).into_iter().sum();
        let share = simd.splat(1.0 / sum);
        for index in 0..count {
            let at = start.add(index * step);
            simd.store(at, simd.multiply(simd.load(at), share));
        }
    }
}

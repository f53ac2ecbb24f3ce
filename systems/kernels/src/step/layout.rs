//! Between the caller's `[channels, height, width]` and planes of blocks.

use crate::element::Element;
use crate::grid::Grid;
use crate::simd::{LANES, Simd};

use super::{Context, Step};

/// The picture becomes planes.
pub(crate) struct Import {
    pub channels: usize,
    pub output: Vec<usize>,
    pub grid: Grid,
}

impl<E: Element> Step<E> for Import {
    fn tasks(&self) -> usize {
        self.output.len() * self.grid.height
    }

    #[inline(always)]
    unsafe fn run<S: Simd>(&self, _: S, task: usize, context: &Context<E>) {
        let (block, y) = (task / self.grid.height, task % self.grid.height);
        let first = block * LANES;
        for channel in first..(first + LANES).min(self.channels) {
            for x in 0..self.grid.width {
                // SAFETY: the input has all channels, rows and columns; so has the output.
                unsafe {
                    let from = (channel * self.grid.height + y) * self.grid.width + x;
                    let to = self.output[block] + self.grid.at(y, x) + channel - first;
                    *context.planes.add(to) = E::of(*context.input.add(from));
                }
            }
        }
    }
}

/// Planes become one of the outputs.
pub(crate) struct Export {
    pub channels: usize,
    pub input: Vec<usize>,
    pub grid: Grid,
    /// Which output.
    pub output: usize,
}

impl<E: Element> Step<E> for Export {
    fn tasks(&self) -> usize {
        self.input.len() * self.grid.height
    }

    #[inline(always)]
    unsafe fn run<S: Simd>(&self, simd: S, task: usize, context: &Context<E>) {
        let Grid { height, width, .. } = self.grid;
        let (block, y) = (task / height, task % height);
        let first = block * LANES;
        let channels = (self.channels - first).min(LANES);
        for x in (0..width).step_by(LANES) {
            let places = (width - x).min(LANES);
            let mut square = [[0.0; LANES]; LANES];
            // SAFETY: the places are in the plane, and the output has all of them.
            unsafe {
                for (place, numbers) in square.iter_mut().enumerate().take(places) {
                    let from = self.input[block] + self.grid.at(y, x + place);
                    *numbers = simd.to_array(E::load(simd, context.planes.add(from)));
                }
                let output = *context.outputs.add(self.output);
                for channel in 0..channels {
                    let to = output.add(((first + channel) * height + y) * width + x);
                    for (place, numbers) in square.iter().enumerate().take(places) {
                        *to.add(place) = numbers[channel];
                    }
                }
            }
        }
    }
}

//! Convolution of each channel by itself.

use std::sync::Arc;

use crate::element::Element;
use crate::memory::Memory;
use crate::packings::{Order, Packings};
use crate::simd::{LANES, Simd};

use super::direct::{Kernel, Lattice, Source};
use super::finish::{Activate, Finish, with_activation};
use super::{Context, Step};

/// Places that are summed at the same time: enough of them to wait for no sum.
const PLACES: usize = 6;

/// A convolution with as many groups as channels.
pub(crate) struct Depthwise {
    planes: Vec<usize>,
    taps: Vec<isize>,
    input_row: usize,
    input_step: usize,
    /// `[blocks, taps, 16]`
    weights: Arc<Memory<f32>>,
    finish: Finish,
    lattice: Lattice,
}

impl Depthwise {
    pub fn new(
        packings: &Packings,
        source: Source,
        kernel: &Kernel,
        finish: Finish,
        lattice: Lattice,
    ) -> Self {
        let grid = source.grid;
        let taps = source.offsets();
        let weights = packings.packed(Order::Depthwise, kernel, &[], || {
            let mut packed = Memory::new(source.planes.len() * taps.len() * LANES);
            for (at, &weight) in kernel.weights.iter().enumerate() {
                let (channel, tap) = (at / taps.len(), at % taps.len());
                packed[(channel / LANES * taps.len() + tap) * LANES + channel % LANES] = weight;
            }
            packed
        });
        Self {
            planes: source.planes,
            taps,
            input_row: source.stride[0] * grid.row(),
            input_step: source.stride[1] * LANES,
            weights,
            finish,
            lattice,
        }
    }
}

impl<E: Element> Step<E> for Depthwise {
    fn tasks(&self) -> usize {
        self.planes.len()
    }

    fn weights(&self) -> usize {
        size_of_val(&**self.weights)
    }

    #[inline(always)]
    unsafe fn run<S: Simd>(&self, simd: S, block: usize, context: &Context<E>) {
        // SAFETY: as the caller promises; each task has a plane of its own.
        unsafe {
            with_activation!(self.finish.activation, |activation| {
                for row in 0..self.lattice.height {
                    let mut x = 0;
                    while x + PLACES <= self.lattice.width {
                        self.places::<S, E, PLACES>(simd, block, row, x, context, activation);
                        x += PLACES;
                    }
                    while x < self.lattice.width {
                        self.places::<S, E, 1>(simd, block, row, x, context, activation);
                        x += 1;
                    }
                }
            });
        }
    }
}

impl Depthwise {
    /// # Safety
    ///
    /// As [`Step::run`], and the places are in the output.
    #[inline(always)]
    unsafe fn places<S: Simd, E: Element, const PLACES: usize>(
        &self,
        simd: S,
        block: usize,
        row: usize,
        x: usize,
        context: &Context<E>,
        activation: impl Activate,
    ) {
        // SAFETY: as the caller promises.
        unsafe {
            let start = self.planes[block] + row * self.input_row + x * self.input_step;
            let from = context.planes.add(start);
            let weights = self.weights.start().add(block * self.taps.len() * LANES);
            let mut sums = [simd.load(self.finish.bias.start().add(block * LANES)); PLACES];
            for (index, &tap) in self.taps.iter().enumerate() {
                let weights = simd.load(weights.add(index * LANES));
                let from = from.offset(tap);
                for (place, sum) in sums.iter_mut().enumerate() {
                    let value = E::load(simd, from.add(place * self.input_step));
                    *sum = simd.multiply_add(value, weights, *sum);
                }
            }
            let lattice = &self.lattice;
            let at = lattice.start + row * lattice.row + x * lattice.step;
            for (place, &sum) in sums.iter().enumerate() {
                let at = at + place * lattice.step;
                let mut value = activation.apply(simd, sum);
                if let Some(residual) = &self.finish.residual {
                    let residual = context.planes.add(residual[block] + at);
                    value = simd.add(value, E::load(simd, residual));
                }
                E::store(simd, context.planes.add(self.finish.output[block] + at), value);
            }
        }
    }
}

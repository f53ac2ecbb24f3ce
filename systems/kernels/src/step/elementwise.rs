//! Operations on each number by itself.

use crate::activation::Activation;
use crate::element::Element;
use crate::grid::Grid;
use crate::memory::Memory;
use crate::simd::{LANES, Simd};

use super::finish::{Activate, with_activation};
use super::{Context, Step};

/// Rows of a task at least, where a tensor has few planes.
const ROWS_OF_TASK: usize = 16;

/// What is done to the numbers of one tensor or of two.
pub(crate) enum Elementwise {
    Activate(Activation),
    Add(Vec<usize>),
    Multiply(Vec<usize>),
    /// For each channel a factor and an offset.
    ScaleShift(Memory<f32>, Memory<f32>),
}

/// An operation, what it works on and where its result goes; all of the same grid.
pub(crate) struct EachNumber {
    pub operation: Elementwise,
    pub input: Vec<usize>,
    pub output: Vec<usize>,
    pub grid: Grid,
}

impl EachNumber {
    /// # Safety
    ///
    /// As [`Step::run`].
    #[inline(always)]
    unsafe fn each<S: Simd, E: Element>(
        &self,
        simd: S,
        task: usize,
        context: &Context<E>,
        function: impl Fn(S::Vector, usize) -> S::Vector,
    ) {
        let chunks = self.grid.height.div_ceil(ROWS_OF_TASK);
        let (block, first) = (task / chunks, task % chunks * ROWS_OF_TASK);
        for y in first..(first + ROWS_OF_TASK).min(self.grid.height) {
            for x in 0..self.grid.width {
                let at = self.grid.at(y, x);
                // SAFETY: as the caller promises: the places are in the planes.
                unsafe {
                    let value = E::load(simd, context.planes.add(self.input[block] + at));
                    let to = context.planes.add(self.output[block] + at);
                    E::store(simd, to, function(value, at));
                }
            }
        }
    }

    fn block(&self, task: usize) -> usize {
        task / self.grid.height.div_ceil(ROWS_OF_TASK)
    }
}

impl<E: Element> Step<E> for EachNumber {
    fn tasks(&self) -> usize {
        self.output.len() * self.grid.height.div_ceil(ROWS_OF_TASK)
    }

    #[inline(always)]
    unsafe fn run<S: Simd>(&self, simd: S, task: usize, context: &Context<E>) {
        let block = self.block(task);
        // SAFETY: as the caller promises; the second input has as many planes as the first.
        unsafe {
            let other =
                |planes: &[usize], at: usize| E::load(simd, context.planes.add(planes[block] + at));
            match &self.operation {
                Elementwise::Activate(activation) => {
                    with_activation!(*activation, |activation| {
                        self.each(simd, task, context, |value, _| {
                            Activate::apply(activation, simd, value)
                        })
                    });
                }
                Elementwise::Add(planes) => {
                    self.each(simd, task, context, |value, at| simd.add(value, other(planes, at)))
                }
                Elementwise::Multiply(planes) => self
                    .each(simd, task, context, |value, at| simd.multiply(value, other(planes, at))),
                Elementwise::ScaleShift(factors, offsets) => {
                    let factors = simd.load(factors.start().add(block * LANES));
                    let offsets = simd.load(offsets.start().add(block * LANES));
                    self.each(simd, task, context, |value, _| {
                        simd.multiply_add(value, factors, offsets)
                    });
                }
            }
        }
    }
}

//! What happens to a convolution's sums before they are written.

use crate::activation::Activation;
use crate::element::Element;
use crate::memory::Memory;
use crate::simd::{LANES, Simd};

use super::Context;

/// Adds the bias, applies the activation function, adds a residual, writes.
pub(crate) struct Finish {
    /// Sixteen for each output block.
    pub bias: Memory<f32>,
    pub activation: Activation,
    /// Planes of a tensor of the same grid as the output, added after the activation.
    pub residual: Option<Vec<usize>>,
    /// Where each output plane lies.
    pub output: Vec<usize>,
}

/// A function of vectors that becomes part of the loop that calls it, as a closure might not.
pub(crate) trait Activate: Copy {
    fn apply<S: Simd>(self, simd: S, x: S::Vector) -> S::Vector;
}

#[derive(Clone, Copy)]
pub(crate) struct Identity;

#[derive(Clone, Copy)]
pub(crate) struct Silu;

impl Activate for Identity {
    #[inline(always)]
    fn apply<S: Simd>(self, _: S, x: S::Vector) -> S::Vector {
        x
    }
}

impl Activate for Silu {
    #[inline(always)]
    fn apply<S: Simd>(self, simd: S, x: S::Vector) -> S::Vector {
        Activation::Silu.apply(simd, x)
    }
}

impl Activate for Activation {
    #[inline(always)]
    fn apply<S: Simd>(self, simd: S, x: S::Vector) -> S::Vector {
        Activation::apply(self, simd, x)
    }
}

/// Compiles a loop for each common activation function, so that nothing in it branches, and once
/// for all others.
macro_rules! with_activation {
    ($activation:expr, |$function:ident| $body:expr) => {
        match $activation {
            $crate::activation::Activation::Identity => {
                let $function = $crate::step::finish::Identity;
                $body
            }
            $crate::activation::Activation::Silu => {
                let $function = $crate::step::finish::Silu;
                $body
            }
            $function => $body,
        }
    };
}
pub(crate) use with_activation;

impl Finish {
    pub fn new(
        bias: &[f32],
        activation: Activation,
        residual: Option<Vec<usize>>,
        output: Vec<usize>,
    ) -> Self {
        let padding = output.len() * LANES - bias.len();
        let bias = bias.iter().copied().chain(std::iter::repeat_n(0.0, padding)).collect();
        Self { bias, activation, residual, output }
    }

    /// Finishes places of one block whose sums follow each other.
    ///
    /// # Safety
    ///
    /// - `sums`: `places` times sixteen numbers.
    /// - `at` and the places after it, `step` numbers from each other, lie in the output's planes,
    ///   and no other thread writes them.
    #[inline(always)]
    pub unsafe fn row<S: Simd, E: Element>(
        &self,
        simd: S,
        sums: *const f32,
        block: usize,
        places: usize,
        at: usize,
        step: usize,
        context: &Context<E>,
    ) {
        // SAFETY: as the caller promises; there is a bias for each block.
        unsafe {
            let bias = simd.load(self.bias.start().add(block * LANES));
            let output = context.planes.add(self.output[block] + at);
            let residual = self
                .residual
                .as_ref()
                .map(|planes| context.planes.add(planes[block] + at).cast_const());
            with_activation!(self.activation, |activation| {
                for place in 0..places {
                    let sum = simd.load(sums.add(place * LANES));
                    let mut value = Activate::apply(activation, simd, simd.add(sum, bias));
                    if let Some(residual) = residual {
                        value = simd.add(value, E::load(simd, residual.add(place * step)));
                    }
                    E::store(simd, output.add(place * step), value);
                }
            });
        }
    }
}

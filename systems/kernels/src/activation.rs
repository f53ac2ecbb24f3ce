//! Activation functions.

use crate::simd::{Math, Simd};

/// An activation function, applied to each number by itself.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub enum Activation {
    #[default]
    /// Changes nothing.
    Identity,
    /// `x / (1 + e^-x)`
    Silu,
    /// What is negative becomes 0.
    Relu,
    /// Kept from 0 to 6.
    Relu6,
    /// What is negative is multiplied.
    LeakyRelu {
        /// By this.
        slope: f32,
    },
    /// `x * min(max(x + 3, 0), 6) / 6`
    Hardswish,
    /// `min(max(x / 6 + 1/2, 0), 1)`
    Hardsigmoid,
    /// `1 / (1 + e^-x)`
    Sigmoid,
    /// The hyperbolic tangent.
    Tanh,
    /// `x * tanh(ln(1 + e^x))`
    Mish,
    /// `x / 2 * (1 + erf(x / sqrt(2)))`
    Gelu,
    /// The same with a hyperbolic tangent in place of the error function.
    GeluTanh,
    /// What is negative becomes `alpha * (e^x - 1)`.
    Elu {
        /// How far below 0 it can come.
        alpha: f32,
    },
}

impl Activation {
    #[inline(always)]
    pub(crate) fn apply<S: Simd>(self, simd: S, x: S::Vector) -> S::Vector {
        let number = |value: f32| simd.splat(value);
        match self {
            Self::Identity => x,
            Self::Silu => simd.multiply(x, simd.sigmoid(x)),
            Self::Relu => simd.max(x, number(0.0)),
            Self::Relu6 => simd.min(simd.max(x, number(0.0)), number(6.0)),
            Self::LeakyRelu { slope } => {
                let negative = simd.min(x, number(0.0));
                simd.multiply_add(number(slope), negative, simd.max(x, number(0.0)))
            }
            Self::Hardswish => {
                let gate = simd.min(simd.max(simd.add(x, number(3.0)), number(0.0)), number(6.0));
                simd.multiply(simd.multiply(x, gate), number(1.0 / 6.0))
            }
            Self::Hardsigmoid => {
                let line = simd.multiply_add(x, number(1.0 / 6.0), number(0.5));
                simd.min(simd.max(line, number(0.0)), number(1.0))
            }
            Self::Sigmoid => simd.sigmoid(x),
            Self::Tanh => simd.tanh(x),
            Self::Mish => {
                // With n = e^x (e^x + 2), tanh(ln(1 + e^x)) is n / (n + 2). From 20 on it is 1.
                let power = simd.exp(simd.min(x, number(20.0)));
                let n = simd.multiply(power, simd.add(power, number(2.0)));
                let tanh = simd.multiply(n, simd.reciprocal(simd.add(n, number(2.0))));
                simd.multiply(x, tanh)
            }
            Self::Gelu => {
                let erf = simd.erf(simd.multiply(x, number(std::f32::consts::FRAC_1_SQRT_2)));
                half_of(simd, x, erf)
            }
            Self::GeluTanh => {
                // sqrt(2 / pi) (x + 0.044715 x^3)
                let square = simd.multiply(x, x);
                let inner = simd.multiply_add(square, number(0.035_677_407), number(0.797_884_6));
                half_of(simd, x, simd.tanh(simd.multiply(x, inner)))
            }
            Self::Elu { alpha } => {
                let power = simd.exp(simd.min(x, number(0.0)));
                let negative = simd.subtract(power, number(1.0));
                simd.multiply_add(number(alpha), negative, simd.max(x, number(0.0)))
            }
        }
    }
}

/// `x / 2 * (1 + share)`
#[inline(always)]
fn half_of<S: Simd>(simd: S, x: S::Vector, share: S::Vector) -> S::Vector {
    let half = simd.multiply(x, simd.splat(0.5));
    simd.multiply_add(half, share, half)
}

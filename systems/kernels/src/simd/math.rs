//! Functions of vectors, made of the operations that every instruction set has.

use super::Simd;

/// Functions that every [`Simd`] has.
pub(crate) trait Math: Simd {
    /// `e^a`, to about two units in the last place. Beyond what an `f32` holds: the largest or
    /// smallest power that it does.
    #[inline(always)]
    fn exp(self, a: Self::Vector) -> Self::Vector {
        const LN_2_HIGH: f32 = 0.693_359_4;
        const LN_2_LOW: f32 = -2.121_944_4e-4;
        // Coefficients of the minimax polynomial of (e^x - 1 - x) / x^2 around 0 (Cephes, expf).
        const TERMS: [f32; 6] =
            [1.987_569_1e-4, 1.398_199_9e-3, 8.333_452e-3, 4.166_579_6e-2, 1.666_666_5e-1, 0.5];
        let a = self.min(self.max(a, self.splat(-87.3)), self.splat(88.0));
        let power = self.round(self.multiply(a, self.splat(std::f32::consts::LOG2_E)));
        let a = self.multiply_add(power, self.splat(-LN_2_HIGH), a);
        let a = self.multiply_add(power, self.splat(-LN_2_LOW), a);
        let mut sum = self.splat(TERMS[0]);
        for term in &TERMS[1..] {
            sum = self.multiply_add(sum, a, self.splat(*term));
        }
        let square = self.multiply(a, a);
        let sum = self.multiply_add(sum, square, self.add(a, self.splat(1.0)));
        self.scale(sum, power)
    }

    /// `1 / (1 + e^-a)`
    #[inline(always)]
    fn sigmoid(self, a: Self::Vector) -> Self::Vector {
        let one = self.splat(1.0);
        self.reciprocal(self.add(one, self.exp(self.negate(a))))
    }

    #[inline(always)]
    fn tanh(self, a: Self::Vector) -> Self::Vector {
        // 2 sigmoid(2a) - 1
        let two = self.splat(2.0);
        self.multiply_add(two, self.sigmoid(self.multiply(two, a)), self.splat(-1.0))
    }

    /// The error function, to 1.5e-7 (Abramowitz and Stegun 7.1.26).
    #[inline(always)]
    fn erf(self, a: Self::Vector) -> Self::Vector {
        const TERMS: [f32; 5] =
            [1.061_405_4, -1.453_152_1, 1.421_413_8, -0.284_496_72, 0.254_829_6];
        let size = self.max(a, self.negate(a));
        let t = self.reciprocal(self.multiply_add(size, self.splat(0.327_591_1), self.splat(1.0)));
        let mut sum = self.splat(TERMS[0]);
        for term in &TERMS[1..] {
            sum = self.multiply_add(sum, t, self.splat(*term));
        }
        let bell = self.exp(self.negate(self.multiply(a, a)));
        let tail = self.multiply(self.multiply(sum, t), bell);
        let size = self.subtract(self.splat(1.0), tail);
        // The sign of `a`: 1 or -1, or less where `a` is so small that the result is nearly 0.
        let sign = self.multiply(a, self.splat(1e30));
        self.multiply(size, self.min(self.max(sign, self.splat(-1.0)), self.splat(1.0)))
    }

    #[inline(always)]
    fn negate(self, a: Self::Vector) -> Self::Vector {
        self.subtract(self.splat(0.0), a)
    }
}

impl<S: Simd> Math for S {}

//! What the tensors between operations are made of.

use half::bf16;

use crate::simd::Simd;

/// A number as it is stored: `f32`, or `bf16` with half the memory and, where the CPU multiplies
/// pairs, twice the speed. Sums are always `f32`.
pub(crate) trait Element: Copy + Send + Sync + 'static {
    /// Channels that one step of a dot product takes.
    const STEP: usize;

    /// Whether dot products are of pairs.
    const PAIRS: bool = Self::STEP == 2;

    /// Factors of sixteen dot products: `STEP` numbers for each.
    type Factors<S: Simd>: Copy;

    fn of(value: f32) -> Self;
    fn value(self) -> f32;

    /// # Safety
    ///
    /// Sixteen numbers are readable at `from`.
    unsafe fn load<S: Simd>(simd: S, from: *const Self) -> S::Vector;
    /// # Safety
    ///
    /// Sixteen numbers are writable at `to`.
    unsafe fn store<S: Simd>(simd: S, to: *mut Self, vector: S::Vector);
    /// # Safety
    ///
    /// Sixteen times `STEP` numbers are readable at `from`.
    unsafe fn factors<S: Simd>(simd: S, from: *const Self) -> Self::Factors<S>;
    /// The same `STEP` numbers for all sixteen.
    ///
    /// # Safety
    ///
    /// `STEP` numbers are readable at `from`.
    unsafe fn same<S: Simd>(simd: S, from: *const Self) -> Self::Factors<S>;
    fn dot<S: Simd>(
        simd: S,
        a: Self::Factors<S>,
        b: Self::Factors<S>,
        sums: S::Vector,
    ) -> S::Vector;
}

impl Element for f32 {
    const STEP: usize = 1;

    type Factors<S: Simd> = S::Vector;

    fn of(value: f32) -> Self {
        value
    }

    fn value(self) -> f32 {
        self
    }

    #[inline(always)]
    unsafe fn load<S: Simd>(simd: S, from: *const Self) -> S::Vector {
        // SAFETY: as the caller promises.
        unsafe { simd.load(from) }
    }

    #[inline(always)]
    unsafe fn store<S: Simd>(simd: S, to: *mut Self, vector: S::Vector) {
        // SAFETY: as the caller promises.
        unsafe { simd.store(to, vector) }
    }

    #[inline(always)]
    unsafe fn factors<S: Simd>(simd: S, from: *const Self) -> S::Vector {
        // SAFETY: as the caller promises.
        unsafe { simd.load(from) }
    }

    #[inline(always)]
    unsafe fn same<S: Simd>(simd: S, from: *const Self) -> S::Vector {
        // SAFETY: as the caller promises.
        simd.splat(unsafe { *from })
    }

    #[inline(always)]
    fn dot<S: Simd>(simd: S, a: S::Vector, b: S::Vector, sums: S::Vector) -> S::Vector {
        simd.multiply_add(a, b, sums)
    }
}

impl Element for bf16 {
    const STEP: usize = 2;

    type Factors<S: Simd> = S::Pairs;

    fn of(value: f32) -> Self {
        Self::from_f32(value)
    }

    fn value(self) -> f32 {
        self.to_f32()
    }

    #[inline(always)]
    unsafe fn load<S: Simd>(simd: S, from: *const Self) -> S::Vector {
        // SAFETY: as the caller promises.
        unsafe { simd.load_bf16(from) }
    }

    #[inline(always)]
    unsafe fn store<S: Simd>(simd: S, to: *mut Self, vector: S::Vector) {
        // SAFETY: as the caller promises.
        unsafe { simd.store_bf16(to, vector) }
    }

    #[inline(always)]
    unsafe fn factors<S: Simd>(simd: S, from: *const Self) -> S::Pairs {
        // SAFETY: as the caller promises.
        unsafe { simd.load_pairs(from) }
    }

    #[inline(always)]
    unsafe fn same<S: Simd>(simd: S, from: *const Self) -> S::Pairs {
        // SAFETY: as the caller promises.
        unsafe { simd.splat_pair(from) }
    }

    #[inline(always)]
    fn dot<S: Simd>(simd: S, a: S::Pairs, b: S::Pairs, sums: S::Vector) -> S::Vector {
        simd.dot_pairs(a, b, sums)
    }
}

/// How many sums a kernel may keep in registers.
pub(crate) const fn sums<S: Simd, E: Element>() -> usize {
    if E::PAIRS { S::PAIR_SUMS } else { S::SUMS }
}

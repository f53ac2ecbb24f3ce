//! Sixteen numbers at a time, on whatever the CPU has.
//!
//! A kernel is written once, over [`Simd`], and compiled once for each instruction set. A value of
//! a type that implements [`Simd`] is the proof that the CPU has its instructions: only
//! [`Isa::run`] makes one, after it has looked.

#[cfg(target_arch = "x86_64")]
mod avx2;
#[cfg(target_arch = "x86_64")]
mod avx512;
mod math;
mod portable;

use half::bf16;

pub(crate) use math::Math;

/// Numbers in a vector, and channels in a block of a tensor.
pub(crate) const LANES: usize = 16;

/// An instruction set for which the kernels are compiled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Isa {
    /// What every CPU of the target has; the compiler vectorizes it.
    Portable,
    /// AVX2 and FMA.
    Avx2,
    /// AVX-512 with its foundation, byte, word and length extensions.
    Avx512,
    /// The same with dot products of bf16.
    Avx512Bf16,
}

impl Isa {
    /// All that this CPU has, the best last.
    pub fn available() -> Vec<Self> {
        [Self::Portable, Self::Avx2, Self::Avx512, Self::Avx512Bf16]
            .into_iter()
            .filter(|isa| isa.is_available())
            .collect()
    }

    /// The best that this CPU has.
    pub fn best() -> Self {
        Self::available().pop().unwrap_or(Self::Portable)
    }

    /// Whether bf16 is faster than f32.
    pub fn has_bf16(self) -> bool {
        self == Self::Avx512Bf16
    }

    /// Whether this CPU has it.
    pub fn is_available(self) -> bool {
        #[cfg(target_arch = "x86_64")]
        {
            match self {
                Self::Portable => true,
                Self::Avx2 => is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma"),
                Self::Avx512 => {
                    Self::Avx2.is_available()
                        && is_x86_feature_detected!("avx512f")
                        && is_x86_feature_detected!("avx512bw")
                        && is_x86_feature_detected!("avx512dq")
                        && is_x86_feature_detected!("avx512vl")
                }
                Self::Avx512Bf16 => {
                    Self::Avx512.is_available() && is_x86_feature_detected!("avx512bf16")
                }
            }
        }
        #[cfg(not(target_arch = "x86_64"))]
        {
            self == Self::Portable
        }
    }

    /// Runs a kernel, compiled for this instruction set.
    ///
    /// # Safety
    ///
    /// [`Isa::is_available`] was true, and what the kernel itself demands.
    #[inline]
    pub(crate) unsafe fn run<K: Kernel>(self, kernel: K) -> K::Output {
        // SAFETY: the instructions are there, as the caller promises.
        unsafe {
            match self {
                #[cfg(target_arch = "x86_64")]
                Self::Avx2 => avx2::Avx2::new().call(kernel),
                // What multiplies no pairs is compiled once for both.
                #[cfg(target_arch = "x86_64")]
                Self::Avx512Bf16 if const { K::PAIRS } => {
                    avx512::Avx512::<true>::new().call(kernel)
                }
                #[cfg(target_arch = "x86_64")]
                Self::Avx512 | Self::Avx512Bf16 => avx512::Avx512::<false>::new().call(kernel),
                _ => portable::Portable.call(kernel),
            }
        }
    }

    /// The most sums that a kernel keeps in registers, and that one of pairs does.
    pub(crate) fn sums(self) -> [usize; 2] {
        fn of<S: Simd>() -> [usize; 2] {
            [S::SUMS, S::PAIR_SUMS]
        }
        match self {
            #[cfg(target_arch = "x86_64")]
            Self::Avx2 => of::<avx2::Avx2>(),
            #[cfg(target_arch = "x86_64")]
            Self::Avx512 => of::<avx512::Avx512<false>>(),
            #[cfg(target_arch = "x86_64")]
            Self::Avx512Bf16 => of::<avx512::Avx512<true>>(),
            _ => of::<portable::Portable>(),
        }
    }
}

/// Something to run with vectors.
pub(crate) trait Kernel {
    type Output;

    /// Whether it multiplies pairs of bf16.
    const PAIRS: bool;

    /// Implementations are `#[inline(always)]`, so that they become part of a function that was
    /// compiled for the instruction set.
    ///
    /// # Safety
    ///
    /// The kernel's pointers are valid for what it reads and writes.
    unsafe fn run<S: Simd>(self, simd: S) -> Self::Output;
}

/// The operations that kernels are made of.
pub(crate) trait Simd: Copy + Send + Sync + 'static {
    /// Sixteen `f32`.
    type Vector: Copy;
    /// Sixteen pairs of `bf16`.
    type Pairs: Copy;
    /// The same instruction set without what only pairs need: kernels of `f32` are compiled once.
    type Plain: Simd;

    /// How many vectors a kernel may keep as running sums without running out of registers.
    const SUMS: usize;
    /// The same for sums of products of pairs.
    const PAIR_SUMS: usize;

    fn plain(self) -> Self::Plain;

    /// Runs a kernel in a function of its own, compiled for this instruction set.
    ///
    /// # Safety
    ///
    /// As [`Kernel::run`].
    unsafe fn call<K: Kernel>(self, kernel: K) -> K::Output;

    fn splat(self, value: f32) -> Self::Vector;

    /// # Safety
    ///
    /// Sixteen numbers are readable at `from`; so for every load below. They need not be aligned.
    unsafe fn load(self, from: *const f32) -> Self::Vector;
    /// # Safety
    ///
    /// Sixteen numbers are writable at `to`; so for every store below. They need not be aligned.
    unsafe fn store(self, to: *mut f32, vector: Self::Vector);
    /// # Safety
    ///
    /// As [`Simd::load`].
    unsafe fn load_bf16(self, from: *const bf16) -> Self::Vector;
    /// Rounds to the nearest, ties to even.
    ///
    /// # Safety
    ///
    /// As [`Simd::store`].
    unsafe fn store_bf16(self, to: *mut bf16, vector: Self::Vector);

    fn add(self, a: Self::Vector, b: Self::Vector) -> Self::Vector;
    fn subtract(self, a: Self::Vector, b: Self::Vector) -> Self::Vector;
    fn multiply(self, a: Self::Vector, b: Self::Vector) -> Self::Vector;
    fn max(self, a: Self::Vector, b: Self::Vector) -> Self::Vector;
    fn min(self, a: Self::Vector, b: Self::Vector) -> Self::Vector;
    /// `a * b + c`
    fn multiply_add(self, a: Self::Vector, b: Self::Vector, c: Self::Vector) -> Self::Vector;
    /// `1 / a`, to the last bit or two.
    fn reciprocal(self, a: Self::Vector) -> Self::Vector;
    /// To the nearest whole number.
    fn round(self, a: Self::Vector) -> Self::Vector;
    /// `a * 2^power`, for whole powers from -126 to 127.
    fn scale(self, a: Self::Vector, power: Self::Vector) -> Self::Vector;
    /// The sixteen numbers.
    fn to_array(self, a: Self::Vector) -> [f32; LANES];

    /// # Safety
    ///
    /// Thirty-two numbers are readable at `from`.
    unsafe fn load_pairs(self, from: *const bf16) -> Self::Pairs;
    /// The same pair in all lanes.
    ///
    /// # Safety
    ///
    /// Two numbers are readable at `from`.
    unsafe fn splat_pair(self, from: *const bf16) -> Self::Pairs;
    /// `a.0 * b.0 + a.1 * b.1 + c`
    fn dot_pairs(self, a: Self::Pairs, b: Self::Pairs, c: Self::Vector) -> Self::Vector;
}

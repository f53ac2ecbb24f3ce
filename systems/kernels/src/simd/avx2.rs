//! AVX2 and FMA: sixteen numbers are two registers.

use std::arch::x86_64::*;

use half::bf16;

use super::{Kernel, LANES, Simd};

/// Proof that the CPU has AVX2 and FMA. Every `unsafe` below relies on it, and on nothing else where
/// no pointer is involved.
#[derive(Clone, Copy)]
pub(crate) struct Avx2(());

impl Avx2 {
    /// # Safety
    ///
    /// The CPU has AVX2 and FMA.
    #[inline(always)]
    pub unsafe fn new() -> Self {
        Self(())
    }
}

// Not inlined: a kernel that several others call is compiled once.
#[inline(never)]
#[target_feature(enable = "avx2,fma")]
unsafe fn call<K: Kernel>(kernel: K, simd: Avx2) -> K::Output {
    // SAFETY: as the caller promises.
    unsafe { kernel.run(simd) }
}

#[derive(Clone, Copy)]
pub(crate) struct Two(__m256, __m256);

/// The same for both registers.
macro_rules! both {
    ($operation:ident, $($value:expr),+) => {
        // SAFETY: the CPU has it.
        unsafe { Two($operation($($value.0),+), $operation($($value.1),+)) }
    };
}

impl Simd for Avx2 {
    type Vector = Two;
    type Pairs = (__m256i, __m256i);
    type Plain = Self;

    // Twelve of the sixteen registers.
    const SUMS: usize = 6;
    const PAIR_SUMS: usize = 4;

    #[inline(always)]
    fn plain(self) -> Self {
        self
    }

    #[inline(always)]
    unsafe fn call<K: Kernel>(self, kernel: K) -> K::Output {
        // SAFETY: the CPU has it; the rest as the caller promises.
        unsafe { call(kernel, self) }
    }

    #[inline(always)]
    fn splat(self, value: f32) -> Two {
        // SAFETY: the CPU has it.
        unsafe { Two(_mm256_set1_ps(value), _mm256_set1_ps(value)) }
    }

    #[inline(always)]
    unsafe fn load(self, from: *const f32) -> Two {
        // SAFETY: the caller promises sixteen numbers.
        unsafe { Two(_mm256_loadu_ps(from), _mm256_loadu_ps(from.add(8))) }
    }

    #[inline(always)]
    unsafe fn store(self, to: *mut f32, vector: Two) {
        // SAFETY: the caller promises room for sixteen numbers.
        unsafe {
            _mm256_storeu_ps(to, vector.0);
            _mm256_storeu_ps(to.add(8), vector.1);
        }
    }

    #[inline(always)]
    unsafe fn load_bf16(self, from: *const bf16) -> Two {
        // SAFETY: the caller promises sixteen numbers.
        unsafe {
            let wide = |from: *const bf16| {
                let halves = _mm256_cvtepu16_epi32(_mm_loadu_si128(from.cast()));
                _mm256_castsi256_ps(_mm256_slli_epi32::<16>(halves))
            };
            Two(wide(from), wide(from.add(8)))
        }
    }

    #[inline(always)]
    unsafe fn store_bf16(self, to: *mut bf16, vector: Two) {
        // SAFETY: the caller promises room for sixteen numbers.
        unsafe {
            let rounded = |vector: __m256| {
                let bits = _mm256_castps_si256(vector);
                let odd = _mm256_and_si256(_mm256_srli_epi32::<16>(bits), _mm256_set1_epi32(1));
                let bits = _mm256_add_epi32(bits, _mm256_add_epi32(odd, _mm256_set1_epi32(0x7fff)));
                _mm256_srli_epi32::<16>(bits)
            };
            let packed = _mm256_packus_epi32(rounded(vector.0), rounded(vector.1));
            // Packing works within halves of the register: put the quarters in order.
            let packed = _mm256_permute4x64_epi64::<0b11_01_10_00>(packed);
            _mm256_storeu_si256(to.cast(), packed);
        }
    }

    #[inline(always)]
    fn add(self, a: Two, b: Two) -> Two {
        both!(_mm256_add_ps, a, b)
    }

    #[inline(always)]
    fn subtract(self, a: Two, b: Two) -> Two {
        both!(_mm256_sub_ps, a, b)
    }

    #[inline(always)]
    fn multiply(self, a: Two, b: Two) -> Two {
        both!(_mm256_mul_ps, a, b)
    }

    #[inline(always)]
    fn max(self, a: Two, b: Two) -> Two {
        both!(_mm256_max_ps, a, b)
    }

    #[inline(always)]
    fn min(self, a: Two, b: Two) -> Two {
        both!(_mm256_min_ps, a, b)
    }

    #[inline(always)]
    fn multiply_add(self, a: Two, b: Two, c: Two) -> Two {
        both!(_mm256_fmadd_ps, a, b, c)
    }

    #[inline(always)]
    fn reciprocal(self, a: Two) -> Two {
        both!(_mm256_div_ps, self.splat(1.0), a)
    }

    #[inline(always)]
    fn round(self, a: Two) -> Two {
        const NEAREST: i32 = _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC;
        // SAFETY: the CPU has it.
        unsafe { Two(_mm256_round_ps::<NEAREST>(a.0), _mm256_round_ps::<NEAREST>(a.1)) }
    }

    #[inline(always)]
    fn scale(self, a: Two, power: Two) -> Two {
        // SAFETY: the CPU has it.
        unsafe {
            let factor = |power: __m256| {
                let exponent = _mm256_add_epi32(_mm256_cvtps_epi32(power), _mm256_set1_epi32(127));
                _mm256_castsi256_ps(_mm256_slli_epi32::<23>(exponent))
            };
            self.multiply(a, Two(factor(power.0), factor(power.1)))
        }
    }

    #[inline(always)]
    fn to_array(self, a: Two) -> [f32; LANES] {
        let mut array = [0.0; LANES];
        // SAFETY: the array has room for sixteen numbers.
        unsafe { self.store(array.as_mut_ptr(), a) };
        array
    }

    #[inline(always)]
    unsafe fn load_pairs(self, from: *const bf16) -> Self::Pairs {
        // SAFETY: the caller promises thirty-two numbers.
        unsafe { (_mm256_loadu_si256(from.cast()), _mm256_loadu_si256(from.add(LANES).cast())) }
    }

    #[inline(always)]
    unsafe fn splat_pair(self, from: *const bf16) -> Self::Pairs {
        // SAFETY: the caller promises two numbers.
        unsafe {
            let pair = _mm256_set1_epi32(from.cast::<i32>().read_unaligned());
            (pair, pair)
        }
    }

    #[inline(always)]
    fn dot_pairs(self, a: Self::Pairs, b: Self::Pairs, c: Two) -> Two {
        // A bf16 is the upper half of an f32.
        // SAFETY: the CPU has it.
        unsafe {
            let first = |pairs: __m256i| _mm256_castsi256_ps(_mm256_slli_epi32::<16>(pairs));
            let second = |pairs: __m256i| {
                let upper = _mm256_set1_epi32(0xffff_0000_u32 as i32);
                _mm256_castsi256_ps(_mm256_and_si256(pairs, upper))
            };
            let dot = |a: __m256i, b: __m256i, c: __m256| {
                _mm256_fmadd_ps(second(a), second(b), _mm256_fmadd_ps(first(a), first(b), c))
            };
            Two(dot(a.0, b.0, c.0), dot(a.1, b.1, c.1))
        }
    }
}

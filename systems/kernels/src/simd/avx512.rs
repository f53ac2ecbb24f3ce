//! AVX-512: sixteen numbers are one register.

use std::arch::x86_64::*;

use half::bf16;

use super::{Kernel, LANES, Simd};

/// Proof that the CPU has AVX-512 with F, BW, DQ and VL, and with `BF16` also its dot products.
/// Every `unsafe` below relies on it, and on nothing else where no pointer is involved.
#[derive(Clone, Copy)]
pub(crate) struct Avx512<const BF16: bool>(());

impl<const BF16: bool> Avx512<BF16> {
    /// # Safety
    ///
    /// The CPU has the instructions.
    #[inline(always)]
    pub unsafe fn new() -> Self {
        Self(())
    }
}

// Not inlined: a kernel that several others call is compiled once.
#[inline(never)]
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx2,fma")]
unsafe fn call<K: Kernel, S: Simd>(kernel: K, simd: S) -> K::Output {
    // SAFETY: as the caller promises.
    unsafe { kernel.run(simd) }
}

#[inline(never)]
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512bf16,avx2,fma")]
unsafe fn call_bf16<K: Kernel, S: Simd>(kernel: K, simd: S) -> K::Output {
    // SAFETY: as the caller promises.
    unsafe { kernel.run(simd) }
}

impl<const BF16: bool> Simd for Avx512<BF16> {
    type Vector = __m512;
    type Pairs = __m512i;
    type Plain = Avx512<false>;

    // The rest of the thirty-two registers: four of weights at most, or three and a broadcast.
    const SUMS: usize = 28;
    // Without the instruction a pair is taken apart: there is no hurry then, and little is compiled.
    const PAIR_SUMS: usize = if BF16 { 28 } else { 4 };

    #[inline(always)]
    fn plain(self) -> Avx512<false> {
        Avx512(())
    }

    #[inline(always)]
    unsafe fn call<K: Kernel>(self, kernel: K) -> K::Output {
        // SAFETY: the CPU has it; the rest as the caller promises.
        unsafe { if BF16 { call_bf16(kernel, self) } else { call(kernel, self) } }
    }

    #[inline(always)]
    fn splat(self, value: f32) -> __m512 {
        // SAFETY: the CPU has it.
        unsafe { _mm512_set1_ps(value) }
    }

    #[inline(always)]
    unsafe fn load(self, from: *const f32) -> __m512 {
        // SAFETY: the caller promises sixteen numbers.
        unsafe { _mm512_loadu_ps(from) }
    }

    #[inline(always)]
    unsafe fn store(self, to: *mut f32, vector: __m512) {
        // SAFETY: the caller promises room for sixteen numbers.
        unsafe { _mm512_storeu_ps(to, vector) }
    }

    #[inline(always)]
    unsafe fn load_bf16(self, from: *const bf16) -> __m512 {
        // SAFETY: the caller promises sixteen numbers.
        unsafe {
            let halves = _mm512_cvtepu16_epi32(_mm256_loadu_si256(from.cast()));
            _mm512_castsi512_ps(_mm512_slli_epi32::<16>(halves))
        }
    }

    #[inline(always)]
    unsafe fn store_bf16(self, to: *mut bf16, vector: __m512) {
        // SAFETY: the caller promises room for sixteen numbers.
        unsafe {
            let bits = _mm512_castps_si512(vector);
            let odd = _mm512_and_si512(_mm512_srli_epi32::<16>(bits), _mm512_set1_epi32(1));
            let bits = _mm512_add_epi32(bits, _mm512_add_epi32(odd, _mm512_set1_epi32(0x7fff)));
            let halves = _mm512_cvtepi32_epi16(_mm512_srli_epi32::<16>(bits));
            _mm256_storeu_si256(to.cast(), halves);
        }
    }

    #[inline(always)]
    fn add(self, a: __m512, b: __m512) -> __m512 {
        // SAFETY: the CPU has it.
        unsafe { _mm512_add_ps(a, b) }
    }

    #[inline(always)]
    fn subtract(self, a: __m512, b: __m512) -> __m512 {
        // SAFETY: the CPU has it.
        unsafe { _mm512_sub_ps(a, b) }
    }

    #[inline(always)]
    fn multiply(self, a: __m512, b: __m512) -> __m512 {
        // SAFETY: the CPU has it.
        unsafe { _mm512_mul_ps(a, b) }
    }

    #[inline(always)]
    fn max(self, a: __m512, b: __m512) -> __m512 {
        // SAFETY: the CPU has it.
        unsafe { _mm512_max_ps(a, b) }
    }

    #[inline(always)]
    fn min(self, a: __m512, b: __m512) -> __m512 {
        // SAFETY: the CPU has it.
        unsafe { _mm512_min_ps(a, b) }
    }

    #[inline(always)]
    fn multiply_add(self, a: __m512, b: __m512, c: __m512) -> __m512 {
        // SAFETY: the CPU has it.
        unsafe { _mm512_fmadd_ps(a, b, c) }
    }

    #[inline(always)]
    fn reciprocal(self, a: __m512) -> __m512 {
        // An estimate of 14 bits and one step of Newton: a third of a division's time.
        // SAFETY: the CPU has it.
        unsafe {
            let estimate = _mm512_rcp14_ps(a);
            let error = _mm512_fnmadd_ps(a, estimate, _mm512_set1_ps(1.0));
            _mm512_fmadd_ps(estimate, error, estimate)
        }
    }

    #[inline(always)]
    fn round(self, a: __m512) -> __m512 {
        const NEAREST: i32 = _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC;
        // SAFETY: the CPU has it.
        unsafe { _mm512_roundscale_ps::<NEAREST>(a) }
    }

    #[inline(always)]
    fn scale(self, a: __m512, power: __m512) -> __m512 {
        // SAFETY: the CPU has it.
        unsafe { _mm512_scalef_ps(a, power) }
    }

    #[inline(always)]
    fn to_array(self, a: __m512) -> [f32; LANES] {
        let mut array = [0.0; LANES];
        // SAFETY: the array has room for sixteen numbers.
        unsafe { self.store(array.as_mut_ptr(), a) };
        array
    }

    #[inline(always)]
    unsafe fn load_pairs(self, from: *const bf16) -> __m512i {
        // SAFETY: the caller promises thirty-two numbers.
        unsafe { _mm512_loadu_si512(from.cast()) }
    }

    #[inline(always)]
    unsafe fn splat_pair(self, from: *const bf16) -> __m512i {
        // SAFETY: the caller promises two numbers.
        unsafe { _mm512_set1_epi32(from.cast::<i32>().read_unaligned()) }
    }

    #[inline(always)]
    fn dot_pairs(self, a: __m512i, b: __m512i, c: __m512) -> __m512 {
        // SAFETY: the CPU has it. The transmutation is of sixty-four bytes to as many.
        unsafe {
            if BF16 {
                let dot = |bits: __m512i| std::mem::transmute::<__m512i, __m512bh>(bits);
                return _mm512_dpbf16_ps(c, dot(a), dot(b));
            }
            // A bf16 is the upper half of an f32.
            let first = |pairs: __m512i| _mm512_castsi512_ps(_mm512_slli_epi32::<16>(pairs));
            let second = |pairs: __m512i| {
                let upper = _mm512_set1_epi32(0xffff_0000_u32 as i32);
                _mm512_castsi512_ps(_mm512_and_si512(pairs, upper))
            };
            _mm512_fmadd_ps(second(a), second(b), _mm512_fmadd_ps(first(a), first(b), c))
        }
    }
}

//! Arrays, which the compiler vectorizes as well as it can.

use std::array::from_fn;

use half::bf16;

use super::{Kernel, LANES, Simd};

#[derive(Clone, Copy)]
pub(crate) struct Portable;

#[derive(Clone, Copy)]
#[repr(align(64))]
pub(crate) struct Sixteen([f32; LANES]);

impl Simd for Portable {
    type Vector = Sixteen;
    type Pairs = [[bf16; 2]; LANES];
    type Plain = Self;

    const SUMS: usize = 4;
    const PAIR_SUMS: usize = 4;

    #[inline(always)]
    fn plain(self) -> Self {
        self
    }

    #[inline(never)]
    unsafe fn call<K: Kernel>(self, kernel: K) -> K::Output {
        // SAFETY: as the caller promises.
        unsafe { kernel.run(self) }
    }

    #[inline(always)]
    fn splat(self, value: f32) -> Sixteen {
        Sixteen([value; LANES])
    }

    #[inline(always)]
    unsafe fn load(self, from: *const f32) -> Sixteen {
        // SAFETY: the caller promises sixteen numbers.
        Sixteen(unsafe { from.cast::<[f32; LANES]>().read_unaligned() })
    }

    #[inline(always)]
    unsafe fn store(self, to: *mut f32, vector: Sixteen) {
        // SAFETY: the caller promises room for sixteen numbers.
        unsafe { to.cast::<[f32; LANES]>().write_unaligned(vector.0) }
    }

    #[inline(always)]
    unsafe fn load_bf16(self, from: *const bf16) -> Sixteen {
        // SAFETY: the caller promises sixteen numbers.
        let halves = unsafe { from.cast::<[bf16; LANES]>().read_unaligned() };
        Sixteen(halves.map(bf16::to_f32))
    }

    #[inline(always)]
    unsafe fn store_bf16(self, to: *mut bf16, vector: Sixteen) {
        // SAFETY: the caller promises room for sixteen numbers.
        unsafe { to.cast::<[bf16; LANES]>().write_unaligned(vector.0.map(bf16::from_f32)) }
    }

    #[inline(always)]
    fn add(self, a: Sixteen, b: Sixteen) -> Sixteen {
        Sixteen(from_fn(|lane| a.0[lane] + b.0[lane]))
    }

    #[inline(always)]
    fn subtract(self, a: Sixteen, b: Sixteen) -> Sixteen {
        Sixteen(from_fn(|lane| a.0[lane] - b.0[lane]))
    }

    #[inline(always)]
    fn multiply(self, a: Sixteen, b: Sixteen) -> Sixteen {
        Sixteen(from_fn(|lane| a.0[lane] * b.0[lane]))
    }

    #[inline(always)]
    fn max(self, a: Sixteen, b: Sixteen) -> Sixteen {
        Sixteen(from_fn(|lane| if a.0[lane] > b.0[lane] { a.0[lane] } else { b.0[lane] }))
    }

    #[inline(always)]
    fn min(self, a: Sixteen, b: Sixteen) -> Sixteen {
        Sixteen(from_fn(|lane| if a.0[lane] < b.0[lane] { a.0[lane] } else { b.0[lane] }))
    }

    #[inline(always)]
    fn multiply_add(self, a: Sixteen, b: Sixteen, c: Sixteen) -> Sixteen {
        Sixteen(from_fn(|lane| {
            // Without the instruction, a fused product is a slow call into the mathematics library.
            if cfg!(any(target_feature = "fma", target_arch = "aarch64")) {
                a.0[lane].mul_add(b.0[lane], c.0[lane])
            } else {
                a.0[lane] * b.0[lane] + c.0[lane]
            }
        }))
    }

    #[inline(always)]
    fn reciprocal(self, a: Sixteen) -> Sixteen {
        Sixteen(a.0.map(|a| 1.0 / a))
    }

    #[inline(always)]
    fn round(self, a: Sixteen) -> Sixteen {
        // Adding and taking away 1.5 * 2^23 leaves no room for a fraction. A call for each number
        // would be an order of magnitude slower.
        const NO_FRACTION: f32 = 12_582_912.0;
        Sixteen(a.0.map(|a| (a + NO_FRACTION) - NO_FRACTION))
    }

    #[inline(always)]
    fn scale(self, a: Sixteen, power: Sixteen) -> Sixteen {
        Sixteen(from_fn(|lane| {
            let exponent = (power.0[lane] as i32).wrapping_add(127) as u32;
            a.0[lane] * f32::from_bits(exponent << 23)
        }))
    }

    #[inline(always)]
    fn to_array(self, a: Sixteen) -> [f32; LANES] {
        a.0
    }

    #[inline(always)]
    unsafe fn load_pairs(self, from: *const bf16) -> Self::Pairs {
        // SAFETY: the caller promises thirty-two numbers.
        unsafe { from.cast::<Self::Pairs>().read_unaligned() }
    }

    #[inline(always)]
    unsafe fn splat_pair(self, from: *const bf16) -> Self::Pairs {
        // SAFETY: the caller promises two numbers.
        [unsafe { from.cast::<[bf16; 2]>().read_unaligned() }; LANES]
    }

    #[inline(always)]
    fn dot_pairs(self, a: Self::Pairs, b: Self::Pairs, c: Sixteen) -> Sixteen {
        let half = |pairs: Self::Pairs, half: usize| Sixteen(pairs.map(|pair| pair[half].to_f32()));
        let first = self.multiply_add(half(a, 0), half(b, 0), c);
        self.multiply_add(half(a, 1), half(b, 1), first)
    }
}

//! What the machine can do at most.

use std::hint::black_box;
use std::marker::PhantomData;
use std::thread;
use std::time::{Duration, Instant};

use half::bf16;

use crate::element::Element;
use crate::program::{Options, Precision};
use crate::simd::{Isa, Kernel, LANES, Simd};

/// Products of each measurement: a few milliseconds.
const ROUNDS: u32 = 500_000;
/// Measurements, of which the best counts: others may use the cores as well.
const MEASUREMENTS: usize = 5;

/// Additions and multiplications a second that the threads of `options` reach together when they do
/// nothing else: products of numbers that are in registers. No network can be faster.
pub fn peak(options: &Options) -> f64 {
    let isa = options.isa.unwrap_or_else(Isa::best);
    let measured = (0..MEASUREMENTS).map(|_| match options.precision {
        Precision::F32 => together::<f32>(isa, options.count()),
        Precision::Bf16 => together::<bf16>(isa, options.count()),
    });
    measured.fold(0.0, f64::max)
}

fn together<E: Element>(isa: Isa, threads: usize) -> f64 {
    let (operations, took) = thread::scope(|scope| {
        let running: Vec<_> = (0..threads).map(|_| scope.spawn(move || alone::<E>(isa))).collect();
        let done = running.into_iter().filter_map(|thread| thread.join().ok());
        done.fold((0.0, Duration::ZERO), |(all, longest), (operations, took)| {
            (all + operations, longest.max(took))
        })
    });
    operations / took.as_secs_f64()
}

/// Operations, and how long they took.
fn alone<E: Element>(isa: Isa) -> (f64, Duration) {
    if !isa.is_available() {
        return (0.0, Duration::ZERO);
    }
    let began = Instant::now();
    // SAFETY: the instruction set is there, and the kernel has no pointers.
    let (products, sum) = unsafe { isa.run(Products::<E>(PhantomData)) };
    let took = began.elapsed();
    black_box(sum);
    (2.0 * f64::from(ROUNDS) * (products * LANES * E::STEP) as f64, took)
}

/// Adds up products of numbers that are in registers.
struct Products<E>(PhantomData<E>);

impl<E: Element> Kernel for Products<E> {
    /// Products of vectors in each round, and a sum so that none is left out.
    type Output = (usize, f32);

    const PAIRS: bool = E::PAIRS;

    #[inline(always)]
    unsafe fn run<S: Simd>(self, simd: S) -> (usize, f32) {
        /// Enough to hide how long one takes.
        const SUMS: usize = 12;
        let numbers = black_box([E::of(0.5); 2 * LANES]);
        // SAFETY: there are as many numbers as it reads.
        let factors = unsafe { E::factors(simd, numbers.as_ptr()) };
        let mut sums = [simd.splat(0.0); SUMS];
        // As many as there are registers for.
        let sums = &mut sums[..if E::PAIRS { S::PAIR_SUMS } else { S::SUMS }.min(SUMS)];
        for _ in 0..ROUNDS {
            for sum in sums.iter_mut() {
                *sum = E::dot(simd, factors, factors, *sum);
            }
        }
        let total = sums.iter().map(|&sum| simd.to_array(sum)[0]).sum();
        (sums.len(), total)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_instruction_set_has_a_peak() {
        for isa in Isa::available() {
            for precision in [Precision::F32, Precision::Bf16] {
                let options = Options { threads: 1, precision, isa: Some(isa) };
                assert!(peak(&options) > 0.0, "{isa:?} {precision:?}");
            }
        }
    }
}

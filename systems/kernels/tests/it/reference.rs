//! Operations as their definitions say, number by number, in 64 bits; and the comparison of a
//! program with them.

use detector_kernels::{Builder, Error, Isa, Options, Precision, Shape, Value};

/// A tensor of one picture.
#[derive(Clone, Debug)]
pub struct Tensor {
    pub shape: Shape,
    pub numbers: Vec<f64>,
}

impl Tensor {
    /// A tensor whose numbers are made of their place.
    pub fn new(shape: Shape, number: impl Fn(usize, usize, usize) -> f64) -> Self {
        let Shape { channels, height, width } = shape;
        let mut numbers = Vec::with_capacity(shape.len());
        for channel in 0..channels {
            for y in 0..height {
                numbers.extend((0..width).map(|x| number(channel, y, x)));
            }
        }
        Self { shape, numbers }
    }

    /// Numbers from -1 to 1 that look random.
    pub fn random(shape: Shape, seed: u64) -> Self {
        let numbers = random(shape.len(), seed).into_iter().map(f64::from).collect();
        Self { shape, numbers }
    }

    pub fn at(&self, channel: usize, y: usize, x: usize) -> f64 {
        self.numbers[(channel * self.shape.height + y) * self.shape.width + x]
    }

    /// The number at a place that may lie outside, where there is nothing.
    pub fn get(&self, channel: usize, y: isize, x: isize) -> Option<f64> {
        let (y, x) = (usize::try_from(y).ok()?, usize::try_from(x).ok()?);
        (y < self.shape.height && x < self.shape.width).then(|| self.at(channel, y, x))
    }
}

/// Numbers from -1 to 1 that look random, of few bits, so that bf16 holds them.
pub fn random(count: usize, seed: u64) -> Vec<f32> {
    // SplitMix64.
    let mut state = seed;
    let mut next = || {
        state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut bits = state;
        bits = (bits ^ bits >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        bits = (bits ^ bits >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        bits ^ bits >> 31
    };
    (0..count).map(|_| (next() >> 57) as f32 / 64.0 - 1.0).collect()
}

/// How far a result may be from the definition's, in parts of the largest number.
const F32_TOLERANCE: f64 = 2e-5;
/// Eight bits: half a unit in the last place of each product's factors and of the result.
const BF16_TOLERANCE: f64 = 2e-2;

/// Runs a network of one input on every instruction set, in both precisions, and compares its
/// output with `expected`.
#[track_caller]
pub fn check(
    input: &Tensor,
    expected: &Tensor,
    network: impl Fn(&mut Builder, Value) -> Result<Value, Error>,
) {
    for isa in Isa::available() {
        for (precision, tolerance) in
            [(Precision::F32, F32_TOLERANCE), (Precision::Bf16, BF16_TOLERANCE)]
        {
            let options = Options { threads: 2, precision, isa: Some(isa) };
            let output = run(input, &options, &network);
            let largest = expected.numbers.iter().fold(1.0, |most: f64, n| most.max(n.abs()));
            for (index, (&got, &want)) in output.iter().zip(&expected.numbers).enumerate() {
                let error = (f64::from(got) - want).abs() / largest;
                assert!(
                    error <= tolerance,
                    "{isa:?} {precision:?}: number {index} is {got} instead of {want}, \
                     off by {error:e} of {largest}"
                );
            }
            assert_eq!(output.len(), expected.numbers.len(), "{isa:?} {precision:?}");
        }
    }
}

/// What a network of one input makes of it.
#[track_caller]
pub fn run(
    input: &Tensor,
    options: &Options,
    network: impl Fn(&mut Builder, Value) -> Result<Value, Error>,
) -> Vec<f32> {
    let Shape { channels, height, width } = input.shape;
    let mut builder = Builder::new();
    let x = builder.input(channels, height, width).unwrap();
    let output = network(&mut builder, x).unwrap();
    let mut numbers = vec![f32::NAN; builder.shape(output).len()];
    let program = builder.finish(&[output], options).unwrap();
    let input: Vec<f32> = input.numbers.iter().map(|&number| number as f32).collect();
    program.run(1, &input, &mut [&mut numbers]).unwrap();
    numbers
}

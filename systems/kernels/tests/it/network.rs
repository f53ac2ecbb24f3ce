//! Small networks of many operations.

use std::sync::Arc;

use detector_kernels::{
    Activation, Builder, Convolution, Error, Isa, Options, Packings, PoolWindow, Precision,
    Program, Shape, Value,
};

use crate::reference::{Tensor, random, run};

/// A network with the joints of a detector: convolutions, shortcuts, splits, pools, two sizes.
pub fn network(builder: &mut Builder, x: Value) -> Result<Value, Error> {
    let mut seed = 0;
    let mut conv = |builder: &mut Builder, x, outputs: usize, side: usize, stride: usize| {
        seed += 1;
        let inputs = builder.shape(x).channels;
        let scale = 1.7 / ((inputs * side * side) as f32).sqrt();
        let weights = random(outputs * inputs * side * side, seed);
        let weights: Vec<f32> = weights.into_iter().map(|weight| weight * scale).collect();
        builder.convolution(
            x,
            Convolution {
                bias: random(outputs, seed + 100),
                stride: [stride; 2],
                padding: [side / 2; 4],
                activation: Activation::Silu,
                ..Convolution::new(outputs, [side; 2], weights)
            },
        )
    };
    let x = conv(builder, x, 16, 3, 2)?;
    let x = conv(builder, x, 32, 3, 2)?;
    let split = conv(builder, x, 48, 1, 1)?;
    let (left, right) = (builder.channels(split, 0..24)?, builder.channels(split, 24..48)?);
    let deep = conv(builder, right, 24, 3, 1)?;
    let deep = conv(builder, deep, 24, 3, 1)?;
    let deep = builder.add(right, deep)?;
    let joined = builder.concatenate(&[left, right, deep])?;
    let fine = conv(builder, joined, 40, 1, 1)?;
    let coarse = conv(builder, fine, 64, 3, 2)?;
    let window = PoolWindow { padding: [2; 4], ..PoolWindow::square(5, 1) };
    let once = builder.max_pool(coarse, window)?;
    let twice = builder.max_pool(once, window)?;
    let pooled = builder.concatenate(&[coarse, once, twice])?;
    let pooled = conv(builder, pooled, 64, 1, 1)?;
    let up = builder.upsample_nearest(pooled, [2, 2])?;
    let all = builder.concatenate(&[up, fine])?;
    let all = conv(builder, all, 33, 3, 1)?;
    builder.convolution(all, Convolution::new(7, [1, 1], random(7 * 33, 99)))
}

pub fn picture() -> Tensor {
    Tensor::random(Shape { channels: 3, height: 64, width: 88 }, 5)
}

#[test]
fn every_instruction_set_computes_the_same_network() {
    let options = |isa, precision| Options { threads: 1, precision, isa: Some(isa) };
    let expected = run(&picture(), &options(Isa::Portable, Precision::F32), network);
    let largest = expected.iter().fold(0.0, |most: f32, number| most.max(number.abs()));
    for isa in Isa::available() {
        // A ten-thousandth of the largest number over a whole network; in bf16 a few hundredths.
        for (precision, tolerance) in [(Precision::F32, 1e-4), (Precision::Bf16, 4e-2)] {
            let output = run(&picture(), &options(isa, precision), network);
            let errors = output.iter().zip(&expected).map(|(got, want)| (got - want).abs());
            let error = errors.fold(0.0, f32::max) / largest;
            assert!(error <= tolerance, "{isa:?} {precision:?}: off by {error:e}");
        }
    }
}

#[test]
fn programs_of_several_sizes_share_their_weights() {
    let weights: Arc<[f32]> = random(16 * 16 * 9, 5).into();
    let program = |packings: &Packings, height: usize| {
        let mut network = Builder::new();
        let picture = network.input(16, height, 40).unwrap();
        let convolution = Convolution {
            padding: [1; 4],
            stride: [2, 2],
            ..Convolution::new(16, [3, 3], weights.clone())
        };
        let features = network.convolution(picture, convolution).unwrap();
        network.finish_with(&[features], &Options::default(), packings).unwrap()
    };
    let run = |program: &Program| {
        let mut output = vec![0.0; program.outputs()[0].len()];
        program.run(1, &random(program.input().len(), 7), &mut [&mut output]).unwrap();
        output
    };

    let shared = Packings::new();
    let (low, high) = (program(&shared, 20), program(&shared, 40));
    assert_eq!(run(&low), run(&program(&Packings::new(), 20)));
    assert_eq!(run(&high), run(&program(&Packings::new(), 40)));
    drop(low);
    assert_eq!(run(&high), run(&program(&Packings::new(), 40)), "what one has, another keeps");
}

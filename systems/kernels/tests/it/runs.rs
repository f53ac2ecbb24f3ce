//! What holds for every run of a program.

use std::thread;

use detector_kernels::{Activation, Builder, Options, Precision};

use crate::network::{network, picture};
use crate::reference::run;

fn bits(numbers: &[f32]) -> Vec<u32> {
    numbers.iter().map(|number| number.to_bits()).collect()
}

#[test]
fn any_number_of_threads_gives_the_same_bits() {
    for precision in [Precision::F32, Precision::Bf16] {
        let options = |threads| Options { threads, precision, isa: None };
        let expected = bits(&run(&picture(), &options(1), network));
        for threads in [2, 3, 5] {
            assert_eq!(bits(&run(&picture(), &options(threads), network)), expected);
        }
    }
}

#[test]
fn runs_at_the_same_time_do_not_disturb_each_other() {
    let mut builder = Builder::new();
    let x = builder.input(3, 64, 88).unwrap();
    let output = network(&mut builder, x).unwrap();
    let len = builder.shape(output).len();
    let program = builder.finish(&[output], &Options::default()).unwrap();
    let result = |shift: f32| {
        let input: Vec<f32> =
            picture().numbers.iter().map(|&number| number as f32 + shift).collect();
        let mut output = vec![0.0; len];
        program.run(1, &input, &mut [&mut output]).unwrap();
        bits(&output)
    };
    let expected = [0.0, 0.5, 1.0].map(result);
    thread::scope(|scope| {
        for (shift, expected) in [0.0, 0.5, 1.0].into_iter().zip(&expected) {
            scope.spawn(move || {
                for _ in 0..5 {
                    assert_eq!(&result(shift), expected);
                }
            });
        }
    });
}

#[test]
fn pictures_of_a_batch_are_computed_each_by_itself() {
    let mut builder = Builder::new();
    let x = builder.input(3, 64, 88).unwrap();
    let output = network(&mut builder, x).unwrap();
    let same = builder.activation(x, Activation::Relu).unwrap();
    let [len, same_len] = [output, same].map(|value| builder.shape(value).len());
    let program = builder.finish(&[output, same], &Options::default()).unwrap();
    let one: Vec<f32> = picture().numbers.iter().map(|&number| number as f32).collect();
    let other: Vec<f32> = one.iter().rev().copied().collect();
    let compute = |input: &[f32], pictures: usize| {
        let (mut output, mut same) = (vec![0.0; len * pictures], vec![0.0; same_len * pictures]);
        program.run(pictures, input, &mut [&mut output, &mut same]).unwrap();
        (output, same)
    };
    let (first, second) = (compute(&one, 1), compute(&other, 1));
    let both = compute(&[one, other].concat(), 2);
    assert_eq!(bits(&both.0), bits(&[first.0, second.0].concat()));
    assert_eq!(bits(&both.1), bits(&[first.1, second.1].concat()));
}

#[test]
fn a_profile_has_a_line_for_each_step() {
    let mut builder = Builder::new();
    let x = builder.input(3, 64, 88).unwrap();
    builder.label("all");
    let output = network(&mut builder, x).unwrap();
    let len = builder.shape(output).len();
    let program = builder.finish(&[output], &Options::default()).unwrap();
    let mut numbers = vec![0.0; len];
    let steps = program.profile(3, &vec![0.0; 3 * 64 * 88], &mut [&mut numbers]).unwrap();
    assert_eq!(steps[0].shape, "3x64x88 -> 16x32x44 3x3 stride 2");
    assert_eq!(steps[0].label, "all");
    assert_eq!(steps[0].operations, 2 * 27 * 16 * 32 * 44);
    assert_eq!(steps.last().unwrap().kind, "export");
}

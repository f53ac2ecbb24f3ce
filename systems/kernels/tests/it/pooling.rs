use detector_kernels::{PoolWindow, Shape};
use proptest::prelude::*;

use crate::reference::{Tensor, check};

/// For each window of the output the numbers of a channel under it, and how many places it covers
/// with its padding.
fn pooled(
    input: &Tensor,
    window: PoolWindow,
    size: [usize; 2],
    number: impl Fn(&[f64], usize) -> f64,
) -> Tensor {
    let PoolWindow { kernel, stride, padding, dilation, .. } = window;
    let shape = Shape { channels: input.shape.channels, height: size[0], width: size[1] };
    let places = [input.shape.height, input.shape.width];
    Tensor::new(shape, |channel, y, x| {
        let mut numbers = Vec::new();
        let mut covered = 0;
        for ky in 0..kernel[0] {
            for kx in 0..kernel[1] {
                let at = [y * stride[0] + ky * dilation[0], x * stride[1] + kx * dilation[1]];
                covered += usize::from((0..2).all(|axis: usize| {
                    at[axis] < padding[axis] + places[axis] + padding[axis + 2]
                }));
                let from = |axis: usize| at[axis] as isize - padding[axis] as isize;
                numbers.extend(input.get(channel, from(0), from(1)));
            }
        }
        number(&numbers, covered)
    })
}

fn steps(places: usize, window: &PoolWindow, axis: usize) -> usize {
    let padding = window.padding[axis] + window.padding[axis + 2];
    let room = places + padding - ((window.kernel[axis] - 1) * window.dilation[axis] + 1);
    if !window.ceil_mode {
        return room / window.stride[axis] + 1;
    }
    let steps = room.div_ceil(window.stride[axis]) + 1;
    // A window that begins in the far padding does not count.
    let beyond = (steps - 1) * window.stride[axis] >= places + window.padding[axis];
    steps - usize::from(beyond)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn a_pool_of_any_form(
        channels in 1..40_usize,
        size in [1..17_usize, 1..17_usize],
        kernel in [1..6_usize, 1..6_usize],
        stride in [1..4_usize, 1..4_usize],
        padding in [0..3_usize, 0..3_usize, 0..3_usize, 0..3_usize],
        dilation in [1..3_usize, 1..3_usize],
        ceil_mode in any::<bool>(),
    ) {
        let padding = [0, 1, 2, 3].map(|side: usize| padding[side].min(kernel[side % 2] / 2));
        let window = PoolWindow { kernel, stride, padding, dilation, ceil_mode };
        for axis in 0..2 {
            let reach = (kernel[axis] - 1) * dilation[axis] + 1;
            prop_assume!(size[axis] + padding[axis] + padding[axis + 2] >= reach);
        }
        let output = [0, 1].map(|axis| steps(size[axis], &window, axis));
        let shape = Shape { channels, height: size[0], width: size[1] };
        let input = Tensor::random(shape, 1);
        let greatest = pooled(&input, window, output, |numbers, _| {
            numbers.iter().copied().fold(f64::NEG_INFINITY, f64::max)
        });
        prop_assume!(greatest.numbers.iter().all(|number| number.is_finite()));
        check(&input, &greatest, |network, x| network.max_pool(x, window));

        let mean = pooled(&input, window, output, |numbers, _| {
            numbers.iter().sum::<f64>() / numbers.len() as f64
        });
        check(&input, &mean, |network, x| network.average_pool(x, window, false));
        let mean = pooled(&input, window, output, |numbers, covered| {
            numbers.iter().sum::<f64>() / covered as f64
        });
        check(&input, &mean, |network, x| network.average_pool(x, window, true));
    }
}

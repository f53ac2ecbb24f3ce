use detector_kernels::{Activation, Convolution, Shape, TransposedConvolution};
use proptest::prelude::*;

use crate::reference::{Tensor, check, random};

/// What a convolution is by its definition.
fn convolved(input: &Tensor, convolution: &Convolution) -> Tensor {
    let Convolution { weights, bias, outputs, kernel, stride, padding, dilation, groups, .. } =
        convolution;
    let of_group = input.shape.channels / groups;
    let size = |places: usize, axis: usize| {
        let reach = (kernel[axis] - 1) * dilation[axis] + 1;
        (places + padding[axis] + padding[axis + 2] - reach) / stride[axis] + 1
    };
    let shape = Shape {
        channels: *outputs,
        height: size(input.shape.height, 0),
        width: size(input.shape.width, 1),
    };
    Tensor::new(shape, |output, y, x| {
        let group = output / (outputs / groups);
        let mut sum = bias.get(output).map_or(0.0, |&bias| f64::from(bias));
        for channel in 0..of_group {
            for ky in 0..kernel[0] {
                for kx in 0..kernel[1] {
                    let at = |place: usize, tap: usize, axis: usize| {
                        (place * stride[axis] + tap * dilation[axis]) as isize
                            - padding[axis] as isize
                    };
                    let from = input.get(group * of_group + channel, at(y, ky, 0), at(x, kx, 1));
                    let weight = ((output * of_group + channel) * kernel[0] + ky) * kernel[1] + kx;
                    sum += from.unwrap_or(0.0) * f64::from(weights[weight]);
                }
            }
        }
        sum
    })
}

#[track_caller]
fn check_convolution(shape: Shape, mut convolution: Convolution) {
    let input = Tensor::random(shape, 1);
    let count = convolution.outputs * shape.channels / convolution.groups
        * convolution.kernel.iter().product::<usize>();
    convolution.weights = random(count, 2).into();
    let expected = convolved(&input, &convolution);
    check(&input, &expected, |network, x| {
        // The picture itself has its own way: take it once as it is, and once as planes.
        network.convolution(x, convolution.clone())
    });
    check(&input, &expected, |network, x| {
        let planes = network.activation(x, Activation::Identity)?;
        network.convolution(planes, convolution.clone())
    });
}

fn shape() -> impl Strategy<Value = Shape> {
    (1..40_usize, 1..23_usize, 1..23_usize).prop_map(|(channels, height, width)| Shape {
        channels,
        height,
        width,
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    #[test]
    fn a_convolution_of_any_form(
        shape in shape(),
        outputs in 1..70_usize,
        kernel in [1..6_usize, 1..6_usize],
        stride in [1..4_usize, 1..4_usize],
        dilation in [1..3_usize, 1..3_usize],
        padding in [0..5_usize, 0..5_usize, 0..5_usize, 0..5_usize],
        bias in any::<bool>(),
    ) {
        let reach = [0, 1].map(|axis: usize| (kernel[axis] - 1) * dilation[axis] + 1);
        let padding = [0, 1, 2, 3].map(|side: usize| padding[side].min(reach[side % 2] - 1));
        prop_assume!(shape.height + padding[0] + padding[2] >= reach[0]);
        prop_assume!(shape.width + padding[1] + padding[3] >= reach[1]);
        check_convolution(shape, Convolution {
            bias: if bias { random(outputs, 3) } else { Vec::new() },
            stride,
            dilation,
            padding,
            ..Convolution::new(outputs, kernel, Vec::new())
        });
    }

    #[test]
    fn a_convolution_of_three_by_three(shape in shape(), outputs in 1..70_usize) {
        check_convolution(shape, Convolution {
            bias: random(outputs, 3),
            padding: [1; 4],
            ..Convolution::new(outputs, [3, 3], Vec::new())
        });
    }

    #[test]
    fn a_convolution_in_groups(
        groups in 2..7_usize,
        inputs in 1..12_usize,
        outputs in 1..12_usize,
        size in [3..14_usize, 3..14_usize],
        stride in 1..3_usize,
    ) {
        let shape = Shape { channels: groups * inputs, height: size[0], width: size[1] };
        check_convolution(shape, Convolution {
            stride: [stride; 2],
            padding: [1; 4],
            groups,
            ..Convolution::new(groups * outputs, [3, 3], Vec::new())
        });
    }

    #[test]
    fn a_convolution_of_each_channel(
        shape in shape(),
        side in 1..8_usize,
        stride in 1..4_usize,
        dilation in 1..3_usize,
    ) {
        let reach = (side - 1) * dilation;
        prop_assume!(shape.height + reach / 2 * 2 > reach && shape.width + reach / 2 * 2 > reach);
        check_convolution(shape, Convolution {
            bias: random(shape.channels, 3),
            stride: [stride; 2],
            dilation: [dilation; 2],
            padding: [reach / 2; 4],
            groups: shape.channels,
            ..Convolution::new(shape.channels, [side; 2], Vec::new())
        });
    }

    #[test]
    fn a_transposed_convolution(
        groups in 1..3_usize,
        channels in [1..20_usize, 1..20_usize],
        size in [1..9_usize, 1..9_usize],
        kernel in [1..5_usize, 1..5_usize],
        stride in [1..4_usize, 1..4_usize],
        padding in [0..3_usize, 0..3_usize],
        more in [0..3_usize, 0..3_usize],
    ) {
        let padding = [0, 1].map(|axis: usize| padding[axis].min(kernel[axis] - 1));
        let output_padding = [0, 1].map(|axis: usize| more[axis].min(stride[axis] - 1));
        let spread = |axis: usize| {
            ((size[axis] - 1) * stride[axis] + kernel[axis] + output_padding[axis])
                .saturating_sub(2 * padding[axis])
        };
        prop_assume!(spread(0) > 0 && spread(1) > 0);
        let [inputs, outputs] = channels.map(|channels| channels * groups);
        let input = Tensor::random(Shape { channels: inputs, height: size[0], width: size[1] }, 1);
        let weights = random(inputs * outputs / groups * kernel[0] * kernel[1], 2);
        let bias = random(outputs, 3);
        let shape = Shape { channels: outputs, height: spread(0), width: spread(1) };
        let expected = Tensor::new(shape, |output, y, x| {
            let of_group = outputs / groups;
            let mut sum = f64::from(bias[output]);
            for channel in 0..channels[0] {
                let channel = output / of_group * channels[0] + channel;
                for ky in 0..kernel[0] {
                    for kx in 0..kernel[1] {
                        let from = |place: usize, tap: usize, axis: usize| {
                            let distance = (place + padding[axis]) as isize - tap as isize;
                            let stride = stride[axis] as isize;
                            (distance % stride == 0).then_some(distance / stride)
                        };
                        let (Some(y), Some(x)) = (from(y, ky, 0), from(x, kx, 1)) else { continue };
                        let weight = channel * of_group + output % of_group;
                        let weight = (weight * kernel[0] + ky) * kernel[1] + kx;
                        let number = input.get(channel, y, x).unwrap_or(0.0);
                        sum += number * f64::from(weights[weight]);
                    }
                }
            }
            sum
        });
        check(&input, &expected, |network, x| {
            network.transposed_convolution(x, TransposedConvolution {
                bias: bias.clone(),
                padding,
                output_padding,
                groups,
                ..TransposedConvolution::new(outputs, kernel, stride, weights.clone())
            })
        });
    }
}

#[test]
fn what_is_added_to_a_convolution_is_added_after_its_activation() {
    for side in [1, 3] {
        let shape = Shape { channels: 20, height: 9, width: 11 };
        let input = Tensor::random(shape, 1);
        let convolution = Convolution {
            bias: random(20, 2),
            padding: [side / 2; 4],
            activation: Activation::Relu,
            ..Convolution::new(20, [side; 2], random(400 * side * side, 3))
        };
        let mut expected = convolved(&input, &convolution);
        for (number, input) in expected.numbers.iter_mut().zip(&input.numbers) {
            *number = number.max(0.0) + input;
        }
        check(&input, &expected, |network, x| {
            let shortcut = network.activation(x, Activation::Identity)?;
            let sum = network.convolution(shortcut, convolution.clone())?;
            network.add(shortcut, sum)
        });
    }
}

#[test]
fn a_picture_is_read_with_any_stride() {
    for stride in [1, 2, 3, 16, 32] {
        let shape = Shape { channels: 3, height: 40, width: 70 };
        check_convolution(
            shape,
            Convolution {
                stride: [stride; 2],
                padding: [1; 4],
                ..Convolution::new(40, [3, 3], Vec::new())
            },
        );
    }
}

use detector_kernels::{Activation, Shape};

use crate::reference::{Tensor, check, random};

const SHAPE: Shape = Shape { channels: 21, height: 5, width: 7 };

#[track_caller]
fn check_activation(activation: Activation, function: impl Fn(f64) -> f64) {
    let numbers = Tensor::random(SHAPE, 1).numbers.into_iter().map(|number| number * 12.0);
    let input = Tensor { shape: SHAPE, numbers: numbers.collect() };
    let numbers = input.numbers.iter().map(|&number| function(number)).collect();
    let expected = Tensor { shape: SHAPE, numbers };
    check(&input, &expected, |network, x| network.activation(x, activation));
}

fn sigmoid(x: f64) -> f64 {
    1.0 / (1.0 + (-x).exp())
}

/// The error function by its series, and 1 where that would need too many terms.
fn erf(x: f64) -> f64 {
    if x.abs() > 5.0 {
        return x.signum();
    }
    let mut term = x;
    let mut sum = x;
    for n in 1..200 {
        term *= -x * x / f64::from(n);
        sum += term / f64::from(2 * n + 1);
    }
    sum * std::f64::consts::FRAC_2_SQRT_PI
}

#[test]
fn every_activation_function_is_what_its_name_says() {
    check_activation(Activation::Identity, |x| x);
    check_activation(Activation::Silu, |x| x * sigmoid(x));
    check_activation(Activation::Relu, |x| x.max(0.0));
    check_activation(Activation::Relu6, |x| x.clamp(0.0, 6.0));
    check_activation(Activation::LeakyRelu { slope: 0.1 }, |x| if x < 0.0 { 0.1 * x } else { x });
    check_activation(Activation::Hardswish, |x| x * (x + 3.0).clamp(0.0, 6.0) / 6.0);
    check_activation(Activation::Hardsigmoid, |x| (x / 6.0 + 0.5).clamp(0.0, 1.0));
    check_activation(Activation::Sigmoid, sigmoid);
    check_activation(Activation::Tanh, f64::tanh);
    check_activation(Activation::Mish, |x| x * x.exp().ln_1p().tanh());
    check_activation(Activation::Gelu, |x| x / 2.0 * (1.0 + erf(x / 2.0_f64.sqrt())));
    check_activation(Activation::GeluTanh, |x| {
        let inner = (2.0 / std::f64::consts::PI).sqrt() * (x + 0.044715 * x.powi(3));
        x / 2.0 * (1.0 + inner.tanh())
    });
    check_activation(
        Activation::Elu { alpha: 0.7 },
        |x| if x < 0.0 { 0.7 * x.exp_m1() } else { x },
    );
}

#[test]
fn numbers_far_from_zero_stay_finite() {
    let shape = Shape { channels: 4, height: 1, width: 1 };
    let input = Tensor { shape, numbers: vec![-1e30, -500.0, 500.0, 1e30] };
    let expected = Tensor { shape, numbers: vec![0.0, 0.0, 1.0, 1.0] };
    check(&input, &expected, |network, x| network.activation(x, Activation::Sigmoid));
    let expected = Tensor { shape, numbers: vec![-1.0, -1.0, 1.0, 1.0] };
    check(&input, &expected, |network, x| network.activation(x, Activation::Tanh));
}

#[test]
fn tensors_are_added_and_multiplied_number_by_number() {
    let input = Tensor::random(SHAPE, 1);
    let numbers = input.numbers.iter().map(|x| x + x.max(0.0)).collect();
    check(&input, &Tensor { shape: SHAPE, numbers }, |network, x| {
        let positive = network.activation(x, Activation::Relu)?;
        network.add(x, positive)
    });
    let numbers = input.numbers.iter().map(|x| x * x.max(0.0)).collect();
    check(&input, &Tensor { shape: SHAPE, numbers }, |network, x| {
        let positive = network.activation(x, Activation::Relu)?;
        network.multiply(x, positive)
    });
}

#[test]
fn each_channel_has_its_factor_and_offset() {
    let input = Tensor::random(SHAPE, 1);
    let (factors, offsets) = (random(SHAPE.channels, 2), random(SHAPE.channels, 3));
    let expected = Tensor::new(SHAPE, |channel, y, x| {
        input.at(channel, y, x) * f64::from(factors[channel]) + f64::from(offsets[channel])
    });
    check(&input, &expected, |network, x| network.scale_shift(x, factors.clone(), offsets.clone()));
}

#[test]
fn the_shares_of_a_softmax_add_up() {
    let input = Tensor::random(SHAPE, 1);
    let expected = Tensor::new(SHAPE, |channel, y, x| {
        let sum: f64 = (0..SHAPE.channels).map(|channel| input.at(channel, y, x).exp()).sum();
        input.at(channel, y, x).exp() / sum
    });
    check(&input, &expected, |network, x| network.softmax(x));
}

#[test]
fn a_mean_is_of_all_places_and_a_linear_layer_of_all_channels() {
    let input = Tensor::random(SHAPE, 1);
    let places = (SHAPE.height * SHAPE.width) as f64;
    let mean: Vec<f64> = input
        .numbers
        .chunks(SHAPE.height * SHAPE.width)
        .map(|channel| channel.iter().sum::<f64>() / places)
        .collect();
    let shape = Shape { channels: SHAPE.channels, height: 1, width: 1 };
    let expected = Tensor { shape, numbers: mean.clone() };
    check(&input, &expected, |network, x| network.mean_over_places(x));

    let (weights, bias) = (random(30 * SHAPE.channels, 2), random(30, 3));
    let expected = Tensor::new(Shape { channels: 30, ..shape }, |output, _, _| {
        let weights = weights[output * SHAPE.channels..].iter();
        let sum: f64 = weights.zip(&mean).map(|(&weight, mean)| f64::from(weight) * mean).sum();
        sum + f64::from(bias[output])
    });
    check(&input, &expected, |network, x| {
        let mean = network.mean_over_places(x)?;
        network.linear(mean, 30, weights.clone(), bias.clone())
    });
}

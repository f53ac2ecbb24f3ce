//! A plan in the words of the kernels.

use std::ops::Range;

use detector_kernels::{
    self as kernels, AttentionOptions, Builder, Error, Options, Packings, PoolWindow, Program,
    TransposedConvolution, Value,
};

use crate::network::activation::Activation;
use crate::network::plan::{Attention, Convolution, Operation, Plan, Step, Window};
use crate::network::shape::Shape;
use crate::network::weights::{Weights, WeightsId};

/// The program that does what a plan says.
pub(super) fn program(
    plan: &Plan,
    weights: &[Weights],
    options: &Options,
    packings: &Packings,
) -> Result<Program, Error> {
    let mut builder = Builder::new();
    let Shape { channels, height, width } = plan.shapes[0];
    let picture = builder.input(channels, height, width)?;
    let mut values = vec![None; plan.shapes.len()];
    values[0] = Some(picture);
    let mut translation = Translation { weights, builder, values, slices: Vec::new() };
    for step in &plan.steps {
        translation.builder.label(step.layer.to_string());
        let value = translation.step(step, plan.shapes[step.output])?;
        translation.values[step.output] = Some(value);
    }
    let outputs: Vec<Value> =
        plan.output.values().map(|value| translation.value(value.number)).collect();
    translation.builder.finish_with(&outputs, options, packings)
}

struct Translation<'a> {
    weights: &'a [Weights],
    builder: Builder,
    /// What the values of the plan became.
    values: Vec<Option<Value>>,
    /// Slices that were taken: attention takes the same ones as what stands beside it.
    slices: Vec<(Slice, Value)>,
}

/// Some channels of each of `groups` equal groups of a value's channels.
#[derive(Clone, PartialEq, Eq)]
struct Slice {
    of: usize,
    groups: usize,
    channels: Range<usize>,
}

impl Translation<'_> {
    fn value(&self, number: usize) -> Value {
        self.values[number].expect("each value is made before it is read")
    }

    fn weights(&self, WeightsId(number): WeightsId) -> &Weights {
        &self.weights[number]
    }

    /// # Shapes
    ///
    /// - `output`: what the step makes
    fn step(&mut self, step: &Step, output: Shape) -> Result<Value, Error> {
        let inputs: Vec<Value> = step.inputs.iter().map(|input| self.value(input.number)).collect();
        let (&x, of) =
            (inputs.first().expect("each operation has an input"), step.inputs[0].number);
        match &step.operation {
            Operation::Convolution(convolution) => {
                let convolution = self.convolution(convolution);
                let output = self.builder.convolution(x, convolution)?;
                match inputs.get(1) {
                    Some(&added) => self.builder.add(output, added),
                    None => Ok(output),
                }
            }
            Operation::Transposed { weights, stride, padding } => {
                let Weights { shape: [_, outputs, height, width], values, bias, .. } =
                    self.weights(*weights);
                let convolution = TransposedConvolution {
                    bias: bias.clone().unwrap_or_default(),
                    padding: *padding,
                    ..TransposedConvolution::new(
                        *outputs,
                        [*height, *width],
                        *stride,
                        values.clone(),
                    )
                };
                self.builder.transposed_convolution(x, convolution)
            }
            Operation::Activation(activation) => self.builder.activation(x, function(*activation)),
            Operation::Add => self.builder.add(x, inputs[1]),
            Operation::Scale { weights } => {
                let Weights { values, bias, .. } = self.weights(*weights);
                let (factors, offsets) = (values.to_vec(), bias.clone());
                let offsets = offsets.unwrap_or_else(|| vec![0.0; factors.len()]);
                self.builder.scale_shift(x, factors, offsets)
            }
            Operation::Concatenate => self.builder.concatenate(&inputs),
            Operation::Slice { groups, channels } => {
                self.slice(Slice { of, groups: *groups, channels: channels.clone() })
            }
            Operation::MaxPool(window) => self.builder.max_pool(x, pool(window)),
            Operation::AveragePool(window) => self.builder.average_pool(x, pool(window), false),
            Operation::Resize => self.builder.resize_nearest(x, output.height, output.width),
            &Operation::Pad { left, right, top, bottom } => {
                self.builder.pad(x, left, right, top, bottom, 0.0)
            }
            Operation::Attention(attention) => self.attention(of, attention),
            Operation::Mean => self.builder.mean_over_places(x),
            Operation::Linear { weights } => {
                let Weights { shape: [outputs, ..], values, bias, .. } = self.weights(*weights);
                let (outputs, values) = (*outputs, values.clone());
                let bias = bias.clone().unwrap_or_default();
                self.builder.linear(x, outputs, values, bias)
            }
        }
    }

    fn convolution(&self, convolution: &Convolution) -> kernels::Convolution {
        let &Convolution { weights, window, groups, activation } = convolution;
        let Weights { shape: [outputs, ..], values, bias, .. } = self.weights(weights);
        let Window { size, stride, padding: [vertical, horizontal], dilation } = window;
        kernels::Convolution {
            weights: values.clone(),
            bias: bias.clone().unwrap_or_default(),
            outputs: *outputs,
            kernel: size,
            stride,
            padding: [vertical, horizontal, vertical, horizontal],
            dilation,
            groups,
            activation: function(activation),
        }
    }

    fn attention(&mut self, of: usize, attention: &Attention) -> Result<Value, Error> {
        let &Attention { heads, key_channels, value_channels, scale, areas } = attention;
        let mut of_heads = |channels| self.slice(Slice { of, groups: heads, channels });
        let queries = of_heads(0..key_channels)?;
        let keys = of_heads(key_channels..2 * key_channels)?;
        let values = of_heads(2 * key_channels..attention.of_head())?;
        let options = AttentionOptions {
            heads,
            key_dim: key_channels,
            head_dim: value_channels,
            scale: scale as f32,
            areas,
        };
        self.builder.attention(queries, keys, values, options)
    }

    fn slice(&mut self, slice: Slice) -> Result<Value, Error> {
        if let Some((_, value)) = self.slices.iter().find(|(taken, _)| *taken == slice) {
            return Ok(*value);
        }
        let x = self.value(slice.of);
        let of_group = self.builder.shape(x).channels / slice.groups;
        let channels: Vec<usize> = (0..slice.groups)
            .flat_map(|group| slice.channels.clone().map(move |channel| group * of_group + channel))
            .collect();
        let value = self.builder.select_channels(x, &channels)?;
        self.slices.push((slice, value));
        Ok(value)
    }
}

fn pool(window: &Window) -> PoolWindow {
    let &Window { size: kernel, stride, padding: [vertical, horizontal], dilation } = window;
    let padding = [vertical, horizontal, vertical, horizontal];
    PoolWindow { kernel, stride, padding, dilation, ceil_mode: false }
}

fn function(activation: Activation) -> kernels::Activation {
    match activation {
        Activation::Identity => kernels::Activation::Identity,
        Activation::Silu => kernels::Activation::Silu,
        Activation::Relu => kernels::Activation::Relu,
        Activation::Relu6 => kernels::Activation::Relu6,
        Activation::LeakyRelu { slope } => kernels::Activation::LeakyRelu { slope: slope as f32 },
        Activation::Hardswish => kernels::Activation::Hardswish,
        Activation::Hardsigmoid => kernels::Activation::Hardsigmoid,
        Activation::Sigmoid => kernels::Activation::Sigmoid,
        Activation::Tanh => kernels::Activation::Tanh,
        Activation::Mish => kernels::Activation::Mish,
        Activation::Gelu => kernels::Activation::Gelu,
        Activation::GeluTanh => kernels::Activation::GeluTanh,
        Activation::Elu { alpha } => kernels::Activation::Elu { alpha: alpha as f32 },
    }
}

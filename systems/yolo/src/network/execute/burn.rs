//! Plans on the devices that burn knows.

use ::burn::tensor::module::{avg_pool2d, conv_transpose2d, conv2d, interpolate, max_pool2d};
use ::burn::tensor::ops::{
    AvgPoolOptions, ConvOptions, ConvTransposeOptions, InterpolateMode, InterpolateOptions,
    MaxPoolOptions,
};
use ::burn::tensor::{DType, Device, Tensor, TensorData, activation};

use crate::network::activation::Activation;
use crate::network::head::RawOutput;
use crate::network::plan::{Attention, Convolution, Input, Operation, Output, Plan, Step, Value};
use crate::network::shape::Shape;
use crate::network::weights::{Role, Weights, WeightsId};

/// The weights of a network on a device of burn.
pub(crate) struct Burn {
    device: Device,
    dtype: DType,
    weights: Vec<OnDevice>,
}

/// The weights of one operation.
struct OnDevice {
    values: Tensor<4>,
    bias: Option<Tensor<1>>,
}

impl Burn {
    /// Puts the weights of a network on a device.
    ///
    /// `channels_last`: whether the weights of convolutions lie channel by channel there.
    pub fn new(weights: Vec<Weights>, device: &Device, dtype: DType, channels_last: bool) -> Self {
        let seat = (device, dtype);
        let on_device = |Weights { role, shape, values, bias }: Weights| OnDevice {
            values: if role == Role::Convolution && channels_last {
                with_channels_last(values.to_vec(), shape, seat)
            } else {
                Tensor::from_data(TensorData::new(values.to_vec(), shape), seat)
            },
            bias: bias.map(|bias| {
                let count = bias.len();
                Tensor::from_data(TensorData::new(bias, [count]), seat)
            }),
        };
        let weights = weights.into_iter().map(on_device).collect();
        Self { device: device.clone(), dtype, weights }
    }

    /// Where it runs.
    pub fn device(&self) -> &Device {
        &self.device
    }

    /// Executes a plan.
    ///
    /// # Shapes
    ///
    /// - `picture`: `[batch, 3, height, width]`, of the plan's size
    pub fn run(&self, plan: &Plan, picture: Tensor<4>) -> RawOutput {
        let mut values = Values(plan.shapes.iter().map(|_| None).collect());
        values.0[0] = Some(picture.cast(self.dtype));
        for step in &plan.steps {
            let inputs = step.inputs.iter().map(|&input| values.take(input)).collect();
            values.0[step.output] = Some(self.step(step, inputs, plan.shapes[step.output]));
        }
        match &plan.output {
            Output::Anchors { levels, prototypes, .. } => {
                let levels = levels.iter().map(|parts| {
                    let parts = parts.iter().map(|part| values.get(part).flatten::<3>(2, 3));
                    Tensor::cat(parts.collect(), 1)
                });
                let rows = Tensor::cat(levels.collect(), 2);
                let prototypes = prototypes.as_ref().map(|prototypes| values.get(prototypes));
                RawOutput::Anchors { rows, prototypes }
            }
            Output::Classes(logits) => RawOutput::Classes(values.get(logits).flatten::<2>(1, 3)),
        }
    }

    /// # Shapes
    ///
    /// - `output`: of one picture
    fn step(&self, step: &Step, inputs: Vec<Tensor<4>>, output: Shape) -> Tensor<4> {
        if step.operation == Operation::Concatenate {
            return Tensor::cat(inputs, 1);
        }
        let mut inputs = inputs.into_iter();
        let x = inputs.next().expect("each operation has an input");
        match &step.operation {
            Operation::Convolution(convolution) => {
                let output = self.convolution(convolution, x);
                match inputs.next() {
                    Some(added) => added + output,
                    None => output,
                }
            }
            Operation::Transposed { weights, stride, padding } => {
                let OnDevice { values, bias } = self.weights(*weights);
                let options = ConvTransposeOptions::new(*stride, *padding, [0, 0], [1, 1], 1);
                conv_transpose2d(x, values.clone(), bias.clone(), options)
            }
            Operation::Activation(activation) => activate(*activation, x),
            Operation::Add => x + inputs.next().expect("a sum has two inputs"),
            Operation::Scale { weights } => {
                let OnDevice { values, bias } = self.weights(*weights);
                let scaled = x * values.clone();
                match bias {
                    Some(bias) => scaled + bias.clone().reshape([1, output.channels, 1, 1]),
                    None => scaled,
                }
            }
            Operation::Concatenate => unreachable!("it was done above"),
            Operation::Slice { groups: 1, channels } => x.narrow(1, channels.start, channels.len()),
            Operation::Slice { groups, channels } => {
                let [batch, all, height, width] = x.dims();
                x.reshape([batch, *groups, all / groups, height * width])
                    .narrow(2, channels.start, channels.len())
                    .reshape([batch, output.channels, height, width])
            }
            Operation::MaxPool(window) => {
                let options = MaxPoolOptions::new(window.size)
                    .with_stride(window.stride)
                    .with_padding(window.padding)
                    .with_dilation(window.dilation);
                max_pool2d(x, options)
            }
            Operation::AveragePool(window) => {
                avg_pool2d(x, AvgPoolOptions::new(window.size).with_stride(window.stride))
            }
            Operation::Resize => {
                let options = InterpolateOptions::new(InterpolateMode::Nearest)
                    .with_output_size([output.height, output.width]);
                interpolate(x, options)
            }
            &Operation::Pad { left, right, top, bottom } => x.pad((left, right, top, bottom), 0.0),
            Operation::Attention(attention) => attend(attention, x),
            Operation::Mean => {
                let [batch, channels, ..] = x.dims();
                x.flatten::<3>(2, 3).mean_dim(2).reshape([batch, channels, 1, 1])
            }
            Operation::Linear { weights } => {
                let OnDevice { values, bias } = self.weights(*weights);
                let [outputs, inputs, ..] = values.dims();
                let weighted = values.clone().reshape([outputs, inputs]).transpose();
                let sums = x.flatten::<2>(1, 3).matmul(weighted);
                let sums = match bias {
                    Some(bias) => sums + bias.clone().unsqueeze::<2>(),
                    None => sums,
                };
                let [batch, _] = sums.dims();
                sums.reshape([batch, outputs, 1, 1])
            }
        }
    }

    fn convolution(&self, convolution: &Convolution, x: Tensor<4>) -> Tensor<4> {
        let Convolution { weights, window, groups, activation } = convolution;
        let OnDevice { values, bias } = self.weights(*weights);
        let options = ConvOptions::new(window.stride, window.padding, window.dilation, *groups);
        activate(*activation, conv2d(x, values.clone(), bias.clone(), options))
    }

    fn weights(&self, WeightsId(number): WeightsId) -> &OnDevice {
        &self.weights[number]
    }
}

/// The values that were made and are still to be read: memory is returned early, and operations may
/// work in place.
struct Values(Vec<Option<Tensor<4>>>);

impl Values {
    fn take(&mut self, input: Input) -> Tensor<4> {
        let value = &mut self.0[input.number];
        let value = if input.last { value.take() } else { value.clone() };
        value.expect("each value is made before it is read, and kept until it was read last")
    }

    fn get(&self, value: &Value) -> Tensor<4> {
        self.0[value.number].clone().expect("outputs are kept")
    }
}

/// Puts the weights of a convolution on a device, in the order in which its kernels read them: else
/// they would turn them at every run.
///
/// # Shapes
///
/// - `values`: `[outputs, inputs, height, width]`
fn with_channels_last(values: Vec<f32>, shape: [usize; 4], seat: (&Device, DType)) -> Tensor<4> {
    let [outputs, inputs, height, width] = shape;
    if inputs == 1 || height * width == 1 {
        return Tensor::from_data(TensorData::new(values.to_vec(), shape), seat);
    }
    let area = height * width;
    let mut turned = Vec::with_capacity(values.len());
    for output in values.chunks_exact(inputs * area) {
        for at in 0..area {
            turned.extend((0..inputs).map(|input| output[input * area + at]));
        }
    }
    let turned = TensorData::new(turned, [outputs, height, width, inputs]);
    Tensor::<4>::from_data(turned, seat).permute([0, 3, 1, 2])
}

fn activate(activation: Activation, x: Tensor<4>) -> Tensor<4> {
    match activation {
        Activation::Identity => x,
        Activation::Silu => activation::silu(x),
        Activation::Relu => activation::relu(x),
        Activation::Relu6 => x.clamp(0.0, 6.0),
        Activation::LeakyRelu { slope } => activation::leaky_relu(x, slope),
        Activation::Hardswish => activation::hard_swish(x),
        Activation::Hardsigmoid => activation::hard_sigmoid(x, 1.0 / 6.0, 0.5),
        Activation::Sigmoid => activation::sigmoid(x),
        Activation::Tanh => activation::tanh(x),
        Activation::Mish => activation::mish(x),
        Activation::Gelu => activation::gelu(x),
        Activation::GeluTanh => activation::gelu_approximate(x),
        Activation::Elu { alpha } => activation::elu(x, alpha),
    }
}

fn attend(attention: &Attention, all: Tensor<4>) -> Tensor<4> {
    let &Attention { heads, key_channels: keys, value_channels: values, scale, areas } = attention;
    let [batch, _, height, width] = all.dims();
    let places = height * width / areas;
    // Areas as further pictures: they do not see each other.
    let all = if areas == 1 {
        all.reshape([batch, heads, attention.of_head(), places])
    } else {
        all.reshape([batch, heads, attention.of_head(), areas, places])
            .permute([0, 3, 1, 2, 4])
            .reshape([batch * areas, heads, attention.of_head(), places])
    };
    let query = all.clone().narrow(2, 0, keys);
    let key = all.clone().narrow(2, keys, keys);
    let value = all.narrow(2, 2 * keys, values);

    let weights = activation::softmax((query * scale).transpose().matmul(key), 3);
    let seen = value.matmul(weights.transpose());

    let picture = [batch, heads * values, height, width];
    if areas == 1 {
        return seen.reshape(picture);
    }
    seen.reshape([batch, areas, heads, values, places]).permute([0, 2, 3, 1, 4]).reshape(picture)
}

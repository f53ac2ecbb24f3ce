//! Convolutions, with the batch normalisation and the activation function that follow them.

use burn::tensor::ops::{ConvOptions, ConvTransposeOptions};
use burn::tensor::{Tensor, module};

use super::activation::Activation;
use super::block::Block;
use super::error::NetworkError;
use super::kernel::Kernel;
use super::normalization::Normalization;
use super::place::Place;
use super::shape::{Shape, slid, unfit};
use super::source::{Site, Source};
use super::tally::Tally;

/// A convolution and what follows it at once.
struct Convolution {
    place: Place,
    weight: Tensor<4>,
    bias: Option<Tensor<1>>,
    activation: Activation,
    inputs: usize,
    outputs: usize,
    kernel: [usize; 2],
    stride: [usize; 2],
    padding: [usize; 2],
    dilation: [usize; 2],
    groups: usize,
}

impl Convolution {
    fn new(kernel: Kernel, activation: Activation, site: &Site) -> Self {
        let (inputs, outputs) = (kernel.inputs(), kernel.outputs());
        let [_, _, height, width] = kernel.shape;
        Self {
            place: kernel.place,
            weight: site.kernel(rounded(kernel.values), kernel.shape),
            bias: kernel.bias.map(|bias| site.tensor(rounded(bias), [outputs])),
            activation,
            inputs,
            outputs,
            kernel: [height, width],
            stride: kernel.stride,
            padding: kernel.padding,
            dilation: kernel.dilation,
            groups: kernel.groups,
        }
    }
}

fn rounded(values: Vec<f64>) -> Vec<f32> {
    values.into_iter().map(|value| value as f32).collect()
}

/// Ultralytics' `Conv` and `DWConv`: convolution, batch normalisation, activation function.
pub(crate) fn conv(source: &Source) -> Result<Box<dyn Block>, NetworkError> {
    let kernel = Kernel::normalized(source)?;
    Ok(Box::new(Convolution::new(kernel, Activation::of(source)?, source.site)))
}

/// torch's own `Conv2d`.
pub(crate) fn conv2d(source: &Source) -> Result<Box<dyn Block>, NetworkError> {
    Ok(Box::new(Convolution::new(Kernel::read(source)?, Activation::Identity, source.site)))
}

/// `RepConv`: a large convolution, a small one and perhaps the input, normalised each and added.
/// One convolution does the same.
pub(crate) fn rep_conv(source: &Source) -> Result<Box<dyn Block>, NetworkError> {
    let kernel = if source.find("conv")?.is_some() {
        Kernel::normalized(source)?
    } else {
        let large = silent(&source.child("conv1")?)?;
        let kernel = large.plus(silent(&source.child("conv2")?)?)?;
        match source.find("bn")? {
            None => kernel,
            Some(input) => kernel.plus_normalized_input(&Normalization::read(&input)?)?,
        }
    };
    Ok(Box::new(Convolution::new(kernel, Activation::of(source)?, source.site)))
}

/// `RepVGGDW`: as `RepConv`, of two sizes, for each channel by itself.
pub(crate) fn rep_vgg_dw(source: &Source) -> Result<Box<dyn Block>, NetworkError> {
    let kernel = match source.find("conv1")? {
        Some(small) => silent(&source.child("conv")?)?.plus(silent(&small)?)?,
        None => Kernel::read(&source.child("conv")?)?,
    };
    Ok(Box::new(Convolution::new(kernel, Activation::of(source)?, source.site)))
}

/// The kernel of a `Conv` that has no activation function, so that its output can be added to
/// another's before there is one.
fn silent(source: &Source) -> Result<Kernel, NetworkError> {
    if !source.class().starts_with("ultralytics.nn.") || !source.class().ends_with(".Conv") {
        return Err(source.unknown());
    }
    if Activation::of(source)? != Activation::Identity {
        return Err(unfit(&source.place, "it has an activation function before a sum"));
    }
    Kernel::normalized(source)
}

impl Block for Convolution {
    fn shape(&self, input: Shape, tally: &mut Tally) -> Result<Shape, NetworkError> {
        input.expect_channels(self.inputs, &self.place)?;
        let slide = |axis: usize, size| {
            slid(
                size,
                self.kernel[axis],
                self.stride[axis],
                self.padding[axis],
                self.dilation[axis],
            )
            .ok_or_else(|| {
                unfit(&self.place, format!("its kernel is larger than the input's {size}"))
            })
        };
        let (height, width) = (slide(0, input.height)?, slide(1, input.width)?);
        let of_group = self.inputs / self.groups;
        tally.add(&[self.outputs, height, width, of_group, self.kernel[0], self.kernel[1]]);
        Shape { channels: self.outputs, height, width }.checked(&self.place)
    }

    fn run(&self, input: Tensor<4>) -> Tensor<4> {
        let options = ConvOptions::new(self.stride, self.padding, self.dilation, self.groups);
        let output = module::conv2d(input, self.weight.clone(), self.bias.clone(), options);
        self.activation.apply(output)
    }
}

/// torch's `ConvTranspose2d`: each value spreads over a window.
struct Transposed {
    place: Place,
    weight: Tensor<4>,
    bias: Option<Tensor<1>>,
    inputs: usize,
    outputs: usize,
    kernel: [usize; 2],
    stride: [usize; 2],
    padding: [usize; 2],
}

pub(crate) fn transposed(source: &Source) -> Result<Box<dyn Block>, NetworkError> {
    let place = source.place.clone();
    let weight =
        source.parameter("weight")?.ok_or_else(|| source.missing("parameter \"weight\""))?;
    let &[inputs, outputs, height, width] = weight.shape.as_slice() else {
        let problem = format!("its weight has {} dimensions, not 4", weight.shape.len());
        return Err(unfit(&place, problem));
    };
    let (stride, padding) = (source.sizes("stride")?, source.sizes("padding")?);
    let plain = source.size("groups")? == 1
        && source.sizes("dilation")? == [1, 1]
        && source.sizes("output_padding")? == [0, 0];
    if !plain {
        let problem = "groups, dilation and output_padding of a ConvTranspose2d are not supported";
        return Err(unfit(&place, problem));
    }
    if weight.shape.iter().chain(&stride).any(|&count| count == 0) {
        return Err(unfit(&place, "a size or stride is 0"));
    }
    let bias = source.parameter("bias")?.map(|array| array.values);
    if bias.as_ref().is_some_and(|bias| bias.len() != outputs) {
        return Err(unfit(&place, format!("its bias does not have {outputs} values")));
    }
    Ok(Box::new(Transposed {
        place,
        weight: source.site.tensor(weight.values, [inputs, outputs, height, width]),
        bias: bias.map(|bias| source.site.tensor(bias, [outputs])),
        inputs,
        outputs,
        kernel: [height, width],
        stride,
        padding,
    }))
}

impl Block for Transposed {
    fn shape(&self, input: Shape, tally: &mut Tally) -> Result<Shape, NetworkError> {
        input.expect_channels(self.inputs, &self.place)?;
        let spread = |axis: usize, size: usize| {
            (size - 1)
                .saturating_mul(self.stride[axis])
                .saturating_add(self.kernel[axis])
                .saturating_sub(self.padding[axis].saturating_mul(2))
        };
        tally.add(&[
            self.inputs,
            input.height,
            input.width,
            self.outputs,
            self.kernel[0],
            self.kernel[1],
        ]);
        let (height, width) = (spread(0, input.height), spread(1, input.width));
        Shape { channels: self.outputs, height, width }.checked(&self.place)
    }

    fn run(&self, input: Tensor<4>) -> Tensor<4> {
        let options = ConvTransposeOptions::new(self.stride, self.padding, [0, 0], [1, 1], 1);
        module::conv_transpose2d(input, self.weight.clone(), self.bias.clone(), options)
    }
}

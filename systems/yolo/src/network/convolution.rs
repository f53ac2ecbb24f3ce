//! Convolutions, with the batch normalisation and the activation function that follow them.

use super::activation::Activation;
use super::block::Block;
use super::error::NetworkError;
use super::kernel::Kernel;
use super::normalization::Normalization;
use super::place::Place;
use super::plan::{Convolution, PlanBuilder, Value, Window};
use super::shape::unfit;
use super::source::{Site, Source};
use super::weights::{Role, Weights, WeightsId};

/// A convolution and what follows it at once.
struct Convolve {
    place: Place,
    convolution: Convolution,
    /// Inputs and outputs.
    channels: [usize; 2],
}

impl Convolve {
    fn new(kernel: Kernel, activation: Activation, site: &Site) -> Self {
        let channels = [kernel.inputs(), kernel.outputs()];
        let Kernel { place, shape, values, bias, stride, padding, dilation, groups } = kernel;
        let [_, _, height, width] = shape;
        let weights = site.keep(Weights {
            role: Role::Convolution,
            shape,
            values: rounded(values).into(),
            bias: bias.map(rounded),
        });
        let window = Window { size: [height, width], stride, padding, dilation };
        Self { place, convolution: Convolution { weights, window, groups, activation }, channels }
    }
}

fn rounded(values: Vec<f64>) -> Vec<f32> {
    values.into_iter().map(|value| value as f32).collect()
}

/// Ultralytics' `Conv` and `DWConv`: convolution, batch normalisation, activation function.
pub(crate) fn conv(source: &Source) -> Result<Box<dyn Block>, NetworkError> {
    let kernel = Kernel::normalized(source)?;
    Ok(Box::new(Convolve::new(kernel, Activation::of(source)?, source.site)))
}

/// torch's own `Conv2d`.
pub(crate) fn conv2d(source: &Source) -> Result<Box<dyn Block>, NetworkError> {
    Ok(Box::new(Convolve::new(Kernel::read(source)?, Activation::Identity, source.site)))
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
    Ok(Box::new(Convolve::new(kernel, Activation::of(source)?, source.site)))
}

/// `RepVGGDW`: as `RepConv`, of two sizes, for each channel by itself.
pub(crate) fn rep_vgg_dw(source: &Source) -> Result<Box<dyn Block>, NetworkError> {
    let kernel = match source.find("conv1")? {
        Some(small) => silent(&source.child("conv")?)?.plus(silent(&small)?)?,
        None => Kernel::read(&source.child("conv")?)?,
    };
    Ok(Box::new(Convolve::new(kernel, Activation::of(source)?, source.site)))
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

impl Block for Convolve {
    fn emit(&self, plan: &mut PlanBuilder, input: Value) -> Result<Value, NetworkError> {
        plan.convolution(input, self.convolution.clone(), self.channels, &self.place)
    }
}

/// torch's `ConvTranspose2d`: each value spreads over a window.
struct Transposed {
    place: Place,
    weights: WeightsId,
    window: Window,
    /// Inputs and outputs.
    channels: [usize; 2],
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
    let weights = source.site.keep(Weights {
        role: Role::Transposed,
        shape: [inputs, outputs, height, width],
        values: weight.values.into(),
        bias,
    });
    let window = Window { size: [height, width], stride, padding, dilation: [1, 1] };
    Ok(Box::new(Transposed { place, weights, window, channels: [inputs, outputs] }))
}

impl Block for Transposed {
    fn emit(&self, plan: &mut PlanBuilder, input: Value) -> Result<Value, NetworkError> {
        plan.transposed(input, self.weights, self.channels, self.window, &self.place)
    }
}

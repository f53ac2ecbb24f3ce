//! Convolutions, with the batch normalisation and the activation function that follow them.

use burn::tensor::{Tensor, module, ops::ConvOptions};

use super::activation::Activation;
use super::block::Block;
use super::error::NetworkError;
use super::normalization::Normalization;
use super::place::Place;
use super::shape::{Shape, slid, unfit};
use super::source::Source;

/// A convolution and what follows it at once.
pub(crate) struct Convolution {
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

/// Ultralytics' `Conv` and `DWConv`: convolution, batch normalisation, activation function.
///
/// The normalisation becomes part of the weights. It is already part of them in a checkpoint that
/// was saved fused: such a module has none.
pub(crate) fn conv(source: &Source) -> Result<Box<dyn Block>, NetworkError> {
    Ok(Box::new(Convolution::conv(source)?))
}

/// torch's own `Conv2d`.
pub(crate) fn conv2d(source: &Source) -> Result<Box<dyn Block>, NetworkError> {
    Ok(Box::new(Convolution::read(source, None, Activation::Identity)?))
}

impl Convolution {
    /// Reads Ultralytics' `Conv`.
    pub fn conv(source: &Source) -> Result<Self, NetworkError> {
        let normalization = source.find("bn")?;
        let normalization = normalization.as_ref().map(Normalization::read).transpose()?;
        let convolution = source.child("conv")?;
        if !convolution.class().starts_with("torch.nn.modules.")
            || !convolution.class().ends_with(".Conv2d")
        {
            return Err(convolution.unknown());
        }
        Self::read(&convolution, normalization, Activation::of(source)?)
    }

    fn read(
        source: &Source,
        normalization: Option<Normalization>,
        activation: Activation,
    ) -> Result<Self, NetworkError> {
        let place = source.place.clone();
        let weight =
            source.parameter("weight")?.ok_or_else(|| source.missing("parameter \"weight\""))?;
        let &[outputs, inputs_of_group, height, width] = weight.shape.as_slice() else {
            let problem = format!("its weight has {} dimensions, not 4", weight.shape.len());
            return Err(unfit(&place, problem));
        };
        let kernel = [height, width];
        let stride = source.sizes("stride")?;
        let dilation = source.sizes("dilation")?;
        let groups = source.size("groups")?;
        let padding = padding(source, kernel, dilation)?;
        let counts = [outputs, inputs_of_group, height, width, groups];
        if counts.iter().chain(&stride).chain(&dilation).any(|&count| count == 0) {
            return Err(unfit(&place, "a size, stride, dilation or number of groups is 0"));
        }
        if outputs % groups != 0 {
            return Err(unfit(&place, format!("{groups} groups do not divide {outputs} outputs")));
        }
        let inputs =
            inputs_of_group.checked_mul(groups).ok_or_else(|| unfit(&place, "too many groups"))?;

        let mut values = weight.values;
        let bias = source.parameter("bias")?.map(|array| array.values);
        if bias.as_ref().is_some_and(|bias| bias.len() != outputs) {
            return Err(unfit(&place, format!("its bias does not have {outputs} values")));
        }
        let bias = match normalization {
            None => bias,
            Some(normalization) if normalization.channels() != outputs => {
                let channels = normalization.channels();
                let problem = format!("{channels} channels are normalised, not {outputs}");
                return Err(unfit(&place, problem));
            }
            Some(Normalization { factors, offsets }) => {
                for (values, factor) in
                    values.chunks_exact_mut(counts[1..4].iter().product()).zip(&factors)
                {
                    values
                        .iter_mut()
                        .for_each(|value| *value = (f64::from(*value) * factor) as f32);
                }
                let bias = bias.unwrap_or_else(|| vec![0.0; outputs]);
                let terms = bias.iter().zip(factors.iter().zip(&offsets));
                Some(
                    terms
                        .map(|(&bias, (factor, offset))| (f64::from(bias) * factor + offset) as f32)
                        .collect(),
                )
            }
        };
        Ok(Self {
            place,
            weight: source.site.kernel(values, [outputs, inputs_of_group, height, width]),
            bias: bias.map(|bias| source.site.tensor(bias, [outputs])),
            activation,
            inputs,
            outputs,
            kernel,
            stride,
            padding,
            dilation,
            groups,
        })
    }
}

/// Padding of a `Conv2d`: numbers, or the words that stand for them.
fn padding(
    source: &Source,
    kernel: [usize; 2],
    dilation: [usize; 2],
) -> Result<[usize; 2], NetworkError> {
    match source.text("padding_mode") {
        None | Some("zeros") => {}
        Some(mode) => {
            return Err(unfit(&source.place, format!("padding mode {mode:?}, not \"zeros\"")));
        }
    }
    match source.text("padding") {
        None => source.sizes("padding"),
        Some("valid") => Ok([0, 0]),
        Some("same") => {
            let around =
                [0, 1].map(|axis| dilation[axis].saturating_mul(kernel[axis].saturating_sub(1)));
            if around.iter().any(|around| around % 2 != 0) {
                return Err(unfit(&source.place, "padding \"same\" of an even kernel"));
            }
            Ok(around.map(|around| around / 2))
        }
        Some(other) => Err(unfit(&source.place, format!("padding {other:?}"))),
    }
}

impl Block for Convolution {
    fn shape(&self, input: Shape) -> Result<Shape, NetworkError> {
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
        Shape { channels: self.outputs, height, width }.checked(&self.place)
    }

    fn run(&self, input: Tensor<4>) -> Tensor<4> {
        let options = ConvOptions::new(self.stride, self.padding, self.dilation, self.groups);
        let output = module::conv2d(input, self.weight.clone(), self.bias.clone(), options);
        self.activation.apply(output)
    }
}

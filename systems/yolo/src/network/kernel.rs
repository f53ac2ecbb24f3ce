//! The weights of a convolution on the host, where several can still become one: in 64 bits, to be
//! rounded once.

use super::error::NetworkError;
use super::normalization::Normalization;
use super::place::Place;
use super::shape::unfit;
use super::source::Source;

/// The weights and the geometry of a `Conv2d`.
pub(crate) struct Kernel {
    pub place: Place,
    /// `[outputs, inputs of a group, height, width]`.
    pub shape: [usize; 4],
    pub values: Vec<f64>,
    /// One for each output.
    pub bias: Option<Vec<f64>>,
    pub stride: [usize; 2],
    pub padding: [usize; 2],
    pub dilation: [usize; 2],
    pub groups: usize,
}

impl Kernel {
    /// Reads torch's own `Conv2d`.
    pub fn read(source: &Source) -> Result<Self, NetworkError> {
        if !source.class().starts_with("torch.nn.modules.") || !source.class().ends_with(".Conv2d")
        {
            return Err(source.unknown());
        }
        let place = source.place.clone();
        let weight =
            source.parameter("weight")?.ok_or_else(|| source.missing("parameter \"weight\""))?;
        let &[outputs, inputs, height, width] = weight.shape.as_slice() else {
            let problem = format!("its weight has {} dimensions, not 4", weight.shape.len());
            return Err(unfit(&place, problem));
        };
        let shape = [outputs, inputs, height, width];
        let stride = source.sizes("stride")?;
        let dilation = source.sizes("dilation")?;
        let groups = source.size("groups")?;
        let padding = padding(source, [height, width], dilation)?;
        if shape.iter().chain(&stride).chain(&dilation).chain([&groups]).any(|&count| count == 0) {
            return Err(unfit(&place, "a size, stride, dilation or number of groups is 0"));
        }
        if outputs % groups != 0 {
            return Err(unfit(&place, format!("{groups} groups do not divide {outputs} outputs")));
        }
        if inputs.checked_mul(groups).is_none() {
            return Err(unfit(&place, "too many groups"));
        }
        let wide = |values: Vec<f32>| values.into_iter().map(f64::from).collect::<Vec<f64>>();
        let bias = source.parameter("bias")?.map(|array| wide(array.values));
        if bias.as_ref().is_some_and(|bias| bias.len() != outputs) {
            return Err(unfit(&place, format!("its bias does not have {outputs} values")));
        }
        let values = wide(weight.values);
        Ok(Self { place, shape, values, bias, stride, padding, dilation, groups })
    }

    /// Reads the `Conv2d` of a module and the normalisation that follows it, which becomes part of
    /// the weights. It is already part of them where the checkpoint was saved fused: there is none.
    pub fn normalized(source: &Source) -> Result<Self, NetworkError> {
        let kernel = Self::read(&source.child("conv")?)?;
        match source.find("bn")? {
            None => Ok(kernel),
            Some(normalization) => kernel.followed_by(&Normalization::read(&normalization)?),
        }
    }

    /// Channels that it takes.
    pub fn inputs(&self) -> usize {
        self.shape[1] * self.groups
    }

    /// Channels that it gives.
    pub fn outputs(&self) -> usize {
        self.shape[0]
    }

    /// The kernel that does what this one and then the normalisation do.
    fn followed_by(mut self, normalization: &Normalization) -> Result<Self, NetworkError> {
        let outputs = self.outputs();
        if normalization.channels() != outputs {
            let channels = normalization.channels();
            let problem = format!("{channels} channels are normalised, not {outputs}");
            return Err(unfit(&self.place, problem));
        }
        let Normalization { factors, offsets } = normalization;
        let of_output: usize = self.shape[1..].iter().product();
        for (values, factor) in self.values.chunks_exact_mut(of_output).zip(factors) {
            values.iter_mut().for_each(|value| *value *= factor);
        }
        let bias = self.bias.unwrap_or_else(|| vec![0.0; outputs]);
        let terms = bias.iter().zip(factors.iter().zip(offsets));
        self.bias = Some(terms.map(|(bias, (factor, offset))| bias * factor + offset).collect());
        Ok(self)
    }

    /// The kernel whose output is the sum of both outputs. The other one may be smaller: it lies in
    /// the middle of this one.
    pub fn plus(mut self, other: Self) -> Result<Self, NetworkError> {
        let [outputs, inputs, height, width] = self.shape;
        let [_, _, other_height, other_width] = other.shape;
        // The same place of the input in the middle of both.
        let margins = [
            (height, other_height, self.padding[0], other.padding[0]),
            (width, other_width, self.padding[1], other.padding[1]),
        ]
        .map(|(size, other, padding, other_padding)| {
            let margin = size.checked_sub(other)?;
            (margin % 2 == 0 && padding.checked_sub(other_padding) == Some(margin / 2))
                .then_some(margin / 2)
        });
        let alike = other.shape[..2] == [outputs, inputs]
            && (self.stride, self.groups) == (other.stride, other.groups)
            && (self.dilation, other.dilation) == ([1, 1], [1, 1]);
        let ([Some(top), Some(left)], true) = (margins, alike) else {
            return Err(unfit(&self.place, format!("cannot be added to {}", other.place)));
        };
        for (plane, added) in self
            .values
            .chunks_exact_mut(height * width)
            .zip(other.values.chunks_exact(other_height * other_width))
        {
            for (y, row) in added.chunks_exact(other_width).enumerate() {
                let start = (top + y) * width + left;
                for (value, added) in plane[start..start + other_width].iter_mut().zip(row) {
                    *value += added;
                }
            }
        }
        self.bias = match (self.bias, other.bias) {
            (Some(bias), Some(added)) => Some(bias.iter().zip(added).map(|(a, b)| a + b).collect()),
            (bias, added) => bias.or(added),
        };
        Ok(self)
    }

    /// The kernel whose output is the sum of this one's and of the normalised input.
    pub fn plus_normalized_input(
        mut self,
        normalization: &Normalization,
    ) -> Result<Self, NetworkError> {
        let [outputs, inputs, height, width] = self.shape;
        let fits = normalization.channels() == outputs
            && outputs == self.inputs()
            && self.stride == [1, 1]
            && [height, width].iter().zip(self.padding).all(|(size, pad)| *size == 2 * pad + 1);
        if !fits {
            return Err(unfit(&self.place, "its input cannot be added to its output"));
        }
        let mut bias = self.bias.unwrap_or_else(|| vec![0.0; outputs]);
        let terms = normalization.factors.iter().zip(&normalization.offsets);
        for (output, (bias, (factor, offset))) in bias.iter_mut().zip(terms).enumerate() {
            let input = output % inputs;
            let middle = (output * inputs + input) * height * width + height * width / 2;
            self.values[middle] += factor;
            *bias += offset;
        }
        self.bias = Some(bias);
        Ok(self)
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

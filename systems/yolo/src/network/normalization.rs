//! Batch normalisation, as it is after training: a factor and an offset for each channel.

use super::block::Block;
use super::error::NetworkError;
use super::place::Place;
use super::plan::{PlanBuilder, Value};
use super::shape::unfit;
use super::source::Source;
use super::weights::{Role, Weights, WeightsId};

/// What a trained batch normalisation does to each channel: `x * factor + offset`.
pub(crate) struct Normalization {
    pub factors: Vec<f64>,
    pub offsets: Vec<f64>,
}

impl Normalization {
    /// Reads a `BatchNorm2d`.
    pub fn read(source: &Source) -> Result<Self, NetworkError> {
        if !source.class().starts_with("torch.nn.modules.")
            || !source.class().ends_with(".BatchNorm2d")
        {
            return Err(source.unknown());
        }
        let vector = |name: &str, kind: &str, found| match found {
            Some(array) => Ok(array),
            None => Err(source.missing(format!("{kind} {name:?}"))),
        };
        let mean = vector("running_mean", "buffer", source.buffer("running_mean")?)?.values;
        let variance = vector("running_var", "buffer", source.buffer("running_var")?)?.values;
        let channels = mean.len();
        let ones = || vec![1.0; channels];
        let zeros = || vec![0.0; channels];
        let weight = source.parameter("weight")?.map_or_else(ones, |array| array.values);
        let bias = source.parameter("bias")?.map_or_else(zeros, |array| array.values);
        if [&variance, &weight, &bias].iter().any(|values| values.len() != channels) {
            let problem = "its weight, bias, mean and variance differ in length";
            return Err(unfit(&source.place, problem));
        }
        // Detectors are trained with 1e-3, classifiers with torch's own default.
        let epsilon = source.number("eps", 1e-5)?;

        let factors: Vec<f64> = variance
            .iter()
            .zip(&weight)
            .map(|(&variance, &weight)| f64::from(weight) / (f64::from(variance) + epsilon).sqrt())
            .collect();
        let offsets: Vec<f64> = factors
            .iter()
            .zip(mean.iter().zip(&bias))
            .map(|(factor, (&mean, &bias))| f64::from(bias) - f64::from(mean) * factor)
            .collect();
        if factors.iter().chain(&offsets).any(|value| !value.is_finite()) {
            return Err(unfit(&source.place, "it divides by zero or by what is not a number"));
        }
        Ok(Self { factors, offsets })
    }

    pub fn channels(&self) -> usize {
        self.factors.len()
    }
}

/// A batch normalisation that does not follow a convolution, so that it cannot become part of one.
struct BatchNorm {
    place: Place,
    channels: usize,
    weights: WeightsId,
}

pub(crate) fn batch_norm(source: &Source) -> Result<Box<dyn Block>, NetworkError> {
    let normalization = Normalization::read(source)?;
    let channels = normalization.channels();
    let rounded =
        |values: Vec<f64>| -> Vec<f32> { values.into_iter().map(|value| value as f32).collect() };
    let weights = source.site.keep(Weights {
        role: Role::Channels,
        shape: [1, channels, 1, 1],
        values: rounded(normalization.factors).into(),
        bias: Some(rounded(normalization.offsets)),
    });
    Ok(Box::new(BatchNorm { place: source.place.clone(), channels, weights }))
}

impl Block for BatchNorm {
    fn emit(&self, plan: &mut PlanBuilder, input: Value) -> Result<Value, NetworkError> {
        plan.scale(input, self.weights, self.channels, &self.place)
    }
}

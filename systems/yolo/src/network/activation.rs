//! Activation functions.

use super::block::Block;
use super::error::NetworkError;
use super::plan::{PlanBuilder, Value};
use super::shape::unfit;
use super::source::Source;

/// An activation function, applied to each value by itself.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Activation {
    Identity,
    Silu,
    Relu,
    Relu6,
    LeakyRelu { slope: f64 },
    Hardswish,
    Hardsigmoid,
    Sigmoid,
    Tanh,
    Mish,
    Gelu,
    GeluTanh,
    Elu { alpha: f64 },
}

impl Activation {
    /// Reads the activation function that a module has as its child `act`.
    pub fn of(source: &Source) -> Result<Self, NetworkError> {
        let source = source.child("act")?;
        let class = source.class();
        class
            .starts_with("torch.nn.modules.")
            .then(|| class.rsplit_once('.'))
            .flatten()
            .and_then(|(_, name)| Self::read(name, &source).transpose())
            .unwrap_or_else(|| Err(source.unknown()))
    }

    /// Nothing for a name that is not an activation function's.
    fn read(name: &str, source: &Source) -> Result<Option<Self>, NetworkError> {
        Ok(Some(match name {
            "Identity" => Self::Identity,
            "SiLU" => Self::Silu,
            "ReLU" => Self::Relu,
            "ReLU6" => Self::Relu6,
            "LeakyReLU" => Self::LeakyRelu { slope: source.number("negative_slope", 0.01)? },
            "Hardswish" => Self::Hardswish,
            "Hardsigmoid" => Self::Hardsigmoid,
            "Sigmoid" => Self::Sigmoid,
            "Tanh" => Self::Tanh,
            "Mish" => Self::Mish,
            "GELU" => match source.text("approximate") {
                None | Some("none") => Self::Gelu,
                Some("tanh") => Self::GeluTanh,
                Some(other) => {
                    return Err(unfit(&source.place, format!("approximation {other:?} of GELU")));
                }
            },
            "ELU" => Self::Elu { alpha: source.number("alpha", 1.0)? },
            _ => return Ok(None),
        }))
    }
}

impl Block for Activation {
    fn emit(&self, plan: &mut PlanBuilder, input: Value) -> Result<Value, NetworkError> {
        Ok(plan.activation(input, *self))
    }
}

/// The builder of an activation function that stands by itself.
pub(crate) fn builder(name: &str) -> Option<fn(&Source) -> Result<Box<dyn Block>, NetworkError>> {
    const NAMES: [&str; 11] = [
        "SiLU",
        "ReLU",
        "ReLU6",
        "LeakyReLU",
        "Hardswish",
        "Hardsigmoid",
        "Sigmoid",
        "Tanh",
        "Mish",
        "GELU",
        "ELU",
    ];
    NAMES.contains(&name).then_some(|source: &Source| {
        let name = source.class().rsplit('.').next().unwrap_or_default();
        let activation = Activation::read(name, source)?.ok_or_else(|| source.unknown())?;
        Ok(Box::new(activation) as Box<dyn Block>)
    })
}

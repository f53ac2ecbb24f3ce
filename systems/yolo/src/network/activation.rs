//! Activation functions.

use burn::tensor::{Tensor, activation};

use super::block::Block;
use super::error::NetworkError;
use super::shape::{Shape, unfit};
use super::source::Source;
use super::tally::Tally;

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

    pub fn apply(self, x: Tensor<4>) -> Tensor<4> {
        match self {
            Self::Identity => x,
            Self::Silu => activation::silu(x),
            Self::Relu => activation::relu(x),
            Self::Relu6 => x.clamp(0.0, 6.0),
            Self::LeakyRelu { slope } => activation::leaky_relu(x, slope),
            Self::Hardswish => activation::hard_swish(x),
            Self::Hardsigmoid => activation::hard_sigmoid(x, 1.0 / 6.0, 0.5),
            Self::Sigmoid => activation::sigmoid(x),
            Self::Tanh => activation::tanh(x),
            Self::Mish => activation::mish(x),
            Self::Gelu => activation::gelu(x),
            Self::GeluTanh => activation::gelu_approximate(x),
            Self::Elu { alpha } => activation::elu(x, alpha),
        }
    }
}

impl Block for Activation {
    fn shape(&self, input: Shape, _: &mut Tally) -> Result<Shape, NetworkError> {
        Ok(input)
    }

    fn run(&self, input: Tensor<4>) -> Tensor<4> {
        self.apply(input)
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

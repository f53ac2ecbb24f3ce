//! What every module of a network can do, and how it is found by the name of its class.

use burn::tensor::Tensor;

use super::error::NetworkError;
use super::shape::Shape;
use super::source::Source;
use super::{activation, head::Head};
use super::{attention, container, convolution, csp, head, normalization, pooling};

/// A module that makes one tensor of one tensor.
pub(crate) trait Block: Send + Sync {
    /// The shape of the output, or why this input does not fit. Asked before every new input
    /// size, so that [`Block::run`] cannot fail.
    fn shape(&self, input: Shape) -> Result<Shape, NetworkError>;

    /// # Shapes
    ///
    /// - `input`: `[batch, channels, height, width]`, of the shape that was asked about
    fn run(&self, input: Tensor<4>) -> Tensor<4>;
}

/// A module that makes one tensor of several.
pub(crate) trait Join: Send + Sync {
    /// As [`Block::shape`].
    fn shape(&self, inputs: &[Shape]) -> Result<Shape, NetworkError>;

    /// As [`Block::run`].
    fn run(&self, inputs: Vec<Tensor<4>>) -> Tensor<4>;
}

/// How a class of modules is built.
pub(crate) enum Builder {
    Block(fn(&Source) -> Result<Box<dyn Block>, NetworkError>),
    Join(fn(&Source) -> Result<Box<dyn Join>, NetworkError>),
    Head(fn(&Source) -> Result<Box<dyn Head>, NetworkError>),
}

/// The builder of a class. A new module is added here and in the file of its family.
///
/// Modules moved between files over the years, so only the package and the name count. The
/// package does: other projects have modules of the same names that compute something else.
pub(crate) fn builder(class: &str) -> Option<Builder> {
    use Builder::{Block, Head, Join};

    let (path, name) = class.rsplit_once('.')?;
    let ultralytics = path.starts_with("ultralytics.nn.");
    let torch = path.starts_with("torch.nn.modules.");
    Some(match name {
        "Conv" | "DWConv" if ultralytics => Block(convolution::conv),
        "Bottleneck" if ultralytics => Block(csp::bottleneck),
        "C2f" | "C3k2" if ultralytics => Block(csp::c2f),
        "C3" | "C3k" if ultralytics => Block(csp::c3),
        "SPPF" if ultralytics => Block(pooling::sppf),
        "C2PSA" if ultralytics => Block(attention::c2psa),
        "PSABlock" if ultralytics => Block(attention::psa_block),
        "Attention" if ultralytics => Block(attention::attention),
        "Concat" if ultralytics => Join(container::concat),
        "Detect" | "Segment" if ultralytics => Head(head::detect),
        "Classify" if ultralytics => Head(head::classify),
        "Sequential" if torch => Block(container::sequential),
        "Identity" | "Dropout" if torch => Block(container::identity),
        "Conv2d" if torch => Block(convolution::conv2d),
        "BatchNorm2d" if torch => Block(normalization::batch_norm),
        "Upsample" if torch => Block(pooling::upsample),
        "MaxPool2d" if torch => Block(pooling::max_pool),
        _ if torch => Block(activation::builder(name)?),
        _ => return None,
    })
}

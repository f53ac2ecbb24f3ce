//! What every module of a network can do, and how it is found by the name of its class.

use super::error::NetworkError;
use super::head::{self, Head};
use super::plan::{PlanBuilder, Value};
use super::source::Source;
use super::{
    activation, area, attention, container, convolution, csp, downsample, fuse, ghost,
    normalization, pooling,
};

/// A module that makes one value of one value.
pub(crate) trait Block: Send + Sync {
    /// Adds what it does with `input` to a plan, or says why the input does not fit. Its output comes
    /// back.
    fn emit(&self, plan: &mut PlanBuilder, input: Value) -> Result<Value, NetworkError>;
}

/// A module that makes one value of several.
pub(crate) trait Join: Send + Sync {
    /// As [`Block::emit`].
    fn emit(&self, plan: &mut PlanBuilder, inputs: &[Value]) -> Result<Value, NetworkError>;
}

/// How a class of modules is built.
pub(crate) enum Builder {
    Block(fn(&Source) -> Result<Box<dyn Block>, NetworkError>),
    Join(fn(&Source) -> Result<Box<dyn Join>, NetworkError>),
    /// A block whose output is pieces for different layers, and how many channels each has.
    Pieces(fn(&Source) -> Result<(Box<dyn Block>, Vec<usize>), NetworkError>),
    /// A join that takes pieces: of each input it is told how many channels its pieces have.
    JoinPieces(fn(&Source, &[Option<&[usize]>]) -> Result<Box<dyn Join>, NetworkError>),
    Head(fn(&Source) -> Result<Box<dyn Head>, NetworkError>),
}

/// The builder of a class. A new module is added here and in the file of its family.
///
/// Modules moved between files over the years, so only the package and the name count. The
/// package does: other projects have modules of the same names that compute something else.
pub(crate) fn builder(class: &str) -> Option<Builder> {
    use Builder::{Block, Head, Join, JoinPieces, Pieces};

    let (path, name) = class.rsplit_once('.')?;
    let ultralytics = path.starts_with("ultralytics.nn.");
    let torch = path.starts_with("torch.nn.modules.");
    Some(match name {
        "Conv" | "DWConv" if ultralytics => Block(convolution::conv),
        "RepConv" if ultralytics => Block(convolution::rep_conv),
        "RepVGGDW" if ultralytics => Block(convolution::rep_vgg_dw),
        "Bottleneck" | "RepBottleneck" if ultralytics => Block(csp::bottleneck),
        "CIB" if ultralytics => Block(csp::cib),
        "C1" if ultralytics => Block(csp::c1),
        "C2" if ultralytics => Block(csp::c2),
        "C2f" | "C3k2" | "C2fCIB" | "C2fPSA" if ultralytics => Block(csp::c2f),
        "C3" | "C3k" | "C3x" | "C3Ghost" | "RepCSP" if ultralytics => Block(csp::c3),
        "GhostConv" if ultralytics => Block(ghost::ghost_conv),
        "GhostBottleneck" if ultralytics => Block(ghost::ghost_bottleneck),
        "ELAN1" | "RepNCSPELAN4" if ultralytics => Block(csp::elan),
        "SCDown" if ultralytics => Block(downsample::scdown),
        "AConv" if ultralytics => Block(downsample::aconv),
        "ADown" if ultralytics => Block(downsample::adown),
        "SPP" if ultralytics => Block(pooling::spp),
        "SPPF" if ultralytics => Block(pooling::sppf),
        "SPPELAN" if ultralytics => Block(pooling::spp_elan),
        "PSA" if ultralytics => Block(attention::psa),
        "C2PSA" if ultralytics => Block(attention::c2psa),
        "PSABlock" if ultralytics => Block(attention::psa_block),
        "Attention" if ultralytics => Block(attention::attention),
        "A2C2f" if ultralytics => Block(area::a2c2f),
        "ABlock" if ultralytics => Block(attention::a_block),
        "AAttn" if ultralytics => Block(attention::area_attention),
        "Silence" if ultralytics => Block(container::identity),
        "Concat" if ultralytics => Join(container::concat),
        "CBLinear" if ultralytics => Pieces(fuse::linear),
        "CBFuse" if ultralytics => JoinPieces(fuse::fuse),
        "Detect" | "v10Detect" if ultralytics => Head(head::detect),
        "Segment" | "Segment26" if ultralytics => Head(head::segment),
        "Pose" if ultralytics => Head(head::pose),
        "Pose26" if ultralytics => Head(head::pose26),
        "OBB" if ultralytics => Head(head::obb),
        "OBB26" if ultralytics => Head(head::obb26),
        "Classify" if ultralytics => Head(head::classify),
        "Sequential" if torch => Block(container::sequential),
        "Identity" | "Dropout" if torch => Block(container::identity),
        "Conv2d" if torch => Block(convolution::conv2d),
        "BatchNorm2d" if torch => Block(normalization::batch_norm),
        "ConvTranspose2d" if torch => Block(convolution::transposed),
        "ZeroPad2d" if torch => Block(pooling::zero_pad),
        "Upsample" if torch => Block(pooling::upsample),
        "MaxPool2d" if torch => Block(pooling::max_pool),
        _ if torch => Block(activation::builder(name)?),
        _ => return None,
    })
}

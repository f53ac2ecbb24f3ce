//! A network as the caller describes it: operations on whole tensors.

use std::sync::Arc;

use crate::activation::Activation;
use crate::shape::Shape;
use crate::step::attention::AttentionForm;
use crate::step::pool::{Pooling, Window};

/// An operation with its inputs, checked.
pub(crate) struct Node {
    pub operation: Operation,
    /// Nodes before this one.
    pub inputs: Vec<usize>,
    pub shape: Shape,
    pub label: String,
}

pub(crate) enum Operation {
    Input,
    Convolution(Convolution),
    TransposedConvolution(TransposedConvolution),
    Activation(Activation),
    Add,
    Multiply,
    ScaleShift {
        factors: Vec<f32>,
        offsets: Vec<f32>,
    },
    Concatenate,
    /// For each output channel the input's.
    Select(Vec<usize>),
    Pool {
        pooling: Pooling,
        windows: [Window; 2],
    },
    Resize,
    Pad {
        top: usize,
        left: usize,
        value: f32,
    },
    Attention(AttentionForm),
    Mean,
    Softmax,
}

impl Operation {
    /// What people call it.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Input => "input",
            Self::Convolution(_) => "convolution",
            Self::TransposedConvolution(_) => "transposed convolution",
            Self::Activation(_) => "activation",
            Self::Add => "add",
            Self::Multiply => "multiply",
            Self::ScaleShift { .. } => "scale and shift",
            Self::Concatenate => "concatenate",
            Self::Select(_) => "select channels",
            Self::Pool { pooling: Pooling::Max, .. } => "max pool",
            Self::Pool { .. } => "average pool",
            Self::Resize => "resize",
            Self::Pad { .. } => "pad",
            Self::Attention(_) => "attention",
            Self::Mean => "mean over places",
            Self::Softmax => "softmax",
        }
    }
}

/// A convolution, with the activation function that follows it.
#[derive(Clone, Debug, PartialEq)]
pub struct Convolution {
    /// `[outputs, inputs of a group, kernel height, kernel width]`
    pub weights: Arc<[f32]>,
    /// One for each output, or none at all.
    pub bias: Vec<f32>,
    /// Output channels.
    pub outputs: usize,
    /// Height and width.
    pub kernel: [usize; 2],
    /// Places from one window to the next, down and to the right.
    pub stride: [usize; 2],
    /// Zeros above, left, below and right of the input; less than the kernel reaches.
    pub padding: [usize; 4],
    /// Places from one number of the kernel to the next, down and to the right.
    pub dilation: [usize; 2],
    /// Into how many parts channels are divided that do not see each other.
    pub groups: usize,
    /// What follows.
    pub activation: Activation,
}

impl Convolution {
    /// A convolution of stride 1 without padding, bias and activation function.
    pub fn new(outputs: usize, kernel: [usize; 2], weights: impl Into<Arc<[f32]>>) -> Self {
        Self {
            weights: weights.into(),
            bias: Vec::new(),
            outputs,
            kernel,
            stride: [1, 1],
            padding: [0; 4],
            dilation: [1, 1],
            groups: 1,
            activation: Activation::Identity,
        }
    }
}

/// A transposed convolution: each number of the input spreads over a window of the output.
#[derive(Clone, Debug, PartialEq)]
pub struct TransposedConvolution {
    /// `[inputs, outputs of a group, kernel height, kernel width]`
    pub weights: Arc<[f32]>,
    /// One for each output, or none at all.
    pub bias: Vec<f32>,
    /// Output channels.
    pub outputs: usize,
    /// Height and width.
    pub kernel: [usize; 2],
    /// Places from one window to the next, down and to the right.
    pub stride: [usize; 2],
    /// Places of the output that are left away: above and below, left and right.
    pub padding: [usize; 2],
    /// Places that the output has more, below and right.
    pub output_padding: [usize; 2],
    /// Into how many parts channels are divided that do not see each other.
    pub groups: usize,
    /// What follows.
    pub activation: Activation,
}

impl TransposedConvolution {
    /// A transposed convolution without padding, bias and activation function.
    pub fn new(
        outputs: usize,
        kernel: [usize; 2],
        stride: [usize; 2],
        weights: impl Into<Arc<[f32]>>,
    ) -> Self {
        Self {
            weights: weights.into(),
            bias: Vec::new(),
            outputs,
            kernel,
            stride,
            padding: [0; 2],
            output_padding: [0; 2],
            groups: 1,
            activation: Activation::Identity,
        }
    }
}

/// A window that moves over each channel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PoolWindow {
    /// Height and width.
    pub kernel: [usize; 2],
    /// Places from one window to the next, down and to the right.
    pub stride: [usize; 2],
    /// Places above, left, below and right of the input that a window may cover.
    pub padding: [usize; 4],
    /// Places from one number of the window to the next, down and to the right.
    pub dilation: [usize; 2],
    /// Whether a last window that lies only partly in the input counts.
    pub ceil_mode: bool,
}

impl PoolWindow {
    /// A square window without padding.
    pub fn square(side: usize, stride: usize) -> Self {
        Self {
            kernel: [side; 2],
            stride: [stride; 2],
            padding: [0; 4],
            dilation: [1; 2],
            ceil_mode: false,
        }
    }
}

/// How attention divides channels and places.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct AttentionOptions {
    /// Into how many parts the channels are divided.
    pub heads: usize,
    /// Channels of a head's queries and keys.
    pub key_dim: usize,
    /// Channels of a head's values.
    pub head_dim: usize,
    /// By what the product of a query and a key is multiplied.
    pub scale: f32,
    /// Into how many parts, in their order row by row, the places are divided: 1 where each sees
    /// all others.
    pub areas: usize,
}

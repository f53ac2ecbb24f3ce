//! The few things that networks are made of.

use std::ops::Range;

use crate::network::activation::Activation;
use crate::network::error::NetworkError;
use crate::network::place::Place;
use crate::network::shape::{Shape, slid, unfit};
use crate::network::weights::WeightsId;

/// What a step does with its inputs.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Operation {
    /// A convolution and what follows it at once.
    Convolution(Convolution),
    /// Each value spreads over a window.
    Transposed { weights: WeightsId, stride: [usize; 2], padding: [usize; 2] },
    /// A function of each value.
    Activation(Activation),
    /// The sum of two inputs of one shape.
    Add,
    /// Each channel times its factor, and its offset added where the weights have one.
    Scale { weights: WeightsId },
    /// The channels of all inputs after each other.
    Concatenate,
    /// These channels of each of `groups` equal groups, after each other.
    Slice { groups: usize, channels: Range<usize> },
    /// The greatest value of each window. Padding never wins.
    MaxPool(Window),
    /// The average of each window, which has no padding and no dilation.
    AveragePool(Window),
    /// As large as the output: each place has the value of the nearest one before.
    Resize,
    /// Zeros around it.
    Pad { left: usize, right: usize, top: usize, bottom: usize },
    /// What each place sees of the others.
    Attention(Attention),
    /// The average of each channel: a picture of one place.
    Mean,
    /// A weighted sum of the channels for each output, of a picture of one place.
    Linear { weights: WeightsId },
}

/// A convolution and what follows it at once: `activation(weights * input + bias)`, and at the end
/// the second input, if there is one.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Convolution {
    pub weights: WeightsId,
    pub window: Window,
    pub groups: usize,
    pub activation: Activation,
}

/// A window that moves over a picture. Each `[vertical, horizontal]`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Window {
    pub size: [usize; 2],
    pub stride: [usize; 2],
    pub padding: [usize; 2],
    pub dilation: [usize; 2],
}

/// Attention of several heads.
///
/// The channels of the input are for each head its query, its key and its value. For each place the
/// products of its query with all keys become, through a softmax, the weights of the values' sum.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Attention {
    pub heads: usize,
    /// Channels of a query, and of a key.
    pub key_channels: usize,
    pub value_channels: usize,
    /// What the products are multiplied with.
    pub scale: f64,
    /// Places see those of their own area: one of so many equal parts of all places, row by row.
    pub areas: usize,
}

impl Window {
    /// Of `size`, from one place to the next.
    pub fn new(size: [usize; 2]) -> Self {
        Self { size, stride: [1, 1], padding: [0, 0], dilation: [1, 1] }
    }

    /// The size of the picture that it makes of `input`: `[height, width]`.
    pub fn slid(&self, input: Shape, place: &Place) -> Result<[usize; 2], NetworkError> {
        let along = |axis: usize, size| {
            let Self { size: window, stride, padding, dilation } = self;
            slid(size, window[axis], stride[axis], padding[axis], dilation[axis]).ok_or_else(|| {
                unfit(place, format!("its kernel is larger than the input's {size}"))
            })
        };
        Ok([along(0, input.height)?, along(1, input.width)?])
    }
}

impl Attention {
    /// Channels of its input.
    pub fn inputs(&self) -> usize {
        self.heads.saturating_mul(self.of_head())
    }

    /// Channels of its output.
    pub fn outputs(&self) -> usize {
        self.heads * self.value_channels
    }

    /// Channels of the input for each head.
    pub fn of_head(&self) -> usize {
        2 * self.key_channels + self.value_channels
    }
}

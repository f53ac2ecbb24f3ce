//! Trained numbers, as they leave the checkpoint: held once, however many plans compute with them.

use std::sync::Arc;

/// What an operation does with its weights, which is how they lie.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Role {
    /// `[outputs, inputs of a group, height, width]`.
    Convolution,
    /// `[inputs, outputs, height, width]`.
    Transposed,
    /// A factor for each channel: `[1, channels, 1, 1]`.
    Channels,
    /// A factor for each output and input: `[outputs, inputs, 1, 1]`.
    Linear,
}

/// The trained numbers of one operation.
#[derive(Debug)]
pub(crate) struct Weights {
    pub role: Role,
    pub shape: [usize; 4],
    pub values: Arc<[f32]>,
    /// What is added at the end, one number for each output.
    pub bias: Option<Vec<f32>>,
}

/// The number of some weights among those of a network.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct WeightsId(pub usize);

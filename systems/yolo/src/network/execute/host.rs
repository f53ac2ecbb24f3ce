//! The output of a network in main memory.

use ::burn::tensor::{Device, Tensor, TensorData};

use crate::network::error::NetworkError;
use crate::network::head::RawOutput;
use crate::network::plan::{Output, Plan};
use crate::network::shape::Shape;

/// What a network says of some pictures, in main memory.
pub(crate) enum HostOutput {
    /// As [`RawOutput::Anchors`].
    Anchors {
        rows: Vec<f32>,
        /// Of `rows`: `[batch, rows, anchors]`.
        shape: [usize; 3],
        /// Empty where there are none.
        prototypes: Vec<f32>,
    },
    /// As [`RawOutput::Classes`].
    Classes {
        logits: Vec<f32>,
        /// `[batch, classes]`
        shape: [usize; 2],
    },
}

impl HostOutput {
    /// Reads an output from its device. Waits for it.
    pub fn read(raw: RawOutput) -> Result<Self, NetworkError> {
        Ok(match raw {
            RawOutput::Anchors { rows, prototypes } => {
                let shape = rows.dims();
                let rows = rows.try_into_vec_as::<f32>()?;
                let prototypes = prototypes.map(Tensor::try_into_vec_as::<f32>).transpose()?;
                Self::Anchors { rows, shape, prototypes: prototypes.unwrap_or_default() }
            }
            RawOutput::Classes(logits) => {
                let shape = logits.dims();
                Self::Classes { logits: logits.try_into_vec_as::<f32>()?, shape }
            }
        })
    }

    /// The same as tensors of burn on the CPU. It is the output of `plan`.
    pub fn into_raw(self, plan: &Plan) -> RawOutput {
        let device = Device::flex();
        match self {
            Self::Anchors { rows, shape, prototypes } => {
                let form = match &plan.output {
                    Output::Anchors { prototypes, .. } => prototypes.map(|value| value.shape),
                    Output::Classes(_) => None,
                };
                let prototypes = form.map(|Shape { channels, height, width }| {
                    let data = TensorData::new(prototypes, [shape[0], channels, height, width]);
                    Tensor::from_data(data, &device)
                });
                let rows = Tensor::from_data(TensorData::new(rows, shape), &device);
                RawOutput::Anchors { rows, prototypes }
            }
            Self::Classes { logits, shape } => {
                RawOutput::Classes(Tensor::from_data(TensorData::new(logits, shape), &device))
            }
        }
    }

    /// All numbers.
    pub fn into_numbers(self) -> Vec<f32> {
        match self {
            Self::Anchors { mut rows, prototypes, .. } => {
                rows.extend(prototypes);
                rows
            }
            Self::Classes { logits, .. } => logits,
        }
    }
}

//! A network, from the modules in a checkpoint to predictions.

mod activation;
mod area;
mod attention;
mod block;
mod container;
mod convolution;
mod csp;
mod downsample;
mod error;
mod execute;
mod fuse;
mod ghost;
mod graph;
mod head;
mod info;
mod kernel;
mod normalization;
mod place;
mod plan;
mod plans;
mod pooling;
mod shape;
mod source;
mod weights;

use std::sync::Arc;

use burn::tensor::{DType, Device, Tensor, TensorData};

pub use self::error::NetworkError;
pub use self::head::{Branch, RawOutput, UnknownBranch};
pub use self::info::{LayerInfo, NetworkInfo, Provenance, Task};
pub use self::place::Place;

use self::execute::Burn;
use self::graph::Graph;
use self::plan::{Output, Plan};
use self::plans::Plans;
use self::source::Site;
use crate::checkpoint::Checkpoint;
use crate::decode::{Criteria, Prediction, decode, softmax};

/// Least side of the picture that tells networks apart.
const PROOF_SIDE: usize = 64;

/// How a network is put on its device.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LoadOptions {
    /// Type of its numbers.
    pub precision: Precision,
    /// Whether the weights of convolutions lie channel by channel in memory. Right for GPUs,
    /// whose kernels would otherwise turn them at every run; wrong for the CPU. Default: false.
    pub channels_last: bool,
    /// Which branch of a head that has two finds the boxes.
    pub branch: Branch,
}

/// Type of the numbers that a network computes with.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Precision {
    /// 32 bits.
    #[default]
    F32,
    /// 16 bits: faster on GPUs that have units for it.
    F16,
}

impl Precision {
    fn dtype(self) -> DType {
        match self {
            Self::F32 => DType::F32,
            Self::F16 => DType::F16,
        }
    }
}

/// A network on a device, ready to run.
pub struct Network {
    info: NetworkInfo,
    graph: Graph,
    plans: Plans,
    engine: Burn,
}

impl Network {
    /// Builds the network of a checkpoint on `device`.
    ///
    /// Everything is checked before it reaches the device: the network that comes back runs on
    /// each input that [`Network::forward`] accepts.
    pub fn load(
        checkpoint: &Checkpoint,
        device: &Device,
        options: &LoadOptions,
    ) -> Result<Self, NetworkError> {
        let site = Site::new(options.branch);
        let root = checkpoint.root();
        let (graph, info) = {
            let model = info::model(root, &site)?;
            let graph = Graph::read(&model.child("model")?)?;
            let info = NetworkInfo::read(root, &model, &graph)?;
            (graph, info)
        };
        let dtype = options.precision.dtype();
        let engine = Burn::new(site.into_weights(), device, dtype, options.channels_last);
        Ok(Self { info, graph, plans: Plans::default(), engine })
    }

    /// What it is for and where it comes from.
    pub fn info(&self) -> &NetworkInfo {
        &self.info
    }

    /// What each layer is, and what it does with a picture of `width` x `height`.
    pub fn layers(&self, width: usize, height: usize) -> Result<Vec<LayerInfo>, NetworkError> {
        Ok(self.graph.layers(&*self.plan([1, 3, height, width])?))
    }

    /// Finds what is in the pictures: for each one, what meets its criteria. A classifier answers
    /// whatever the criteria are.
    ///
    /// Waits for the device, once.
    ///
    /// # Shapes
    ///
    /// - `input`: as in [`Network::forward`]
    /// - `criteria`: one for each picture
    pub fn predict(
        &self,
        input: Tensor<4>,
        criteria: &[Criteria],
    ) -> Result<Vec<Prediction>, NetworkError> {
        let [pictures, ..] = input.dims();
        if criteria.len() != pictures {
            return Err(NetworkError::CriteriaCount { criteria: criteria.len(), pictures });
        }
        if pictures == 0 {
            return Ok(Vec::new());
        }
        let plan = self.plan(input.dims())?;
        match (self.engine.run(&plan, input), &plan.output) {
            (RawOutput::Anchors { rows, prototypes }, Output::Anchors { layout, .. }) => {
                let rows = rows.try_into_vec_as::<f32>()?;
                let prototypes = prototypes.map(Tensor::try_into_vec_as::<f32>).transpose()?;
                let prototypes = prototypes.unwrap_or_default();
                let of_picture = prototypes.len() / pictures;
                Ok(rows
                    .chunks_exact(layout.rows() * layout.anchors())
                    .zip(criteria)
                    .enumerate()
                    .map(|(at, (rows, criteria))| {
                        let prototypes = &prototypes[at * of_picture..(at + 1) * of_picture];
                        Prediction::Boxes(decode(rows, prototypes, layout, criteria))
                    })
                    .collect())
            }
            (RawOutput::Classes(raw), Output::Classes(logits)) => Ok(raw
                .try_into_vec_as::<f32>()?
                .chunks_exact(logits.shape.channels)
                .map(|raw| Prediction::Probabilities(softmax(raw)))
                .collect()),
            _ => unreachable!("an output has the form that its plan says"),
        }
    }

    /// Runs the network and leaves its output as it is, on the device.
    ///
    /// # Shapes
    ///
    /// - `input`: `[batch, 3, height, width]`, red, green and blue from 0 to 1; for a detector both
    ///   sides multiples of [`NetworkInfo::stride`]
    pub fn forward(&self, input: Tensor<4>) -> Result<RawOutput, NetworkError> {
        let plan = self.plan(input.dims())?;
        Ok(self.engine.run(&plan, input))
    }

    /// How far what this network computes is from what `reference` does: the largest difference of
    /// their outputs for a small picture that is the same at every call, as a part of the largest
    /// number. Infinite where one of them is not a number.
    ///
    /// A network and its copy on another device differ by rounding alone: by less than 1e-3 in 32
    /// bits and 2e-2 in 16.
    pub fn deviation(&self, reference: &Self) -> Result<f32, NetworkError> {
        let side = PROOF_SIDE.next_multiple_of(self.info.stride);
        let found = self.numbers(side)?;
        let expected = reference.numbers(side)?;
        if found.len() != expected.len() {
            return Ok(f32::INFINITY);
        }
        let largest = expected.iter().fold(f32::MIN_POSITIVE, |most, v| most.max(v.abs()));
        let differences = found.iter().zip(&expected).map(|(a, b)| (a - b).abs() / largest);
        Ok(differences.fold(0.0, |most, difference| {
            if difference.is_nan() { f32::INFINITY } else { most.max(difference) }
        }))
    }

    /// All numbers that the head makes of a picture with something everywhere.
    fn numbers(&self, side: usize) -> Result<Vec<f32>, NetworkError> {
        let value = |at: usize| {
            let (channel, y, x) = (at / (side * side), at / side % side, at % side);
            ((x * 31 + y * 17 + channel * 101 + (x * y) % 23 * 7) % 256) as f32 / 255.0
        };
        let values: Vec<f32> = (0..3 * side * side).map(value).collect();
        let data = TensorData::new(values, [1, 3, side, side]);
        Ok(match self.forward(Tensor::from_data(data, self.engine.device()))? {
            RawOutput::Anchors { rows, prototypes } => {
                let mut numbers = rows.try_into_vec_as::<f32>()?;
                if let Some(prototypes) = prototypes {
                    numbers.extend(prototypes.try_into_vec_as::<f32>()?);
                }
                numbers
            }
            RawOutput::Classes(logits) => logits.try_into_vec_as::<f32>()?,
        })
    }

    /// What it computes with such an input, or why it does not fit.
    fn plan(&self, shape: [usize; 4]) -> Result<Arc<Plan>, NetworkError> {
        let [batch, channels, height, width] = shape;
        let refuse = |expected: String| NetworkError::Input { shape, expected };
        if batch == 0 || channels != 3 {
            return Err(refuse("[1 or more, 3, height, width] is right".to_owned()));
        }
        let stride = self.info.stride;
        if [height, width].iter().any(|&side| side == 0 || side % stride != 0) {
            return Err(refuse(format!("both sides must be multiples of {stride}")));
        }
        self.plans.of([width, height], || self.graph.plan(width, height))
    }
}

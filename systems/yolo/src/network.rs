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

use std::ops::Range;

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
use crate::decode::{Columns, Criteria, Prediction, decode, softmax};

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
        let [.., height, width] = input.dims();
        self.read(self.forward(input)?, [width, height], criteria)
    }

    /// Reads all of a raw output from the device, and says what is in the pictures. Waits for the
    /// device.
    ///
    /// # Shapes
    ///
    /// - `size`: width and height of the pictures
    /// - `criteria`: one for each picture
    pub fn read(
        &self,
        raw: RawOutput,
        size: [usize; 2],
        criteria: &[Criteria],
    ) -> Result<Vec<Prediction>, NetworkError> {
        match raw {
            RawOutput::Anchors { rows, prototypes } => {
                let [_, height, count] = rows.dims();
                let rows = rows.try_into_vec_as::<f32>()?;
                let prototypes = prototypes.map(Tensor::try_into_vec_as::<f32>).transpose()?;
                let pictures = rows.chunks_exact(height * count);
                let columns: Vec<_> =
                    pictures.map(|values| Columns { values, count, anchors: None }).collect();
                self.decode(size, &columns, &prototypes.unwrap_or_default(), criteria)
            }
            RawOutput::Classes(raw) => {
                let [_, classes] = raw.dims();
                let raw = raw.try_into_vec_as::<f32>()?;
                let softmax = |raw| Prediction::Probabilities(softmax(raw));
                Ok(raw.chunks_exact(classes).map(softmax).collect())
            }
        }
    }

    /// Says what is in the pictures from what the head of a detector said: for whoever reads that from
    /// the device by other means than [`Network::read`].
    ///
    /// # Shapes
    ///
    /// - `size`: width and height of the pictures
    /// - `columns`: of each picture
    /// - `prototypes`: of a segmenter, as in [`RawOutput::Anchors`]; else empty
    /// - `criteria`: one for each picture
    pub fn decode(
        &self,
        [width, height]: [usize; 2],
        columns: &[Columns<'_>],
        prototypes: &[f32],
        criteria: &[Criteria],
    ) -> Result<Vec<Prediction>, NetworkError> {
        let plan = self.plan([1, 3, height, width])?;
        let Output::Anchors { layout, .. } = &plan.output else {
            return Ok(Vec::new());
        };
        let of_picture = prototypes.len().checked_div(columns.len()).unwrap_or(0);
        let pictures = columns.iter().zip(criteria).enumerate();
        Ok(pictures
            .map(|(at, (columns, criteria))| {
                let prototypes = &prototypes[at * of_picture..(at + 1) * of_picture];
                Prediction::Boxes(decode(*columns, prototypes, layout, criteria))
            })
            .collect())
    }

    /// Which rows of [`RawOutput::Anchors`] are the logits of classes, for pictures of this width and
    /// height. None for a classifier.
    pub fn class_rows(
        &self,
        [width, height]: [usize; 2],
    ) -> Result<Option<Range<usize>>, NetworkError> {
        Ok(match &self.plan([1, 3, height, width])?.output {
            Output::Anchors { layout, .. } => Some(layout.class_rows()),
            Output::Classes(_) => None,
        })
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
    /// their outputs for [the test picture](Network::test_picture), as a part of the largest number. Infinite where one of them is not a number.
    ///
    /// A network and its copy on another device differ by rounding alone: by less than 1e-3 in 32
    /// bits and 2e-2 in 16.
    pub fn deviation(&self, reference: &Self) -> Result<f32, NetworkError> {
        let found = self.numbers()?;
        let expected = reference.numbers()?;
        if found.len() != expected.len() {
            return Ok(f32::INFINITY);
        }
        let largest = expected.iter().fold(f32::MIN_POSITIVE, |most, v| most.max(v.abs()));
        let differences = found.iter().zip(&expected).map(|(a, b)| (a - b).abs() / largest);
        Ok(differences.fold(0.0, |most, difference| {
            if difference.is_nan() { f32::INFINITY } else { most.max(difference) }
        }))
    }

    /// A small picture with something everywhere, the same at every call: to prove a network with.
    ///
    /// # Shapes
    ///
    /// `[1, 3, side, side]`
    pub fn test_picture(&self) -> Tensor<4> {
        let side = PROOF_SIDE.next_multiple_of(self.info.stride);
        let value = |at: usize| {
            let (channel, y, x) = (at / (side * side), at / side % side, at % side);
            ((x * 31 + y * 17 + channel * 101 + (x * y) % 23 * 7) % 256) as f32 / 255.0
        };
        let values: Vec<f32> = (0..3 * side * side).map(value).collect();
        Tensor::from_data(TensorData::new(values, [1, 3, side, side]), self.engine.device())
    }

    /// All numbers that the head makes of the test picture.
    fn numbers(&self) -> Result<Vec<f32>, NetworkError> {
        Ok(match self.forward(self.test_picture())? {
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

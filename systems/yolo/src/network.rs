//! A network, from the modules in a checkpoint to predictions.

mod activation;
mod area;
mod attention;
mod block;
mod container;
mod convolution;
mod csp;
mod downsample;
mod engine;
mod error;
mod execute;
mod family;
mod fuse;
mod ghost;
mod graph;
mod head;
mod info;
mod kernel;
mod normalization;
mod place;
mod plan;
mod pooling;
mod recent;
mod shape;
mod source;
mod weights;

use std::ops::Range;
use std::sync::Arc;

use burn::tensor::{Tensor, TensorData};

pub use self::engine::{CpuPrecision, Engine, Pictures, Precision};
pub use self::error::NetworkError;
pub use self::execute::StepTime;
pub use self::head::{Branch, RawOutput, UnknownBranch};
pub use self::info::{LayerInfo, NetworkInfo, Provenance, Task};
pub use self::place::Place;

use self::execute::{Burn, Cpu, Executor, HostOutput};
use self::graph::Graph;
use self::plan::{Output, Plan};
use self::recent::Recent;
use self::source::Site;
use crate::checkpoint::Checkpoint;
use crate::decode::{Columns, Criteria, Prediction, decode, softmax};

/// Least side of the picture that tells networks apart.
const PROOF_SIDE: usize = 64;

/// Plans of one network that are kept.
const MAX_PLANS: usize = 8;

/// How a network is made to run.
#[derive(Clone, Debug, Default)]
pub struct LoadOptions {
    /// What computes it.
    pub engine: Engine,
    /// Which branch of a head that has two finds the boxes.
    pub branch: Branch,
}

/// A network that is ready to run.
pub struct Network {
    info: NetworkInfo,
    graph: Graph,
    plans: Recent<Plan, MAX_PLANS>,
    engine: Engine,
    executor: Executor,
}

impl Network {
    /// Builds the network of a checkpoint.
    ///
    /// Everything is checked before it is computed: the network that comes back runs on each input
    /// that [`Network::forward`] accepts.
    pub fn load(checkpoint: &Checkpoint, options: &LoadOptions) -> Result<Self, NetworkError> {
        let site = Site::new(options.branch);
        let root = checkpoint.root();
        let (graph, info) = {
            let model = info::model(root, &site)?;
            let graph = Graph::read(&model.child("model")?)?;
            let info = NetworkInfo::read(root, &model, &graph)?;
            (graph, info)
        };
        let weights = site.into_weights();
        let executor = match &options.engine {
            &Engine::Cpu { precision, threads } => {
                Executor::Cpu(Cpu::new(weights, precision, threads))
            }
            Engine::Burn { device, precision, channels_last } => {
                Executor::Burn(Burn::new(weights, device, precision.dtype(), *channels_last))
            }
        };
        let engine = options.engine.clone();
        Ok(Self { info, graph, plans: Recent::new(), engine, executor })
    }

    /// What it is for and where it comes from.
    pub fn info(&self) -> &NetworkInfo {
        &self.info
    }

    /// What computes it.
    pub fn engine(&self) -> &Engine {
        &self.engine
    }

    /// What each layer is, and what it does with a picture of `width` x `height`.
    pub fn layers(&self, width: usize, height: usize) -> Result<Vec<LayerInfo>, NetworkError> {
        let plan = self.plan([1, 3, height, width])?;
        Ok(self.graph.layers(&plan))
    }

    /// Makes ready for pictures of `width` x `height` what can be made before there is one. Where the
    /// engine is [`Engine::Cpu`] that is everything but the memory of a run; other engines compile and
    /// tune when they run for the first time.
    pub fn prepare(&self, width: usize, height: usize) -> Result<(), NetworkError> {
        let plan = self.plan([1, 3, height, width])?;
        match &self.executor {
            Executor::Cpu(cpu) => cpu.prepare(&plan),
            Executor::Burn(_) => Ok(()),
        }
    }

    /// How long each step of the network takes with one picture, where the engine is
    /// [`Engine::Cpu`]: the median of `runs` runs. Other engines do not tell.
    pub fn step_times<'a>(
        &self,
        pictures: impl Into<Pictures<'a>>,
        runs: usize,
    ) -> Result<Option<Vec<StepTime>>, NetworkError> {
        let pictures = pictures.into();
        let plan = self.plan(pictures.shape())?;
        match &self.executor {
            Executor::Cpu(cpu) => cpu.step_times(&plan, &pictures.into_values()?, runs).map(Some),
            Executor::Burn(_) => Ok(None),
        }
    }

    /// Finds what is in the pictures: for each one, what meets its criteria. A classifier answers
    /// whatever the criteria are.
    ///
    /// Waits for the device, once.
    ///
    /// # Shapes
    ///
    /// - `pictures`: as in [`Network::forward`]
    /// - `criteria`: one for each picture
    pub fn predict<'a>(
        &self,
        pictures: impl Into<Pictures<'a>>,
        criteria: &[Criteria],
    ) -> Result<Vec<Prediction>, NetworkError> {
        let pictures = pictures.into();
        let shape @ [batch, _, height, width] = pictures.shape();
        if criteria.len() != batch {
            return Err(NetworkError::CriteriaCount { criteria: criteria.len(), pictures: batch });
        }
        if batch == 0 {
            return Ok(Vec::new());
        }
        let plan = self.plan(shape)?;
        let output = match &self.executor {
            Executor::Cpu(cpu) => cpu.run(&plan, batch, &pictures.into_values()?)?,
            Executor::Burn(burn) => {
                HostOutput::read(burn.run(&plan, pictures.into_tensor(burn.device())))?
            }
        };
        self.tell(output, [width, height], criteria)
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
        self.tell(HostOutput::read(raw)?, size, criteria)
    }

    fn tell(
        &self,
        output: HostOutput,
        size: [usize; 2],
        criteria: &[Criteria],
    ) -> Result<Vec<Prediction>, NetworkError> {
        match output {
            HostOutput::Anchors { rows, prototypes, shape: [_, height, count] } => {
                let pictures = rows.chunks_exact(height * count);
                let columns: Vec<_> =
                    pictures.map(|values| Columns { values, count, anchors: None }).collect();
                self.decode(size, &columns, &prototypes, criteria)
            }
            HostOutput::Classes { logits, shape: [_, classes] } => {
                let softmax = |logits| Prediction::Probabilities(softmax(logits));
                Ok(logits.chunks_exact(classes).map(softmax).collect())
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
    /// - `pictures`: `[batch, 3, height, width]`, red, green and blue from 0 to 1; for a detector both
    ///   sides multiples of [`NetworkInfo::stride`]
    pub fn forward<'a>(
        &self,
        pictures: impl Into<Pictures<'a>>,
    ) -> Result<RawOutput, NetworkError> {
        let pictures = pictures.into();
        let shape @ [batch, ..] = pictures.shape();
        let plan = self.plan(shape)?;
        match &self.executor {
            Executor::Cpu(cpu) => {
                let output = cpu.run(&plan, batch, &pictures.into_values()?)?;
                Ok(output.into_raw(&plan))
            }
            Executor::Burn(burn) => Ok(burn.run(&plan, pictures.into_tensor(burn.device()))),
        }
    }

    /// How far what this network computes is from what `reference` does: the largest difference of
    /// their outputs for [the test picture](Network::test_picture), as a part of the largest number.
    /// Infinite where one of them is not a number.
    ///
    /// A network and its copy on another device differ by rounding alone: by less than 1e-3 in 32
    /// bits and 2e-2 in 16.
    pub fn deviation(&self, reference: &Self) -> Result<f32, NetworkError> {
        self.deviation_from(&reference.test_output()?)
    }

    /// The same, where the reference has told its [`Network::test_output`] and is gone.
    pub fn deviation_from(&self, expected: &[f32]) -> Result<f32, NetworkError> {
        let found = self.test_output()?;
        if found.len() != expected.len() {
            return Ok(f32::INFINITY);
        }
        let largest = expected.iter().fold(f32::MIN_POSITIVE, |most, v| most.max(v.abs()));
        let differences = found.iter().zip(expected).map(|(a, b)| (a - b).abs() / largest);
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
        Tensor::from_data(TensorData::new(values, [1, 3, side, side]), &self.executor.device())
    }

    /// All numbers that the head makes of [the test picture](Network::test_picture). Nothing is kept
    /// for its size.
    pub fn test_output(&self) -> Result<Vec<f32>, NetworkError> {
        let picture = Pictures::from(self.test_picture());
        let plan = self.plan(picture.shape())?;
        let output = match &self.executor {
            Executor::Cpu(cpu) => cpu.run_once(&plan, &picture.into_values()?)?,
            Executor::Burn(_) => HostOutput::read(self.forward(picture)?)?,
        };
        Ok(output.into_numbers())
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

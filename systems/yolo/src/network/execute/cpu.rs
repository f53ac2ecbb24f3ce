//! Plans on the CPU, by this project's own kernels.

mod translation;

use std::sync::Arc;

use detector_kernels::{Options, Packings, Program, StepProfile};

use super::HostOutput;
use crate::network::engine::CpuPrecision;
use crate::network::error::NetworkError;
use crate::network::plan::{Output, Plan, Value};
use crate::network::recent::Recent;
use crate::network::shape::Shape;
use crate::network::weights::Weights;

/// Programs of one network that are kept. Each has memory for a run; weights they have in common, in the
/// order in which kernels read them.
const MAX_PROGRAMS: usize = 4;

/// The weights of a network in main memory, and the programs that were made of them.
pub(crate) struct Cpu {
    weights: Vec<Weights>,
    options: Options,
    packings: Packings,
    programs: Recent<Program, MAX_PROGRAMS>,
}

/// A step of a network and how long it took.
#[derive(Clone, Debug, PartialEq)]
pub struct StepTime {
    /// Number of the layer that it belongs to.
    pub layer: usize,
    /// What it does.
    pub operation: &'static str,
    /// By which kernel.
    pub kernel: &'static str,
    /// What it takes and makes.
    pub shape: String,
    /// Multiplications, each with an addition, as the operation is defined.
    pub multiplications: u64,
    /// How long it took.
    pub nanos: u64,
}

impl Cpu {
    pub fn new(weights: Vec<Weights>, precision: CpuPrecision, threads: usize) -> Self {
        let options = Options { threads, precision: precision.of_kernels(), isa: None };
        Self { weights, options, packings: Packings::new(), programs: Recent::new() }
    }

    /// Executes a plan. Its program is kept.
    ///
    /// # Shapes
    ///
    /// - `input`: `[pictures, 3, height, width]`, of the plan's size
    pub fn run(
        &self,
        plan: &Plan,
        pictures: usize,
        input: &[f32],
    ) -> Result<HostOutput, NetworkError> {
        let program = self.program(plan)?;
        output(plan, &program, pictures, input)
    }

    /// Makes the program of a plan, so that the first run does not have to.
    pub fn prepare(&self, plan: &Plan) -> Result<(), NetworkError> {
        self.program(plan).map(drop)
    }

    /// Executes a plan for one picture, as [`Cpu::run`], and keeps nothing.
    pub fn run_once(&self, plan: &Plan, input: &[f32]) -> Result<HostOutput, NetworkError> {
        let program = self.translated(plan)?;
        output(plan, &program, 1, input)
    }

    /// How long each step of a plan takes with one picture: the median of some runs.
    pub fn step_times(
        &self,
        plan: &Plan,
        input: &[f32],
        runs: usize,
    ) -> Result<Vec<StepTime>, NetworkError> {
        let program = self.program(plan)?;
        let mut outputs = buffers(&program, 1);
        let steps = program.profile(runs, input, &mut slices(&mut outputs))?;
        let time = |step: StepProfile| StepTime {
            // The picture is taken for the first layer.
            layer: step.label.parse().unwrap_or(0),
            operation: step.operation,
            kernel: step.kind,
            shape: step.shape,
            multiplications: step.operations / 2,
            nanos: step.nanos,
        };
        Ok(steps.into_iter().map(time).collect())
    }

    fn program(&self, plan: &Plan) -> Result<Arc<Program>, NetworkError> {
        let Shape { height, width, .. } = plan.shapes[0];
        self.programs.of([width, height], || self.translated(plan))
    }

    fn translated(&self, plan: &Plan) -> Result<Program, NetworkError> {
        Ok(translation::program(plan, &self.weights, &self.options, &self.packings)?)
    }
}

fn output(
    plan: &Plan,
    program: &Program,
    pictures: usize,
    input: &[f32],
) -> Result<HostOutput, NetworkError> {
    let mut outputs = buffers(program, pictures);
    program.run(pictures, input, &mut slices(&mut outputs))?;
    Ok(match &plan.output {
        Output::Anchors { layout, levels, prototypes } => {
            let prototypes = prototypes.and_then(|_| outputs.pop()).unwrap_or_default();
            let shape = [pictures, layout.rows(), layout.anchors()];
            HostOutput::Anchors { rows: rows(levels, &outputs, shape), shape, prototypes }
        }
        Output::Classes(value) => HostOutput::Classes {
            logits: outputs.pop().unwrap_or_default(),
            shape: [pictures, value.shape.channels],
        },
    })
}

fn buffers(program: &Program, pictures: usize) -> Vec<Vec<f32>> {
    program.outputs().iter().map(|shape| vec![0.0; pictures * shape.len()]).collect()
}

fn slices(buffers: &mut [Vec<f32>]) -> Vec<&mut [f32]> {
    buffers.iter_mut().map(Vec::as_mut_slice).collect()
}

/// What a head says at all resolutions, as the rows of one matrix for each picture.
///
/// # Shapes
///
/// - `parts`: those of all levels, each `[pictures, channels, height, width]`
/// - `shape`: `[pictures, rows, anchors]`, which comes back
fn rows(levels: &[Vec<Value>], parts: &[Vec<f32>], shape: [usize; 3]) -> Vec<f32> {
    let [pictures, height, anchors] = shape;
    let mut all = vec![0.0; pictures * height * anchors];
    for (picture, rows) in all.chunks_exact_mut(height * anchors).enumerate() {
        let mut parts = parts.iter();
        let mut first = 0;
        for level in levels {
            let mut rows = rows.chunks_exact_mut(anchors);
            let mut cells = 0;
            for (value, part) in level.iter().zip(parts.by_ref()) {
                let Shape { channels, height, width } = value.shape;
                cells = height * width;
                let part = &part[picture * channels * cells..][..channels * cells];
                for (numbers, row) in part.chunks_exact(cells).zip(rows.by_ref()) {
                    row[first..first + cells].copy_from_slice(numbers);
                }
            }
            first += cells;
        }
    }
    all
}

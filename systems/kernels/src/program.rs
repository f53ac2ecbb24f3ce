//! A network that is ready to run.

use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::Instant;

use half::bf16;

use crate::element::Element;
use crate::error::Error;
use crate::graph::{Convolution, Node, Operation, TransposedConvolution};
use crate::memory::Memory;
use crate::packings::Packings;
use crate::plan::{Plan, Target, plan};
use crate::shape::Shape;
use crate::simd::Isa;
use crate::step::Context;
use crate::threads::{Job, Threads};

/// How numbers are stored between operations and multiplied.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Precision {
    /// In 32 bits.
    #[default]
    F32,
    /// In 16 bits, eight of them for the exponent; sums in 32. Faster where
    /// [`Isa::has_bf16`], and slower elsewhere.
    Bf16,
}

/// How a program runs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Options {
    /// How many threads work on a picture; 0 for as many as there are cores. Programs with the same
    /// number share them.
    pub threads: usize,
    /// How numbers are stored and multiplied.
    pub precision: Precision,
    /// The instruction set, or nothing for the best that the CPU has.
    pub isa: Option<Isa>,
}

impl Options {
    /// How many threads work on a picture.
    pub(crate) fn count(&self) -> usize {
        match self.threads {
            0 => thread::available_parallelism().map_or(1, usize::from),
            threads => threads,
        }
    }
}

/// A network that is ready to run. Several threads may run it at the same time.
pub struct Program {
    input: Shape,
    outputs: Vec<Shape>,
    engine: Box<dyn Engine>,
}

/// What a step of a program is, and how long it took.
#[derive(Clone, Debug, PartialEq)]
pub struct StepProfile {
    /// The label of its operation.
    pub label: String,
    /// Its operation.
    pub operation: &'static str,
    /// How the operation is done.
    pub kind: &'static str,
    /// What the operation takes and makes.
    pub shape: String,
    /// Additions and multiplications of the operation, as its definition has them.
    pub operations: u64,
    /// The median time of a run.
    pub nanos: u64,
    /// The shortest time of a run: what is left when nothing else wants the cores.
    pub least_nanos: u64,
}

impl Program {
    pub(crate) fn plan(
        nodes: &[Node],
        outputs: &[usize],
        options: &Options,
        packings: &Packings,
    ) -> Result<Self, Error> {
        let isa = options.isa.unwrap_or_else(Isa::best);
        if !isa.is_available() {
            return Err(Error::Network(format!("this CPU does not have {isa:?}")));
        }
        let threads = options.count();
        let target = Target { isa, threads };
        let engine: Box<dyn Engine> = match options.precision {
            Precision::F32 => Box::new(Planned::<f32>::new(nodes, outputs, target, packings)?),
            Precision::Bf16 => Box::new(Planned::<bf16>::new(nodes, outputs, target, packings)?),
        };
        let input = nodes
            .first()
            .map(|node| node.shape)
            .ok_or_else(|| Error::Network("the network has no input".to_owned()))?;
        let outputs = outputs.iter().map(|&output| nodes[output].shape).collect();
        Ok(Self { input, outputs, engine })
    }

    /// The shape of the input.
    pub fn input(&self) -> Shape {
        self.input
    }

    /// The shapes of the outputs.
    pub fn outputs(&self) -> &[Shape] {
        &self.outputs
    }

    /// Bytes that weights, tensors and scratch of one run take. Other programs may share the weights.
    pub fn memory(&self) -> usize {
        self.engine.memory()
    }

    /// Computes the outputs of some pictures.
    ///
    /// # Shapes
    ///
    /// - `input`: `[pictures, channels, height, width]`
    /// - `outputs`: for each output `[pictures, channels, height, width]`
    pub fn run(
        &self,
        pictures: usize,
        input: &[f32],
        outputs: &mut [&mut [f32]],
    ) -> Result<(), Error> {
        self.check(pictures, input, outputs)?;
        for picture in 0..pictures {
            let (from, len) = (picture * self.input.len(), self.input.len());
            let starts: Vec<*mut f32> = outputs
                .iter_mut()
                .zip(&self.outputs)
                .map(|(output, shape)| output[picture * shape.len()..].as_mut_ptr())
                .collect();
            // SAFETY: all lengths were checked.
            unsafe { self.engine.run(input[from..from + len].as_ptr(), &starts, &mut |_, _| {}) };
        }
        Ok(())
    }

    /// Runs one picture `runs` times and tells how long each step took.
    pub fn profile(
        &self,
        runs: usize,
        input: &[f32],
        outputs: &mut [&mut [f32]],
    ) -> Result<Vec<StepProfile>, Error> {
        self.check(1, input, outputs)?;
        let starts: Vec<*mut f32> = outputs.iter_mut().map(|output| output.as_mut_ptr()).collect();
        let mut steps = self.engine.steps();
        let mut times = vec![Vec::with_capacity(runs); steps.len()];
        for _ in 0..runs.max(1) {
            // SAFETY: all lengths were checked.
            unsafe {
                self.engine.run(input.as_ptr(), &starts, &mut |step, nanos| {
                    times[step].push(nanos);
                });
            }
        }
        for (step, mut times) in steps.iter_mut().zip(times) {
            times.sort_unstable();
            (step.nanos, step.least_nanos) = (times[times.len() / 2], times[0]);
        }
        Ok(steps)
    }

    fn check(&self, pictures: usize, input: &[f32], outputs: &[&mut [f32]]) -> Result<(), Error> {
        let expect = |what: String, got: usize, want: usize| match got == want {
            true => Ok(()),
            false => Err(Error::Length { what, got, want }),
        };
        expect("the input".to_owned(), input.len(), pictures * self.input.len())?;
        if outputs.len() != self.outputs.len() {
            let (got, want) = (outputs.len(), self.outputs.len());
            return Err(Error::Network(format!("{got} outputs were given instead of {want}")));
        }
        for (index, (output, shape)) in outputs.iter().zip(&self.outputs).enumerate() {
            expect(format!("output {index}"), output.len(), pictures * shape.len())?;
        }
        Ok(())
    }
}

/// A program for one type of numbers.
trait Engine: Send + Sync {
    /// Computes the outputs of one picture, and tells of each step how long it took.
    ///
    /// # Safety
    ///
    /// The input is readable and the outputs are writable, each as large as its shape.
    unsafe fn run(&self, input: *const f32, outputs: &[*mut f32], tell: &mut dyn FnMut(usize, u64));

    /// What the steps are; they have not run.
    fn steps(&self) -> Vec<StepProfile>;

    fn memory(&self) -> usize;
}

struct Planned<E: Element> {
    plan: Plan<E>,
    about: Vec<StepProfile>,
    target: Target,
    /// Numbers of scratch of each thread, and shared.
    scratch: usize,
    shared: usize,
    threads: Arc<Threads>,
    /// Memory of runs that have ended.
    idle: Mutex<Vec<Workspace<E>>>,
}

/// The memory of a run.
struct Workspace<E: Element> {
    planes: Memory<E>,
    shared: Memory<f32>,
    scratch: Memory<f32>,
}

impl<E: Element> Planned<E> {
    fn new(
        nodes: &[Node],
        outputs: &[usize],
        target: Target,
        packings: &Packings,
    ) -> Result<Self, Error> {
        let plan = plan::<E>(nodes, outputs, target, packings);
        let most = |numbers: fn(&dyn crate::step::AnyStep<E>) -> usize| {
            plan.steps.iter().map(|step| numbers(&*step.step)).max().unwrap_or(0)
        };
        // Each thread's begins on a page of its own.
        let scratch = most(|step| step.scratch()).next_multiple_of(1024);
        let shared = most(|step| step.shared());
        let about = plan.steps.iter().map(|step| about(nodes, step.node, step.kind)).collect();
        let threads = Threads::shared(target.threads);
        Ok(Self { plan, about, target, scratch, shared, threads, idle: Mutex::default() })
    }

    fn workspace(&self) -> Workspace<E> {
        let idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner).pop();
        idle.unwrap_or_else(|| Workspace {
            planes: Memory::new(self.plan.planes),
            shared: Memory::new(self.shared),
            scratch: Memory::new(self.scratch * self.target.threads),
        })
    }
}

impl<E: Element> Engine for Planned<E> {
    unsafe fn run(
        &self,
        input: *const f32,
        outputs: &[*mut f32],
        tell: &mut dyn FnMut(usize, u64),
    ) {
        let workspace = self.workspace();
        let run = Run {
            planned: self,
            context: Context {
                planes: workspace.planes.start(),
                shared: workspace.shared.start(),
                scratch: workspace.scratch.start(),
                input,
                outputs: outputs.as_ptr(),
            },
        };
        let mut before = Instant::now();
        self.threads.run(&run, &mut |step| {
            let now = Instant::now();
            tell(step, (now - before).as_nanos() as u64);
            before = now;
        });
        self.idle.lock().unwrap_or_else(PoisonError::into_inner).push(workspace);
    }

    fn steps(&self) -> Vec<StepProfile> {
        self.about.clone()
    }

    fn memory(&self) -> usize {
        let weights: usize = self.plan.steps.iter().map(|step| step.step.weights()).sum();
        let numbers = self.shared + self.scratch * self.target.threads;
        weights + self.plan.planes * size_of::<E>() + numbers * size_of::<f32>()
    }
}

struct Run<'a, E: Element> {
    planned: &'a Planned<E>,
    context: Context<E>,
}

// SAFETY: its pointers are only used by `work`, whose tasks use different parts of the memory.
unsafe impl<E: Element> Sync for Run<'_, E> {}

impl<E: Element> Job for Run<'_, E> {
    fn steps(&self) -> usize {
        self.planned.plan.steps.len()
    }

    fn tasks(&self, step: usize) -> usize {
        self.planned.plan.steps[step].step.tasks()
    }

    fn work(&self, step: usize, task: usize, thread: usize) {
        // SAFETY: the memory is as large as the plan says; each thread has its own scratch, and
        // `Threads` runs one step at a time and each task once. The instruction set is there.
        unsafe {
            let scratch = self.context.scratch.add(thread * self.planned.scratch);
            let context = Context { scratch, ..self.context };
            self.planned.plan.steps[step].step.run(self.planned.target.isa, task, &context);
        }
    }
}

/// What a step is.
fn about(nodes: &[Node], index: usize, kind: &'static str) -> StepProfile {
    let node = &nodes[index];
    let input = node.inputs.first().map(|&input| nodes[input].shape);
    let places = |shape: Shape| shape.height * shape.width;
    let multiplications = match (&node.operation, input) {
        (Operation::Convolution(Convolution { weights, .. }), _) => {
            weights.len() * places(node.shape)
        }
        (Operation::TransposedConvolution(TransposedConvolution { weights, .. }), Some(input)) => {
            weights.len() * places(input)
        }
        (Operation::Attention(form), _) => {
            let products = form.heads * (form.key_channels + form.value_channels);
            places(node.shape) * (places(node.shape) / form.areas) * products
        }
        _ => 0,
    };
    let form = match &node.operation {
        Operation::Convolution(Convolution { kernel, stride, groups, .. }) => {
            let groups = if *groups == 1 { String::new() } else { format!(" groups {groups}") };
            format!(" {}x{} stride {}{groups}", kernel[0], kernel[1], stride[0])
        }
        _ => String::new(),
    };
    let shape = match input {
        Some(input) => format!("{input} -> {}{form}", node.shape),
        None => node.shape.to_string(),
    };
    StepProfile {
        label: node.label.clone(),
        operation: node.operation.name(),
        kind,
        shape,
        operations: 2 * multiplications as u64,
        nanos: 0,
        least_nanos: 0,
    }
}

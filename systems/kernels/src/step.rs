//! What a program consists of: one file for each kind of step.
//!
//! A step is made once, when a network is built: it knows where its inputs and outputs lie, and has
//! its weights in the order in which it reads them. Running it allocates nothing.

pub(crate) mod attention;
pub(crate) mod copy;
pub(crate) mod depthwise;
pub(crate) mod direct;
pub(crate) mod elementwise;
pub(crate) mod finish;
pub(crate) mod layout;
pub(crate) mod planar;
pub(crate) mod pool;
pub(crate) mod reduce;
pub(crate) mod tile;
pub(crate) mod winograd;

use crate::element::Element;
use crate::simd::{Isa, Kernel, Simd};

/// The memory of one run.
#[derive(Clone, Copy)]
pub(crate) struct Context<E> {
    /// All planes. What a step calls the place of a plane is counted from here.
    pub planes: *mut E,
    /// What steps that follow each other hand on beside tensors, [`Step::shared`] numbers.
    pub shared: *mut f32,
    /// This thread's own, [`Step::scratch`] numbers.
    pub scratch: *mut f32,
    /// The picture, `[channels, height, width]`.
    pub input: *const f32,
    /// Where each output goes, `[channels, height, width]`.
    pub outputs: *const *mut f32,
}

/// A step of a program, for numbers stored as `E`.
pub(crate) trait Step<E: Element>: Send + Sync {
    /// In how many parts it can be done, in any order and at the same time. Less than 2^20.
    fn tasks(&self) -> usize;

    /// Numbers that each thread needs while it does a task.
    fn scratch(&self) -> usize {
        0
    }

    /// Numbers that this step leaves for the next or takes from the one before.
    fn shared(&self) -> usize {
        0
    }

    /// Bytes of its weights.
    fn weights(&self) -> usize {
        0
    }

    /// Does one part.
    ///
    /// # Safety
    ///
    /// - The pointers of `context` are valid for what the program was planned with: its planes,
    ///   its input and outputs, as much scratch as the step says, which no other thread uses.
    /// - No other step runs at the same time, and no other thread does the same task.
    unsafe fn run<S: Simd>(&self, simd: S, task: usize, context: &Context<E>)
    where
        Self: Sized;
}

/// A [`Step`] of any kind.
pub(crate) trait AnyStep<E: Element>: Send + Sync {
    fn tasks(&self) -> usize;
    fn scratch(&self) -> usize;
    fn shared(&self) -> usize;
    fn weights(&self) -> usize;

    /// # Safety
    ///
    /// As [`Step::run`], and the CPU has `isa`.
    unsafe fn run(&self, isa: Isa, task: usize, context: &Context<E>);
}

struct Part<'a, E, T> {
    step: &'a T,
    task: usize,
    context: &'a Context<E>,
}

impl<E: Element, T: Step<E>> Kernel for Part<'_, E, T> {
    type Output = ();

    const PAIRS: bool = E::PAIRS;

    #[inline(always)]
    unsafe fn run<S: Simd>(self, simd: S) {
        // SAFETY: as the caller promises.
        unsafe { self.step.run(simd, self.task, self.context) }
    }
}

impl<E: Element, T: Step<E>> AnyStep<E> for T {
    fn tasks(&self) -> usize {
        Step::tasks(self)
    }

    fn scratch(&self) -> usize {
        Step::scratch(self)
    }

    fn shared(&self) -> usize {
        Step::shared(self)
    }

    fn weights(&self) -> usize {
        Step::weights(self)
    }

    unsafe fn run(&self, isa: Isa, task: usize, context: &Context<E>) {
        // SAFETY: as the caller promises.
        unsafe { isa.run(Part { step: self, task, context }) }
    }
}

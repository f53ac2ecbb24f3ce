//! Runs convolutional networks on the CPU, as fast as it can be done.
//!
//! A network is described to a [`Builder`], operation by operation, and becomes a [`Program`]: its
//! weights lie in the order in which they are read, its tensors have their places in one piece of
//! memory, and its kernels are those of the best instruction set that the CPU has. Running it
//! allocates nothing after the first time.
//!
//! Tensors are given and returned as `[channels, height, width]` of `f32`. The same input gives the
//! same output, to the bit, on every run and with any number of threads; another instruction set or
//! precision rounds differently.
//!
//! This crate knows nothing of checkpoints or of what a network's output means. `unsafe` is in its
//! kernels and in what hands memory to them; whether a network fits together is decided before, in
//! [`Builder`], without it.

mod activation;
mod builder;
mod element;
mod error;
mod graph;
mod grid;
mod memory;
mod packings;
mod peak;
mod plan;
mod planes;
mod program;
mod shape;
mod simd;
mod step;
mod threads;

pub use activation::Activation;
pub use builder::{Builder, Value};
pub use error::Error;
pub use graph::{AttentionOptions, Convolution, PoolWindow, TransposedConvolution};
pub use packings::Packings;
pub use peak::peak;
pub use program::{Options, Precision, Program, StepProfile};
pub use shape::Shape;
pub use simd::Isa;

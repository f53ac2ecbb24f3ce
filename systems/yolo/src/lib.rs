//! Ultralytics checkpoints in pure Rust: reads a `.pt` without executing it, and runs its network.
//!
//! A checkpoint is the pickled tree of the network's modules. [`Checkpoint`] reads it as data;
//! [`Network`] is built from that tree, every layer with the numbers that it was trained with, so
//! that each scale, each pruned and each self-made architecture runs, as long as its modules are
//! known. This crate knows neither the engine's world nor any other stage.
//!
//! ```no_run
//! use detector_yolo::{Checkpoint, Criteria, LoadOptions, Network, Pictures};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let checkpoint = Checkpoint::open("yolo11n.pt")?;
//! let network = Network::load(&checkpoint, &LoadOptions::default())?;
//! let [width, height] = network.info().input;
//! let picture = vec![0.5; 3 * height * width];
//! let pictures = Pictures::new(picture, [1, 3, height, width]);
//! let found = network.predict(pictures, &[Criteria::default()])?;
//! # Ok(())
//! # }
//! ```

mod checkpoint;
mod decode;
mod network;
mod nms;

pub use checkpoint::{Checkpoint, CheckpointError, Dtype, Kind, Limits, TensorRef, Value};
pub use decode::{Columns, Criteria, Detail, Keypoint, Mask, Prediction, RotatedBox, ScoredBox};
pub use network::{
    Branch, CpuPrecision, Engine, LayerInfo, LoadOptions, Network, NetworkError, NetworkInfo,
    Pictures, Place, Precision, Provenance, RawOutput, StepTime, Task, UnknownBranch,
};

#![doc = include_str!("../README.md")]

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

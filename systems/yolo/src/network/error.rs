//! Why a network cannot be built, or cannot run.

use burn::tensor::TensorReadError;

use super::place::Place;
use crate::checkpoint::CheckpointError;

/// Why a network cannot be built from a checkpoint, or cannot run on an input.
#[derive(Debug, thiserror::Error)]
pub enum NetworkError {
    /// The checkpoint is no pickled Ultralytics model, or lacks a part of one.
    #[error("{place} has no {what}")]
    Missing {
        /// Which module.
        place: Place,
        /// What it should have.
        what: String,
    },
    /// The network needs a module that this crate does not know.
    #[error("the module {class:?} at {place} is not supported{}", whose(class))]
    UnknownModule {
        /// Which module.
        place: Place,
        /// Its full class name.
        class: String,
    },
    /// A module is known, but not with this value or shape.
    #[error("{place}: {problem}")]
    Unfit {
        /// Which module.
        place: Place,
        /// What does not fit, and what would.
        problem: String,
    },
    /// The checkpoint asks for more than any known network needs.
    #[error("{place}: {what} exceeds the limit of {limit}")]
    TooLarge {
        /// Which module.
        place: Place,
        /// What there is too much of.
        what: &'static str,
        /// The most that is accepted.
        limit: usize,
    },
    /// A tensor of the checkpoint cannot be read.
    #[error("{place}: {tensor} cannot be read")]
    Tensor {
        /// Which module.
        place: Place,
        /// Name of the tensor in its module.
        tensor: String,
        /// What is wrong with it.
        #[source]
        source: CheckpointError,
    },
    /// The input tensor has a shape that the network cannot take.
    #[error("the input {shape:?} does not fit: {expected}")]
    Input {
        /// What came.
        shape: [usize; 4],
        /// What would be right.
        expected: String,
    },
    /// There must be one set of criteria for each picture of the input.
    #[error("{criteria} criteria for {pictures} pictures")]
    CriteriaCount {
        /// How many came.
        criteria: usize,
        /// How many pictures the input has.
        pictures: usize,
    },
    /// The kernels of the CPU cannot do what the network needs.
    #[error("the CPU's kernels cannot run the network")]
    Kernels(#[from] detector_kernels::Error),
    /// The device did not deliver the output.
    #[error("the output of the network cannot be read back")]
    ReadBack(#[from] TensorReadError),
}

/// Whose the module is, where that is known: it tells what can be done.
pub(super) fn whose(class: &str) -> &'static str {
    let (package, name) = class.rsplit_once('.').unwrap_or_default();
    let starts = |start: &str| name.starts_with(start);
    match package.split('.').next() {
        Some("models") => {
            ": it is of the original YOLOv5 repository; version 5 of Ultralytics (yolov5nu.pt) is"
        }
        Some("modelopt") => ": its weights are quantised",
        Some("ultralytics") if starts("RTDETR") => ": it is of RT-DETR",
        Some("ultralytics") if starts("YOLOE") => ": it is of YOLOE",
        Some("ultralytics") if starts("World") => ": it is of YOLO-World",
        Some("ultralytics" | "torch" | "") | None => "",
        Some(_) => ": it is neither of Ultralytics nor of torch",
    }
}

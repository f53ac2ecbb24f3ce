//! Network input to boxes and classes: one thread a device, batches across cameras.
//!
//! In: nodes with a [`Checkpoint`](detector_components::node::Checkpoint), batches whose slot is
//! [`Filled`](detector_gpu::Filled). Out: networks, their free slots, and
//! [`JobAnswered`](detector_components::job::JobAnswered).

mod about;
mod adapters;
mod answer;
mod choice;
mod device;
mod load;
mod origin;
mod plugin;
mod predict;
mod proof;
mod select;
mod slots;
mod systems;
mod thread;
#[cfg(feature = "vulkan")]
mod tuning;

pub use adapters::{AdapterInfo, adapters};
pub use choice::{DeviceChoice, PrecisionChoice, UnknownDevice, UnknownPrecision};
pub use detector_yolo::{Branch, UnknownBranch};
pub use device::{DeviceError, InferenceDevice};
pub use load::load;
pub use plugin::InferPlugin;
#[cfg(feature = "vulkan")]
pub use tuning::keep_tuning_in;

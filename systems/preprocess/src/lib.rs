//! Frames to network input: colour, crop, letterbox, in compute shaders or on the CPU.
//!
//! In: [`Job`](detector_components::job::Job)s, each a region of a frame and how it lies in its
//! network's input. Out: [`Batch`](detector_components::job::Batch)es whose input slot is
//! [`Filled`](detector_gpu::Filled). The work is done by a thread of its own; the shaders in
//! `assets/shaders/` and [`fill_host`] give the same bits, which are those of OpenCV and Pillow.

mod axis;
mod device;
mod error;
mod filler;
#[cfg(test)]
mod golden;
mod host;
mod plugin;
mod systems;

pub use error::FillError;
pub use host::fill_host;
pub use plugin::PreprocessPlugin;

//! Starts pipelines on sampled frames, follows their branches and what they find, and merges it.
//!
//! In: [`LatestFrame`](detector_components::camera::LatestFrame)s and
//! [`JobAnswered`](detector_components::job::JobAnswered). Out:
//! [`Job`](detector_components::job::Job)s, each a region of a frame and the node to run on it, and
//! in the end the [`Results`](detector_components::results::Results) of each pass. This stage does
//! no IO and cannot fail.

mod follow;
mod found;
mod origin;
mod plugin;
mod resolve;
mod systems;
mod tracker;
mod tree;
mod trigger;

pub use plugin::BranchPlugin;

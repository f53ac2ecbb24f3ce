//! Model archives (`.mpta`): fetched, checked, unpacked, and read into nodes.
//!
//! In: [`Model`](detector_components::model::Model)s. Out: their
//! [`Node`](detector_components::node::Node)s with checkpoints on this machine, or every reason why
//! not. An archive comes from outside: it is read within declared limits, only the files that its
//! pipeline names are unpacked, and none of them can leave the cache.

mod error;
mod fetch;
mod loader;
mod pack;
mod pipeline;
mod plugin;
mod systems;
mod unpack;

pub use error::ArchiveError;
pub use pack::{PackError, Packed, pack, pack_folder};
pub use pipeline::{Faults, NodeSpec, Pipeline};
pub use plugin::{ArchiveConfig, ArchivePlugin};
pub use unpack::{ArchiveLimits, CheckpointFile, Unpacked, read_pipeline, unpack};

/// The entry that says what is to be run.
const PIPELINE_FILE: &str = "pipeline.json";

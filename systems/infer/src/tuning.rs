//! What is learned about a GPU while networks are loaded, kept for the next start.

use std::path::Path;

use burn::cubecl::config::cache::CacheConfig;
use burn::cubecl::config::{CubeClRuntimeConfig, RuntimeConfig};
use tracing::{info, warn};

/// Keeps compiled kernels, and which of them were fastest, in this folder: the next start need not
/// compile and try them again. To be called before a device is opened.
pub fn keep_tuning_in(folder: &Path) {
    let mut config = CubeClRuntimeConfig::default().override_from_env();
    config.environment.path = CacheConfig::Directory(folder.to_owned());
    config.compilation.cache = true;
    if CubeClRuntimeConfig::try_set(config) {
        info!(folder = %folder.display(), "what is learned about GPUs is kept");
    } else {
        warn!(folder = %folder.display(), "a GPU was used already: what is learned is kept elsewhere");
    }
}

use std::path::PathBuf;
use std::time::Duration;

use bevy_app::prelude::*;
use bevy_ecs::prelude::*;
use detector_components::stage::{Deliver, StageSystems};
use detector_components::wake::Wake;
use detector_reach::Reach;
use tokio::runtime::Handle;

use crate::loader::Loader;
use crate::systems::{begin_loading, cancel_loading, receive_archives};
use crate::unpack::ArchiveLimits;

/// Where archives come from and what they may be.
#[derive(Clone, Debug, PartialEq, Resource)]
pub struct ArchiveConfig {
    /// What models may be reached by, and where. Default: HTTP, anywhere but link-local addresses and
    /// those where clouds give out credentials.
    pub reach: Reach,
    /// Where unpacked archives are kept. Default: a folder in the temporary directory.
    pub cache_dir: PathBuf,
    /// What an archive may be at most.
    pub limits: ArchiveLimits,
    /// The longest wait for a server to accept. Default: 10 s.
    pub connect_timeout: Duration,
    /// The longest that fetching an archive may take in all. Default: 15 min.
    pub fetch_timeout: Duration,
    /// How often a fetch that failed is tried again. Default: 5.
    pub retries: usize,
    /// The first wait before that; it doubles each time. Default: 1 s.
    pub retry_base: Duration,
}

impl Default for ArchiveConfig {
    fn default() -> Self {
        Self {
            reach: Reach::models(),
            cache_dir: std::env::temp_dir().join("detector-worker-models"),
            limits: ArchiveLimits::default(),
            connect_timeout: Duration::from_secs(10),
            fetch_timeout: Duration::from_secs(900),
            retries: 5,
            retry_base: Duration::from_secs(1),
        }
    }
}

/// Adds this stage to an app. Its [`ArchiveConfig`] may be replaced at any time: it holds for archives
/// that are asked for from then on.
pub struct ArchivePlugin {
    /// Its limits.
    pub config: ArchiveConfig,
    /// Where it fetches and unpacks.
    pub runtime: Handle,
    /// Called when an archive is there.
    pub wake: Wake,
}

impl Plugin for ArchivePlugin {
    fn build(&self, app: &mut App) {
        let loader = Loader::new(&self.config, self.runtime.clone(), self.wake.clone());
        app.insert_resource(self.config.clone())
            .insert_resource(loader)
            .add_observer(cancel_loading)
            .add_systems(
                Deliver,
                (begin_loading, receive_archives).chain().in_set(StageSystems::Archive),
            );
    }
}

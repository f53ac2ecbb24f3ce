//! The stages between pictures and results, which the worker and `detect` have in common.

use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, Result};
use bevy_app::prelude::*;
use detector_archive::{ArchiveConfig, ArchiveLimits, ArchivePlugin};
use detector_branch::BranchPlugin;
use detector_components::clock::{Clock, Timepiece};
use detector_components::stage::StagePlugin;
use detector_components::wake::Wake;
use detector_infer::{Branch, DeviceChoice, InferPlugin, InferenceDevice, PrecisionChoice};
use detector_ingest::IngestConfig;
use detector_preprocess::PreprocessPlugin;
use tokio::runtime::Runtime;

use crate::config::Config;
use crate::faults;

/// What every stage is given: time, a way to wake the main thread, and threads for what waits.
pub struct Engine {
    /// Tells the time.
    pub timepiece: Timepiece,
    /// Wakes the main thread.
    pub wake: Wake,
    /// Sockets, downloads, Redis.
    pub runtime: Runtime,
}

/// Threads of the runtime. What they do is waiting, mostly.
const RUNTIME_THREADS: usize = 2;

impl Engine {
    /// Starts the threads.
    ///
    /// # Errors
    /// When the system refuses them.
    pub fn new(timepiece: Timepiece, wake: Wake) -> Result<Self> {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(RUNTIME_THREADS)
            .thread_name("io")
            .enable_all()
            .build()
            .context("starting the threads for sockets")?;
        Ok(Self { timepiece, wake, runtime })
    }

    /// Adds the stages from archives to results.
    pub fn build(&self, app: &mut App, config: &Config, device: InferenceDevice) {
        app.set_error_handler(faults::write_down)
            .insert_resource(self.timepiece.clone())
            .insert_resource(self.wake.clone())
            .init_resource::<Clock>()
            .add_plugins((
                StagePlugin,
                ArchivePlugin {
                    config: archive(config),
                    runtime: self.runtime.handle().clone(),
                    wake: self.wake.clone(),
                },
                BranchPlugin,
                PreprocessPlugin { gpu: device.shared() },
                InferPlugin::new(device),
            ));
    }
}

/// Opens the device that the configuration asks for.
///
/// # Errors
/// When the choice is not understood, or there is no such device.
pub fn open_device(config: &Config) -> Result<InferenceDevice> {
    let choice: DeviceChoice = config.device.parse().context("device")?;
    let precision: PrecisionChoice = config.precision.parse().context("precision")?;
    let head: Branch = config.head.parse().context("head")?;
    #[cfg(feature = "vulkan")]
    if choice != DeviceChoice::Cpu {
        detector_infer::keep_tuning_in(&cache_dir(config).join("kernels"));
    }
    let device =
        InferenceDevice::open(choice, precision).context("opening the inference device")?;
    Ok(device.with_head(head))
}

/// Where archives come from and what they may be.
pub fn archive(config: &Config) -> ArchiveConfig {
    ArchiveConfig {
        reach: config.reach.models(),
        cache_dir: cache_dir(config),
        limits: ArchiveLimits {
            archive_bytes: config.limits.archive_bytes,
            ..ArchiveLimits::default()
        },
        ..ArchiveConfig::default()
    }
}

/// How cameras are opened and watched.
pub fn ingest(config: &Config) -> IngestConfig {
    IngestConfig {
        reach: config.reach.cameras(),
        frame_period: config.frame_period(),
        stall_timeout: Duration::from_secs_f64(config.stall_timeout_secs),
        reconnect_base: Duration::from_secs_f64(config.reconnect_interval_secs),
        max_retries: u32::try_from(config.max_retries).ok(),
        snapshot_max_bytes: usize::try_from(config.limits.snapshot_bytes).unwrap_or(usize::MAX),
        transport: config.cameras.transport().unwrap_or_default(),
        latency: config.cameras.udp_wait(),
        connects: config.cameras.connects,
        connects_per_host: config.cameras.connects_per_host,
        infer_suspicious: config.cameras.infer_suspicious,
        freeze_after: Duration::from_secs_f64(config.cameras.freeze_secs),
        covered_after: Duration::from_secs_f64(config.cameras.covered_secs),
        max_picture_bytes: config.cameras.picture_bytes,
        max_pixels: config.cameras.picture_pixels,
        ..IngestConfig::default()
    }
}

/// Where fetched models are kept, and what is learned about GPUs.
fn cache_dir(config: &Config) -> PathBuf {
    let own = || dirs::cache_dir().map(|cache| cache.join("detector-worker/models"));
    let named = config.cache_dir.clone().or_else(own);
    named.unwrap_or_else(|| ArchiveConfig::default().cache_dir)
}

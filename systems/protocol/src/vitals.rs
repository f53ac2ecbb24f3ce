//! How busy the machine is.

use std::time::Duration;

use sysinfo::System;
use tokio::runtime::Handle;
use tokio::sync::watch;
use tokio::time::MissedTickBehavior;
use tracing::warn;

use crate::gauge::GpuGauge;

/// Time from look to look. The processors' load is an average over it.
const INTERVAL: Duration = Duration::from_secs(1);

/// How busy the machine is, in percent.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Vitals {
    /// Load of all processors together.
    pub cpu_percent: f32,
    /// Memory in use, of what this process may have.
    pub memory_percent: f32,
    /// Load of the GPU; 0 without one that can be asked.
    pub gpu_percent: f32,
    /// The GPU's memory in use; 0 without one that can be asked.
    pub gpu_memory_percent: f32,
}

/// Looks at the machine once a second, away from the main thread, until nobody reads it any more. A
/// machine that cannot be looked at seems idle.
///
/// One place: whoever reads it sees the newest look.
pub fn watch_vitals(runtime: &Handle) -> watch::Receiver<Vitals> {
    let (newest, reader) = watch::channel(Vitals::default());
    match System::new() {
        Ok(mut system) => {
            let gpu = GpuGauge::open();
            newest.send_replace(look(&mut system, gpu.as_ref()));
            runtime.spawn(keep_looking(system, gpu, newest));
        }
        Err(error) => warn!(%error, "the load of this machine is not known, and reported as 0"),
    }
    reader
}

async fn keep_looking(
    mut system: System,
    mut gpu: Option<GpuGauge>,
    newest: watch::Sender<Vitals>,
) {
    let mut ticks = tokio::time::interval(INTERVAL);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    // The first comes at once; the load needs some time to be an average of.
    ticks.tick().await;
    loop {
        tokio::select! {
            () = newest.closed() => return,
            _ = ticks.tick() => {}
        }
        // It reads files of the system, which may take its time.
        let looked =
            tokio::task::spawn_blocking(move || (look(&mut system, gpu.as_ref()), system, gpu));
        let Ok((vitals, system_again, gpu_again)) = looked.await else { return };
        (system, gpu) = (system_again, gpu_again);
        newest.send_replace(vitals);
    }
}

fn look(system: &mut System, gpu: Option<&GpuGauge>) -> Vitals {
    system.refresh_cpu_usage();
    system.refresh_memory();
    let (mut used, mut total) = (system.used_memory(), system.total_memory());
    // In a container, the memory that counts is the container's.
    if let Some(limits) = system.cgroup_limits()
        && (1..total).contains(&limits.total_memory)
    {
        total = limits.total_memory;
        used = total.saturating_sub(limits.free_memory);
    }
    let memory_percent = 100.0 * used as f64 / total.max(1) as f64;
    let (gpu_percent, gpu_memory_percent) = gpu.map_or((0.0, 0.0), GpuGauge::look);
    Vitals {
        gpu_percent,
        gpu_memory_percent,
        cpu_percent: system.global_cpu_usage().clamp(0.0, 100.0),
        memory_percent: memory_percent.clamp(0.0, 100.0) as f32,
    }
}

//! Processors, memory, files, disk, clock.

use std::path::Path;
use std::process::Command;
use std::time::SystemTime;

use rustix::process::{Resource, getrlimit};
use sysinfo::System;

use crate::config::Config;
use crate::engine;
use crate::findings::Finding;

const GROUP: &str = "Machine";
/// Memory below which a few cameras and a network of middle size do not fit.
const LITTLE_MEMORY: u64 = 1 << 30;
/// Room below which a few archives fill the disk.
const LITTLE_DISK: u64 = 2 << 30;
/// Open files that a camera takes, generously: its pipeline's sockets and pipes.
const FILES_OF_A_CAMERA: u64 = 16;
/// Open files of everything else.
const OTHER_FILES: u64 = 256;

/// Looks at the machine.
pub fn look(config: &Config) -> Vec<Finding> {
    vec![processors(), memory(), files(config), cache(config), clock()]
}

fn processors() -> Finding {
    match std::thread::available_parallelism() {
        Ok(count) => Finding::good(GROUP, "processors", count.to_string()),
        Err(error) => Finding::left_out(GROUP, "processors", error.to_string()),
    }
}

fn memory() -> Finding {
    let mut system = match System::new() {
        Ok(system) => system,
        Err(error) => return Finding::left_out(GROUP, "memory", error.to_string()),
    };
    system.refresh_memory();
    let (mut free, mut total) = (system.available_memory(), system.total_memory());
    // In a container, the memory that counts is the container's.
    if let Some(limits) = system.cgroup_limits()
        && (1..total).contains(&limits.total_memory)
    {
        total = limits.total_memory;
        free = free.min(limits.free_memory);
    }
    if total == 0 {
        return Finding::left_out(GROUP, "memory", "/proc/meminfo cannot be read");
    }
    let detail = format!("{} free of {}", bytes(free), bytes(total));
    if free < LITTLE_MEMORY {
        let advice = "cameras of 1080p take about 50 MB each, networks their size several times \
                      over: free some, or give the container more";
        return Finding::doubtful(GROUP, "memory", detail, advice);
    }
    Finding::good(GROUP, "memory", detail)
}

fn files(config: &Config) -> Finding {
    let limit = getrlimit(Resource::Nofile).current.unwrap_or(u64::MAX);
    let wanted = OTHER_FILES + FILES_OF_A_CAMERA * config.max_streams as u64;
    let detail = match limit {
        u64::MAX => "no limit".to_owned(),
        limit => format!("{limit} at once"),
    };
    if limit < wanted {
        let detail = format!("{detail}, and max_streams: {} may need {wanted}", config.max_streams);
        let advice = format!("LimitNOFILE={wanted} in the unit, or `ulimit -n {wanted}`");
        return Finding::doubtful(GROUP, "open files", detail, advice);
    }
    Finding::good(GROUP, "open files", detail)
}

fn cache(config: &Config) -> Finding {
    let folder = engine::archive(config).cache_dir;
    let shown = folder.display();
    let tried = std::fs::create_dir_all(&folder).and_then(|()| tempfile::tempfile_in(&folder));
    if let Err(error) = tried {
        let advice = "name a directory that this user may write, as cache_dir";
        return Finding::bad(GROUP, "cache", format!("{shown}: {error}"), advice);
    }
    match free(&folder) {
        Ok(room) if room < LITTLE_DISK => {
            let detail = format!("{shown}: {} free", bytes(room));
            let advice = "fetched archives are kept there: make room, or name another as cache_dir";
            Finding::doubtful(GROUP, "cache", detail, advice)
        }
        Ok(room) => Finding::good(GROUP, "cache", format!("{shown}: {} free", bytes(room))),
        Err(error) => Finding::left_out(GROUP, "cache", format!("{shown}: {error}")),
    }
}

fn free(folder: &Path) -> std::io::Result<u64> {
    let disk = rustix::fs::statvfs(folder)?;
    Ok(disk.f_bavail.saturating_mul(disk.f_frsize))
}

/// Detections carry the time at which a frame was taken: a clock that is wrong makes them useless.
fn clock() -> Finding {
    let now = SystemTime::now();
    // No clock was earlier than the moment this program was put here.
    let installed = std::env::current_exe().and_then(|file| file.metadata()?.modified());
    if installed.is_ok_and(|installed| now < installed) {
        let detail = "it is earlier than when this program was installed";
        let advice = "set it: `timedatectl set-ntp true`, or an NTP server in the network";
        return Finding::bad(GROUP, "clock", detail, advice);
    }
    let said = Command::new("timedatectl")
        .args(["show", "--property", "NTPSynchronized", "--value"])
        .output()
        .ok()
        .filter(|output| output.status.success())
        .map(|output| String::from_utf8_lossy(&output.stdout).trim().to_owned());
    match said.as_deref() {
        Some("yes") => Finding::good(GROUP, "clock", "set by the network"),
        Some("no") => {
            let advice = "`timedatectl set-ntp true`: detections carry the time of their frame";
            Finding::doubtful(GROUP, "clock", "nobody sets it", advice)
        }
        _ => Finding::good(GROUP, "clock", "plausible; who sets it is not known here"),
    }
}

/// For people: `1.5 GiB`.
fn bytes(count: u64) -> String {
    const UNITS: [&str; 5] = ["B", "KiB", "MiB", "GiB", "TiB"];
    let mut value = count as f64;
    let mut unit = 0;
    while value >= 1024.0 && unit + 1 < UNITS.len() {
        value /= 1024.0;
        unit += 1;
    }
    format!("{value:.1} {}", UNITS[unit])
}

//! What can change while the worker runs.

use serde_json::Value;

use super::Config;
use super::layers::{leaves, pointer};
use super::show::presentable;

/// The values that take effect when the configuration is read again. Of every other one, the worker
/// says that it waits for the next start.
pub(super) const LIVE: [&str; 32] = [
    "auth.token",
    "auth.origins",
    "target_fps",
    "poll_interval_ms",
    "max_streams",
    "reconnect_interval_secs",
    "max_retries",
    "stall_timeout_secs",
    "heartbeat_interval_secs",
    "orphan_grace_secs",
    "model_idle_secs",
    "models_dir",
    "allow_file_urls",
    "cameras.rtsp_transport",
    "cameras.udp_wait_ms",
    "cameras.connects",
    "cameras.connects_per_host",
    "cameras.infer_suspicious",
    "cameras.freeze_secs",
    "cameras.covered_secs",
    "cameras.picture_bytes",
    "cameras.picture_pixels",
    "protocol.errors",
    "protocol.worker_id",
    "limits.message_bytes",
    "limits.messages_per_second",
    "limits.archive_bytes",
    "limits.snapshot_bytes",
    "limits.subscriptions",
    "limits.displays",
    "page.may_subscribe",
    "log.level",
];

/// A value that is not what it was.
#[derive(Clone, Debug, PartialEq)]
pub struct Change {
    /// Which.
    pub path: String,
    /// What it was, as it may be shown.
    pub before: Value,
    /// What it is, as it may be shown.
    pub after: Value,
    /// Whether it takes effect at once.
    pub live: bool,
}

impl Config {
    /// What is different in `new`.
    pub fn changes(&self, new: &Self) -> Vec<Change> {
        let (before, after) = (self.tree(), new.tree());
        let changed = leaves(&after).into_iter().filter_map(|path| {
            let of = |tree: &Value| tree.pointer(&pointer(&path)).cloned().unwrap_or_default();
            let (before, after) = (of(&before), of(&after));
            (before != after).then(|| Change {
                before: presentable(&path, before),
                after: presentable(&path, after),
                live: LIVE.contains(&&*path),
                path,
            })
        });
        changed.collect()
    }

    /// This configuration, with the values of `new` that can change while the worker runs.
    pub fn with_live_values(&self, new: &Self) -> Self {
        let (mut merged, new) = (self.tree(), new.tree());
        for path in LIVE {
            let pointer = pointer(path);
            if let (Some(place), Some(value)) =
                (merged.pointer_mut(&pointer), new.pointer(&pointer))
            {
                *place = value.clone();
            }
        }
        serde_json::from_value(merged).expect("each value is that of a configuration")
    }

    fn tree(&self) -> Value {
        serde_json::to_value(self).expect("a configuration is plain data")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Auth;

    #[test]
    fn what_can_change_is_there() {
        let tree = Config::default().tree();
        let leaves = leaves(&tree);
        for path in LIVE {
            assert!(leaves.iter().any(|leaf| leaf == path), "{path}");
        }
    }

    #[test]
    fn only_what_can_change_while_it_runs_is_taken_over() {
        let old = Config::default();
        let new =
            Config { target_fps: 5.0, device: "cpu".to_owned(), max_streams: 7, ..old.clone() };
        let named: Vec<_> =
            old.changes(&new).into_iter().map(|change| (change.path, change.live)).collect();
        let expected = [("target_fps", true), ("max_streams", true), ("device", false)];
        assert_eq!(named, expected.map(|(path, live)| (path.to_owned(), live)));
        let merged = old.with_live_values(&new);
        assert_eq!(merged, Config { target_fps: 5.0, max_streams: 7, ..Config::default() });
    }

    #[test]
    fn a_changed_token_is_named_and_not_shown() {
        let auth = Auth { token: Some("hunter2".to_owned()), ..Auth::default() };
        let new = Config { auth, ..Config::default() };
        let changes = Config::default().changes(&new);
        assert_eq!(changes[0].path, "auth.token");
        assert!(!format!("{changes:?}").contains("hunter2"));
    }
}

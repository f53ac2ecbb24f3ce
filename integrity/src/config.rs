//! What may be set.

use std::time::Duration;

/// When a picture is suspicious, and for how long a check insists.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CheckConfig {
    /// Equal pictures for this long are frozen. A still source without noise repeats exactly too, and
    /// so does a camera that codes nothing between two key frames: longer than a camera's key frame
    /// interval is safe.
    pub freeze_after: Duration,
    /// Uniform pictures for this long are covered.
    pub covered_after: Duration,
    /// When every picture was broken for this long, the newest is taken for what the camera shows: a new
    /// privacy mask ends a false alarm by itself. Longer than a key frame interval, since damage
    /// lasts that long.
    pub accept_after: Duration,
}

impl Default for CheckConfig {
    fn default() -> Self {
        Self {
            freeze_after: Duration::from_secs(30),
            covered_after: Duration::from_secs(5),
            accept_after: Duration::from_secs(60),
        }
    }
}

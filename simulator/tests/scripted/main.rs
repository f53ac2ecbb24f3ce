//! Scripted cameras as clients meet them: each fault is really there.

mod gst_client;
mod pictures;
mod raw_client;

use std::time::Duration;

use detector_simulator::{Codec, Script, ScriptedCamera};

/// The longest that anything may take. Reaching it is a failure.
const PATIENCE: Duration = Duration::from_secs(20);

/// A camera with these faults.
#[track_caller]
fn camera(codec: Codec, faults: &[&str]) -> ScriptedCamera {
    ScriptedCamera::start(Script::parse(codec, faults).unwrap()).unwrap()
}

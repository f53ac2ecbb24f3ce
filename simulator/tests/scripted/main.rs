//! Scripted cameras as clients meet them: each fault is really there.

mod description;
mod footage;
mod gst_client;
mod hostile;
mod logins;
mod packets;
mod pictures;
mod raw_client;
mod sessions;
mod transports;

use std::time::Duration;

use detector_simulator::{Codec, Script, ScriptedCamera};

use raw_client::RawClient;

/// The longest that anything may take. Reaching it is a failure.
const PATIENCE: Duration = Duration::from_secs(20);

/// A camera with these faults.
#[track_caller]
fn camera(codec: Codec, faults: &[&str]) -> ScriptedCamera {
    ScriptedCamera::start(Script::parse(codec, faults).unwrap()).unwrap()
}

/// A camera of 50 pictures a second with these faults, and a client to which it plays over TCP.
#[track_caller]
fn play(codec: Codec, faults: &[&str]) -> (ScriptedCamera, RawClient) {
    let camera = camera(codec, &[&["fps=50"], faults].concat());
    let client = RawClient::play(&camera);
    (camera, client)
}

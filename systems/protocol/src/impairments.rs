//! Logs when a camera gives no usable pictures, and when that is over.

use std::time::Duration;

use bevy_ecs::prelude::*;
use detector_components::camera::{Camera, StreamState};
use detector_components::clock::{Clock, Moment};
use tracing::{info, warn};

/// A camera that gets into the same state again within this time is not logged again, but counted.
const QUIET: Duration = Duration::from_secs(60);

/// The state in which a camera was seen last, and what was logged of it.
#[derive(Component, Clone, Copy, Default)]
pub struct LastState {
    name: &'static str,
    /// Whether the log has a line about the state it is in.
    is_logged: bool,
    /// The last state that was logged, and when.
    warned: Option<(&'static str, Moment)>,
    /// How often since then the same state was not logged.
    repeated: u64,
}

/// Logs one line when a camera gets into a state in which its pictures cannot be used, and one when it
/// gets out of it. While only the reason changes nothing is logged; the same state again within a
/// minute is counted and said with the next line.
///
/// `ingest` logs what becomes of the connection.
pub fn log_impairments(
    mut cameras: Query<
        (Entity, &Camera, &StreamState, Option<&mut LastState>),
        Changed<StreamState>,
    >,
    clock: Res<Clock>,
    mut commands: Commands,
) {
    for (entity, camera, state, last) in &mut cameras {
        let before = last.as_deref().copied().unwrap_or_default();
        let name = state.as_str();
        if before.name == name {
            continue;
        }
        let reason = state.reason();
        let (camera, reason) = (&camera.source, reason.as_deref());
        let is_impaired =
            matches!(state, StreamState::WaitingForKeyFrame { .. } | StreamState::Impaired { .. });
        let is_repeated =
            before.warned.is_some_and(|(warned, at)| warned == name && clock.now.since(at) < QUIET);
        let mut now = LastState { name, is_logged: false, ..before };
        if is_impaired && is_repeated {
            now.repeated += 1;
        } else if is_impaired {
            let repeated = Some(before.repeated).filter(|repeated| *repeated > 0);
            warn!(%camera, state = name, reason, repeated, "the camera gives no usable pictures");
            now =
                LastState { is_logged: true, warned: Some((name, clock.now)), repeated: 0, ..now };
        } else if before.is_logged {
            let before = before.name;
            info!(%camera, state = name, reason, before, "the camera's state has changed");
        }
        match last {
            Some(mut last) => *last = now,
            None => {
                commands.entity(entity).insert(now);
            }
        }
    }
}

//! Writes down when a camera gives no usable pictures, and when that is over.

use bevy_ecs::prelude::*;
use detector_components::camera::{Camera, StreamState};
use tracing::{info, warn};

/// The state in which a camera was seen last.
#[derive(Component)]
pub struct LastState {
    name: &'static str,
    impaired: bool,
}

impl LastState {
    fn of(state: &StreamState) -> Self {
        let impaired =
            matches!(state, StreamState::WaitingForKeyFrame { .. } | StreamState::Impaired { .. });
        Self { name: state.as_str(), impaired }
    }
}

/// Writes one line when a camera gets into a state in which its pictures cannot be used, and one when
/// it gets out of it. While only the reason changes, nothing is written.
///
/// `ingest` writes down what becomes of the connection.
pub fn log_impairments(
    mut cameras: Query<
        (Entity, &Camera, &StreamState, Option<&mut LastState>),
        Changed<StreamState>,
    >,
    mut commands: Commands,
) {
    for (entity, camera, state, last) in &mut cameras {
        let now = LastState::of(state);
        let reason = state.reason();
        let (camera, reason) = (&camera.source, reason.as_deref());
        let before = last.as_ref().map(|last| (last.name, last.impaired));
        let is_new = before.is_none_or(|(name, _)| name != now.name);
        if now.impaired && is_new {
            warn!(%camera, state = now.name, reason, "the camera gives no usable pictures");
        } else if let Some((before, true)) = before
            && is_new
        {
            info!(%camera, state = now.name, reason, before, "the camera's state has changed");
        }
        match last {
            Some(mut last) => *last = now,
            None => {
                commands.entity(entity).insert(now);
            }
        }
    }
}

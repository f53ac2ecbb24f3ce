//! What inference runs on.

use std::sync::Arc;

use bevy_ecs::prelude::*;

/// The device that networks run on. Written by `infer`.
#[derive(Resource, Clone, Debug, PartialEq, Eq)]
pub struct DeviceState {
    /// Which, and why it is this one, for people.
    pub name: Arc<str>,
    /// How often a device was lost. Each time its networks were loaded anew.
    pub losses: u64,
    /// Why it was lost last.
    pub last_loss: Option<Arc<str>>,
}

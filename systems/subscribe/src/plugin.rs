use std::time::Duration;

use bevy_app::prelude::*;
use bevy_ecs::prelude::*;
use detector_components::stage::{Deliver, StageSystems};

use crate::systems::{
    apply_commands, close_unviewed_cameras, close_unwatched_views, drop_idle_models, end_orphans,
    forget_empty_displays, mark_idle_models, mark_orphans,
};

/// How much is watched at once, and how long what nobody wants is kept.
#[derive(Resource, Clone, Debug, PartialEq)]
pub struct SubscribeConfig {
    /// Cameras that may be open at once. Default: 32.
    pub max_streams: usize,
    /// Subscriptions of all clients at once. Default: 1 024.
    pub max_subscriptions: usize,
    /// Displays known at once, beyond which no session or stage makes one more. Default: 1 024.
    pub max_displays: usize,
    /// How long a subscription outlives its client. Default: 30 s.
    pub orphan_grace: Duration,
    /// How long a model that nobody runs is kept warm. Default: 300 s.
    pub model_idle: Duration,
}

impl Default for SubscribeConfig {
    fn default() -> Self {
        Self {
            max_streams: 32,
            max_subscriptions: 1_024,
            max_displays: 1_024,
            orphan_grace: Duration::from_secs(30),
            model_idle: Duration::from_secs(300),
        }
    }
}

/// Adds this stage to an app.
pub struct SubscribePlugin {
    /// Its limits.
    pub config: SubscribeConfig,
}

impl Plugin for SubscribePlugin {
    fn build(&self, app: &mut App) {
        app.insert_resource(self.config.clone()).add_systems(
            Deliver,
            (
                apply_commands,
                mark_orphans,
                end_orphans,
                close_unwatched_views,
                close_unviewed_cameras,
                forget_empty_displays,
                mark_idle_models,
                drop_idle_models,
            )
                .chain()
                .in_set(StageSystems::Subscribe),
        );
    }
}

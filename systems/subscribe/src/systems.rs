use bevy_ecs::message::MessageCursor;
use bevy_ecs::prelude::*;
use detector_components::camera::Camera;
use detector_components::client::Refused;
use detector_components::clock::Clock;
use detector_components::command::ClientCommand;
use detector_components::display::{Display, ProgressionStage, Session, Shows};
use detector_components::model::{Idle, Model, ModelState};
use detector_components::subscription::{Orphaned, OwnedBy, Subscription};
use detector_components::view::{RunBy, View, Views, WatchedBy};
use tracing::info;

use crate::apply::apply;
use crate::plugin::SubscribeConfig;

/// Does what clients asked for, in the order they asked.
///
/// Alone with the world: a command must see what the one before it made.
pub fn apply_commands(world: &mut World, mut cursor: Local<MessageCursor<ClientCommand>>) {
    let commands: Vec<_> =
        cursor.read(world.resource::<Messages<ClientCommand>>()).cloned().collect();
    for ClientCommand { client, command } in commands {
        if let Err(refusal) = apply(world, client, command) {
            world.write_message(Refused { client, refusal });
        }
    }
}

/// Starts the grace time of subscriptions whose client is gone.
pub fn mark_orphans(
    subscriptions: Query<Entity, (With<Subscription>, Without<OwnedBy>, Without<Orphaned>)>,
    clock: Res<Clock>,
    mut commands: Commands,
) {
    for subscription in &subscriptions {
        commands.entity(subscription).insert(Orphaned { since: clock.now });
    }
}

/// Ends subscriptions that no client has claimed within the grace time.
pub fn end_orphans(
    orphans: Query<(Entity, &Subscription, &Orphaned)>,
    config: Res<SubscribeConfig>,
    clock: Res<Clock>,
    mut commands: Commands,
) {
    for (entity, subscription, orphaned) in &orphans {
        if clock.now.since(orphaned.since) >= config.orphan_grace {
            info!(subscription = %subscription.id, "ended: its client has not come back");
            commands.entity(entity).despawn();
        }
    }
}

/// Ends views that nobody watches, and what runs for them.
pub fn close_unwatched_views(
    views: Query<Entity, (With<View>, Without<WatchedBy>)>,
    mut commands: Commands,
) {
    for view in &views {
        commands.entity(view).despawn();
    }
}

/// Closes cameras that no view looks at.
pub fn close_unviewed_cameras(
    cameras: Query<(Entity, &Camera), Without<Views>>,
    mut commands: Commands,
) {
    for (entity, camera) in &cameras {
        info!(camera = %camera.source, "closed: nobody watches it any more");
        commands.entity(entity).despawn();
    }
}

/// Forgets displays that show nothing and of which nothing else is known.
pub fn forget_empty_displays(
    displays: Query<
        Entity,
        (With<Display>, Without<Shows>, Without<Session>, Without<ProgressionStage>),
    >,
    mut commands: Commands,
) {
    for display in &displays {
        commands.entity(display).despawn();
    }
}

/// Starts and stops the time that an unused model is kept warm.
pub fn mark_idle_models(
    left: Query<Entity, (With<Model>, Without<RunBy>, Without<Idle>)>,
    used: Query<Entity, (With<Model>, With<RunBy>, With<Idle>)>,
    clock: Res<Clock>,
    mut commands: Commands,
) {
    for model in &left {
        commands.entity(model).insert(Idle { since: clock.now });
    }
    for model in &used {
        commands.entity(model).remove::<Idle>();
    }
}

/// Unloads models that were unused for too long, and failed ones at once: asking for a failed model
/// again tries again.
pub fn drop_idle_models(
    models: Query<(Entity, &Model, &ModelState, &Idle)>,
    config: Res<SubscribeConfig>,
    clock: Res<Clock>,
    mut commands: Commands,
) {
    for (entity, model, state, idle) in &models {
        let failed = matches!(state, ModelState::Failed { .. });
        if failed || clock.now.since(idle.since) >= config.model_idle {
            info!(model = %model.source, "unloaded: nobody runs it any more");
            commands.entity(entity).despawn();
        }
    }
}

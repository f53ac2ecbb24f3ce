//! Tells clients what was not done, or cannot go on.

use bevy_ecs::prelude::*;
use detector_components::camera::StreamState;
use detector_components::client::{Client, Refused};
use detector_components::command::{Refusal, RefusalCode};
use detector_components::model::ModelState;
use detector_components::subscription::{OwnedBy, Subscription};
use detector_components::view::{RunBy, Views, WatchedBy};
use tracing::debug;
use tracing::field::display;

use crate::counters::ProtocolCounters;
use crate::outbox::Outbox;
use crate::systems::Surroundings;
use crate::wire::failure::failure;

/// Tells clients what was not done, and why.
pub fn send_refusals(
    mut refused: MessageReader<Refused>,
    clients: Query<(&Client, &Outbox)>,
    surroundings: Res<Surroundings>,
    counters: Res<ProtocolCounters>,
) {
    for Refused { client, refusal } in refused.read() {
        counters.refused(refusal.code);
        let client = clients.get(*client).ok();
        let peer = client.map(|(client, _)| &*client.peer);
        let subscription = refusal.subscription.as_ref().map(display);
        debug!(
            peer,
            subscription,
            code = refusal.code.as_str(),
            reason = refusal.message,
            "refused what a client asked for"
        );
        if let Some((_, outbox)) = client
            && surroundings.config().errors
        {
            outbox.reply(failure(refusal));
        }
    }
}

/// Tells clients that the model or the camera of a subscription was given up, once. Their reports say
/// so too, for as long as it is.
pub fn send_failures(
    models: Query<(&ModelState, &RunBy), Changed<ModelState>>,
    cameras: Query<(&StreamState, &Views), Changed<StreamState>>,
    views: Query<&WatchedBy>,
    subscriptions: Query<(&Subscription, &OwnedBy)>,
    outboxes: Query<&Outbox>,
    surroundings: Res<Surroundings>,
) {
    if !surroundings.config().errors {
        return;
    }
    let tell = |code, reason: &str, view: Entity| {
        let Ok(watchers) = views.get(view) else { return };
        for (subscription, owner) in subscriptions.iter_many(watchers.iter()).matched() {
            let subscription = Some(subscription.id.clone());
            let refusal = Refusal { code, message: reason.to_owned(), subscription };
            if let Ok(outbox) = outboxes.get(owner.0) {
                outbox.reply(failure(&refusal));
            }
        }
    };
    for (state, run_by) in &models {
        if let ModelState::Failed { reason } = state {
            run_by.iter().for_each(|view| tell(RefusalCode::ModelFailed, reason, view));
        }
    }
    for (state, views) in &cameras {
        if let StreamState::Failed { reason } = state {
            views.iter().for_each(|view| tell(RefusalCode::CameraFailed, reason, view));
        }
    }
}

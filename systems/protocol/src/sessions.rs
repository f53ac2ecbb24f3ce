//! What pipelines and clients add to sessions: merged, and told to whom it concerns.

use std::collections::BTreeSet;

use bevy_ecs::message::MessageCursor;
use bevy_ecs::prelude::*;
use detector_components::client::SessionPatched;
use detector_components::display::{Display, Session, SessionPatch, SessionValues, Shows};
use detector_components::subscription::OwnedBy;
use tracing::warn;

use crate::counters::ProtocolCounters;
use crate::outbox::Outbox;
use crate::wire::session::{patch, patched};

/// Merges what pipelines add into the sessions that they were meant for.
///
/// Alone with the world: a patch must see what the one before it made.
pub fn merge_patches(world: &mut World, mut cursor: Local<MessageCursor<SessionPatch>>) {
    let patches: Vec<_> =
        cursor.read(world.resource::<Messages<SessionPatch>>()).cloned().collect();
    for patch in patches {
        let mut displays = world.query::<(Entity, &Display, &Session, Option<&SessionValues>)>();
        let meant = displays.iter(world).find(|(_, display, session, _)| {
            display.id == patch.display && session.0 == patch.session
        });
        // The session may have ended meanwhile: its values have ended with it.
        let Some((display, .., values)) = meant else { continue };
        let mut values = values.cloned().unwrap_or_default();
        match values.merge(patch.data.iter().map(|(key, value)| (key, Some(value)))) {
            Ok(()) => {
                world.entity_mut(display).insert(values);
            }
            Err(count) => {
                let (session, most) = (&patch.session, SessionValues::MAX);
                warn!(%session, "a session would have {count} values, expected at most {most}");
            }
        }
    }
}

/// Tells what pipelines add to sessions to the clients that own subscriptions of the display, once
/// each.
pub fn send_patches(
    mut patches: MessageReader<SessionPatch>,
    displays: Query<(&Display, &Shows)>,
    owners: Query<&OwnedBy>,
    outboxes: Query<&Outbox>,
    counters: Res<ProtocolCounters>,
) {
    for told in patches.read() {
        let shown = displays.iter().filter(|(display, _)| display.id == told.display);
        let clients: BTreeSet<Entity> = shown
            .flat_map(|(_, shows)| owners.iter_many(shows.iter()).matched())
            .map(|owner| owner.0)
            .collect();
        let text = patch(told);
        for outbox in outboxes.iter_many(clients).matched() {
            outbox.reply(text.clone());
            counters.patch();
        }
    }
}

/// Answers clients that added values to a session.
pub fn send_patch_results(mut results: MessageReader<SessionPatched>, outboxes: Query<&Outbox>) {
    for result in results.read() {
        if let Ok(outbox) = outboxes.get(result.client) {
            outbox.reply(patched(result));
        }
    }
}

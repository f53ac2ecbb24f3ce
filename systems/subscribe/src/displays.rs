//! What is known of displays besides what they show: their sessions, and how far things are.

use std::sync::Arc;

use bevy_ecs::prelude::*;
use detector_components::command::{Refusal, RefusalCode};
use detector_components::display::{Display, ProgressionStage, Session, SessionValues};
use detector_components::identity::{DisplayId, ExternalId};
use indexmap::IndexMap;

use crate::plugin::SubscribeConfig;

/// Begins a session on a display, or ends it. The values of the session before go with it.
pub fn set_session(
    world: &mut World,
    id: DisplayId,
    session: Option<Session>,
) -> Result<(), Refusal> {
    match session {
        Some(session) => {
            let mut display = known_or_new(world, id)?;
            if display.get::<Session>() != Some(&session) {
                display.remove::<SessionValues>().insert(session);
            }
        }
        None => {
            if let Some(display) = find(world, &id) {
                world.entity_mut(display).remove::<(Session, SessionValues)>();
            }
        }
    }
    Ok(())
}

/// Notes how far things are on a display, or forgets it.
pub fn set_stage(
    world: &mut World,
    id: DisplayId,
    stage: Option<ProgressionStage>,
) -> Result<(), Refusal> {
    match stage {
        Some(stage) => {
            known_or_new(world, id)?.insert(stage);
        }
        None => {
            if let Some(display) = find(world, &id) {
                world.entity_mut(display).remove::<ProgressionStage>();
            }
        }
    }
    Ok(())
}

/// Merges values into those of a session, on each display where it runs, or nowhere.
///
/// # Errors
/// When no display has the session, or its values would be too many.
pub fn patch(
    world: &mut World,
    session: &ExternalId,
    data: &IndexMap<Arc<str>, Option<Arc<str>>>,
) -> Result<(), Arc<str>> {
    let mut merged = Vec::new();
    let mut displays = world.query::<(Entity, &Session, Option<&SessionValues>)>();
    for (display, _, values) in displays.iter(world).filter(|(_, own, _)| own.0 == *session) {
        let mut values = values.cloned().unwrap_or_default();
        let data = data.iter().map(|(key, value)| (key, value.as_ref()));
        values.merge(data).map_err(|count| {
            let most = SessionValues::MAX;
            format!("the session would have {count} values, expected at most {most}")
        })?;
        merged.push((display, values));
    }
    if merged.is_empty() {
        return Err(format!("no display has the session {session}").into());
    }
    for (display, values) in merged {
        world.entity_mut(display).insert(values);
    }
    Ok(())
}

/// The display of this name, made when there is none: for a subscription, which is bounded itself.
pub fn shown_on(world: &mut World, id: DisplayId) -> Entity {
    find(world, &id).unwrap_or_else(|| world.spawn(Display { id }).id())
}

fn find(world: &mut World, id: &DisplayId) -> Option<Entity> {
    world
        .query::<(Entity, &Display)>()
        .iter(world)
        .find_map(|(entity, display)| (display.id == *id).then_some(entity))
}

/// The display of this name, made when there is none and room for one more.
fn known_or_new(world: &mut World, id: DisplayId) -> Result<EntityWorldMut<'_>, Refusal> {
    if let Some(display) = find(world, &id) {
        return Ok(world.entity_mut(display));
    }
    let known = world.query::<&Display>().iter(world).count();
    let limit = world.resource::<SubscribeConfig>().max_displays;
    if known >= limit {
        return Err(Refusal {
            code: RefusalCode::LimitReached,
            message: format!("{known} displays are known, limits.displays is {limit}"),
            subscription: None,
        });
    }
    Ok(world.spawn(Display { id }))
}

#[cfg(test)]
mod tests;

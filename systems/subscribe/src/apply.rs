//! One command, applied to the world.
//!
//! Looking things up walks the few entities of a kind: there are as many as people configured, and
//! commands are rare. An index would be one more thing that can be wrong.

use bevy_ecs::prelude::*;
use detector_components::camera::{Camera, CameraSource};
use detector_components::command::{Command, Refusal, RefusalCode, Subscribe};
use detector_components::display::{Display, Session, ShownOn};
use detector_components::identity::{DisplayId, ExternalId, SubscriptionId};
use detector_components::model::{Model, ModelSource, ModelState};
use detector_components::subscription::{Orphaned, OwnedBy, Subscription};
use detector_components::view::{RunsPipeline, View, ViewOf, Watches};
use tracing::info;

use crate::plugin::SubscribeConfig;

/// Does what `client` asks for, wholly or not at all.
pub fn apply(world: &mut World, client: Entity, command: Command) -> Result<(), Refusal> {
    match command {
        Command::Subscribe(wish) => subscribe(world, client, wish),
        Command::Unsubscribe(id) => unsubscribe(world, client, id),
        Command::SetSession { display, session } => {
            set_session(world, display, session);
            Ok(())
        }
    }
}

fn subscribe(world: &mut World, client: Entity, wish: Subscribe) -> Result<(), Refusal> {
    // A client that has gone meanwhile can own nothing; its commands are not worth a stream.
    if world.get_entity(client).is_err() {
        return Ok(());
    }
    let existing = claims(world, &wish.id);
    let conflict = existing.iter().any(|claim| {
        claim.owner.is_some_and(|owner| owner != client) && !holds(world, claim.entity, &wish)
    });
    if conflict {
        return Err(Refusal {
            code: RefusalCode::Conflict,
            message: format!("another client holds {} with other content", wish.id),
            subscription: Some(wish.id),
        });
    }
    // One's own, or what a client that went left behind, is taken over; another client's equal one
    // stays beside it.
    let mine = existing.iter().find(|claim| claim.owner.is_none_or(|owner| owner == client));
    if let Some(claim) = mine
        && holds(world, claim.entity, &wish)
    {
        if claim.owner.is_none() {
            world.entity_mut(claim.entity).remove::<Orphaned>().insert(OwnedBy(client));
        }
        return Ok(());
    }

    let camera = camera(world, &wish)?;
    let model = model(world, &wish.model);
    let view = view(world, View { crop_in_frame: wish.crop_in_frame }, camera, model);
    let display = display(world, wish.id.display());
    let subscription = Subscription {
        id: wish.id,
        model_id: wish.model_id,
        model_name: wish.model_name,
        crop_in_frame: wish.crop_in_frame,
    };
    info!(subscription = %subscription.id, camera = %wish.camera, model = %wish.model, "subscribed");
    match mine {
        // The new view exists before the old one is left: a shared camera never closes between.
        Some(claim) => {
            let mut entity = world.entity_mut(claim.entity);
            entity.remove::<Orphaned>().insert((subscription, OwnedBy(client), ShownOn(display)));
            if entity.get::<Watches>().is_none_or(|watched| watched.0 != view) {
                entity.insert(Watches(view));
            }
        }
        None => {
            world.spawn((subscription, OwnedBy(client), ShownOn(display), Watches(view)));
        }
    }
    Ok(())
}

fn unsubscribe(world: &mut World, client: Entity, id: SubscriptionId) -> Result<(), Refusal> {
    let claim = claims(world, &id)
        .into_iter()
        .find(|claim| claim.owner.is_none_or(|owner| owner == client));
    match claim {
        Some(claim) => {
            info!(subscription = %id, "unsubscribed");
            world.entity_mut(claim.entity).despawn();
            Ok(())
        }
        None => Err(Refusal {
            code: RefusalCode::UnknownSubscription,
            message: format!("no subscription {id} of this client"),
            subscription: Some(id),
        }),
    }
}

fn set_session(world: &mut World, id: DisplayId, session: Option<ExternalId>) {
    let display = display(world, id);
    let mut entity = world.entity_mut(display);
    match session {
        Some(session) => entity.insert(Session(session)),
        None => entity.remove::<Session>(),
    };
}

/// A subscription of some identifier, and whose it is.
struct Claim {
    entity: Entity,
    owner: Option<Entity>,
}

/// All subscriptions of an identifier: one for each client that asked for it, or an orphan.
fn claims(world: &mut World, id: &SubscriptionId) -> Vec<Claim> {
    world
        .query::<(Entity, &Subscription, Option<&OwnedBy>)>()
        .iter(world)
        .filter(|(_, subscription, _)| subscription.id == *id)
        .map(|(entity, _, owner)| Claim { entity, owner: owner.map(|owner| owner.0) })
        .collect()
}

/// Whether a subscription is what `wish` asks for.
fn holds(world: &World, subscription: Entity, wish: &Subscribe) -> bool {
    let view = world.get::<Watches>(subscription).map(|watches| watches.0);
    let camera = view.and_then(|view| world.get::<ViewOf>(view)).map(|camera| camera.0);
    let model = view.and_then(|view| world.get::<RunsPipeline>(view)).map(|model| model.0);
    let same_content = world.get::<Subscription>(subscription).is_some_and(|held| {
        held.model_id == wish.model_id
            && held.model_name == wish.model_name
            && held.crop_in_frame == wish.crop_in_frame
    });
    same_content
        && camera
            .and_then(|camera| world.get::<Camera>(camera))
            .is_some_and(|camera| camera.source == wish.camera)
        && model
            .and_then(|model| world.get::<Model>(model))
            .is_some_and(|model| model.source == wish.model)
}

fn camera(world: &mut World, wish: &Subscribe) -> Result<Entity, Refusal> {
    let mut cameras = world.query::<(Entity, &Camera)>();
    let same =
        |(entity, camera): (Entity, &Camera)| (camera.source == wish.camera).then_some(entity);
    if let Some(camera) = cameras.iter(world).find_map(same) {
        return Ok(camera);
    }
    let open = cameras.iter(world).count();
    let limit = world.resource::<SubscribeConfig>().max_streams;
    if open >= limit {
        return Err(Refusal {
            code: RefusalCode::LimitReached,
            message: format!("{open} cameras are open, max_streams is {limit}"),
            subscription: Some(wish.id.clone()),
        });
    }
    let source: CameraSource = wish.camera.clone();
    Ok(world.spawn(Camera { source }).id())
}

fn model(world: &mut World, source: &ModelSource) -> Entity {
    let loaded = world
        .query::<(Entity, &Model, &ModelState)>()
        .iter(world)
        // A failed one is tried anew.
        .filter(|(_, _, state)| !matches!(state, ModelState::Failed { .. }))
        .find_map(|(entity, model, _)| (model.source == *source).then_some(entity));
    loaded.unwrap_or_else(|| world.spawn(Model { source: source.clone() }).id())
}

fn view(world: &mut World, view: View, camera: Entity, model: Entity) -> Entity {
    let shared = world.query::<(Entity, &View, &ViewOf, &RunsPipeline)>().iter(world).find_map(
        |(entity, other, of, runs)| {
            (*other == view && of.0 == camera && runs.0 == model).then_some(entity)
        },
    );
    shared.unwrap_or_else(|| world.spawn((view, ViewOf(camera), RunsPipeline(model))).id())
}

fn display(world: &mut World, id: DisplayId) -> Entity {
    let known = world
        .query::<(Entity, &Display)>()
        .iter(world)
        .find_map(|(entity, display)| (display.id == id).then_some(entity));
    known.unwrap_or_else(|| world.spawn(Display { id }).id())
}

#[cfg(test)]
mod tests;

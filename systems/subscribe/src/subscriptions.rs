//! Who watches what: the subscriptions of one client, brought to what it wants.
//!
//! First everything is looked at and decided, then everything is done; so a list that cannot be had
//! as a whole changes nothing.

use std::collections::HashSet;

use bevy_ecs::prelude::*;
use detector_components::camera::{Camera, CameraSource};
use detector_components::command::{Refusal, RefusalCode, Subscribe};
use detector_components::display::ShownOn;
use detector_components::identity::SubscriptionId;
use detector_components::model::{Model, ModelSource, ModelState};
use detector_components::subscription::{Orphaned, OwnedBy, Subscription};
use detector_components::view::{RunsPipeline, View, ViewOf, Watches};
use tracing::info;

use crate::displays::shown_on;
use crate::plugin::SubscribeConfig;

/// What becomes of a client's other subscriptions.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Others {
    /// They stay.
    Stay,
    /// They end.
    End,
}

/// Brings the subscriptions of `client` to what it wishes for. Equal ones are left alone.
///
/// # Errors
/// When another client holds one of them for something else, or there would be more than is allowed:
/// one refusal with every reason. Nothing is changed then.
pub fn settle(
    world: &mut World,
    client: Entity,
    wishes: Vec<Subscribe>,
    others: Others,
) -> Result<(), Refusal> {
    // A client that has gone meanwhile can own nothing; its commands are not worth a stream.
    if world.get_entity(client).is_err() {
        return Ok(());
    }
    let plan = plan(world, client, &wishes, others)?;
    for (wish, step) in wishes.into_iter().zip(plan.steps) {
        match step {
            Step::Keep => {}
            Step::Adopt(orphan) => {
                world.entity_mut(orphan).remove::<Orphaned>().insert(OwnedBy(client));
            }
            Step::Replace(old) => place(world, client, wish, Some(old)),
            Step::Add => place(world, client, wish, None),
        }
    }
    for entity in plan.ended {
        if let Some(subscription) = world.get::<Subscription>(entity) {
            info!(subscription = %subscription.id, "ended: it is not wanted any more");
        }
        world.entity_mut(entity).despawn();
    }
    Ok(())
}

/// Ends a subscription of `client`, or one that a client which went has left behind.
///
/// # Errors
/// When there is none of this identifier.
pub fn unsubscribe(world: &mut World, client: Entity, id: SubscriptionId) -> Result<(), Refusal> {
    let mine = world
        .query::<(Entity, &Subscription, Option<&OwnedBy>)>()
        .iter(world)
        .filter(|(_, subscription, _)| subscription.id == id)
        .filter(|(.., owner)| owner.is_none_or(|owner| owner.0 == client))
        // One's own first.
        .max_by_key(|(.., owner)| owner.is_some())
        .map(|(entity, ..)| entity);
    match mine {
        Some(entity) => {
            info!(subscription = %id, "unsubscribed");
            world.entity_mut(entity).despawn();
            Ok(())
        }
        None => Err(Refusal {
            code: RefusalCode::UnknownSubscription,
            message: format!("no subscription {id} of this client"),
            subscription: Some(id),
        }),
    }
}

/// What becomes of one wish.
enum Step {
    /// It is fulfilled already.
    Keep,
    /// A client that went has left it behind just so.
    Adopt(Entity),
    /// It takes the place of another one of its identifier.
    Replace(Entity),
    /// It is new.
    Add,
}

struct Plan {
    /// One for each wish.
    steps: Vec<Step>,
    /// Subscriptions that end.
    ended: Vec<Entity>,
}

/// A subscription that there is.
struct Held<'w> {
    entity: Entity,
    owner: Option<Entity>,
    subscription: &'w Subscription,
    camera: &'w CameraSource,
    model: &'w ModelSource,
    failed: bool,
}

impl Held<'_> {
    /// Whether it is what `wish` asks for.
    ///
    /// A signature is no part of a model's identity; but where fetching the model has failed, a
    /// fresh one is a reason to try again.
    fn is(&self, wish: &Subscribe) -> bool {
        let held = self.subscription;
        let tried = match (self.model, &wish.model) {
            (ModelSource::Url(held), ModelSource::Url(wanted)) => held == wanted,
            _ => true,
        };
        held.model_id == wish.model_id
            && held.model_name == wish.model_name
            && held.crop_in_frame == wish.crop_in_frame
            && *self.camera == wish.camera
            && *self.model == wish.model
            && (tried || !self.failed)
    }
}

/// Decides what becomes of each wish and of what is there, without changing anything.
fn plan(
    world: &mut World,
    client: Entity,
    wishes: &[Subscribe],
    others: Others,
) -> Result<Plan, Refusal> {
    let config = world.resource::<SubscribeConfig>().clone();
    let mut subscriptions = world.query::<(Entity, &Subscription, &Watches, Option<&OwnedBy>)>();
    let views = world.query::<(&ViewOf, &RunsPipeline)>();
    let world = &*world;
    let held: Vec<Held> = subscriptions
        .iter(world)
        .filter_map(|(entity, subscription, watches, owner)| {
            let (of, runs) = views.get_manual(world, watches.0).ok()?;
            let camera = &world.get::<Camera>(of.0)?.source;
            let model = &world.get::<Model>(runs.0)?.source;
            let failed = matches!(world.get(runs.0), Some(ModelState::Failed { .. }));
            let owner = owner.map(|owner| owner.0);
            Some(Held { entity, owner, subscription, camera, model, failed })
        })
        .collect();

    let mut refusals = Vec::new();
    let mut steps = Vec::new();
    let mut ended = Vec::new();
    for wish in wishes {
        let same: Vec<&Held> = held.iter().filter(|held| held.subscription.id == wish.id).collect();
        let anothers = |held: &&&Held| held.owner.is_some_and(|owner| owner != client);
        if same.iter().filter(anothers).any(|held| !held.is(wish)) {
            refusals.push(Refusal {
                code: RefusalCode::Conflict,
                message: format!("another client holds {} with other content", wish.id),
                subscription: Some(wish.id.clone()),
            });
        }
        // One's own, or what a client that went left behind, is taken over; another client's equal
        // one stays beside it.
        let own = same.iter().find(|held| held.owner == Some(client));
        let orphans = || same.iter().filter(|held| held.owner.is_none());
        let taken = own.or_else(|| orphans().find(|orphan| orphan.is(wish)));
        let taken = taken.or_else(|| orphans().next());
        ended.extend(
            orphans()
                .map(|orphan| orphan.entity)
                .filter(|id| taken.is_none_or(|t| t.entity != *id)),
        );
        steps.push(match taken {
            Some(held) if held.is(wish) && held.owner.is_some() => Step::Keep,
            Some(held) if held.is(wish) => Step::Adopt(held.entity),
            Some(held) => Step::Replace(held.entity),
            None => Step::Add,
        });
    }
    if others == Others::End {
        let wanted: HashSet<&SubscriptionId> = wishes.iter().map(|wish| &wish.id).collect();
        let left = held.iter().filter(|held| held.owner == Some(client));
        let left = left.filter(|held| !wanted.contains(&held.subscription.id));
        ended.extend(left.map(|held| held.entity));
    }
    refusals.extend(too_many(&held, wishes, &steps, &ended, &config));
    match refusals.len() {
        0 => Ok(Plan { steps, ended }),
        1 => Err(refusals.remove(0)),
        _ => {
            let all: Vec<_> = refusals.iter().map(|refusal| refusal.message.as_str()).collect();
            Err(Refusal { code: refusals[0].code, message: all.join("; "), subscription: None })
        }
    }
}

/// Why what is planned would be more than is allowed. What there is already is never refused.
fn too_many(
    held: &[Held],
    wishes: &[Subscribe],
    steps: &[Step],
    ended: &[Entity],
    config: &SubscribeConfig,
) -> Vec<Refusal> {
    let only = (wishes.len() == 1).then(|| wishes[0].id.clone());
    let refusal =
        |message| Refusal { code: RefusalCode::LimitReached, message, subscription: only.clone() };
    let mut gone: HashSet<Entity> = ended.iter().copied().collect();
    gone.extend(steps.iter().filter_map(|step| match step {
        Step::Replace(old) => Some(*old),
        _ => None,
    }));
    let staying = || held.iter().filter(|held| !gone.contains(&held.entity));
    let mut refusals = Vec::new();

    let added = steps.iter().filter(|step| matches!(step, Step::Add | Step::Replace(_))).count();
    let subscriptions = staying().count() + added;
    let limit = config.max_subscriptions;
    if subscriptions > limit.max(held.len()) {
        refusals.push(refusal(format!(
            "there would be {subscriptions} subscriptions, limits.subscriptions is {limit}"
        )));
    }
    let open: HashSet<&CameraSource> = held.iter().map(|held| held.camera).collect();
    let mut wanted: HashSet<&CameraSource> = staying().map(|held| held.camera).collect();
    wanted.extend(wishes.iter().map(|wish| &wish.camera));
    let (cameras, limit) = (wanted.len(), config.max_streams);
    if cameras > limit.max(open.len()) {
        refusals.push(refusal(format!("{cameras} cameras would be open, max_streams is {limit}")));
    }
    refusals
}

/// Puts a subscription into the world: a new one, or in the place of `old`.
fn place(world: &mut World, client: Entity, wish: Subscribe, old: Option<Entity>) {
    info!(subscription = %wish.id, camera = %wish.camera, model = %wish.model, "subscribed");
    let camera = camera(world, &wish.camera);
    let model = model(world, &wish.model);
    let view = view(world, View { crop_in_frame: wish.crop_in_frame }, camera, model);
    let display = shown_on(world, wish.id.display());
    let subscription = Subscription {
        id: wish.id,
        model_id: wish.model_id,
        model_name: wish.model_name,
        crop_in_frame: wish.crop_in_frame,
    };
    match old {
        // The new view exists before the old one is left: a shared camera never closes between.
        Some(old) => {
            let mut entity = world.entity_mut(old);
            entity.remove::<Orphaned>().insert((subscription, OwnedBy(client), ShownOn(display)));
            if entity.get::<Watches>().is_none_or(|watched| watched.0 != view) {
                entity.insert(Watches(view));
            }
        }
        None => {
            world.spawn((subscription, OwnedBy(client), ShownOn(display), Watches(view)));
        }
    }
}

fn camera(world: &mut World, source: &CameraSource) -> Entity {
    let open = world
        .query::<(Entity, &Camera)>()
        .iter(world)
        .find_map(|(entity, camera)| (camera.source == *source).then_some(entity));
    open.unwrap_or_else(|| world.spawn(Camera { source: source.clone() }).id())
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

#[cfg(test)]
mod tests;

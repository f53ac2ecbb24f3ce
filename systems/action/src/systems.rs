use std::collections::BTreeMap;
use std::sync::Arc;

use bevy_ecs::prelude::*;
use detector_components::action::{Action, ActionKind, ColumnValue, Deed, Origin, Outcome};
use detector_components::clock::{Clock, Timepiece};
use detector_components::display::{
    ProgressionStage, Session, SessionPatch, SessionValues, ShownOn,
};
use detector_components::geometry::Region;
use detector_components::identity::SubscriptionId;
use detector_components::model::{Model, PostgresServer, RedisServer};
use detector_components::node::{Actions, BranchInput, Branches, Node, NodeOf, Trigger};
use detector_components::pass::{Finished, PassOf};
use detector_components::results::{Finding, PassResults, Results};
use detector_components::subscription::Subscription;
use detector_components::timing::Timings;
use detector_components::view::WatchedBy;
use tracing::{debug, warn};
use uuid::Uuid;

use crate::cooldown::Cooling;
use crate::dispatcher::Dispatcher;
use crate::errand::{Command, Errand, Row, Step};
use crate::event::{Event, events};
use crate::facts::{Below, Facts, Surroundings};
use crate::ledger::Ledger;
use crate::server::Server;
use crate::template::{MissingFact, expand};

/// Actions that were skipped, and said so: the node, the action's place in its list, and why.
#[derive(Default)]
pub struct Said(Vec<(Entity, usize, Outcome)>);

/// Why an action is skipped.
#[derive(Debug, thiserror::Error)]
enum Skipped {
    #[error(transparent)]
    MissingFact(#[from] MissingFact),
    #[error("{0} found nothing")]
    MissingBranch(String),
    #[error("there is no session on the display")]
    NoSession,
}

/// What an action comes to.
enum Deal {
    Redis(Step),
    Row(Row),
    Patch(SessionPatch),
}

/// Has the actions of every event of each finished pass executed, for each subscription that watches
/// it: what is under a finding before the finding itself.
pub fn act(
    passes: Query<(&PassResults, &PassOf), With<Finished>>,
    mut views: Query<(&WatchedBy, Option<&mut Cooling>)>,
    subscriptions: Query<(&Subscription, &ShownOn)>,
    displays: Query<(Option<&Session>, Option<&SessionValues>, Option<&ProgressionStage>)>,
    nodes: Query<(&Node, &Actions, &NodeOf, &Trigger, Option<&Branches>)>,
    servers: Query<(Option<&RedisServer>, Option<&PostgresServer>), With<Model>>,
    (timepiece, clock): (Res<Timepiece>, Res<Clock>),
    (ledger, timings): (Res<Ledger>, Res<Timings>),
    mut gone: RemovedComponents<Actions>,
    mut patches: MessageWriter<SessionPatch>,
    mut dispatcher: ResMut<Dispatcher>,
    mut said: Local<Said>,
    mut commands: Commands,
) {
    for node in gone.read() {
        said.0.retain(|(other, ..)| *other != node);
    }
    for (PassResults(results), of) in &passes {
        let Ok((watched_by, cooling)) = views.get_mut(of.0) else { continue };
        // Two clients may hold the same identifier: it is acted on once.
        let watchers: BTreeMap<&SubscriptionId, (&Subscription, &ShownOn)> = subscriptions
            .iter_many(watched_by.iter())
            .matched()
            .map(|(subscription, shown_on)| (&subscription.id, (subscription, shown_on)))
            .collect();
        let mut fresh = Cooling::default();
        let is_new = cooling.is_none();
        let cooling = cooling.map_or(&mut fresh, Mut::into_inner);
        let occasion =
            |node| nodes.get(node).map_or_else(|_| Default::default(), |it| it.1.occasion);
        let captured = timepiece.wall(results.frame.captured);
        for event in events(results, occasion) {
            let Ok((node, actions, model, ..)) = nodes.get(event.node) else { continue };
            if actions.list.is_empty() {
                continue;
            }
            if actions.cooldown.is_some() && cooling.rests(&event, results.frame.captured) {
                let kinds = actions.list.iter().map(|action| action.deed.kind());
                // What is as it should be, many times a second, is counted and no more.
                kinds.for_each(|kind| ledger.counters.count(kind, Outcome::CoolingDown));
                continue;
            }
            let (redis, postgres) = servers.get(model.0).unwrap_or_default();
            let surroundings = surroundings(event.node, &nodes);
            let mut has_run = false;
            for (subscription, shown_on) in watchers.values() {
                let (session, session_values, stage) = displays.get(shown_on.0).unwrap_or_default();
                let mut facts = Facts {
                    event: &event,
                    pipeline: &surroundings,
                    captured,
                    frame: results.frame.sequence,
                    subscription_id: subscription.id.to_string(),
                    display_id: subscription.id.display().to_string(),
                    camera_id: subscription.id.camera().to_owned(),
                    session_id: session.map(|session| session.0.to_string()),
                    session_values,
                    progression_stage: stage.map(|stage| stage.0.to_string()),
                    model_id: subscription.model_id.to_string(),
                    model_name: subscription.model_name.to_string(),
                    uuid: Uuid::new_v4().to_string(),
                    image_key: None,
                };
                let origin = Arc::new(Origin {
                    subscription: subscription.id.clone(),
                    model_name: subscription.model_name.clone(),
                    node: node.name.clone(),
                });
                let mut steps = Vec::new();
                let mut rows = Vec::new();
                for (place, action) in actions.list.iter().enumerate() {
                    let kind = action.deed.kind();
                    match deal(action, &mut facts, results, subscription, session) {
                        Ok(Deal::Patch(patch)) => {
                            patches.write(patch);
                            ledger.note(kind, &origin, Outcome::Executed);
                            has_run = true;
                        }
                        Ok(Deal::Redis(_)) if redis.is_none() => {
                            ledger.note(kind, &origin, Outcome::NoServer);
                        }
                        Ok(Deal::Row(_)) if postgres.is_none() => {
                            ledger.note(kind, &origin, Outcome::NoServer);
                        }
                        Ok(Deal::Redis(step)) => steps.push(step),
                        Ok(Deal::Row(row)) => rows.push(Step::Send(Command::WriteRow(row))),
                        Err(reason) => {
                            ledger.note_why(kind, &origin, reason.outcome(), reason.to_string());
                            let which = (event.node, &*node.name, place);
                            say(which, subscription, &reason, &mut said);
                        }
                    }
                }
                let ways = [
                    (redis.map(|redis| Server::Redis(redis.clone())), steps),
                    (postgres.map(|server| Server::Postgres(server.clone())), rows),
                ];
                for (server, steps) in ways {
                    if let Some(server) = server.filter(|_| !steps.is_empty()) {
                        let origin = origin.clone();
                        let errand = Errand { origin, steps, since: clock.now };
                        dispatcher.send(&server, errand, &timings);
                        has_run = true;
                    }
                }
            }
            // A list of which nothing was done has not been run.
            if let Some(cooldown) = actions.cooldown.filter(|_| has_run) {
                cooling.run(&event, results.frame.captured, cooldown);
            }
        }
        if is_new {
            commands.entity(of.0).insert(fresh);
        }
    }
}

/// Closes the ways to servers that no model names any more.
pub fn close_unnamed_ways(
    redis: Query<&RedisServer>,
    postgres: Query<&PostgresServer>,
    mut dispatcher: ResMut<Dispatcher>,
) {
    dispatcher.keep_only(|server| match server {
        Server::Redis(server) => redis.iter().any(|named| named == server),
        Server::Postgres(server) => postgres.iter().any(|named| named == server),
    });
}

/// Says once for each model which of its actions cannot be executed, since there is nobody to do
/// them.
pub fn warn_of_missing_servers(
    nodes: Query<(&Node, &Actions, &NodeOf), Added<Actions>>,
    models: Query<(&Model, Option<&RedisServer>, Option<&PostgresServer>)>,
) {
    for (node, actions, of) in &nodes {
        let Ok((model, redis, postgres)) = models.get(of.0) else { continue };
        for action in &*actions.list {
            let kind = action.deed.kind();
            let missing = match kind {
                ActionKind::PatchSession => continue,
                ActionKind::UpdateRow if !cfg!(feature = "postgres") => {
                    "this build has no PostgreSQL (cargo feature `postgres`)"
                }
                ActionKind::UpdateRow if postgres.is_none() => "the archive has no \"postgresql\"",
                ActionKind::UpdateRow => continue,
                _ if redis.is_none() => "the archive has no \"redis\"",
                _ => continue,
            };
            warn!(model = %model.source, node = %node.name, action = kind.as_str(),
                "the action will not be executed: {missing}");
        }
    }
}

impl Skipped {
    fn outcome(&self) -> Outcome {
        match self {
            Self::MissingFact(_) | Self::NoSession => Outcome::MissingValue,
            Self::MissingBranch(_) => Outcome::MissingBranch,
        }
    }
}

/// The names of a node and of all below it.
fn surroundings(
    node: Entity,
    nodes: &Query<(&Node, &Actions, &NodeOf, &Trigger, Option<&Branches>)>,
) -> Surroundings {
    let mut surroundings = Surroundings::default();
    let mut pending = vec![node];
    while let Some(parent) = pending.pop() {
        let Ok((known, .., branches)) = nodes.get(parent) else { continue };
        if parent == node {
            surroundings.own = known.name.to_string();
        }
        for branch in branches.into_iter().flat_map(Branches::iter) {
            if let Ok((below, _, _, trigger, _)) = nodes.get(branch) {
                surroundings.below.push(Below {
                    name: below.name.to_string(),
                    of_whole_picture: parent == node && trigger.input == BranchInput::ParentImage,
                });
            }
            pending.push(branch);
        }
    }
    surroundings
}

fn deal(
    action: &Action,
    facts: &mut Facts,
    results: &Results,
    subscription: &Subscription,
    session: Option<&Session>,
) -> Result<Deal, Skipped> {
    if let Some(missing) = action.wait_for.iter().find(|branch| !facts.has(branch)) {
        return Err(Skipped::MissingBranch(missing.to_string()));
    }
    let send = |command| Deal::Redis(Step::Send(command));
    Ok(match &action.deed {
        Deed::SaveImage { key, region, format, expire } => {
            let key = expand(key, |name| facts.get(name))?;
            facts.image_key = Some(key.clone());
            Deal::Redis(Step::Save {
                key,
                pixels: results.frame.pixels.clone(),
                region: region_of(region.as_deref(), facts.event, results),
                format: *format,
                expire: *expire,
            })
        }
        Deed::Publish { channel, message } => send(Command::Publish {
            channel: expand(channel, |name| facts.get(name))?,
            message: expand(message, |name| facts.get(name))?,
        }),
        Deed::StreamAdd { stream, fields, max_len } => {
            let mut entry = Vec::new();
            for (field, value) in fields {
                entry.push((field.clone(), expand(value, |name| facts.get(name))?));
            }
            let stream = expand(stream, |name| facts.get(name))?;
            send(Command::StreamAdd { stream, entry, max_len: *max_len })
        }
        Deed::PatchSession { data } => {
            let session = session.ok_or(Skipped::NoSession)?.0.clone();
            let mut values = SessionValues::default();
            for (key, value) in data {
                values.0.insert(key.clone(), expand(value, |name| facts.get(name))?.into());
            }
            let display = subscription.id.display();
            Deal::Patch(SessionPatch { display, session, data: values.0 })
        }
        Deed::UpdateRow(update) => {
            let mut columns = Vec::new();
            for (column, value) in &update.columns {
                let value = match value {
                    ColumnValue::Now => None,
                    ColumnValue::Text(text) => Some(expand(text, |name| facts.get(name))?),
                };
                columns.push((column.clone(), value));
            }
            Deal::Row(Row {
                schema: update.schema.clone(),
                table: update.table.clone(),
                key: (update.key_column.clone(), expand(&update.key, |name| facts.get(name))?),
                columns,
            })
        }
    })
}

/// The best box of the class, if one is named and was found: in the event's own finding first, then in
/// the same answer, then anywhere. Else the finding's own box; else the frame.
fn region_of(class: Option<&str>, event: &Event, results: &Results) -> Region {
    let whole = Region::whole(results.frame.pixels.size());
    let places = [std::slice::from_ref(event.finding), event.answer, &results.findings];
    let named = class
        .and_then(|class| places.into_iter().find_map(|findings| best_of_class(class, findings)));
    named.unwrap_or(event.finding).bbox_in_frame.region_within(whole).unwrap_or(whole)
}

/// The best finding of a class among some and everything under them. Names compare exactly first, then
/// without case.
fn best_of_class<'a>(class: &str, findings: &'a [Finding]) -> Option<&'a Finding> {
    let mut all = Vec::new();
    let mut pending: Vec<&Finding> = findings.iter().collect();
    while let Some(finding) = pending.pop() {
        all.push(finding);
        pending.extend(finding.branches.iter().flat_map(|branch| &branch.findings));
    }
    let best = |is_meant: &dyn Fn(&Finding) -> bool| {
        let meant = all.iter().copied().filter(|finding| is_meant(finding));
        meant.max_by(|a, b| a.confidence.total_cmp(&b.confidence))
    };
    let folded = class.to_lowercase();
    best(&|finding| &*finding.class == class)
        .or_else(|| best(&|finding| finding.class.to_lowercase() == folded))
}

/// Says once for each action and reason why it is skipped: the archive is likely wrong, and every frame
/// would say so again.
fn say(
    (node, name, place): (Entity, &str, usize),
    subscription: &Subscription,
    reason: &Skipped,
    said: &mut Said,
) {
    let Subscription { id, model_name, .. } = subscription;
    let key = (node, place, reason.outcome());
    if said.0.contains(&key) {
        debug!(subscription = %id, model = %model_name, node = name, action = place, %reason,
            "an action was skipped");
    } else {
        said.0.push(key);
        warn!(subscription = %id, model = %model_name, node = name, action = place, %reason,
            "an action was skipped; the next times are counted only");
    }
}

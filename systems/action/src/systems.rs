use std::collections::BTreeMap;
use std::time::Instant;

use bevy_ecs::prelude::*;
use detector_components::action::Action;
use detector_components::clock::Timepiece;
use detector_components::display::{Session, ShownOn};
use detector_components::geometry::Region;
use detector_components::identity::SubscriptionId;
use detector_components::model::RedisServer;
use detector_components::node::{Actions, Branches, Node, NodeOf};
use detector_components::pass::{Finished, PassOf};
use detector_components::results::{Finding, PassResults, Results};
use detector_components::subscription::Subscription;
use detector_components::view::WatchedBy;
use tracing::{debug, warn};
use uuid::Uuid;

use crate::counters::ActionCounters;
use crate::dispatcher::Dispatcher;
use crate::errand::{Errand, Step};
use crate::facts::Facts;
use crate::template::{MissingFact, expand};

/// Actions that were skipped for the lack of a value, and said so: the node and the action's place
/// in its list.
#[derive(Default)]
pub struct Said(Vec<(Entity, usize)>);

/// Has the actions of every finding of each finished pass executed, for each subscription that
/// watches it: what is under a finding before the finding itself.
pub fn act(
    passes: Query<(&PassResults, &PassOf), With<Finished>>,
    views: Query<&WatchedBy>,
    subscriptions: Query<(&Subscription, &ShownOn)>,
    sessions: Query<&Session>,
    nodes: Query<(&Node, &Actions, &NodeOf, Option<&Branches>)>,
    servers: Query<&RedisServer>,
    timepiece: Res<Timepiece>,
    counters: Res<ActionCounters>,
    mut dispatcher: ResMut<Dispatcher>,
    mut said: Local<Said>,
) {
    for (PassResults(results), of) in &passes {
        let Ok(watched_by) = views.get(of.0) else { continue };
        // Two clients may hold the same identifier: it is acted on once.
        let watchers: BTreeMap<&SubscriptionId, (&Subscription, &ShownOn)> = subscriptions
            .iter_many(watched_by.iter())
            .matched()
            .map(|(subscription, shown_on)| (&subscription.id, (subscription, shown_on)))
            .collect();
        let mut findings = Vec::new();
        for finding in &results.findings {
            innermost_first(results.node, finding, &mut findings);
        }
        let captured = timepiece.wall(results.frame.captured);
        for (subscription, shown_on) in watchers.values() {
            for (node, finding) in &findings {
                let Ok((_, actions, model, _)) = nodes.get(*node) else { continue };
                if actions.0.is_empty() {
                    continue;
                }
                let Ok(server) = servers.get(model.0) else { continue };
                let branches = names_below(*node, &nodes);
                let mut facts = Facts {
                    finding,
                    captured,
                    frame: results.frame.sequence,
                    subscription_id: subscription.id.to_string(),
                    display_id: subscription.id.display().to_string(),
                    camera_id: subscription.id.camera().to_owned(),
                    session_id: sessions.get(shown_on.0).ok().map(|session| session.0.to_string()),
                    model_id: subscription.model_id.to_string(),
                    model_name: subscription.model_name.to_string(),
                    uuid: Uuid::new_v4().to_string(),
                    image_key: None,
                    branches: &branches,
                };
                let mut steps = Vec::new();
                for (place, action) in actions.0.iter().enumerate() {
                    match step(action, &mut facts, results) {
                        Ok(step) => steps.push(step),
                        Err(missing) => {
                            counters.skipped();
                            skipped(*node, place, &missing, &nodes, &mut said);
                        }
                    }
                }
                if !steps.is_empty() {
                    dispatcher.send(server, Errand { steps, since: Instant::now() });
                }
            }
        }
    }
}

/// Closes the ways to servers that no model names any more.
pub fn close_unnamed_ways(servers: Query<&RedisServer>, mut dispatcher: ResMut<Dispatcher>) {
    dispatcher.keep_only(|server| servers.iter().any(|named| named == server));
}

fn innermost_first<'a>(
    node: Entity,
    finding: &'a Finding,
    findings: &mut Vec<(Entity, &'a Finding)>,
) {
    for branch in &finding.branches {
        for found in &branch.findings {
            innermost_first(branch.node, found, findings);
        }
    }
    findings.push((node, finding));
}

/// The names of all nodes below one.
fn names_below(
    node: Entity,
    nodes: &Query<(&Node, &Actions, &NodeOf, Option<&Branches>)>,
) -> Vec<String> {
    let mut names = Vec::new();
    let mut pending = vec![node];
    while let Some(node) = pending.pop() {
        let Ok((.., Some(branches))) = nodes.get(node) else { continue };
        for branch in branches.iter() {
            if let Ok((below, ..)) = nodes.get(branch) {
                names.push(below.name.to_string());
            }
            pending.push(branch);
        }
    }
    names
}

fn step(action: &Action, facts: &mut Facts, results: &Results) -> Result<Step, MissingFact> {
    Ok(match action {
        Action::RedisPublish { channel, message } => Step::Publish {
            channel: expand(channel.as_str(), |name| facts.get(name))?,
            message: expand(message.as_str(), |name| facts.get(name))?,
        },
        Action::RedisSaveImage { key, region, format, expire } => {
            let key = expand(key.as_str(), |name| facts.get(name))?;
            facts.image_key = Some(key.clone());
            Step::Save {
                key,
                pixels: results.frame.pixels.clone(),
                region: region_of(region.as_deref(), facts.finding, results),
                format: *format,
                expire: *expire,
            }
        }
    })
}

/// The best box of the class, if one is named and was found; else the finding's own box; else the
/// frame.
fn region_of(class: Option<&str>, finding: &Finding, results: &Results) -> Region {
    let whole = Region::whole(results.frame.pixels.size());
    let mut all = Vec::new();
    for root in &results.findings {
        innermost_first(results.node, root, &mut all);
    }
    let named = class.and_then(|class| {
        all.iter()
            .map(|(_, found)| *found)
            .filter(|found| &*found.class == class)
            .max_by(|a, b| a.confidence.total_cmp(&b.confidence))
    });
    named.unwrap_or(finding).bbox_in_frame.region_within(whole).unwrap_or(whole)
}

/// Says once for each action why it is skipped: the archive is likely wrong, and every frame would
/// say so again.
fn skipped(
    node: Entity,
    place: usize,
    missing: &MissingFact,
    nodes: &Query<(&Node, &Actions, &NodeOf, Option<&Branches>)>,
    said: &mut Said,
) {
    let name = nodes.get(node).map_or("?", |(node, ..)| &node.name);
    if said.0.contains(&(node, place)) {
        debug!(node = name, action = place, %missing, "an action was skipped");
    } else {
        said.0.push((node, place));
        warn!(node = name, action = place, %missing, "an action was skipped, and will be each time");
    }
}

//! What became of actions, and where they go.

use std::collections::BTreeMap;

use detector_components::action::{ActionServer, RecentAction};
use serde::Serialize;

use super::LastErrorState;
use crate::census::Census;

/// What happened to actions since the start, and what waits.
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Actions {
    /// How often each outcome was that of each type. What never happened is left out.
    outcomes: BTreeMap<&'static str, BTreeMap<&'static str, u64>>,
    waiting: u64,
    waiting_bytes: u64,
    /// Where they go, and whether that is there.
    servers: Vec<ActionServerState>,
    /// The last ones that were done, and the last ones that were not, the newest first. What their
    /// cooldown kept from running is counted only.
    recent: Vec<ActionEntry>,
}

/// A server that actions go to.
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct ActionServerState {
    /// Its address without credentials.
    server: String,
    /// Why it cannot be spoken to, and since when. Null: it can.
    away: Option<LastErrorState>,
}

/// An action that came to its end, or several that came to the same end.
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct ActionEntry {
    #[serde(rename = "type")]
    kind: &'static str,
    /// For whom: display and camera.
    subscription_identifier: String,
    model_name: String,
    /// The node in whose list it stands.
    node: String,
    outcome: &'static str,
    /// Why. Null: the outcome says it.
    reason: Option<String>,
    /// When the last one ended.
    timestamp: String,
    /// How many ended so.
    times: u64,
}

pub fn actions(census: &Census) -> Actions {
    let mut outcomes: BTreeMap<_, BTreeMap<_, _>> = BTreeMap::new();
    let counted = census.actions.iter().flat_map(|actions| actions.all());
    for (kind, outcome, count) in counted.filter(|(.., count)| *count > 0) {
        outcomes.entry(kind.as_str()).or_default().insert(outcome.as_str(), count);
    }
    let backlog = census.actions.as_ref().map(|actions| actions.backlog()).unwrap_or_default();
    Actions {
        outcomes,
        waiting: backlog.actions,
        waiting_bytes: backlog.bytes,
        servers: action_servers(census),
        recent: recent_actions(census),
    }
}

fn action_servers(census: &Census) -> Vec<ActionServerState> {
    let timepiece = &census.surroundings.timepiece;
    let servers = census.action_servers.iter().flat_map(|servers| servers.all());
    let state = |ActionServer { name, absence }: ActionServer| ActionServerState {
        server: name.to_string(),
        away: absence.map(|absence| LastErrorState {
            reason: absence.reason.to_string(),
            timestamp: format!("{:.3}", timepiece.wall(absence.since)),
        }),
    };
    servers.map(state).collect()
}

fn recent_actions(census: &Census) -> Vec<ActionEntry> {
    let timepiece = &census.surroundings.timepiece;
    let recent = census.recent_actions.iter().flat_map(|recent| recent.newest_first());
    let entry = |action: RecentAction| ActionEntry {
        kind: action.kind.as_str(),
        subscription_identifier: action.origin.subscription.to_string(),
        model_name: action.origin.model_name.to_string(),
        node: action.origin.node.to_string(),
        outcome: action.outcome.as_str(),
        reason: action.reason.map(|reason| reason.to_string()),
        timestamp: format!("{:.3}", timepiece.wall(action.at)),
        times: action.times,
    };
    recent.map(entry).collect()
}

//! Models, their nodes and their networks.

use std::sync::Arc;

use bevy_ecs::prelude::*;
use detector_components::model::{Fetched, Model, ModelState};
use detector_components::network::{NetworkState, Provenance};
use serde::Serialize;
use serde_json::Value;

use super::id;
use crate::census::Census;
use crate::wire::decimals;

/// A model archive.
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ModelEntry {
    id: String,
    /// Where it comes from, without signature.
    source: String,
    state: &'static str,
    reason: Option<String>,
    /// Nobody runs it now.
    idle: bool,
    /// Bytes of its archive that have come. Null: it is not being fetched from the network.
    fetched_bytes: Option<u64>,
    /// Bytes of its archive in all, while it is fetched. Null: its server does not say.
    total_bytes: Option<u64>,
    nodes: Vec<NodeEntry>,
}

/// A node of a model's pipeline.
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct NodeEntry {
    model_id: String,
    /// The node whose detections start it. Null: the root.
    parent: Option<String>,
    network: Option<String>,
    /// Of its checkpoint.
    sha256: Option<String>,
}

/// A network on the device.
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub struct NetworkEntry {
    id: String,
    sha256: String,
    state: &'static str,
    reason: Option<String>,
    /// What is being done, while it is loaded: `waiting`, `reading`, `comparing` or `warming up`.
    step: Option<&'static str>,
    task: Option<&'static str>,
    classes: Option<usize>,
    input_width: Option<u32>,
    input_height: Option<u32>,
    batch_limit: Option<usize>,
    /// What it runs on.
    device: Option<String>,
    /// What its checkpoint says of where it comes from. Null: it was not read yet.
    provenance: Option<ProvenanceEntry>,
    /// Why that is not the device that others run on. Null: it is.
    fallback: Option<String>,
    inputs: u64,
    batches: u64,
    failed: u64,
    #[cfg_attr(test, schemars(with = "f32"))]
    last_batch_ms: Value,
}

/// Where a network comes from, as far as its checkpoint says something.
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct ProvenanceEntry {
    /// Of Ultralytics' networks, such as `YOLO11`.
    family: Option<String>,
    scale: Option<String>,
    /// Version of Ultralytics that saved it.
    version: Option<String>,
    /// When it was saved.
    date: Option<String>,
    /// Of its weights.
    licence: Option<String>,
    /// Name of the model that its training began with.
    trained_from: Option<String>,
    /// Name of the data that it was trained with.
    trained_on: Option<String>,
}

pub fn models(census: &Census) -> Vec<ModelEntry> {
    let model = |(model, of, state, idle, fetched): (Entity, _, &ModelState, bool, _)| {
        let (of, fetched): (&Model, Option<&Fetched>) = (of, fetched);
        let (state, reason) = match state {
            ModelState::Fetching => ("fetching", None),
            ModelState::Loading => ("loading", None),
            ModelState::Ready => ("ready", None),
            ModelState::Failed { reason } => ("failed", Some(reason.to_string())),
        };
        let own = census.nodes.iter().filter(|(_, node_of, ..)| node_of.0 == model);
        let nodes = own.map(|(node, _, checkpoint, parent, runs)| NodeEntry {
            model_id: node.name.to_string(),
            parent: parent
                .and_then(|parent| census.nodes.get(parent.0).ok())
                .map(|(parent, ..)| parent.name.to_string()),
            network: runs.map(|runs| id(runs.0)),
            sha256: checkpoint.map(|checkpoint| checkpoint.sha256.to_string()),
        });
        ModelEntry {
            id: id(model),
            source: of.source.to_string(),
            state,
            reason,
            idle,
            fetched_bytes: fetched.map(Fetched::bytes),
            total_bytes: fetched.and_then(Fetched::total),
            nodes: nodes.collect(),
        }
    };
    census.models.iter().map(model).collect()
}

pub fn networks(census: &Census) -> Vec<NetworkEntry> {
    census
        .networks
        .iter()
        .map(|(network, of, state, counters, progress, info, limit, runs_on)| {
            let is_loading = *state == NetworkState::Loading;
            let (state, reason) = match state {
                NetworkState::Loading => ("loading", None),
                NetworkState::Ready => ("ready", None),
                NetworkState::Failed { reason } => ("failed", Some(reason.to_string())),
            };
            NetworkEntry {
                id: id(network),
                sha256: of.sha256.to_string(),
                state,
                reason,
                step: is_loading.then(|| progress.step().as_str()),
                task: info.map(|info| info.task.as_str()),
                classes: info.map(|info| info.classes.len()),
                input_width: info.map(|info| info.input.width),
                input_height: info.map(|info| info.input.height),
                batch_limit: limit.map(|limit| limit.0),
                device: runs_on.map(|runs_on| runs_on.device.to_string()),
                provenance: info.map(|info| provenance(&info.provenance)),
                fallback: runs_on.and_then(|on| on.fallback.as_deref().map(str::to_owned)),
                inputs: counters.inputs,
                batches: counters.batches,
                failed: counters.failed,
                last_batch_ms: decimals(counters.last_batch_nanos as f32 / 1e6, 1),
            }
        })
        .collect()
}

fn provenance(of: &Provenance) -> ProvenanceEntry {
    let text = |text: &Option<Arc<str>>| text.as_deref().map(str::to_owned);
    ProvenanceEntry {
        family: text(&of.family),
        scale: text(&of.scale),
        version: text(&of.version),
        date: text(&of.date),
        licence: text(&of.licence),
        trained_from: text(&of.trained_from),
        trained_on: text(&of.trained_on),
    }
}

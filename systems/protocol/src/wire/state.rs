//! `GET /state`: the whole world, for people and for what watches over workers.

mod actions;
mod models;

use std::collections::BTreeMap;

use bevy_ecs::prelude::*;
use detector_components::clock::Moment;
use detector_components::command::RefusalCode;
use detector_components::integrity::PictureFault;
use detector_components::model::ModelState;
use serde::Serialize;
use serde_json::Value;

use self::actions::{Actions, actions};
use self::models::{ModelEntry, NetworkEntry, models, networks};
use super::report::{CropFields, state};
use super::{decimals, external_id};
use crate::census::Census;

/// Everything that there is to tell. Lists are in the order of what names their entries.
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub struct State {
    worker_id: String,
    version: &'static str,
    uptime_secs: u64,
    capacity: u32,
    #[cfg_attr(test, schemars(with = "f32"))]
    cpu_usage: Value,
    #[cfg_attr(test, schemars(with = "f32"))]
    memory_usage: Value,
    #[cfg_attr(test, schemars(with = "f32"))]
    gpu_usage: Value,
    #[cfg_attr(test, schemars(with = "f32"))]
    gpu_memory_usage: Value,
    device: Option<Device>,
    clients: Vec<ClientState>,
    displays: Vec<DisplayState>,
    subscriptions: Vec<SubscriptionState>,
    views: Vec<ViewState>,
    cameras: Vec<CameraState>,
    models: Vec<ModelEntry>,
    networks: Vec<NetworkEntry>,
    actions: Actions,
    counters: Counters,
}

/// What inference runs on.
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Device {
    /// Which, and why it is this one.
    name: String,
    /// How often it was lost.
    losses: u64,
    /// Why it was lost last.
    last_loss: Option<String>,
}

/// A client whose socket is open.
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct ClientState {
    peer: String,
    subscriptions: usize,
    waiting_messages: usize,
    waiting_bytes: usize,
}

/// A screen of the CMS.
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct DisplayState {
    display_identifier: String,
    #[cfg_attr(test, schemars(with = "Option<super::schema::Id>"))]
    session_id: Option<Value>,
    session: BTreeMap<String, String>,
    progression_stage: Option<String>,
    subscriptions: usize,
}

/// A subscription, and what it shows.
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct SubscriptionState {
    subscription_identifier: String,
    #[cfg_attr(test, schemars(with = "super::schema::Id"))]
    model_id: Value,
    model_name: String,
    /// The client's address. Null: it is gone, and the subscription is kept for a while.
    client: Option<String>,
    view: String,
    state: &'static str,
    reason: Option<String>,
}

/// A part of a camera, seen through a model.
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct ViewState {
    id: String,
    camera: String,
    model: String,
    crop: Option<CropFields>,
    passes_finished: u64,
    frames_left_out: u64,
    inferences_failed: u64,
    #[cfg_attr(test, schemars(with = "f32"))]
    last_frame_age_ms: Value,
    #[cfg_attr(test, schemars(with = "f32"))]
    last_inference_ms: Value,
}

/// A camera.
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct CameraState {
    id: String,
    /// Its address without credentials.
    source: String,
    state: String,
    reason: Option<String>,
    #[cfg_attr(test, schemars(with = "f32"))]
    fps: Value,
    width: Option<u32>,
    height: Option<u32>,
    frame: Option<u64>,
    frame_age_ms: Option<u64>,
    frames_received: u64,
    frames_sampled: u64,
    frames_overwritten: u64,
    due_times_missed: u64,
    reconnects: u64,
    /// Pictures that were left out or may show something wrong, by what is wrong with them. Faults
    /// that did not occur are not there.
    faults: BTreeMap<&'static str, u64>,
    /// What may be wrong with the newest frame. Null: nothing is known to be.
    integrity: Option<&'static str>,
    /// What pictures are encoded as, once that is known.
    codec: Option<String>,
    /// How they arrive: `tcp`, `udp`, `multicast`, `http`.
    transport: Option<&'static str>,
    /// Milliseconds between the last two key frames.
    key_interval_ms: Option<u64>,
    /// The camera's clock minus this machine's, in milliseconds. Null: the camera does not say the
    /// time.
    clock_offset_ms: Option<i64>,
    last_error: Option<LastErrorState>,
}

/// What went wrong last.
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct LastErrorState {
    reason: String,
    timestamp: String,
}

/// What happened at the port since the start.
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Counters {
    clients_connected: u64,
    connections_turned_away: u64,
    messages_received: u64,
    messages_refused: BTreeMap<&'static str, u64>,
    state_reports: u64,
    image_detections: u64,
    session_patches: u64,
    session_patches_taken: u64,
    session_patches_failed: u64,
    dropped_replies: u64,
    dropped_heartbeats: u64,
    dropped_detections: u64,
}

/// Looks at everything.
pub fn state_of_world(census: &Census) -> State {
    let around = &census.surroundings;
    let vitals = *around.vitals.borrow();
    State {
        worker_id: around.config().worker_id.clone(),
        version: env!("CARGO_PKG_VERSION"),
        uptime_secs: around.timepiece.now().since(Moment::default()).as_secs(),
        capacity: around.config().capacity,
        cpu_usage: decimals(vitals.cpu_percent, 1),
        memory_usage: decimals(vitals.memory_percent, 1),
        gpu_usage: decimals(vitals.gpu_percent, 1),
        gpu_memory_usage: decimals(vitals.gpu_memory_percent, 1),
        device: census.device.as_ref().map(|device| Device {
            name: device.name.to_string(),
            losses: device.losses,
            last_loss: device.last_loss.as_deref().map(str::to_owned),
        }),
        clients: clients(census),
        displays: displays(census),
        subscriptions: subscriptions(census),
        views: views(census),
        cameras: cameras(census),
        models: models(census),
        networks: networks(census),
        actions: actions(census),
        counters: counters(census),
    }
}

fn clients(census: &Census) -> Vec<ClientState> {
    let mut clients: Vec<_> = census
        .clients
        .iter()
        .map(|(client, outbox, owns)| {
            let (waiting_messages, waiting_bytes) = outbox.waiting();
            let subscriptions = owns.map_or(0, |owns| owns.iter().count());
            ClientState {
                peer: client.peer.clone(),
                subscriptions,
                waiting_messages,
                waiting_bytes,
            }
        })
        .collect();
    clients.sort_by(|a, b| a.peer.cmp(&b.peer));
    clients
}

fn displays(census: &Census) -> Vec<DisplayState> {
    let mut displays: Vec<_> = census
        .displays
        .iter()
        .map(|(display, session, values, stage, shows)| DisplayState {
            display_identifier: display.id.to_string(),
            session_id: session.map(|session| external_id(&session.0)),
            session: values
                .into_iter()
                .flat_map(|values| &values.0)
                .map(|(key, value)| (key.to_string(), value.to_string()))
                .collect(),
            progression_stage: stage.map(|stage| stage.0.to_string()),
            subscriptions: shows.map_or(0, |shows| shows.iter().count()),
        })
        .collect();
    displays.sort_by(|a, b| a.display_identifier.cmp(&b.display_identifier));
    displays
}

fn subscriptions(census: &Census) -> Vec<SubscriptionState> {
    let mut subscriptions: Vec<_> = census
        .subscriptions
        .iter()
        .filter_map(|(subscription, watches, owner)| {
            let (.., of, runs, _) = census.views.get(watches.0).ok()?;
            let (_, _, stream, ..) = census.cameras.get(of.0).ok()?;
            let (_, _, model, ..) = census.models.get(runs.0).ok()?;
            let (state, reason) = state(stream, model);
            let client = owner.and_then(|owner| census.clients.get(owner.0).ok());
            Some(SubscriptionState {
                subscription_identifier: subscription.id.to_string(),
                model_id: external_id(&subscription.model_id),
                model_name: subscription.model_name.to_string(),
                client: client.map(|(client, ..)| client.peer.clone()),
                view: id(watches.0),
                state,
                reason,
            })
        })
        .collect();
    subscriptions.sort_by(|a, b| {
        let key = |s: &SubscriptionState| (s.subscription_identifier.clone(), s.client.clone());
        key(a).cmp(&key(b))
    });
    subscriptions
}

fn views(census: &Census) -> Vec<ViewState> {
    let millis = |nanos: u64| decimals(nanos as f32 / 1e6, 1);
    census
        .views
        .iter()
        .map(|(view, look, of, runs, counters)| ViewState {
            id: id(view),
            camera: id(of.0),
            model: id(runs.0),
            crop: look.crop_in_frame.map(CropFields::from),
            passes_finished: counters.finished,
            frames_left_out: counters.skipped,
            inferences_failed: counters.failed,
            last_frame_age_ms: millis(counters.last_age_nanos),
            last_inference_ms: millis(counters.last_inference_nanos),
        })
        .collect()
}

fn cameras(census: &Census) -> Vec<CameraState> {
    let timepiece = &census.surroundings.timepiece;
    let now = timepiece.now();
    census
        .cameras
        .iter()
        .map(|(camera, of, stream, counters, facts, latest, slot, last_error)| {
            let (state, reason) = state(stream, &ModelState::Ready);
            let frame = latest.map(|latest| &latest.0);
            let size = frame.map(|frame| frame.pixels.size());
            CameraState {
                id: id(camera),
                source: of.source.to_string(),
                state: state.to_owned(),
                reason,
                fps: decimals(counters.fps, 1),
                width: size.map(|size| size.width),
                height: size.map(|size| size.height),
                frame: frame.map(|frame| frame.sequence),
                frame_age_ms: frame.map(|frame| now.since(frame.captured).as_millis() as u64),
                frames_received: slot.map_or(0, |slot| slot.received()),
                frames_sampled: counters.sampled,
                frames_overwritten: slot.map_or(0, |slot| slot.overwritten()),
                due_times_missed: counters.skipped,
                reconnects: counters.reconnects,
                faults: counters.faults.iter().map(|(fault, n)| (fault.as_str(), n)).collect(),
                integrity: frame
                    .and_then(|frame| frame.integrity.fault())
                    .map(PictureFault::as_str),
                codec: facts.codec.as_deref().map(str::to_owned),
                transport: facts.transport,
                key_interval_ms: facts.key_interval.map(|interval| interval.as_millis() as u64),
                clock_offset_ms: facts
                    .clock_offset
                    .and_then(|offset| i64::try_from(offset.as_millis()).ok()),
                last_error: last_error.map(|last| LastErrorState {
                    reason: last.reason.to_string(),
                    timestamp: format!("{:.3}", timepiece.wall(last.at)),
                }),
            }
        })
        .collect()
}

fn counters(census: &Census) -> Counters {
    let counts = census.counters.counts();
    Counters {
        clients_connected: counts.clients,
        connections_turned_away: counts.turned_away,
        messages_received: counts.messages,
        messages_refused: RefusalCode::ALL
            .map(|code| (code.as_str(), census.counters.refused_for(code)))
            .into(),
        state_reports: counts.reports,
        image_detections: counts.detections,
        session_patches: counts.patches,
        session_patches_taken: counts.patches_taken,
        session_patches_failed: counts.patches_failed,
        dropped_replies: counts.dropped_replies,
        dropped_heartbeats: counts.dropped_heartbeats,
        dropped_detections: counts.dropped_detections,
    }
}

/// What entries call each other by. No other entity has it while this process lives.
fn id(entity: Entity) -> String {
    entity.to_string()
}

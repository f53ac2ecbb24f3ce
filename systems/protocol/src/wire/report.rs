//! `stateReport`: how the worker and everything it watches is doing.

use detector_components::camera::StreamState;
use detector_components::command::Crop;
use detector_components::model::ModelState;
use detector_components::subscription::Subscription;
use serde::Serialize;
use serde_json::Value;
use tokio_tungstenite::tungstenite::Utf8Bytes;

use super::{decimals, external_id};
use crate::vitals::Vitals;

/// How the worker and everything it watches is doing. Percentages are 0 to 100.
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[derive(Serialize)]
#[serde(tag = "type", rename = "stateReport", rename_all = "camelCase")]
pub struct StateReport<'a> {
    #[cfg_attr(test, schemars(with = "f32"))]
    cpu_usage: Value,
    #[cfg_attr(test, schemars(with = "f32"))]
    memory_usage: Value,
    #[cfg_attr(test, schemars(with = "f32"))]
    gpu_usage: Value,
    #[cfg_attr(test, schemars(with = "f32"))]
    gpu_memory_usage: Value,
    camera_connections: Vec<Connection<'a>>,
    worker_id: &'a str,
    version: &'static str,
    uptime_secs: u64,
    capacity: u32,
}

/// One subscription, and how what it shows is doing.
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Connection<'a> {
    subscription_identifier: &'a str,
    #[cfg_attr(test, schemars(with = "super::schema::Id"))]
    model_id: Value,
    model_name: &'a str,
    online: bool,
    #[serde(flatten, skip_serializing_if = "Option::is_none")]
    crop: Option<CropFields>,
    state: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
    #[cfg_attr(test, schemars(with = "f32"))]
    fps: Value,
    #[serde(skip_serializing_if = "Option::is_none")]
    frame_age_ms: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(test, schemars(with = "Option<f32>"))]
    inference_ms: Option<Value>,
    /// Why a network of its model runs on the CPU and not on the device.
    #[serde(skip_serializing_if = "Option::is_none")]
    fallback: Option<&'a str>,
}

/// A crop, all four fields of it.
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[derive(Serialize)]
pub struct CropFields {
    #[serde(rename = "cropX1")]
    x1: i32,
    #[serde(rename = "cropY1")]
    y1: i32,
    #[serde(rename = "cropX2")]
    x2: i32,
    #[serde(rename = "cropY2")]
    y2: i32,
}

/// What a [`Connection`] is made of.
pub struct Watched<'a> {
    /// The subscription.
    pub subscription: &'a Subscription,
    /// How its camera is doing.
    pub stream: &'a StreamState,
    /// How its model is doing.
    pub model: &'a ModelState,
    /// Frames a second that its camera gives.
    pub fps: f32,
    /// Age of the newest frame. None before the first.
    pub frame_age_millis: Option<u64>,
    /// Time that the networks took for the newest results. None before the first.
    pub inference_millis: Option<f32>,
    /// Why a network of its model does not run on the device, if one does not.
    pub fallback: Option<&'a str>,
}

/// What a [`StateReport`] is made of.
pub struct Worker<'a> {
    /// What it calls itself.
    pub id: &'a str,
    /// How long it has been running.
    pub uptime_secs: u64,
    /// How many cameras it takes.
    pub capacity: u32,
    /// How busy the machine is.
    pub vitals: Vitals,
}

/// Writes a `stateReport`.
pub fn report(worker: &Worker, connections: Vec<Connection>) -> Utf8Bytes {
    let report = StateReport {
        cpu_usage: decimals(worker.vitals.cpu_percent, 1),
        memory_usage: decimals(worker.vitals.memory_percent, 1),
        gpu_usage: decimals(worker.vitals.gpu_percent, 1),
        gpu_memory_usage: decimals(worker.vitals.gpu_memory_percent, 1),
        camera_connections: connections,
        worker_id: worker.id,
        version: env!("CARGO_PKG_VERSION"),
        uptime_secs: worker.uptime_secs,
        capacity: worker.capacity,
    };
    serde_json::to_string(&report).expect("its keys are texts").into()
}

impl From<Crop> for CropFields {
    fn from(Crop { x1, y1, x2, y2 }: Crop) -> Self {
        Self { x1, y1, x2, y2 }
    }
}

impl<'a> From<Watched<'a>> for Connection<'a> {
    fn from(watched: Watched<'a>) -> Self {
        let (state, reason) = state(watched.stream, watched.model);
        Self {
            subscription_identifier: watched.subscription.id.as_str(),
            model_id: external_id(&watched.subscription.model_id),
            model_name: &watched.subscription.model_name,
            online: watched.stream.is_online(),
            crop: watched.subscription.crop_in_frame.map(CropFields::from),
            state,
            reason,
            fps: decimals(watched.fps, 1),
            frame_age_ms: watched.frame_age_millis,
            inference_ms: watched.inference_millis.map(|millis| decimals(millis, 1)),
            fallback: watched.fallback,
        }
    }
}

/// One word for how a subscription is doing, and why it is not running. While its model is not
/// ready, that says more than the camera.
pub fn state(stream: &StreamState, model: &ModelState) -> (&'static str, Option<String>) {
    let because = |reason: &str| Some(reason.to_owned());
    match (model, stream) {
        (ModelState::Failed { reason }, _) => ("model_failed", because(reason)),
        (ModelState::Fetching, _) => {
            ("model_loading", because("the model's archive is being fetched"))
        }
        (ModelState::Loading, _) => {
            ("model_loading", because("the model's networks are being loaded"))
        }
        (ModelState::Ready, stream) => {
            (stream.as_str(), stream.reason().map(|reason| reason.to_string()))
        }
    }
}

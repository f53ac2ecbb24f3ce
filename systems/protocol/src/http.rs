//! What is answered over HTTP: who may ask, what there is, how the engine is.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE, WWW_AUTHENTICATE};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use axum::routing::{any, get};
use axum::{Json, Router};
use serde_json::json;
use tokio::sync::{Semaphore, oneshot, watch};
use tokio::time::timeout;
use tracing::debug;

use crate::auth::admits;
use crate::connection::Clerk;
use crate::event::{ConnectionId, Inquiry, PictureRequest, Requests};
use crate::exposition::CONTENT_TYPE as METRICS_TYPE;
use crate::glance::glance;
use crate::page::{page_file, show_page};
use crate::picture::picture;
use crate::pulse::Pulse;
use crate::shelf::shelf;
use crate::upgrade::upgrade;

/// What answers to requests of one connection need. Cheap to clone.
#[derive(Clone)]
pub struct Desk {
    /// Who asks.
    pub peer: String,
    /// What all connections share.
    pub clerk: Arc<Clerk>,
    /// One for each WebSocket client that may connect.
    pub seats: Arc<Semaphore>,
    /// One for each picture that may be encoded at once.
    pub encoders: Arc<Semaphore>,
    /// Numbers connections.
    pub connections: Arc<AtomicU64>,
    /// To the world, for pictures.
    pub pictures: Requests<PictureRequest>,
    /// To the world, for how everything is.
    pub inquiries: Requests<Inquiry>,
    /// How the engine is.
    pub pulse: Pulse,
    /// When this process began to listen: tells its pictures from those of the process before it.
    pub began_nanos: i128,
    /// Whether the worker is about to end: nobody new comes in.
    pub leaving: Arc<AtomicBool>,
    /// Whether the worker ends.
    pub closing: watch::Receiver<bool>,
}

impl Desk {
    /// A number for a new connection.
    pub fn next_id(&self) -> ConnectionId {
        ConnectionId(self.connections.fetch_add(1, Ordering::Relaxed))
    }
}

/// Everything there is at the port.
pub fn router(desk: Desk) -> Router {
    Router::new()
        .route("/", any(upgrade))
        .route("/ws", any(upgrade))
        .route("/camera/{id}/image", get(picture))
        .route("/state", get(state))
        .route("/metrics", get(metrics))
        .route("/models", get(shelf))
        .route("/camera/{id}/results", get(glance))
        .fallback(nothing_here)
        .method_not_allowed_fallback(wrong_method)
        .layer(from_fn_with_state(desk.clone(), require_token))
        // Whoever watches over the process knows no token.
        .route("/healthz", get(health))
        .route("/readyz", get(readiness))
        // The page's files hold nothing but the page, and a browser has no token for them.
        .route("/page/{file}", get(page_file))
        .layer(from_fn_with_state(desk.clone(), show_page))
        .with_state(desk)
}

/// An answer that says what went wrong.
pub fn refused(status: StatusCode, why: &str) -> Response {
    (status, Json(json!({"error": why}))).into_response()
}

async fn require_token(State(desk): State<Desk>, request: Request, next: Next) -> Response {
    let (parts, body) = request.into_parts();
    if admits(desk.clerk.config().token.as_ref(), &parts) {
        return next.run(Request::from_parts(parts, body)).await;
    }
    desk.clerk.counters.turned_away();
    debug!(peer = desk.peer, path = parts.uri.path(), "turned away: without the token");
    let mut response = refused(StatusCode::UNAUTHORIZED, "expected the token of this worker");
    let scheme = axum::http::HeaderValue::from_static("Bearer");
    response.headers_mut().insert(WWW_AUTHENTICATE, scheme);
    response
}

async fn nothing_here() -> Response {
    refused(StatusCode::NOT_FOUND, "nothing here")
}

async fn wrong_method() -> Response {
    refused(StatusCode::METHOD_NOT_ALLOWED, "expected GET")
}

/// The whole world.
async fn state(State(desk): State<Desk>) -> Response {
    inquire(&desk, Inquiry::State, |state| {
        ([(CACHE_CONTROL, "no-store")], Json(&*state)).into_response()
    })
    .await
}

/// What is counted, for Prometheus.
async fn metrics(State(desk): State<Desk>) -> Response {
    inquire(&desk, Inquiry::Metrics, |metrics| {
        ([(CONTENT_TYPE, METRICS_TYPE)], metrics.text()).into_response()
    })
    .await
}

/// Asks the world, waits for its answer as long as a request may take, and writes it down.
async fn inquire<T>(
    desk: &Desk,
    inquiry: impl FnOnce(oneshot::Sender<T>) -> Inquiry,
    write: impl FnOnce(T) -> Response,
) -> Response {
    let busy = |why: &str| refused(StatusCode::SERVICE_UNAVAILABLE, why);
    let (answer, answered) = oneshot::channel();
    if !desk.inquiries.ask(inquiry(answer)) {
        return busy("too many ask how everything is");
    }
    let limit = desk.clerk.config().request_timeout;
    match timeout(limit, answered).await {
        Ok(Ok(answer)) => write(answer),
        // The world dropped the question.
        Ok(Err(_)) => busy("the worker ends"),
        Err(_) => late(limit),
    }
}

/// The world does not answer.
pub fn late(limit: Duration) -> Response {
    let why = format!("no answer within {} ms", limit.as_millis());
    refused(StatusCode::GATEWAY_TIMEOUT, &why)
}

/// Alive: the engine runs.
async fn health(State(desk): State<Desk>) -> Response {
    match desk.pulse.trouble() {
        None => Json(json!({"status": "ok"})).into_response(),
        Some(trouble) => {
            (StatusCode::SERVICE_UNAVAILABLE, Json(json!({"status": "stalled", "reason": trouble})))
                .into_response()
        }
    }
}

/// Ready: alive, and new work is welcome.
async fn readiness(State(desk): State<Desk>) -> Response {
    let mut reasons: Vec<_> = desk.pulse.trouble().into_iter().collect();
    if desk.leaving.load(Ordering::Relaxed) {
        reasons.push("the worker ends".to_owned());
    }
    if desk.seats.available_permits() == 0 {
        reasons.push("as many clients as this worker takes are connected".to_owned());
    }
    let status = if reasons.is_empty() { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    (status, Json(json!({"ready": reasons.is_empty(), "reasons": reasons}))).into_response()
}

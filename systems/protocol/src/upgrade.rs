//! An HTTP request becomes a WebSocket: RFC 6455, section 4.2.

use std::sync::atomic::Ordering;

use axum::Json;
use axum::extract::{Request, State};
use axum::http::header::{
    CONNECTION, ORIGIN, SEC_WEBSOCKET_ACCEPT, SEC_WEBSOCKET_KEY, SEC_WEBSOCKET_VERSION, UPGRADE,
};
use axum::http::{HeaderMap, HeaderName, StatusCode};
use axum::response::{IntoResponse, Response};
use hyper_util::rt::TokioIo;
use serde_json::json;
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;
use tracing::{debug, warn};

use crate::connection::serve;
use crate::http::{Desk, refused};
use crate::origin::is_welcome;

/// The only version of WebSocket there is.
const VERSION: &str = "13";

/// Answers a handshake, and serves the client on a task of its own from then on.
pub async fn upgrade(State(desk): State<Desk>, mut request: Request) -> Response {
    let headers = request.headers();
    let wanted =
        mentions(headers, UPGRADE, "websocket") && mentions(headers, CONNECTION, "upgrade");
    let key = headers.get(SEC_WEBSOCKET_KEY).filter(|_| wanted);
    let Some(key) = key else {
        return (
            StatusCode::UPGRADE_REQUIRED,
            [(UPGRADE, "websocket")],
            Json(json!({"error": "expected a WebSocket handshake"})),
        )
            .into_response();
    };
    if !mentions(headers, SEC_WEBSOCKET_VERSION, VERSION) {
        return (StatusCode::BAD_REQUEST, [(SEC_WEBSOCKET_VERSION, VERSION)]).into_response();
    }
    let config = desk.clerk.config();
    // Whoever has shown the token may come from anywhere.
    if config.token.is_none() && !is_welcome(headers, &config.origins) {
        desk.clerk.counters.turned_away();
        let origin = headers.get(ORIGIN).map(|origin| String::from_utf8_lossy(origin.as_bytes()));
        warn!(peer = desk.peer, origin = ?origin.unwrap_or_default(),
            "turned a page of another origin away: it is not among auth.origins");
        return refused(
            StatusCode::FORBIDDEN,
            "pages of other origins may connect with a token, or if auth.origins has them",
        );
    }
    if desk.leaving.load(Ordering::Relaxed) {
        return refused(StatusCode::SERVICE_UNAVAILABLE, "the worker ends");
    }
    let Ok(seat) = desk.seats.clone().try_acquire_owned() else {
        desk.clerk.counters.turned_away();
        warn!(peer = desk.peer, "turned a client away: as many as max_clients are connected");
        return (
            StatusCode::SERVICE_UNAVAILABLE,
            Json(json!({"error": "as many clients as this worker takes are connected"})),
        )
            .into_response();
    };
    let accept = derive_accept_key(key.as_bytes());
    let upgraded = hyper::upgrade::on(&mut request);
    tokio::spawn(async move {
        match upgraded.await {
            Ok(stream) => {
                let id = desk.next_id();
                serve(TokioIo::new(stream), id, desk.peer, desk.clerk, desk.closing).await;
            }
            Err(error) => debug!(peer = desk.peer, %error, "a handshake did not end"),
        }
        drop(seat);
    });
    (
        StatusCode::SWITCHING_PROTOCOLS,
        [(CONNECTION, "upgrade"), (UPGRADE, "websocket"), (SEC_WEBSOCKET_ACCEPT, accept.as_str())],
    )
        .into_response()
}

/// Whether a header, which is a list of tokens, has `token` among them.
fn mentions(headers: &HeaderMap, name: HeaderName, token: &str) -> bool {
    headers
        .get_all(name)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .any(|given| given.trim().eq_ignore_ascii_case(token))
}

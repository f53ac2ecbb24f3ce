//! `GET /` in a browser: the page, which shows what the worker sees.
//!
//! Its files are part of the program. They hold no secret and are given to everyone: what they show
//! comes from elsewhere at this port, for whoever has the token.

use axum::extract::{Path, Request, State};
use axum::http::header::{
    ACCEPT, CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, REFERRER_POLICY, UPGRADE,
    X_CONTENT_TYPE_OPTIONS,
};
use axum::http::{HeaderMap, Method, StatusCode};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

use crate::http::{Desk, refused};

/// A file of `assets/web`, as part of the program.
macro_rules! asset {
    ($name:literal) => {
        include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/../../assets/web/", $name))
    };
}

const HTML: &str = "text/html; charset=utf-8";
const CSS: &str = "text/css; charset=utf-8";
const SCRIPT: &str = "text/javascript; charset=utf-8";
const SVG: &str = "image/svg+xml";

const PAGE: &str = asset!("index.html");

/// What the page is made of: name, kind, content.
const FILES: &[(&str, &str, &str)] = &[
    ("style.css", CSS, asset!("style.css")),
    ("icon.svg", SVG, asset!("icon.svg")),
    ("api.js", SCRIPT, asset!("api.js")),
    ("chart.js", SCRIPT, asset!("chart.js")),
    ("client.js", SCRIPT, asset!("client.js")),
    ("detail.js", SCRIPT, asset!("detail.js")),
    ("dom.js", SCRIPT, asset!("dom.js")),
    ("form.js", SCRIPT, asset!("form.js")),
    ("format.js", SCRIPT, asset!("format.js")),
    ("history.js", SCRIPT, asset!("history.js")),
    ("looking.js", SCRIPT, asset!("looking.js")),
    ("main.js", SCRIPT, asset!("main.js")),
    ("overlay.js", SCRIPT, asset!("overlay.js")),
    ("palette.js", SCRIPT, asset!("palette.js")),
    ("tables.js", SCRIPT, asset!("tables.js")),
    ("tile.js", SCRIPT, asset!("tile.js")),
    ("world.js", SCRIPT, asset!("world.js")),
];

/// What a browser may do on behalf of the page: talk to this worker, and run nothing that is not
/// part of it, whatever a camera or a model is called.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob:; \
    connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/// How the page is told that it offers no subscribing.
const MAY_SUBSCRIBE: &str = "data-may-subscribe=\"true\"";
const MAY_NOT_SUBSCRIBE: &str = "data-may-subscribe=\"false\"";

/// Answers a browser that opens `/` with the page. Everything else goes on: at the same place, a
/// CMS begins its WebSocket.
pub async fn show_page(State(desk): State<Desk>, request: Request, next: Next) -> Response {
    let reads = matches!(*request.method(), Method::GET | Method::HEAD);
    if !(reads && request.uri().path() == "/" && is_browser(request.headers())) {
        return next.run(request).await;
    }
    let page = if desk.clerk.config().page_may_subscribe {
        PAGE.to_owned()
    } else {
        PAGE.replace(MAY_SUBSCRIBE, MAY_NOT_SUBSCRIBE)
    };
    file(HTML, page)
}

/// One of the files that the page names.
pub async fn page_file(Path(wanted): Path<String>) -> Response {
    match FILES.iter().find(|(name, ..)| *name == wanted) {
        Some((_, kind, content)) => file(kind, *content),
        None => refused(StatusCode::NOT_FOUND, "nothing here"),
    }
}

/// Whether someone wants to read, not to talk the protocol.
fn is_browser(headers: &HeaderMap) -> bool {
    let accepts_pages = headers
        .get_all(ACCEPT)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .any(|value| value.contains("text/html"));
    accepts_pages && !headers.contains_key(UPGRADE)
}

fn file(kind: &'static str, content: impl IntoResponse) -> Response {
    let headers = [
        (CONTENT_TYPE, kind),
        // A new version of the worker has a new page at once.
        (CACHE_CONTROL, "no-cache"),
        (CONTENT_SECURITY_POLICY, POLICY),
        (X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (REFERRER_POLICY, "no-referrer"),
    ];
    (headers, content).into_response()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Every file that `text` names in one of these ways, with what follows up to the quote.
    fn named<'a>(text: &'a str, before: &'a str) -> impl Iterator<Item = &'a str> {
        text.split(before).skip(1).filter_map(|rest| rest.split('"').next())
    }

    #[test]
    fn everything_that_the_page_names_is_there() {
        let known = |name: &str| FILES.iter().any(|(known, ..)| *known == name);
        for name in named(PAGE, "\"page/") {
            assert!(known(name), "{name}");
        }
        for (file, kind, content) in FILES.iter().filter(|(_, kind, _)| *kind == SCRIPT) {
            for name in named(content, "from \"./") {
                assert!(known(name), "{file} ({kind}) imports {name}");
            }
        }
    }

    #[test]
    fn the_page_can_be_told_that_it_may_not_subscribe() {
        assert!(PAGE.contains(MAY_SUBSCRIBE));
    }
}

//! Who may come in: everyone, or whoever knows the token.

use axum::http::header::AUTHORIZATION;
use axum::http::request::Parts;
use detector_components::secret::Secret;
use subtle::ConstantTimeEq;

/// Whether a request shows the token: `Authorization: Bearer`, or `?token=` for browsers, which
/// cannot set headers on a WebSocket.
pub fn admits(token: Option<&Secret>, request: &Parts) -> bool {
    let Some(token) = token else {
        return true;
    };
    let bearer = request
        .headers
        .get(AUTHORIZATION)
        .and_then(|value| value.to_str().ok())
        .and_then(|value| value.split_once(' '))
        .filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer"))
        .is_some_and(|(_, given)| equal(given.trim(), token));
    let query = request.uri.query().unwrap_or_default();
    bearer
        || url::form_urlencoded::parse(query.as_bytes())
            .any(|(name, given)| name == "token" && equal(&given, token))
}

/// Compares in a time that depends on the lengths only, never on where a guess goes wrong.
fn equal(given: &str, token: &Secret) -> bool {
    given.as_bytes().ct_eq(token.expose().as_bytes()).into()
}

#[cfg(test)]
mod tests {
    use axum::http::Request;

    use super::*;

    #[track_caller]
    fn check(header: Option<&str>, uri: &str, expected: bool) {
        let mut request = Request::builder().uri(uri);
        if let Some(header) = header {
            request = request.header(AUTHORIZATION, header);
        }
        let (parts, ()) = request.body(()).unwrap().into_parts();
        assert_eq!(admits(Some(&Secret::new("s3 cret")), &parts), expected);
    }

    #[test]
    fn a_bearer_token_is_taken() {
        check(Some("Bearer s3 cret"), "/ws", true);
        check(Some("bearer s3 cret"), "/ws", true);
    }

    #[test]
    fn a_token_in_the_query_is_taken_decoded() {
        check(None, "/ws?a=b&token=s3%20cret", true);
    }

    #[test]
    fn nothing_or_something_else_is_not() {
        check(None, "/ws", false);
        check(None, "/ws?token=", false);
        check(None, "/ws?token=s3", false);
        check(Some("Basic s3 cret"), "/ws", false);
        check(Some("Bearer s3 cret and more"), "/ws", false);
    }

    #[test]
    fn without_a_token_everyone_comes_in() {
        let (parts, ()) = Request::builder().uri("/ws").body(()).unwrap().into_parts();
        assert!(admits(None, &parts));
    }
}

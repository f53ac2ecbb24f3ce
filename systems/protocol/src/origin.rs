//! Which pages in a browser may talk to this worker.
//!
//! A browser lets every page open a WebSocket to every address that its user can reach, a worker on
//! the same machine included, and says in `Origin` whose page it is (RFC 6455, section 10.2). Other
//! clients, such as a CMS, say nothing of the kind.

use axum::http::HeaderMap;
use axum::http::header::{HOST, ORIGIN};
use url::Url;

/// Whether a handshake comes from no page, from one of this worker's own host, or from one that is
/// among the allowed origins.
pub fn is_welcome(headers: &HeaderMap, allowed: &[String]) -> bool {
    let Some(origin) = headers.get(ORIGIN) else { return true };
    // An origin that is none, `null` of a file or a sandbox, is another one.
    let Some(origin) = origin.to_str().ok().and_then(|text| Url::parse(text).ok()) else {
        return false;
    };
    let host = headers.get(HOST).and_then(|host| host.to_str().ok());
    // The scheme that the browser used is not known here: a proxy may have taken TLS off.
    let own = host.and_then(|host| Url::parse(&format!("{}://{host}", origin.scheme())).ok());
    own.is_some_and(|own| own.origin() == origin.origin())
        || allowed
            .iter()
            .filter_map(|allowed| Url::parse(allowed).ok())
            .any(|allowed| allowed.origin() == origin.origin())
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;

    use super::*;

    #[track_caller]
    fn check(origin: &'static str, host: &'static str, expected: bool) {
        let headers = HeaderMap::from_iter([
            (ORIGIN, HeaderValue::from_static(origin)),
            (HOST, HeaderValue::from_static(host)),
        ]);
        assert_eq!(is_welcome(&headers, &["https://cms.example.org".to_owned()]), expected);
    }

    #[test]
    fn a_page_of_the_same_host_and_port_is_welcome() {
        check("http://localhost:8000", "localhost:8000", true);
        check("http://LOCALHOST:8000", "localhost:8000", true);
        check("http://[::1]:8000", "[::1]:8000", true);
        // Behind a proxy that takes TLS off, on the port of the scheme.
        check("https://worker.example.org", "worker.example.org", true);
        check("https://worker.example.org", "worker.example.org:443", true);
    }

    #[test]
    fn a_page_of_another_host_or_port_is_not() {
        check("http://evil.example", "localhost:8000", false);
        check("http://localhost:3000", "localhost:8000", false);
        check("http://localhost:8000.evil.example", "localhost:8000", false);
        check("http://127.0.0.1:8000", "localhost:8000", false);
    }

    #[test]
    fn a_page_of_nowhere_is_not() {
        check("null", "localhost:8000", false);
        check("", "localhost:8000", false);
        check("file://", "localhost:8000", false);
        check("http://", "localhost:8000", false);
    }

    #[test]
    fn a_page_that_was_allowed_is() {
        check("https://cms.example.org", "localhost:8000", true);
        check("http://cms.example.org", "localhost:8000", false);
        check("https://cms.example.org:8443", "localhost:8000", false);
    }

    #[test]
    fn who_is_no_page_is_welcome() {
        assert!(is_welcome(&HeaderMap::new(), &[]));
    }
}

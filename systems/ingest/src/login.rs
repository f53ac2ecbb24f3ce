//! The user and password in an address.

use percent_encoding::percent_decode_str;
use url::Url;

/// User and password as the camera is to get them; empty when there are none.
pub fn login(url: &Url) -> (String, String) {
    let decoded = |text: &str| percent_decode_str(text).decode_utf8_lossy().into_owned();
    (decoded(url.username()), decoded(url.password().unwrap_or_default()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_an_address_must_escape_is_restored() {
        let url = Url::parse("rtsp://ad%40min:p%3Ass@host/stream").unwrap();
        assert_eq!(login(&url), ("ad@min".to_owned(), "p:ss".to_owned()));
    }
}

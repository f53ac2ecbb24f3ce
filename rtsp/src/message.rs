//! RTSP messages: requests are written, responses are read.
//!
//! Reading is tolerant where cameras are careless: line feeds without carriage returns, odd case,
//! blanks around names. It is strict about sizes.

use std::fmt::Write;

use url::Url;

/// A response, without its body.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Head {
    /// The status code; None for a request of the camera's.
    pub status: Option<u16>,
    /// The first line.
    pub first_line: String,
    fields: Vec<(String, String)>,
}

impl Head {
    /// Reads a head: everything before the empty line. None when it is no RTSP message.
    pub fn parse(bytes: &[u8]) -> Option<Self> {
        let text = String::from_utf8_lossy(bytes);
        let mut lines = text.lines().map(str::trim_end);
        let first_line = lines.next()?.to_owned();
        let mut words = first_line.split_ascii_whitespace();
        let first = words.next()?;
        let status = if is_version(first) {
            Some(words.next()?.parse().ok()?)
        } else {
            // A request: METHOD URL RTSP/1.0
            words.last().filter(|version| is_version(version))?;
            None
        };
        let mut fields: Vec<(String, String)> = Vec::new();
        for line in lines {
            // A line that begins with a blank continues the one before.
            match (line.starts_with([' ', '\t']), fields.last_mut(), line.split_once(':')) {
                (true, Some((_, value)), _) => {
                    value.push(' ');
                    value.push_str(line.trim());
                }
                (_, _, Some((name, value))) => {
                    fields.push((name.trim().to_owned(), value.trim().to_owned()));
                }
                _ => {}
            }
        }
        Some(Self { status, first_line, fields })
    }

    /// The first value of a field, whatever its case.
    pub fn field(&self, name: &str) -> Option<&str> {
        self.fields
            .iter()
            .find(|(field, _)| field.eq_ignore_ascii_case(name))
            .map(|(_, value)| value.as_str())
    }

    /// All values of a field.
    pub fn fields<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        self.fields
            .iter()
            .filter(move |(field, _)| field.eq_ignore_ascii_case(name))
            .map(|(_, value)| value.as_str())
    }

    /// The number of the request that this answers.
    pub fn sequence(&self) -> Option<u32> {
        self.field("CSeq")?.parse().ok()
    }

    /// Bytes of the body, as announced. An unreadable length is none.
    pub fn body_length(&self) -> usize {
        self.field("Content-Length").and_then(|length| length.parse().ok()).unwrap_or(0)
    }
}

fn is_version(word: &str) -> bool {
    word.get(..5).is_some_and(|start| start.eq_ignore_ascii_case("RTSP/"))
        // What the HTTP tunnel answers with.
        || word.get(..5).is_some_and(|start| start.eq_ignore_ascii_case("HTTP/"))
}

/// A response with its body.
#[derive(Clone, Debug)]
pub struct Response {
    /// Status and fields.
    pub head: Head,
    /// The body.
    pub body: Vec<u8>,
}

impl Response {
    /// The status code.
    pub fn status(&self) -> u16 {
        self.head.status.unwrap_or(0)
    }
}

/// A request without body.
#[derive(Clone, Debug)]
pub struct Request<'a> {
    /// `DESCRIBE`, `SETUP`, ...
    pub method: &'static str,
    /// What it is about.
    pub url: &'a str,
    /// Fields, in order.
    pub fields: Vec<(&'static str, String)>,
}

impl<'a> Request<'a> {
    /// A request without fields.
    pub fn new(method: &'static str, url: &'a str) -> Self {
        Self { method, url, fields: Vec::new() }
    }

    /// With one more field.
    pub fn with(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.fields.push((name, value.into()));
        self
    }

    /// The bytes to send.
    pub fn write(&self, sequence: u32, authorization: Option<&str>) -> Vec<u8> {
        let mut text = format!("{} {} RTSP/1.0\r\nCSeq: {sequence}\r\n", self.method, self.url);
        let mut field = |name: &str, value: &str| {
            // Writing into a string cannot fail.
            let _ = write!(text, "{name}: {value}\r\n");
        };
        if let Some(authorization) = authorization {
            field("Authorization", authorization);
        }
        field("User-Agent", concat!("detector-worker/", env!("CARGO_PKG_VERSION")));
        for (name, value) in &self.fields {
            field(name, value);
        }
        text.push_str("\r\n");
        text.into_bytes()
    }
}

/// An address as it stands in requests: without user, password and fragment.
pub fn request_url(url: &Url) -> String {
    let mut bare = url.clone();
    // Both cannot fail on an address with a host.
    let _ = bare.set_username("");
    let _ = bare.set_password(None);
    bare.set_fragment(None);
    bare.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn careless_heads_are_read() {
        let head = Head::parse(
            b"RTSP/1.0 200 OK\ncseq : 3\nWWW-Authenticate: Basic realm=\"a\"\nwww-authenticate:Digest x,\n  y=2\n",
        )
        .unwrap();
        assert_eq!((head.status, head.sequence()), (Some(200), Some(3)));
        let offers: Vec<_> = head.fields("WWW-Authenticate").collect();
        assert_eq!(offers, ["Basic realm=\"a\"", "Digest x, y=2"]);
    }

    #[test]
    fn requests_of_the_camera_have_no_status() {
        let head = Head::parse(b"SET_PARAMETER rtsp://h/ RTSP/1.0\r\nCSeq: 9\r\n").unwrap();
        assert_eq!((head.status, head.sequence()), (None, Some(9)));
    }

    #[test]
    fn what_is_no_message_is_refused() {
        for text in ["", "hello", "RTSP/1.0", "RTSP/1.0 OK", "GET / FTP/1.0", "\u{e9}\u{e9}\u{e9}"]
        {
            assert_eq!(Head::parse(text.as_bytes()), None, "{text}");
        }
    }

    #[test]
    fn a_request_has_neither_password_nor_fragment() {
        let url = Url::parse("rtsp://u:p@h:8554/a/b?c=1&d=2#e").unwrap();
        assert_eq!(request_url(&url), "rtsp://h:8554/a/b?c=1&d=2");
    }
}

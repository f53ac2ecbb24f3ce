//! RTSP messages as a camera reads and writes them.

use std::collections::BTreeMap;
use std::fmt::Write;

use bytes::{Buf, BytesMut};

/// A client's headers may have so many bytes.
const MAX_HEAD: usize = 64 << 10;

/// What a client sent.
#[derive(Debug, PartialEq, Eq)]
pub enum Incoming {
    /// A request.
    Request { method: String, url: String, headers: BTreeMap<String, String> },
    /// RTP or RTCP between `$` and its end.
    Interleaved,
}

/// Takes the next message from what was read. None when more of it must be read first.
pub fn take(buffer: &mut BytesMut) -> Result<Option<Incoming>, &'static str> {
    // Empty lines before a request are allowed.
    while matches!(buffer.first(), Some(b'\r' | b'\n')) {
        buffer.advance(1);
    }
    if buffer.first() == Some(&b'$') {
        let Some(&[high, low]) = buffer.get(2..4) else { return Ok(None) };
        let length = 4 + usize::from(u16::from_be_bytes([high, low]));
        if buffer.len() < length {
            return Ok(None);
        }
        buffer.advance(length);
        return Ok(Some(Incoming::Interleaved));
    }
    let Some(end) = buffer.windows(4).position(|bytes| bytes == b"\r\n\r\n") else {
        return if buffer.len() > MAX_HEAD { Err("the headers do not end") } else { Ok(None) };
    };
    let head = String::from_utf8_lossy(&buffer[..end]).into_owned();
    let mut lines = head.split("\r\n");
    let mut words = lines.next().unwrap_or_default().split(' ');
    let (Some(method), Some(url), Some(_)) = (words.next(), words.next(), words.next()) else {
        return Err("the request line does not have three words");
    };
    let headers: BTreeMap<String, String> = lines
        .filter_map(|line| line.split_once(':'))
        .map(|(name, value)| (name.trim().to_ascii_lowercase(), value.trim().to_owned()))
        .collect();
    let body = headers.get("content-length").map_or(Ok(0), |length| length.parse::<usize>());
    let length = match body {
        Ok(body) if body <= MAX_HEAD => end + 4 + body,
        _ => return Err("the length of the body is not accepted"),
    };
    if buffer.len() < length {
        return Ok(None);
    }
    let (method, url) = (method.to_ascii_uppercase(), url.to_owned());
    buffer.advance(length);
    Ok(Some(Incoming::Request { method, url, headers }))
}

/// A reply to a request.
#[derive(Debug)]
pub struct Reply {
    pub status: u16,
    pub headers: Vec<(&'static str, String)>,
    pub body: String,
}

impl Reply {
    pub fn new(status: u16) -> Self {
        Self { status, headers: Vec::new(), body: String::new() }
    }

    pub fn with(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.headers.push((name, value.into()));
        self
    }

    /// As it is sent.
    pub fn write(&self, sequence: &str, line_end: &str) -> String {
        let mut text = format!("RTSP/1.0 {} {}{line_end}", self.status, reason(self.status));
        let mut line = |name: &str, value: &str| {
            // Writing to a string does not fail.
            let _ = write!(text, "{name}: {value}{line_end}");
        };
        line("CSeq", sequence);
        for (name, value) in &self.headers {
            line(name, value);
        }
        if !self.body.is_empty() {
            line("Content-Length", &self.body.len().to_string());
        }
        text + line_end + &self.body
    }
}

/// RFC 2326, section 7.1.1.
fn reason(status: u16) -> &'static str {
    match status {
        200 => "OK",
        301 => "Moved Permanently",
        302 => "Moved Temporarily",
        400 => "Bad Request",
        401 => "Unauthorized",
        403 => "Forbidden",
        404 => "Not Found",
        405 => "Method Not Allowed",
        406 => "Not Acceptable",
        453 => "Not Enough Bandwidth",
        454 => "Session Not Found",
        455 => "Method Not Valid in This State",
        459 => "Aggregate Operation Not Allowed",
        461 => "Unsupported Transport",
        500 => "Internal Server Error",
        501 => "Not Implemented",
        503 => "Service Unavailable",
        551 => "Option not supported",
        _ => "Other",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_are_taken_one_by_one() {
        let mut buffer = BytesMut::from(
            &b"$\x01\x00\x02ab\r\nPLAY rtsp://h/a RTSP/1.0\r\nCSeq: 4\r\nContent-Length: 2\r\n\r\nxy$"[..],
        );
        assert_eq!(take(&mut buffer), Ok(Some(Incoming::Interleaved)));
        let Ok(Some(Incoming::Request { method, url, headers })) = take(&mut buffer) else {
            panic!("no request");
        };
        assert_eq!((method.as_str(), url.as_str()), ("PLAY", "rtsp://h/a"));
        assert_eq!(headers["cseq"], "4");
        assert_eq!(&buffer[..], b"$");
        assert_eq!(take(&mut buffer), Ok(None));
    }

    #[test]
    fn what_never_ends_is_refused() {
        let mut buffer = BytesMut::from(&vec![b'a'; MAX_HEAD + 1][..]);
        assert!(take(&mut buffer).is_err());
    }
}

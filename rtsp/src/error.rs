//! Why a camera cannot be watched.

use std::fmt;
use std::io;
use std::time::Duration;

use url::Url;

/// What was being done when it failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phase {
    /// Connecting.
    Connect,
    /// Asking what there is.
    Describe,
    /// Choosing a track and how it travels.
    Setup,
    /// Starting it.
    Play,
    /// Receiving.
    Receive,
}

impl fmt::Display for Phase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Connect => "connecting",
            Self::Describe => "DESCRIBE",
            Self::Setup => "SETUP",
            Self::Play => "PLAY",
            Self::Receive => "receiving",
        })
    }
}

/// Why a camera cannot be watched. No text holds an address, a password or bytes of the camera's.
#[derive(Debug, thiserror::Error)]
pub enum RtspError {
    /// No connection.
    #[error("{}", connect_error(.0))]
    Connect(#[source] io::Error),
    /// The connection is not private, or not with whom it should be.
    #[error("TLS: {0}")]
    Tls(String),
    /// It wants a login, and the address has none.
    #[error("the camera wants a user and a password (401)")]
    LoginNeeded,
    /// It refuses user or password.
    #[error("the camera refuses user or password (401)")]
    LoginRefused,
    /// It asks for a login in a way that is not known.
    #[error("the camera asks for a login in an unknown way: {0}")]
    LoginUnknown(String),
    /// It answered with an error.
    #[error("{phase} refused: {status}{}", meaning(*.status).map(|meaning| format!(" ({meaning})")).unwrap_or_default())]
    Status {
        /// To what.
        phase: Phase,
        /// The status code.
        status: u16,
    },
    /// It sends to another address.
    #[error("the camera redirects")]
    Redirect(Box<Url>),
    /// It has no video.
    #[error("the camera offers no video, only {0}")]
    NoVideo(String),
    /// Its video cannot be decoded here.
    #[error("the camera's video cannot be decoded here: {0}")]
    Undecodable(String),
    /// There is no such track.
    #[error("the camera has {tracks} video tracks, so there is no track {track}")]
    NoTrack {
        /// The track that was asked for.
        track: u8,
        /// How many there are.
        tracks: usize,
    },
    /// It does not answer.
    #[error("the camera did not answer {phase} within {} s", .after.as_secs_f64())]
    TimedOut {
        /// What.
        phase: Phase,
        /// How long it was waited for.
        after: Duration,
    },
    /// It sends more than is accepted.
    #[error("the camera sends too much: {what} of more than {limit} bytes")]
    TooLarge {
        /// What.
        what: &'static str,
        /// How much is accepted.
        limit: usize,
    },
    /// It does not speak RTSP.
    #[error("the camera's answer to {phase} is no RTSP: {what}")]
    Malformed {
        /// When.
        phase: Phase,
        /// What is wrong.
        what: &'static str,
    },
    /// It closed the connection.
    #[error("the camera closed the connection while {0}")]
    Closed(Phase),
    /// It ended the stream (RTCP BYE).
    #[error("the camera ended the stream")]
    Ended,
    /// A socket failed.
    #[error("the connection failed while {phase}: {error}")]
    Io {
        /// When.
        phase: Phase,
        /// How.
        #[source]
        error: io::Error,
    },
}

fn connect_error(error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::ConnectionRefused => {
            "connection refused: the host is up, nothing listens on this port".to_owned()
        }
        io::ErrorKind::TimedOut => "no answer: no host at this address, or a firewall".to_owned(),
        io::ErrorKind::HostUnreachable | io::ErrorKind::NetworkUnreachable => {
            "no route to the host".to_owned()
        }
        _ => format!("cannot connect: {error}"),
    }
}

/// What a status code means, for operators.
pub fn meaning(status: u16) -> Option<&'static str> {
    Some(match status {
        400 => "bad request: the camera does not understand the address",
        401 => "login needed",
        403 => "forbidden: this user may not watch this stream",
        404 => "not found: there is no stream at this path",
        405 => "method not allowed",
        406 => "not acceptable",
        408 => "request timeout",
        415 => "unsupported media type",
        451 => "parameter not understood",
        453 => "not enough bandwidth: too many viewers",
        454 => "session not found",
        455 => "method not valid in this state",
        457 => "invalid range",
        459 => "aggregate operation not allowed",
        460 => "only aggregate operation allowed",
        461 => "unsupported transport: try another `rtspTransport`",
        500 => "internal error of the camera",
        501 => "not implemented",
        503 => "service unavailable: the camera is busy or starting",
        505 => "RTSP version not supported",
        551 => "option not supported",
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn status_codes_are_given_by_number_and_meaning() {
        let error = RtspError::Status { phase: Phase::Setup, status: 453 };
        assert_eq!(
            error.to_string(),
            "SETUP refused: 453 (not enough bandwidth: too many viewers)"
        );
        let error = RtspError::Status { phase: Phase::Play, status: 480 };
        assert_eq!(error.to_string(), "PLAY refused: 480");
    }
}

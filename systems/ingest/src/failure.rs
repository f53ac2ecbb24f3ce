//! Why a camera gives no frames, for people.

use std::path::Path;
use std::{fmt, io};

use gstreamer as gst;

/// Why a camera gives no frames.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// For who decides what to do about it.
    pub kind: FailureKind,
    /// For people. Holds neither addresses nor credentials.
    pub text: String,
}

/// The kinds of failure. An operator does something else about each.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum FailureKind {
    /// Nobody answers at the address.
    Unreachable,
    /// The camera wants another user or password.
    Login,
    /// The camera has nothing at this path.
    NotFound,
    /// The camera serves as many viewers as it can.
    TooManyViewers,
    /// The camera refuses for another reason.
    Refused,
    /// The certificate of the camera is not trusted.
    Certificate,
    /// The camera sends more than is accepted.
    TooLarge,
    /// Connected, and no picture came.
    Silent,
    /// The camera ended the stream.
    Ended,
    /// What it sends cannot be decoded here.
    Undecodable,
    /// A device of this machine that another program uses.
    Busy,
    /// A device of this machine that this user may not open.
    Forbidden,
    /// Anything else.
    Other,
}

impl Failure {
    /// A failure of a kind.
    pub fn new(kind: FailureKind, text: impl Into<String>) -> Self {
        Self { kind, text: text.into() }
    }

    /// What no operator does something special about.
    pub fn other(text: impl Into<String>) -> Self {
        Self::new(FailureKind::Other, text)
    }

    /// What opening a device of this machine says.
    pub fn of_device(path: &Path, error: &io::Error) -> Self {
        let kind = match error.kind() {
            io::ErrorKind::NotFound => FailureKind::NotFound,
            io::ErrorKind::PermissionDenied => FailureKind::Forbidden,
            io::ErrorKind::ResourceBusy => FailureKind::Busy,
            _ => FailureKind::Other,
        };
        Self::new(kind, format!("{}: {error}", path.display()))
    }

    /// What an error message of a pipeline says. Debug texts are left out: they hold addresses.
    pub fn of_message(message: &gst::Message) -> Self {
        let gst::MessageView::Error(error) = message.view() else { return Self::other("") };
        let error = error.error();
        let (kind, text) = match error.kind::<gst::ResourceError>() {
            Some(gst::ResourceError::NotAuthorized) => {
                (FailureKind::Login, "the camera refuses user or password")
            }
            Some(gst::ResourceError::NotFound) => {
                (FailureKind::NotFound, "there is nothing at this address")
            }
            Some(gst::ResourceError::Busy) => (FailureKind::Busy, "another program uses it"),
            Some(gst::ResourceError::OpenRead | gst::ResourceError::OpenReadWrite) => {
                (FailureKind::Unreachable, "the camera cannot be reached")
            }
            _ if is_undecodable(&error) => (FailureKind::Undecodable, ""),
            _ => (FailureKind::Other, ""),
        };
        let said: Vec<_> =
            error.message().split_whitespace().filter(|word| !word.contains("://")).collect();
        let said = said.join(" ");
        let said = said.trim_end_matches('.');
        let text = match (text, said) {
            ("", said) => said.to_owned(),
            (text, "") => text.to_owned(),
            (text, said) => format!("{text} ({said})"),
        };
        Self { kind, text }
    }
}

fn is_undecodable(error: &gst::glib::Error) -> bool {
    matches!(error.kind::<gst::CoreError>(), Some(gst::CoreError::MissingPlugin))
        || matches!(
            error.kind::<gst::StreamError>(),
            Some(
                gst::StreamError::CodecNotFound
                    | gst::StreamError::Decode
                    | gst::StreamError::TypeNotFound
                    | gst::StreamError::WrongType
            )
        )
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

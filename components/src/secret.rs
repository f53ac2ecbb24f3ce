//! Values that may hold credentials. None of these types can print them.

use std::fmt;
use std::hash::{Hash, Hasher};
use url::Url;

/// A password, a token. Prints as `***`.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Secret(String);

impl Secret {
    /// Hides `value`.
    pub fn new(value: impl Into<String>) -> Self {
        Self(value.into())
    }

    /// The value itself, for the one call that needs it.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

/// An address that may hold credentials, in its user part, its query or its fragment.
///
/// Printing it shows scheme, host, port and path; the rest is left out, so it can be logged.
#[derive(Clone)]
pub struct SecretUrl(Url);

impl SecretUrl {
    /// Hides the credentials of `url`.
    pub fn new(url: Url) -> Self {
        Self(url)
    }

    /// Reads an address. The error does not repeat the text, which may hold a password.
    ///
    /// # Errors
    /// When `text` is no absolute URL, or its user or password has a character that must be escaped.
    pub fn parse(text: &str) -> Result<Self, AddressError> {
        let unescaped = unescaped(text);
        match Url::parse(text) {
            // Else the host would be what is meant for the user.
            Ok(url) if url.fragment().is_some_and(|fragment| fragment.contains('@')) => {
                Err(AddressError::Unescaped(unescaped.unwrap_or('#')))
            }
            Ok(url) => Ok(Self(url)),
            Err(error) => Err(unescaped.map_or(AddressError::Url(error), AddressError::Unescaped)),
        }
    }

    /// The whole address, for the one call that opens it.
    pub fn expose(&self) -> &Url {
        &self.0
    }

    /// The scheme, in lower case.
    pub fn scheme(&self) -> &str {
        self.0.scheme()
    }
}

/// Why a text is no address. Does not repeat the text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AddressError {
    /// It is no URL.
    #[error(transparent)]
    Url(#[from] url::ParseError),
    /// A character ends the user or password too early.
    #[error("in user and password, write {0} as %{code:02X}", code = u32::from(*.0))]
    Unescaped(char),
}

/// A character before the last `@` of an address that URLs give another meaning.
fn unescaped(text: &str) -> Option<char> {
    let (_, rest) = text.split_once("://")?;
    let (login, _) = rest.rsplit_once('@')?;
    login.chars().find(|character| "#/?[]\\ ".contains(*character))
}

impl PartialEq for SecretUrl {
    fn eq(&self, other: &Self) -> bool {
        self.0 == other.0
    }
}

impl Eq for SecretUrl {}

impl Hash for SecretUrl {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.0.hash(state);
    }
}

impl fmt::Display for SecretUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:", self.0.scheme())?;
        if let Some(host) = self.0.host_str() {
            write!(f, "//{host}")?;
            if let Some(port) = self.0.port() {
                write!(f, ":{port}")?;
            }
        } else if self.0.cannot_be_a_base() {
            // `data:` and the like: the path is the content.
            return f.write_str("***");
        } else {
            f.write_str("//")?;
        }
        f.write_str(self.0.path())
    }
}

impl fmt::Debug for SecretUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(url: &str, expected: &str) {
        let url = SecretUrl::parse(url).unwrap();
        assert_eq!(url.to_string(), expected);
        assert_eq!(format!("{url:?}"), expected);
    }

    #[test]
    fn credentials_are_not_printed() {
        check("rtsp://user:pass@host:8554/stream?token=x#y", "rtsp://host:8554/stream");
    }

    #[test]
    fn a_signed_query_is_not_printed() {
        check("http://host/vehicle.mpta?sig=abc", "http://host/vehicle.mpta");
    }

    #[test]
    fn a_file_keeps_its_path() {
        check("file:///srv/a.mp4", "file:///srv/a.mp4");
    }

    #[test]
    fn inline_data_is_not_printed() {
        check("data:text/plain,secret", "data:***");
    }

    #[test]
    fn a_secret_prints_stars() {
        assert_eq!(format!("{:?}", Secret::new("hunter2")), "***");
    }

    #[test]
    fn a_character_that_must_be_escaped_is_named() {
        for (text, expected) in [
            ("rtsp://admin:pass#1@host/s", "in user and password, write # as %23"),
            ("rtsp://admin:12#3@host/s", "in user and password, write # as %23"),
            ("rtsp://admin:a/b@host/s", "in user and password, write / as %2F"),
            ("rtsp://admin:a?b@host/s", "in user and password, write ? as %3F"),
            ("camera", "relative URL without a base"),
        ] {
            assert_eq!(SecretUrl::parse(text).unwrap_err().to_string(), expected, "{text}");
        }
        for text in ["rtsp://admin:P@ss@host/s", "rtsp://h/user=a@b?c=d", "rtsp://a:100%@h/"] {
            assert!(SecretUrl::parse(text).is_ok(), "{text}");
        }
    }
}

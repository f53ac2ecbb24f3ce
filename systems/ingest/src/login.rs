//! The user and password in an address, and how a camera is shown them over HTTP.
//!
//! RFC 7617 (Basic) and RFC 7616 (Digest), as cameras speak them. Cameras lock accounts after a few
//! wrong passwords, so one that was refused is not tried again.

use std::fmt;

use http_auth::digest::{Algorithm, Qop};
use http_auth::{ChallengeParser, ChallengeRef, DigestClient, ParamValue, PasswordParams};
use percent_encoding::percent_decode_str;
use url::Url;

/// User and password as the camera is to get them; empty when there are none.
pub fn login(url: &Url) -> (String, String) {
    let decoded = |text: &str| percent_decode_str(text).decode_utf8_lossy().into_owned();
    (decoded(url.username()), decoded(url.password().unwrap_or_default()))
}

/// The login of one camera, with what the camera wants to be shown of it.
pub struct Login {
    user: String,
    password: String,
    /// None: nobody asked for it.
    scheme: Option<Scheme>,
    /// Whether the camera has taken it.
    accepted: bool,
    /// Whether it was shown anew since then.
    renewed: bool,
    /// Whether the camera does not take it.
    refused: bool,
}

/// How a login is shown.
enum Scheme {
    Basic,
    Digest {
        client: DigestClient,
        /// Whether the algorithm was named. Where it was, it is named back.
        named: bool,
    },
}

/// Why a camera does not take a login.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LoginError {
    /// It wants one, and the address has none.
    #[error("the camera wants a user and password")]
    Missing,
    /// It is wrong.
    #[error("the camera refuses user or password")]
    Refused,
    /// It wants to be shown a kind that is not known here.
    #[error("the camera wants a kind of login that is neither Basic nor Digest")]
    Unknown,
    /// Another address wants one, where the camera sent on to.
    #[error("the camera sends on to another address, which is not given its login")]
    Elsewhere,
}

impl Login {
    /// The login of an address, if it has one.
    pub fn of(url: &Url) -> Option<Self> {
        let (user, password) = login(url);
        (!user.is_empty() || !password.is_empty()).then_some(Self {
            user,
            password,
            scheme: None,
            accepted: false,
            renewed: false,
            refused: false,
        })
    }

    /// The `Authorization` of a GET for a path with its query. None: the camera has not asked.
    ///
    /// # Errors
    /// When the camera has refused it: it is not to be shown again.
    pub fn authorization(&mut self, path: &str) -> Result<Option<String>, LoginError> {
        if self.refused {
            return Err(LoginError::Refused);
        }
        let (username, password) = (self.user.as_str(), self.password.as_str());
        match &mut self.scheme {
            None => Ok(None),
            Some(Scheme::Basic) => {
                Ok(Some(http_auth::basic::encode_credentials(username, password)))
            }
            Some(Scheme::Digest { client, named }) => {
                // Without content to protect, unless the camera wants nothing else.
                let body = if client.qop() & Qop::Auth { None } else { Some(&[][..]) };
                let params = PasswordParams { username, password, uri: path, method: "GET", body };
                let mut answer = client.respond(&params).map_err(|_| LoginError::Unknown)?;
                if *named && client.rfc2069_compat() {
                    answer.push_str(", algorithm=");
                    answer.push_str(name_of(client));
                }
                Ok(Some(answer))
            }
        }
    }

    /// The camera has answered with 401. `offers`: its `WWW-Authenticate`; `shown`: whether the request
    /// had an authorization. Afterwards the login may be shown once more.
    ///
    /// # Errors
    /// When that would be no use.
    pub fn challenge<'o>(
        &mut self,
        offers: impl Iterator<Item = &'o str>,
        shown: bool,
    ) -> Result<(), LoginError> {
        let offered = offers.flat_map(schemes).max_by_key(Scheme::strength);
        if shown {
            // One that was right once may only be too old.
            let old = match &offered {
                Some(Scheme::Digest { client, .. }) => self.accepted || client.stale(),
                _ => false,
            };
            if !old || self.renewed {
                self.refused = true;
                return Err(LoginError::Refused);
            }
            self.renewed = true;
        }
        self.scheme = Some(offered.ok_or(LoginError::Unknown)?);
        Ok(())
    }

    /// Whether the camera has taken it before.
    pub fn is_accepted(&self) -> bool {
        self.accepted
    }

    /// The camera has taken the login.
    pub fn accept(&mut self) {
        self.accepted = true;
        self.renewed = false;
    }
}

impl Scheme {
    /// The stronger one of two is more.
    fn strength(&self) -> u8 {
        match self {
            Self::Basic => 0,
            Self::Digest { client, .. } => match client.algorithm() {
                Algorithm::Md5 => 1,
                Algorithm::Sha256 => 2,
                _ => 3,
            },
        }
    }
}

/// What a `WWW-Authenticate` offers that is known here. What cannot be read ends the list.
fn schemes(offer: &str) -> Vec<Scheme> {
    let challenges = ChallengeParser::new(offer).map_while(Result::ok);
    challenges.filter_map(|challenge| scheme(&challenge)).collect()
}

fn scheme(challenge: &ChallengeRef<'_>) -> Option<Scheme> {
    if challenge.scheme.eq_ignore_ascii_case("basic") {
        return Some(Scheme::Basic);
    }
    let mut usual = ChallengeRef::new(challenge.scheme);
    let mut named = false;
    for (key, value) in &challenge.params {
        if usual.params.iter().any(|(known, _)| known.eq_ignore_ascii_case(key)) {
            continue;
        }
        let value = match key.eq_ignore_ascii_case("algorithm") {
            true => {
                named = true;
                ParamValue::try_from_escaped(algorithm(value.as_escaped())?).ok()?
            }
            false => *value,
        };
        usual.params.push((key, value));
    }
    if !usual.params.iter().any(|(key, _)| key.eq_ignore_ascii_case("realm")) {
        usual.params.push(("realm", ParamValue::try_from_escaped("").ok()?));
    }
    let client = DigestClient::try_from(&usual).ok()?;
    Some(Scheme::Digest { client, named })
}

/// The algorithms of digests, as the standard writes them.
const ALGORITHMS: [&str; 6] =
    ["MD5", "MD5-sess", "SHA-256", "SHA-256-sess", "SHA-512-256", "SHA-512-256-sess"];

fn algorithm(name: &str) -> Option<&'static str> {
    ALGORITHMS.into_iter().find(|known| known.eq_ignore_ascii_case(name.trim()))
}

fn name_of(client: &DigestClient) -> &'static str {
    let at = match client.algorithm() {
        Algorithm::Md5 => 0,
        Algorithm::Sha256 => 2,
        _ => 4,
    };
    ALGORITHMS[at + usize::from(client.session())]
}

impl fmt::Debug for Login {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Login")
            .field("accepted", &self.accepted)
            .field("refused", &self.refused)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;

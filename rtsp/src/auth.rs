//! Logins: Basic and Digest (RFC 7616), over the crate `http-auth`.

use http_auth::digest::Algorithm;
use http_auth::{PasswordClient, PasswordParams, parser::ChallengeParser};
use percent_encoding::percent_decode_str;
use url::Url;

/// Who logs in, and how the camera wants it.
///
/// A password is tried once: a camera that refuses it is not asked again with the same one, since
/// many lock an account after a few wrong attempts. A challenge that is only renewed (its nonce ran
/// out) is answered again.
pub struct Login {
    user: String,
    password: String,
    client: Option<PasswordClient>,
    /// Whether a request with a login was ever accepted.
    accepted: bool,
    /// Challenges answered since the last accepted request.
    answered: u32,
}

/// What to do about a 401.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answer {
    /// Ask again: there is an answer to the challenge.
    Retry,
    /// There is no user.
    Needed,
    /// The camera refuses user or password.
    Refused,
    /// No challenge that is known.
    Unknown,
}

/// Renewed challenges in a row that are answered.
const MAX_RENEWALS: u32 = 3;

impl Login {
    /// With the user and password of an address, their percent escapes undone.
    pub fn of(url: &Url) -> Self {
        let decoded = |text: &str| percent_decode_str(text).decode_utf8_lossy().into_owned();
        Self::new(decoded(url.username()), decoded(url.password().unwrap_or_default()))
    }

    /// With this user and password. An empty user is none.
    pub fn new(user: String, password: String) -> Self {
        Self { user, password, client: None, accepted: false, answered: 0 }
    }

    /// The value of `Authorization` for a request; None while no login was asked for.
    pub fn authorization(&mut self, method: &str, uri: &str) -> Option<String> {
        let (username, password) = (&*self.user, &*self.password);
        let params = PasswordParams { username, password, uri, method, body: Some(&[]) };
        let client = self.client.as_mut()?;
        let mut answer = client.respond(&params).ok()?;
        // Without `qop` the crate answers as RFC 2069 does, which knows only one algorithm: which one
        // was used must be said.
        if let PasswordClient::Digest(digest) = client
            && digest.rfc2069_compat()
            && digest.algorithm() != Algorithm::Md5
        {
            let name = match digest.algorithm() {
                Algorithm::Sha256 => "SHA-256",
                _ => "SHA-512-256",
            };
            answer.push_str(", algorithm=");
            answer.push_str(name);
        }
        Some(answer)
    }

    /// A request was accepted.
    pub fn accepted(&mut self) {
        if self.client.is_some() {
            self.accepted = true;
            self.answered = 0;
        }
    }

    /// A request was answered with 401 and these challenges.
    pub fn challenged<'a>(&mut self, challenges: impl Iterator<Item = &'a str>) -> Answer {
        if self.user.is_empty() {
            return Answer::Needed;
        }
        let Some(client) = strongest(challenges) else { return Answer::Unknown };
        // The first answer is refused, unless only the nonce ran out.
        let stale = matches!(&client, PasswordClient::Digest(digest) if digest.stale());
        let tried = self.client.replace(client).is_some();
        self.answered += 1;
        if tried && (!(stale || self.accepted) || self.answered > MAX_RENEWALS) {
            return Answer::Refused;
        }
        Answer::Retry
    }
}

/// The strongest of the challenges that are known.
fn strongest<'a>(challenges: impl Iterator<Item = &'a str>) -> Option<PasswordClient> {
    challenges
        .flat_map(|field| ChallengeParser::new(field).map_while(Result::ok))
        .filter_map(|challenge| PasswordClient::try_from(&challenge).ok())
        .max_by_key(strength)
}

fn strength(client: &PasswordClient) -> u8 {
    match client {
        PasswordClient::Digest(digest) => match digest.algorithm() {
            Algorithm::Md5 => 1,
            Algorithm::Sha256 => 2,
            _ => 3,
        },
        _ => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MD5: &str = r#"Digest realm="cam", nonce="abc", algorithm=MD5"#;
    const SHA: &str = r#"Digest realm="cam", nonce="abc", algorithm=SHA-256, qop="auth""#;
    const BASIC: &str = r#"Basic realm="cam""#;

    fn login() -> Login {
        Login::of(&Url::parse("rtsp://ad%40min:p%3Ass@host/").unwrap())
    }

    #[test]
    fn the_strongest_challenge_is_answered() {
        for challenges in [[BASIC, MD5, SHA], [SHA, MD5, BASIC]] {
            let mut login = login();
            assert_eq!(login.challenged(challenges.into_iter()), Answer::Retry);
            let answer = login.authorization("DESCRIBE", "rtsp://host/").unwrap();
            assert!(answer.contains("SHA-256") && answer.contains("ad@min"), "{answer}");
        }
    }

    #[test]
    fn the_algorithm_is_said_without_qop_too() {
        let mut login = login();
        login.challenged([r#"Digest realm="cam", nonce="abc", algorithm=SHA-256"#].into_iter());
        let answer = login.authorization("DESCRIBE", "rtsp://host/").unwrap();
        assert!(answer.ends_with(", algorithm=SHA-256"), "{answer}");
    }

    #[test]
    fn a_password_is_tried_once() {
        let mut login = login();
        assert_eq!(login.challenged([MD5].into_iter()), Answer::Retry);
        assert_eq!(login.challenged([MD5].into_iter()), Answer::Refused);
    }

    #[test]
    fn a_nonce_that_ran_out_is_renewed() {
        let mut login = login();
        assert_eq!(login.challenged([MD5].into_iter()), Answer::Retry);
        login.accepted();
        for _ in 0..10 {
            assert_eq!(login.challenged([MD5].into_iter()), Answer::Retry);
            login.accepted();
        }
        let stale = format!("{MD5}, stale=TRUE");
        let mut fresh = self::login();
        fresh.challenged([MD5].into_iter());
        assert_eq!(fresh.challenged([&*stale].into_iter()), Answer::Retry);
        for _ in 0..MAX_RENEWALS {
            fresh.challenged([&*stale].into_iter());
        }
        assert_eq!(fresh.challenged([&*stale].into_iter()), Answer::Refused);
    }

    #[test]
    fn without_a_user_nothing_is_tried() {
        let mut login = Login::of(&Url::parse("rtsp://host/").unwrap());
        assert_eq!(login.challenged([BASIC].into_iter()), Answer::Needed);
        assert_eq!(self::login().challenged(["Bearer x"].into_iter()), Answer::Unknown);
    }
}

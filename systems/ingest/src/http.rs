//! Requests to a camera over HTTP: its login, its redirects, and what its answers mean.

use std::error::Error;
use std::io;
use std::sync::{Mutex, MutexGuard};
use std::time::Duration;

use detector_components::secret::SecretUrl;
use detector_reach::{Forbidden, Reach, TlsFault, forbidden, guard, tls_fault};
use reqwest::header::{
    AUTHORIZATION, CONTENT_TYPE, HeaderValue, LOCATION, RANGE, WWW_AUTHENTICATE,
};
use reqwest::{Client, ClientBuilder, Response, StatusCode, redirect};
use url::Url;

use crate::accounts::{Account, Accounts, Leave};
use crate::config::IngestConfig;
use crate::failure::{Failure, FailureKind, obstacle};
use crate::login::{Login, LoginError};

/// Between two questions whether a login may be shown.
const LEAVE_INTERVAL: Duration = Duration::from_millis(20);
/// Redirects that are followed in one request.
const MAX_REDIRECTS: usize = 5;

/// A client for pictures, each of which must be there in time.
pub fn client(config: &IngestConfig) -> Client {
    guarded(Client::builder().timeout(config.snapshot_timeout), config)
}

/// A client for what has no end. How long it may be silent is watched by who asked.
pub fn endless_client(config: &IngestConfig) -> Client {
    guarded(Client::builder().connect_timeout(config.first_frame_timeout), config)
}

fn guarded(builder: ClientBuilder, config: &IngestConfig) -> Client {
    // Whoever comes first installs it; they are all the same.
    let _ = rustls::crypto::ring::default_provider().install_default();
    guard(builder, &config.reach)
        // Followed here, where it is known who may be shown the login.
        .redirect(redirect::Policy::none())
        // Cameras write headers that no standard allows.
        .http1_allow_obsolete_multiline_headers_in_responses(true)
        .http1_allow_spaces_after_header_name_in_responses(true)
        .http1_ignore_invalid_headers_in_responses(true)
        .build()
        .expect("the settings are constant")
}

/// Asks one camera. Its login is shown to nobody else, and not again once it was refused.
#[derive(Debug)]
pub struct Requests {
    client: Client,
    reach: Reach,
    camera: SecretUrl,
    login: Mutex<Option<Login>>,
    accounts: Accounts,
    account: Account,
}

/// Why there is no answer, or none that is of use.
#[derive(Debug, thiserror::Error)]
pub enum RequestError {
    /// Nobody may be asked there.
    #[error(transparent)]
    Forbidden(#[from] Forbidden),
    /// No TLS is spoken with who answers.
    #[error("no TLS with the camera: {0}")]
    Tls(#[from] TlsFault),
    /// Nobody answers.
    #[error("the camera cannot be reached: {0}")]
    Unreachable(&'static str),
    /// Nobody answers, or nothing that can be understood.
    #[error("the camera does not answer: {0}")]
    Unanswered(String),
    /// The connection ended within an answer.
    #[error("the connection broke off: {0}")]
    BrokenOff(String),
    /// The login is not taken.
    #[error(transparent)]
    Login(#[from] LoginError),
    /// Not what was asked for.
    #[error("the camera answers {}", described(*status))]
    Status {
        /// What was answered.
        status: StatusCode,
        /// Whether the login was shown.
        shown: bool,
    },
    /// The camera sends on and on.
    #[error("more than {MAX_REDIRECTS} redirects")]
    Redirects,
    /// The camera sends on to something that is not asked over HTTP.
    #[error("the camera sends on to what is no http or https address")]
    SentAway,
    /// More than is taken.
    #[error("the answer has more than {0} bytes")]
    TooLarge(usize),
}

impl Requests {
    /// For a camera. `client` is one of this module's.
    pub fn new(client: Client, reach: Reach, accounts: Accounts, camera: &SecretUrl) -> Self {
        let login = Mutex::new(Login::of(camera.expose()));
        let account = accounts.of(camera.expose());
        Self { client, reach, camera: camera.clone(), login, accounts, account }
    }

    /// Asks for what is at the camera's own address.
    ///
    /// # Errors
    /// When it cannot be had.
    pub async fn get(&self) -> Result<Response, RequestError> {
        self.get_at(self.camera.expose(), None).await
    }

    /// Asks for what is at an address, or for a part of it in the form of a `Range` header. The
    /// camera's login is shown where scheme, host and port are the camera's.
    ///
    /// # Errors
    /// When it cannot be had.
    pub async fn get_at(&self, url: &Url, range: Option<&str>) -> Result<Response, RequestError> {
        let mut url = url.clone();
        for _ in 0..=MAX_REDIRECTS {
            self.reach.check(&url)?;
            // Both cannot fail on an address with a host, which is looked at above.
            let _ = url.set_username("");
            let _ = url.set_password(None);
            let (answer, shown) = self.ask(&url, range).await?;
            if !answer.status().is_redirection() {
                return judged(answer, shown);
            }
            let target = answer.headers().get(LOCATION).and_then(|target| target.to_str().ok());
            let Some(target) = target.and_then(|target| url.join(target).ok()) else {
                return Err(RequestError::Status { status: answer.status(), shown });
            };
            if !matches!(target.scheme(), "http" | "https") {
                return Err(RequestError::SentAway);
            }
            url = target;
        }
        Err(RequestError::Redirects)
    }

    /// Asks, and again where the camera wants to be shown its login. Returns whether it was shown.
    async fn ask(&self, url: &Url, range: Option<&str>) -> Result<(Response, bool), RequestError> {
        let own = url.origin() == self.camera.expose().origin();
        let path = match url.query() {
            Some(query) => format!("{}?{query}", url.path()),
            None => url.path().to_owned(),
        };
        let mut lost = false;
        loop {
            let authorization = match &mut *self.login() {
                Some(login) if own => login.authorization(&path)?,
                _ => None,
            };
            let shown = authorization.is_some();
            if shown {
                self.wait_for_leave().await?;
            }
            let mut request = self.client.get(url.clone());
            if let Some(range) = range {
                request = request.header(RANGE, range);
            }
            if let Some(authorization) = authorization {
                let value =
                    HeaderValue::try_from(authorization).map_err(|_| LoginError::Unknown)?;
                request = request.header(AUTHORIZATION, value);
            }
            let answer = match request.send().await {
                Ok(answer) => answer,
                // A connection that was kept, and that the camera closed meanwhile.
                Err(error) if !lost && is_lost(&error) && self.may_repeat(shown) => {
                    lost = true;
                    continue;
                }
                Err(error) => {
                    self.settle(shown, None);
                    return Err(error.into());
                }
            };
            let mut login = self.login();
            if answer.status() != StatusCode::UNAUTHORIZED {
                if shown && let Some(login) = &mut *login {
                    login.accept();
                    self.settle(shown, Some(true));
                }
                return Ok((answer, shown));
            }
            let login = login.as_mut().ok_or(LoginError::Missing)?;
            if !own {
                return Err(LoginError::Elsewhere.into());
            }
            let offers = answer.headers().get_all(WWW_AUTHENTICATE);
            let offers = offers.iter().filter_map(|offer| offer.to_str().ok());
            // Ends: a login is shown twice at most before it is taken or refused.
            let again = login.challenge(offers, shown);
            self.settle(shown, again.is_err().then_some(false));
            again?;
        }
    }

    /// Waits while another camera tries the same login.
    async fn wait_for_leave(&self) -> Result<(), LoginError> {
        loop {
            match self.accounts.ask(&self.account) {
                Leave::Granted => return Ok(()),
                Leave::Refused => return Err(LoginError::Refused),
                Leave::Wait => tokio::time::sleep(LEAVE_INTERVAL).await,
            }
        }
    }

    /// Says what came of showing the login.
    fn settle(&self, shown: bool, right: Option<bool>) {
        if shown {
            self.accounts.settle(&self.account, right);
        }
    }

    /// Whether a request may be made again: a login that may be wrong is not shown twice.
    fn may_repeat(&self, shown: bool) -> bool {
        !shown || self.login().as_ref().is_some_and(Login::is_accepted)
    }

    fn login(&self) -> MutexGuard<'_, Option<Login>> {
        self.login.lock().expect("never held across a panic")
    }
}

/// Whether a request was sent, and the connection ended before any answer.
fn is_lost(error: &reqwest::Error) -> bool {
    error.is_request() && !error.is_connect() && !error.is_timeout()
}

fn judged(answer: Response, shown: bool) -> Result<Response, RequestError> {
    match answer.status() {
        status if status.is_success() => Ok(answer),
        status => Err(RequestError::Status { status, shown }),
    }
}

/// What the camera calls what it gives.
pub fn content_type(answer: &Response) -> String {
    let said = answer.headers().get(CONTENT_TYPE);
    said.map(|said| String::from_utf8_lossy(said.as_bytes()).into_owned()).unwrap_or_default()
}

impl RequestError {
    /// Why the rest of an answer does not come.
    pub fn within(error: reqwest::Error) -> Self {
        match Self::from(error) {
            Self::Unanswered(reason) => Self::BrokenOff(reason),
            Self::Unreachable(reason) => Self::BrokenOff(reason.to_owned()),
            other => other,
        }
    }
}

impl From<reqwest::Error> for RequestError {
    /// Without the address, which may hold a password.
    fn from(error: reqwest::Error) -> Self {
        if let Some(forbidden) = forbidden(&error) {
            return Self::Forbidden(forbidden.clone());
        }
        if let Some(fault) = tls_fault(&error) {
            return Self::Tls(fault);
        }
        let timed_out = error.is_timeout();
        let error = error.without_url();
        let io = causes(&error).find_map(|cause| cause.downcast_ref::<io::Error>());
        match io.and_then(|io| obstacle(io.kind())) {
            Some(reason) => Self::Unreachable(reason),
            None if timed_out => Self::Unanswered("nothing came in time".to_owned()),
            // What is around it names the library's own steps.
            None => Self::Unanswered(causes(&error).last().expect("itself").to_string()),
        }
    }
}

/// An error, and what it comes from.
fn causes<'e>(error: &'e (dyn Error + 'static)) -> impl Iterator<Item = &'e (dyn Error + 'static)> {
    std::iter::successors(Some(error), |error: &&'e (dyn Error + 'static)| (*error).source())
}

impl From<RequestError> for Failure {
    fn from(error: RequestError) -> Self {
        let kind = match &error {
            RequestError::Tls(TlsFault::Certificate(_) | TlsFault::Unproven) => {
                FailureKind::Certificate
            }
            RequestError::Unreachable(_) | RequestError::Unanswered(_) => FailureKind::Unreachable,
            RequestError::BrokenOff(_) => FailureKind::Ended,
            RequestError::Login(_) => FailureKind::Login,
            // This user may not, or may not any more.
            RequestError::Status { status: StatusCode::FORBIDDEN, shown: true } => {
                FailureKind::Login
            }
            RequestError::Status { status: StatusCode::NOT_FOUND | StatusCode::GONE, .. } => {
                FailureKind::NotFound
            }
            RequestError::Status { .. } => FailureKind::Refused,
            RequestError::Forbidden(_)
            | RequestError::Tls(_)
            | RequestError::Redirects
            | RequestError::SentAway
            | RequestError::TooLarge(_) => FailureKind::Other,
        };
        Self::new(kind, error.to_string())
    }
}

/// A status by number and name, with what cameras mean by it.
pub fn described(status: StatusCode) -> String {
    let meaning = match status.as_u16() {
        304 => "it has no newer picture",
        400 => "it does not understand the address",
        401 => "it wants a user and password",
        403 => "this user may not see it, or is locked out, or it wants a login",
        404 | 410 => "there is nothing at this path",
        405 => "it does not let this path be read",
        408 => "it waited too long",
        423 => "it is locked, as after several wrong passwords",
        429 => "it is asked too often",
        500 => "it has failed inside",
        501 => "it cannot do this",
        502 | 504 => "something between answers, and the camera behind it does not",
        503 => "it is busy, as with too many viewers, or still starting",
        505 => "it does not speak this version of HTTP",
        _ => "",
    };
    let name = status.canonical_reason().unwrap_or_default();
    let said = format!("{} {name}", status.as_u16());
    match meaning {
        "" => said.trim_end().to_owned(),
        meaning => format!("{}: {meaning}", said.trim_end()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(status: u16, expected: &str) {
        assert_eq!(described(StatusCode::from_u16(status).unwrap()), expected);
    }

    #[test]
    fn statuses_are_said_by_number_and_meaning() {
        check(404, "404 Not Found: there is nothing at this path");
        check(429, "429 Too Many Requests: it is asked too often");
        check(418, "418 I'm a teapot");
        check(599, "599");
    }

    #[test]
    fn a_user_that_may_not_see_it_has_a_wrong_login() {
        let kind = |shown| {
            let status = StatusCode::FORBIDDEN;
            Failure::from(RequestError::Status { status, shown }).kind
        };
        assert_eq!((kind(true), kind(false)), (FailureKind::Login, FailureKind::Refused));
    }
}

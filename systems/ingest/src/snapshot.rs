//! Cameras that give one picture at a time, over HTTP.

use std::error::Error;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use detector_components::camera::StreamState;
use detector_components::frame::{Frame, Pixels};
use detector_components::secret::SecretUrl;
use detector_components::timing::Step;
use detector_picture::decode;
use detector_reach::{Forbidden, forbidden, guard};
use digest_auth::{AuthContext, HttpMethod};
use reqwest::header::{AUTHORIZATION, CONTENT_TYPE, WWW_AUTHENTICATE};
use reqwest::{Client, ClientBuilder, RequestBuilder, Response, StatusCode};
use tokio::task::spawn_blocking;
use tokio::time::{MissedTickBehavior, interval};
use tracing::{info, warn};
use url::Url;

use crate::attempt::Stream;
use crate::backoff::Backoff;
use crate::config::IngestConfig;
use crate::failure::{Failure, FailureKind};
use crate::login::login;
use crate::status::Report;

/// Snapshots are not asked for faster than this.
const LEAST_INTERVAL: Duration = Duration::from_millis(20);

/// A client with this stage's limits.
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
    guard(builder, &config.reach).build().expect("the settings are constant")
}

/// Fetches a picture at each interval, one after the other, until the camera is not wanted any more.
pub async fn follow(url: SecretUrl, every: Duration, stream: Stream, report: Report) {
    let mut ticks = interval(every.max(LEAST_INTERVAL));
    // A slow camera is asked again at the next due time, not twice at once.
    ticks.set_missed_tick_behavior(MissedTickBehavior::Skip);
    let mut backoff = Backoff::new(&stream.outside.settings.get());
    let mut works = true;
    loop {
        ticks.tick().await;
        if report.has_ended() {
            return;
        }
        match watched(&stream, &url).await {
            Ok(pixels) => {
                if !works {
                    info!(camera = %url, "answers again");
                }
                works = true;
                backoff.reset(&stream.outside.settings.get());
                stream.slot.put(Frame::new(
                    stream.sequence.fetch_add(1, Ordering::Relaxed) + 1,
                    stream.timepiece.now(),
                    Arc::new(pixels),
                ));
                report.tell(StreamState::Running);
            }
            Err(failure) => {
                let reason: Arc<str> = failure.text.into();
                if works {
                    warn!(camera = %url, %reason, "no snapshot");
                }
                works = false;
                let Some(wait) = backoff.next() else {
                    report.tell(StreamState::Failed { reason });
                    return;
                };
                report.tell(StreamState::Reconnecting { reason });
                tokio::time::sleep(wait.saturating_sub(every)).await;
            }
        }
    }
}

/// Why there is no snapshot.
#[derive(Debug, thiserror::Error)]
pub enum SnapshotError {
    #[error(transparent)]
    Forbidden(#[from] Forbidden),
    #[error("the camera does not answer: {0}")]
    Unanswered(String),
    #[error("the camera refuses user or password")]
    Unauthorized,
    #[error("the camera says {0}")]
    Status(StatusCode),
    #[error("the picture has more than {0} bytes")]
    TooLarge(usize),
    #[error("{0}")]
    Picture(String),
}

impl From<reqwest::Error> for SnapshotError {
    /// Without the address, which may hold a password.
    fn from(error: reqwest::Error) -> Self {
        if let Some(forbidden) = forbidden(&error) {
            return Self::Forbidden(forbidden.clone());
        }
        Self::Unanswered(chain(&error.without_url()))
    }
}

impl From<SnapshotError> for Failure {
    fn from(error: SnapshotError) -> Self {
        let kind = match &error {
            SnapshotError::Unanswered(_) => FailureKind::Unreachable,
            SnapshotError::Unauthorized => FailureKind::Login,
            SnapshotError::Status(StatusCode::NOT_FOUND) => FailureKind::NotFound,
            SnapshotError::Picture(_) => FailureKind::Undecodable,
            SnapshotError::Forbidden(_) | SnapshotError::Status(_) | SnapshotError::TooLarge(_) => {
                FailureKind::Other
            }
        };
        Self::new(kind, error.to_string())
    }
}

/// A picture that a camera gave.
pub struct Picture {
    /// What it shows.
    pub pixels: Pixels,
    /// What the camera says that it is.
    pub content_type: String,
    /// How large it was.
    pub bytes: usize,
}

/// What the camera says that it gives at an address.
pub async fn content_type(client: &Client, url: &SecretUrl) -> Result<String, Failure> {
    // A stream would never end: only its head is read.
    Ok(said_content(&answered(url, |url| client.get(url)).await?))
}

fn said_content(response: &Response) -> String {
    let said = response.headers().get(CONTENT_TYPE).and_then(|value| value.to_str().ok());
    said.and_then(|said| said.split(';').next()).unwrap_or_default().trim().to_ascii_lowercase()
}

/// The answer to what `ask` makes of the address, if it is one.
pub async fn answered(
    url: &SecretUrl,
    ask: impl Fn(Url) -> RequestBuilder,
) -> Result<Response, SnapshotError> {
    let response = authorized(url, ask).await?;
    match response.status() {
        StatusCode::UNAUTHORIZED => Err(SnapshotError::Unauthorized),
        status if !status.is_success() => Err(SnapshotError::Status(status)),
        _ => Ok(response),
    }
}

/// Fetches a picture.
pub async fn picture(
    client: &Client,
    url: &SecretUrl,
    config: &IngestConfig,
) -> Result<Picture, Failure> {
    let (encoded, content_type) = fetched(client, url, config).await?;
    let bytes = encoded.len();
    Ok(Picture { pixels: decoded(encoded).await?, content_type, bytes })
}

/// Fetches a picture for the world, which wants to know how long decoding takes.
async fn watched(stream: &Stream, url: &SecretUrl) -> Result<Pixels, Failure> {
    let config = stream.outside.settings.get();
    config.reach.check(url.expose()).map_err(SnapshotError::from)?;
    let (encoded, _) = fetched(&stream.outside.client, url, &config).await?;
    let arrived = stream.timepiece.now();
    let decoded = decoded(encoded).await;
    stream.timings.record(Step::Decode, stream.timepiece.now().since(arrived));
    Ok(decoded?)
}

/// The bytes of a picture, and what the camera says that they are.
async fn fetched(
    client: &Client,
    url: &SecretUrl,
    config: &IngestConfig,
) -> Result<(Vec<u8>, String), SnapshotError> {
    let mut response = answered(url, |url| client.get(url)).await?;
    let content_type = said_content(&response);
    let mut bytes = Vec::new();
    while let Some(chunk) = response.chunk().await? {
        if bytes.len() + chunk.len() > config.snapshot_max_bytes {
            return Err(SnapshotError::TooLarge(config.snapshot_max_bytes));
        }
        bytes.extend_from_slice(&chunk);
    }
    Ok((bytes, content_type))
}

async fn decoded(bytes: Vec<u8>) -> Result<Pixels, SnapshotError> {
    spawn_blocking(move || decode(&bytes))
        .await
        .map_err(|error| SnapshotError::Picture(format!("reading it failed: {error}")))?
        .map_err(|error| SnapshotError::Picture(chain(&error)))
}

/// Asks, and once more when the camera wants a login: Basic or Digest (RFC 7616), as it says.
async fn authorized(
    url: &SecretUrl,
    ask: impl Fn(Url) -> RequestBuilder,
) -> Result<Response, SnapshotError> {
    let mut bare = url.expose().clone();
    let (user, password) = login(&bare);
    // Both cannot fail on an address with a host, which this one has.
    let _ = bare.set_username("");
    let _ = bare.set_password(None);
    let response = ask(bare.clone()).send().await?;
    if response.status() != StatusCode::UNAUTHORIZED || user.is_empty() {
        return Ok(response);
    }
    let offers: Vec<String> = response
        .headers()
        .get_all(WWW_AUTHENTICATE)
        .iter()
        .filter_map(|offer| offer.to_str().ok().map(str::to_owned))
        .collect();
    let request = ask(bare.clone());
    let digest = offers.iter().find(|offer| offer.to_ascii_lowercase().starts_with("digest"));
    let request = match digest {
        Some(offer) => {
            let path = match bare.query() {
                Some(query) => format!("{}?{query}", bare.path()),
                None => bare.path().to_owned(),
            };
            let context = AuthContext::new_with_method(
                user,
                password,
                path,
                Option::<&[u8]>::None,
                HttpMethod::GET,
            );
            let answer = digest_auth::parse(offer)
                .and_then(|mut prompt| prompt.respond(&context))
                .map_err(|_| SnapshotError::Unauthorized)?;
            request.header(AUTHORIZATION, answer.to_string())
        }
        None => request.basic_auth(user, Some(password)),
    };
    Ok(request.send().await?)
}

fn chain(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text = format!("{text}: {cause}");
        source = cause.source();
    }
    text
}

//! Cameras that give one picture at a time, over HTTP.

use std::sync::Arc;
use std::time::{Duration, Instant};

use detector_components::camera::StreamState;
use detector_components::frame::{Frame, Pixels};
use detector_components::integrity::PictureFault;
use detector_components::secret::SecretUrl;
use detector_components::timing::Step;
use detector_picture::{Content, PictureError, decode};
use reqwest::StatusCode;
use tokio::task::spawn_blocking;
use tokio::time::{MissedTickBehavior, interval};
use tracing::{debug, info, warn};

use crate::attempt::Stream;
use crate::backoff::{Backoff, with_wait};
use crate::config::IngestConfig;
use crate::failure::{Failure, FailureKind};
use crate::flow::Flow;
use crate::http::{RequestError, Requests, content_type, described};
use crate::multipart::{Multipart, is_multipart};
use crate::status::Report;

/// Snapshots are not asked for faster than this.
const LEAST_INTERVAL: Duration = Duration::from_millis(20);
/// Between two looks at whether a camera that is not asked for a while is still wanted.
const LOOK_INTERVAL: Duration = Duration::from_millis(500);

/// Fetches a picture at each interval, one after the other, until the camera is not wanted any more.
pub async fn follow(url: SecretUrl, every: Duration, stream: Stream, report: Report) {
    let mut ticks = interval(every.max(LEAST_INTERVAL));
    // A slow camera is asked again at the next due time, not twice at once.
    ticks.set_missed_tick_behavior(MissedTickBehavior::Skip);
    let flow = Flow::new(&stream);
    let mut backoff = Backoff::new(&stream.outside.settings.get());
    let mut requests = stream.outside.pictures_of(&url);
    let mut failed = 0_u64;
    let mut last_good = None::<Instant>;
    loop {
        ticks.tick().await;
        if report.has_ended() {
            return;
        }
        let failure = match watched(&stream, &requests).await {
            Ok(pixels) => {
                if failed > 0 {
                    info!(camera = %url, failed, "answers again");
                }
                failed = 0;
                last_good = Some(Instant::now());
                backoff.reset(&stream.outside.settings.get());
                flow.show(Frame::new(0, stream.timepiece.now(), Arc::new(pixels)));
                report.tell(flow.state().unwrap_or(StreamState::Running));
                continue;
            }
            Err(failure) => failure,
        };
        failed += 1;
        if failed == 1 {
            warn!(camera = %url, reason = failure.text, "no snapshot");
        } else {
            debug!(camera = %url, reason = failure.text, failed, "no snapshot");
        }
        let Some(wait) = backoff.next(failure.kind) else {
            report.tell(StreamState::Failed { reason: failure.text.into() });
            return;
        };
        // One picture that does not come is no reason to call a camera lost. A refused login is.
        let patience = stream.outside.settings.get().stall_timeout + every;
        let left = last_good.map_or(Duration::ZERO, |at| patience.saturating_sub(at.elapsed()));
        if failure.kind == FailureKind::Login {
            // What was refused is not shown again before the wait is over, and then anew.
            requests = stream.outside.pictures_of(&url);
        }
        let wait = if failure.kind == FailureKind::Login || left.is_zero() {
            let mut reason = with_wait(&failure, wait);
            if failed > 1 {
                reason = format!("{reason} ({failed} times in a row)");
            }
            report.tell(StreamState::Reconnecting { reason: reason.into() });
            wait
        } else {
            wait.min(left)
        };
        if !rest(wait.saturating_sub(every), &report).await {
            return;
        }
    }
}

/// Waits. `false`: the camera is not wanted any more.
async fn rest(wait: Duration, report: &Report) -> bool {
    let end = Instant::now() + wait;
    while !report.has_ended() {
        let left = end.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return true;
        }
        tokio::time::sleep(left.min(LOOK_INTERVAL)).await;
    }
    false
}

/// Why there is no snapshot.
#[derive(Debug, thiserror::Error)]
pub enum SnapshotError {
    /// It was not to be had.
    #[error(transparent)]
    Request(#[from] RequestError),
    /// There was nothing in the answer.
    #[error("the camera answers {}, without a picture", described(*.0))]
    Empty(StatusCode),
    /// A page for people.
    #[error(
        "the camera answers with a web page instead of a picture: it may want a login, or another path"
    )]
    WebPage,
    /// What came is no picture, or no whole one.
    #[error("{}", with_cause(.0))]
    Picture(#[from] PictureError),
    /// Whoever reads it has stopped.
    #[error("reading the picture failed")]
    Stopped,
}

impl SnapshotError {
    /// What is wrong with the picture, if one came.
    fn fault(&self) -> Option<PictureFault> {
        match self {
            Self::Request(RequestError::BrokenOff(_)) => Some(PictureFault::Truncated),
            Self::Picture(error) => Some(error.fault()),
            _ => None,
        }
    }
}

impl From<SnapshotError> for Failure {
    fn from(error: SnapshotError) -> Self {
        let text = error.to_string();
        match error {
            SnapshotError::Request(error) => error.into(),
            SnapshotError::Stopped => Self::other(text),
            SnapshotError::Empty(_) | SnapshotError::WebPage | SnapshotError::Picture(_) => {
                Self::new(FailureKind::Undecodable, text)
            }
        }
    }
}

fn with_cause(error: &PictureError) -> String {
    match std::error::Error::source(error) {
        Some(cause) => format!("{error}: {cause}"),
        None => error.to_string(),
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

/// Fetches a picture.
///
/// # Errors
/// When there is none, or no whole one.
pub async fn picture(requests: &Requests, config: &IngestConfig) -> Result<Picture, SnapshotError> {
    let (encoded, content_type) = fetched(requests, config.snapshot_max_bytes).await?;
    let bytes = encoded.len();
    Ok(Picture { pixels: decoded(encoded).await?, content_type, bytes })
}

/// Whether a camera gives one picture in its answer. Else it gives a stream.
///
/// # Errors
/// When the camera does not answer, refuses, or gives a page for people.
pub async fn is_still(requests: &Requests, config: &IngestConfig) -> Result<bool, SnapshotError> {
    let mut answer = requests.get().await?;
    let kind = content_type(&answer);
    if is_multipart(&kind) {
        return Ok(false);
    }
    let whole = answer.content_length().is_some();
    // Pictures one after the other, or one and the end.
    let mut pictures = Multipart::new("", config.snapshot_max_bytes);
    let (mut first, mut count) = (true, 0);
    while let Some(bytes) = answer.chunk().await.map_err(RequestError::within)? {
        if first {
            match Content::of(&bytes) {
                Content::WebPage => return Err(SnapshotError::WebPage),
                Content::Picture | Content::OtherPicture(_) if whole => return Ok(true),
                Content::Picture | Content::OtherPicture(_) => {}
                _ => return Ok(false),
            }
        }
        first = false;
        pictures.push(&bytes);
        while let Ok(Some(_)) = pictures.next() {
            count += 1;
        }
        if count > 1 {
            return Ok(false);
        }
    }
    match first {
        true => Err(SnapshotError::Empty(answer.status())),
        false => Ok(true),
    }
}

/// Fetches a picture for the world, which wants to know how long decoding takes, and what is wrong.
async fn watched(stream: &Stream, requests: &Requests) -> Result<Pixels, Failure> {
    let max = stream.outside.settings.get().snapshot_max_bytes;
    let pixels = async {
        let (encoded, _) = fetched(requests, max).await?;
        let arrived = stream.timepiece.now();
        let decoded = decoded(encoded).await;
        stream.timings.record(Step::Decode, stream.timepiece.now().since(arrived));
        decoded
    };
    pixels.await.map_err(|error: SnapshotError| {
        if let Some(fault) = error.fault() {
            stream.faults.count(fault);
        }
        error.into()
    })
}

/// The bytes of a picture, and what the camera says that they are.
async fn fetched(requests: &Requests, max: usize) -> Result<(Vec<u8>, String), SnapshotError> {
    let mut answer = requests.get().await?;
    let kind = content_type(&answer);
    // A stream: its first picture is one as well.
    let mut pictures = is_multipart(&kind).then(|| Multipart::new(&kind, max));
    let mut bytes = Vec::new();
    while let Some(chunk) = answer.chunk().await.map_err(RequestError::within)? {
        match &mut pictures {
            Some(pictures) => {
                pictures.push(&chunk);
                let part = pictures.next().map_err(|_| RequestError::TooLarge(max))?;
                if let Some(part) = part {
                    return Ok((part.bytes.into(), kind));
                }
            }
            None if bytes.len() + chunk.len() > max => {
                return Err(RequestError::TooLarge(max).into());
            }
            None => bytes.extend_from_slice(&chunk),
        }
    }
    match Content::of(&bytes) {
        Content::Nothing => Err(SnapshotError::Empty(answer.status())),
        Content::WebPage => Err(SnapshotError::WebPage),
        _ => Ok((bytes, kind)),
    }
}

async fn decoded(bytes: Vec<u8>) -> Result<Pixels, SnapshotError> {
    let decoded = spawn_blocking(move || decode(&bytes)).await;
    Ok(decoded.map_err(|_| SnapshotError::Stopped)??)
}

//! From what someone wants to see to a JPEG of it: who is asked, what is said of it, what it costs.

use axum::http::header::{CACHE_CONTROL, ETAG, IF_MODIFIED_SINCE, IF_NONE_MATCH, LAST_MODIFIED};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use detector_components::geometry::Region;
use detector_picture::PictureError;
use tokio::sync::oneshot;
use tokio::time::timeout;
use tracing::warn;

use crate::event::{NoShot, PictureRequest, Shot};
use crate::http::{Desk, late, refused};

/// Waits for an answer no longer than a request may take.
pub async fn in_time(
    desk: &Desk,
    answer: impl Future<Output = Result<Response, Unshown>>,
) -> Response {
    let limit = desk.clerk.config().request_timeout;
    match timeout(limit, answer).await {
        Ok(answer) => answer.into_response(),
        Err(_) => late(limit),
    }
}

/// Asks the world for the frame of a subscription or a camera: the newest, or the one that the
/// newest results were found in, with them.
///
/// # Errors
/// When there is none, or too many ask.
pub async fn shot(desk: &Desk, of: String, annotated: bool) -> Result<Shot, Unshown> {
    let (answer, answered) = oneshot::channel();
    if !desk.pictures.ask(PictureRequest { of, annotated, answer }) {
        return Err(Unshown::Crowded);
    }
    // The world drops the question when it ends.
    let answer = answered.await.map_err(|_| Unshown::Closing)?;
    answer.map_err(|no_shot| match no_shot {
        NoShot::Unknown => Unshown::Unknown,
        NoShot::NoFrame => Unshown::NoFrame,
    })
}

/// Tells one picture from every other at the same address. `with_results` says how those that
/// show results are called.
pub fn tag(began_nanos: i128, shot: &Shot, with_results: &str) -> String {
    let crop = shot
        .crop
        .map_or(String::new(), |crop| format!("-{}.{}.{}.{}", crop.x1, crop.y1, crop.x2, crop.y2));
    let results = match &shot.results {
        Some(_) => format!("-{with_results}"),
        None => String::new(),
    };
    let (sequence, captured) = (shot.frame.sequence, shot.frame.captured.nanos);
    format!("\"{began_nanos:x}-{captured:x}-{sequence}{crop}{results}\"")
}

/// Whether the client has this picture already.
pub fn holds(desk: &Desk, headers: &HeaderMap, shot: &Shot, tag: &str) -> bool {
    is_held(headers, tag, desk.clerk.timepiece.wall(shot.frame.captured))
}

/// RFC 9110, sections 13.1.2 and 13.1.3. The client's time is looked at only where it names no tag:
/// two frames of one second have the same.
fn is_held(headers: &HeaderMap, tag: &str, captured: jiff::Timestamp) -> bool {
    if !headers.contains_key(IF_NONE_MATCH) {
        let since = headers.get(IF_MODIFIED_SINCE).and_then(|value| value.to_str().ok());
        let since = since.and_then(|text| jiff::fmt::rfc2822::parse(text).ok());
        return since.is_some_and(|since| captured.as_second() <= since.timestamp().as_second());
    }
    headers
        .get_all(IF_NONE_MATCH)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .map(str::trim)
        .any(|given| given == "*" || given.strip_prefix("W/").unwrap_or(given) == tag)
}

/// The headers that say which frame it is.
pub fn about(desk: &Desk, shot: &Shot, tag: &str) -> [(&'static str, String); 5] {
    let captured = shot.frame.captured;
    let timepiece = &desk.clerk.timepiece;
    [
        (ETAG.as_str(), tag.to_owned()),
        (LAST_MODIFIED.as_str(), http_date(timepiece.wall(captured))),
        (CACHE_CONTROL.as_str(), "no-cache".to_owned()),
        ("x-frame-sequence", shot.frame.sequence.to_string()),
        ("x-frame-age-ms", timepiece.now().since(captured).as_millis().to_string()),
    ]
}

/// RFC 9110, section 5.6.7.
fn http_date(time: jiff::Timestamp) -> String {
    time.strftime("%a, %d %b %Y %H:%M:%S GMT").to_string()
}

/// The part of the frame that is shown.
///
/// # Errors
/// When the crop lies beside the frame.
pub fn region(shot: &Shot) -> Result<Region, Unshown> {
    let whole = Region::whole(shot.frame.pixels.size());
    match shot.crop {
        Some(crop) => crop.bbox().region_within(whole).ok_or(Unshown::OutsideFrame),
        None => Ok(whole),
    }
}

/// Runs an encoder when it is its turn, on a thread that may be kept busy. `of` says which camera or
/// subscription it is about.
///
/// # Errors
/// When there is no picture, for whatever reason.
pub async fn develop(
    desk: &Desk,
    of: &str,
    encode: impl FnOnce() -> Result<Vec<u8>, PictureError> + Send + 'static,
) -> Result<Vec<u8>, Unshown> {
    let encoder = desk.encoders.clone().acquire_owned().await.map_err(|_| Unshown::Closing)?;
    let encoding = tokio::task::spawn_blocking(move || {
        // Kept until it is done, even if nobody waits for it any more.
        let _encoder = encoder;
        encode()
    });
    let reason = match encoding.await {
        Ok(Ok(encoded)) => return Ok(encoded),
        Ok(Err(error)) => error.to_string(),
        Err(error) => error.to_string(),
    };
    warn!(camera = of, reason, "a picture could not be encoded");
    Err(Unshown::Encoding)
}

/// Why there is no picture.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unshown {
    /// Nothing is called so.
    Unknown,
    /// The camera has not given a frame yet.
    NoFrame,
    /// Too many ask for pictures.
    Crowded,
    /// The crop shows nothing of the frame.
    OutsideFrame,
    /// The encoder refused.
    Encoding,
    /// The worker ends.
    Closing,
}

impl IntoResponse for Unshown {
    fn into_response(self) -> Response {
        let (status, why) = match self {
            Self::Unknown => (StatusCode::NOT_FOUND, "no subscription or camera is called so"),
            Self::NoFrame => {
                (StatusCode::SERVICE_UNAVAILABLE, "the camera has not given a frame yet")
            }
            Self::Crowded => (StatusCode::SERVICE_UNAVAILABLE, "too many ask for pictures"),
            Self::OutsideFrame => (
                StatusCode::UNPROCESSABLE_ENTITY,
                "nothing of the crop lies within the camera's frame",
            ),
            Self::Encoding => {
                (StatusCode::INTERNAL_SERVER_ERROR, "the picture could not be encoded")
            }
            Self::Closing => (StatusCode::SERVICE_UNAVAILABLE, "the worker ends"),
        };
        refused(status, why)
    }
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;

    use super::*;

    #[track_caller]
    fn check_held(header: &'static str, expected: bool) {
        let headers = HeaderMap::from_iter([(IF_NONE_MATCH, HeaderValue::from_static(header))]);
        assert_eq!(is_held(&headers, "\"a\"", jiff::Timestamp::UNIX_EPOCH), expected);
    }

    #[track_caller]
    fn check_since(header: &'static str, expected: bool) {
        let headers = HeaderMap::from_iter([(IF_MODIFIED_SINCE, HeaderValue::from_static(header))]);
        let captured = "1994-11-06T08:49:37.9Z".parse().unwrap();
        assert_eq!(is_held(&headers, "\"a\"", captured), expected);
    }

    #[test]
    fn a_picture_is_held_since_its_time() {
        check_since("Sun, 06 Nov 1994 08:49:37 GMT", true);
        check_since("Sun, 06 Nov 1994 08:49:36 GMT", false);
        check_since("yesterday", false);
    }

    #[test]
    fn a_picture_is_held_under_its_tag() {
        check_held("\"a\"", true);
        check_held("\"b\", W/\"a\"", true);
        check_held("*", true);
        check_held("\"b\"", false);
    }

    #[test]
    fn dates_are_those_of_http() {
        let time = "1994-11-06T08:49:37.9Z".parse().unwrap();
        assert_eq!(http_date(time), "Sun, 06 Nov 1994 08:49:37 GMT");
    }
}

//! `GET /camera/{id}/image`: the newest frame as a JPEG.

use axum::extract::{Path, RawQuery, State};
use axum::http::header::{
    CACHE_CONTROL, CONTENT_TYPE, ETAG, IF_MODIFIED_SINCE, IF_NONE_MATCH, LAST_MODIFIED,
};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use detector_components::geometry::Region;
use detector_components::results::{Finding, Results};
use detector_picture::{Label, PictureError, annotate, color_of, encode_jpeg, rgb};
use tokio::sync::oneshot;
use tokio::time::timeout;
use tracing::warn;

use crate::event::{NoShot, PictureRequest, Shot};
use crate::http::{Desk, late, refused};

/// Answers with the newest frame of a subscription or a camera.
pub async fn picture(
    State(desk): State<Desk>,
    Path(id): Path<String>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
) -> Response {
    let limit = desk.clerk.config.request_timeout;
    let annotated = wants_annotation(query.as_deref().unwrap_or_default());
    let answered = timeout(limit, answer(&desk, id, annotated, &headers)).await;
    answered.unwrap_or_else(|_| late(limit))
}

fn wants_annotation(query: &str) -> bool {
    url::form_urlencoded::parse(query.as_bytes())
        .any(|(name, value)| name == "annotated" && matches!(&*value, "1" | "true" | ""))
}

async fn answer(desk: &Desk, id: String, annotated: bool, headers: &HeaderMap) -> Response {
    let (answer, answered) = oneshot::channel();
    if !desk.pictures.ask(PictureRequest { of: id, annotated, answer }) {
        return refused(StatusCode::SERVICE_UNAVAILABLE, "too many ask for pictures");
    }
    let shot = match answered.await {
        Ok(Ok(shot)) => shot,
        Ok(Err(NoShot::Unknown)) => {
            return refused(StatusCode::NOT_FOUND, "no subscription or camera is called so");
        }
        Ok(Err(NoShot::NoFrame)) => {
            let why = "the camera has not given a frame yet";
            return refused(StatusCode::SERVICE_UNAVAILABLE, why);
        }
        // The world dropped the question.
        Err(_) => return refused(StatusCode::SERVICE_UNAVAILABLE, "the worker ends"),
    };

    let captured = shot.frame.captured;
    let tag = tag(desk.began_nanos, &shot);
    let about = [
        (ETAG.as_str(), tag.clone()),
        (LAST_MODIFIED.as_str(), http_date(desk.clerk.timepiece.wall(captured))),
        (CACHE_CONTROL.as_str(), "no-cache".to_owned()),
        ("x-frame-sequence", shot.frame.sequence.to_string()),
        ("x-frame-age-ms", desk.clerk.timepiece.now().since(captured).as_millis().to_string()),
    ];
    if holds(headers, &tag, desk.clerk.timepiece.wall(captured)) {
        return (StatusCode::NOT_MODIFIED, about).into_response();
    }
    let Ok(encoder) = desk.encoders.clone().acquire_owned().await else {
        return refused(StatusCode::SERVICE_UNAVAILABLE, "the worker ends");
    };
    let quality = desk.clerk.config.jpeg_quality;
    let encoding = tokio::task::spawn_blocking(move || {
        // Kept until it is done, even if nobody waits for it any more.
        let _encoder = encoder;
        encode(&shot, quality)
    });
    match encoding.await {
        Ok(Ok(jpeg)) => {
            (StatusCode::OK, about, [(CONTENT_TYPE, "image/jpeg")], jpeg).into_response()
        }
        Ok(Err(Unshown::OutsideFrame)) => {
            let why = "nothing of the crop lies within the camera's frame";
            refused(StatusCode::UNPROCESSABLE_ENTITY, why)
        }
        Ok(Err(Unshown::Encoding(error))) => {
            warn!(%error, "a picture could not be encoded");
            refused(StatusCode::INTERNAL_SERVER_ERROR, "the picture could not be encoded")
        }
        Err(error) => {
            warn!(%error, "a picture could not be encoded");
            refused(StatusCode::INTERNAL_SERVER_ERROR, "the picture could not be encoded")
        }
    }
}

/// Tells one picture from every other at the same address.
fn tag(began_nanos: i128, shot: &Shot) -> String {
    let crop = shot
        .crop
        .map_or(String::new(), |crop| format!("-{}.{}.{}.{}", crop.x1, crop.y1, crop.x2, crop.y2));
    let annotated = if shot.results.is_some() { "-annotated" } else { "" };
    let (sequence, captured) = (shot.frame.sequence, shot.frame.captured.nanos);
    format!("\"{began_nanos:x}-{captured:x}-{sequence}{crop}{annotated}\"")
}

/// Whether the client has this picture already: RFC 9110, sections 13.1.2 and 13.1.3. Its time is
/// looked at only where it names no tag: two frames of one second have the same.
fn holds(headers: &HeaderMap, tag: &str, captured: jiff::Timestamp) -> bool {
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

/// RFC 9110, section 5.6.7.
fn http_date(time: jiff::Timestamp) -> String {
    time.strftime("%a, %d %b %Y %H:%M:%S GMT").to_string()
}

/// Why there is a frame but no picture of it.
enum Unshown {
    OutsideFrame,
    Encoding(PictureError),
}

fn encode(shot: &Shot, quality: u8) -> Result<Vec<u8>, Unshown> {
    let pixels = &shot.frame.pixels;
    let whole = Region::whole(pixels.size());
    let region = match shot.crop {
        Some(crop) => crop.bbox().region_within(whole).ok_or(Unshown::OutsideFrame)?,
        None => whole,
    };
    let encoded = match &shot.results {
        None => encode_jpeg(pixels, region, quality),
        Some(results) => {
            let mut picture = rgb(pixels, region);
            annotate(&mut picture, region, &labels(results));
            picture.encode_jpeg(quality)
        }
    };
    encoded.map_err(Unshown::Encoding)
}

/// What is drawn: every finding of the pipeline, with what classifiers said of it beside it.
fn labels(results: &Results) -> Vec<Label> {
    let mut labels = Vec::new();
    // The worst first, so that the best is drawn over it.
    for finding in results.findings.iter().rev() {
        label(finding, &mut labels);
    }
    labels
}

fn label(finding: &Finding, labels: &mut Vec<Label>) {
    let mut text = said(finding);
    let mut boxes = Vec::new();
    for branch in &finding.branches {
        for (rank, found) in branch.findings.iter().enumerate() {
            // A classifier's box is what it looked at: there is one around it already.
            if found.top.is_empty() {
                boxes.push(found);
            } else if rank == 0 {
                text.push_str(", ");
                text.push_str(&said(found));
            }
        }
    }
    let color = color_of(&finding.class);
    labels.push(Label { bbox_in_frame: finding.bbox_in_frame, text, color });
    for found in boxes {
        label(found, labels);
    }
}

fn said(finding: &Finding) -> String {
    format!("{} {:.2}", finding.class, finding.confidence)
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;

    use super::*;

    #[track_caller]
    fn check_held(header: &'static str, expected: bool) {
        let headers = HeaderMap::from_iter([(IF_NONE_MATCH, HeaderValue::from_static(header))]);
        assert_eq!(holds(&headers, "\"a\"", jiff::Timestamp::UNIX_EPOCH), expected);
    }

    #[track_caller]
    fn check_since(header: &'static str, expected: bool) {
        let headers = HeaderMap::from_iter([(IF_MODIFIED_SINCE, HeaderValue::from_static(header))]);
        let captured = "1994-11-06T08:49:37.9Z".parse().unwrap();
        assert_eq!(holds(&headers, "\"a\"", captured), expected);
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

//! `GET /camera/{id}/results`: what a view saw last, and the very frame that it saw it in.
//!
//! For whoever draws detections over pictures: two requests would be answered from two frames.
//! Nothing runs for it in between, so a camera that nobody looks at costs nothing; whoever looks asks
//! again when the answer is there, so a slow viewer sees fewer frames, and holds up nobody.

use axum::extract::{Path, RawQuery, State};
use axum::http::header::CONTENT_TYPE;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use detector_components::geometry::Region;
use detector_picture::rgb;

use crate::darkroom::{Unshown, about, develop, holds, in_time, region, shot, tag};
use crate::event::Shot;
use crate::http::{Desk, refused};
use crate::wire::decimals;
use crate::wire::detection::finding;
use crate::wire::glance::Glance;

/// Separates the parts of the answer: no JPEG holds it by chance.
const BOUNDARY: &str = "detector-worker-5b1f7c0e9a4d4c6f";
/// The narrowest picture that is made.
const MIN_WIDTH: u32 = 64;

/// Answers with two parts: `results` in JSON, and `image`, a JPEG no wider than `?width=` says.
pub async fn glance(
    State(desk): State<Desk>,
    Path(id): Path<String>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
) -> Response {
    let width = match wanted_width(query.as_deref().unwrap_or_default()) {
        Ok(width) => width,
        Err(why) => return refused(StatusCode::BAD_REQUEST, &why),
    };
    in_time(&desk, answer(&desk, id, width, &headers)).await
}

/// The width that is asked for, if any.
fn wanted_width(query: &str) -> Result<Option<u32>, String> {
    let Some((_, text)) =
        url::form_urlencoded::parse(query.as_bytes()).find(|(name, _)| name == "width")
    else {
        return Ok(None);
    };
    match text.parse() {
        Ok(width) if width >= MIN_WIDTH => Ok(Some(width)),
        _ => Err(format!("width: expected a number of pixels, at least {MIN_WIDTH}")),
    }
}

async fn answer(
    desk: &Desk,
    id: String,
    width: Option<u32>,
    headers: &HeaderMap,
) -> Result<Response, Unshown> {
    let shot = shot(desk, id.clone(), true).await?;
    let wide = width.map_or(String::new(), |width| width.to_string());
    let tag = tag(desk.began_nanos, &shot, &format!("results{wide}"));
    let about = about(desk, &shot, &tag);
    if holds(desk, headers, &shot, &tag) {
        return Ok((StatusCode::NOT_MODIFIED, about).into_response());
    }
    let region = region(&shot)?;
    let told = told(desk, &shot, region);
    let quality = desk.clerk.config().jpeg_quality;
    let developed = develop(desk, &id, move || {
        let picture = rgb(&shot.frame.pixels, region);
        let picture = match width {
            Some(width) => picture.shrunk_to(width),
            None => picture,
        };
        picture.encode_jpeg(quality)
    });
    let body = parts(&told, &developed.await?);
    let kind = format!("multipart/form-data; boundary={BOUNDARY}");
    Ok((StatusCode::OK, about, [(CONTENT_TYPE, kind)], body).into_response())
}

fn told(desk: &Desk, shot: &Shot, region: Region) -> Glance {
    let timepiece = &desk.clerk.timepiece;
    let captured = shot.frame.captured;
    let size = shot.frame.pixels.size();
    let Region { x, y, width, height } = region;
    let results = shot.results.as_deref();
    Glance {
        frame: shot.frame.sequence,
        timestamp: format!("{:.3}", timepiece.wall(captured)),
        frame_age_ms: timepiece.now().since(captured).as_millis() as u64,
        image_width: size.width,
        image_height: size.height,
        region: [x, y, x + width, y + height],
        inference_ms: results.map(|results| decimals(results.inference_nanos as f32 / 1e6, 1)),
        detections: results
            .map(|results| results.findings.iter().map(finding).collect())
            .unwrap_or_default(),
    }
}

/// Both parts, as a browser's `Response.formData()` reads them: RFC 7578.
fn parts(told: &Glance, jpeg: &[u8]) -> Vec<u8> {
    let told = serde_json::to_vec(told).expect("its keys are texts");
    let mut body = Vec::with_capacity(told.len() + jpeg.len() + 512);
    for (disposition, kind, part) in [
        ("name=\"results\"", "application/json", &told[..]),
        ("name=\"image\"; filename=\"frame.jpg\"", "image/jpeg", jpeg),
    ] {
        let head = format!(
            "--{BOUNDARY}\r\nContent-Disposition: form-data; {disposition}\r\nContent-Type: {kind}\r\n\r\n"
        );
        body.extend_from_slice(head.as_bytes());
        body.extend_from_slice(part);
        body.extend_from_slice(b"\r\n");
    }
    body.extend_from_slice(format!("--{BOUNDARY}--\r\n").as_bytes());
    body
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_width_is_a_number_of_pixels() {
        assert_eq!(wanted_width(""), Ok(None));
        assert_eq!(wanted_width("a=b&width=480"), Ok(Some(480)));
        for wrong in ["width=", "width=wide", "width=-480", "width=63"] {
            assert!(wanted_width(wrong).unwrap_err().starts_with("width: expected"), "{wrong}");
        }
    }
}

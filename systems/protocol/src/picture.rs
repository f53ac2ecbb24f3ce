//! `GET /camera/{id}/image`: the newest frame as a JPEG.

use axum::extract::{Path, RawQuery, State};
use axum::http::header::CONTENT_TYPE;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use detector_components::geometry::Region;
use detector_picture::{PictureError, annotate, encode_jpeg, labels, rgb};

use crate::darkroom::{Unshown, about, develop, holds, in_time, region, shot, tag};
use crate::event::Shot;
use crate::http::Desk;

/// Answers with the newest frame of a subscription or a camera.
pub async fn picture(
    State(desk): State<Desk>,
    Path(id): Path<String>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
) -> Response {
    let annotated = wants_annotation(query.as_deref().unwrap_or_default());
    in_time(&desk, answer(&desk, id, annotated, &headers)).await
}

fn wants_annotation(query: &str) -> bool {
    url::form_urlencoded::parse(query.as_bytes())
        .any(|(name, value)| name == "annotated" && matches!(&*value, "1" | "true" | ""))
}

async fn answer(
    desk: &Desk,
    id: String,
    annotated: bool,
    headers: &HeaderMap,
) -> Result<Response, Unshown> {
    let shot = shot(desk, id.clone(), annotated).await?;
    let tag = tag(desk.began_nanos, &shot, "annotated");
    let about = about(desk, &shot, &tag);
    if holds(desk, headers, &shot, &tag) {
        return Ok((StatusCode::NOT_MODIFIED, about).into_response());
    }
    let quality = desk.clerk.config().jpeg_quality;
    let region = region(&shot)?;
    let jpeg = develop(desk, &id, move || encode(&shot, region, quality)).await?;
    Ok((StatusCode::OK, about, [(CONTENT_TYPE, "image/jpeg")], jpeg).into_response())
}

fn encode(shot: &Shot, region: Region, quality: u8) -> Result<Vec<u8>, PictureError> {
    match &shot.results {
        None => encode_jpeg(&shot.frame.pixels, region, quality),
        Some(results) => {
            let mut picture = rgb(&shot.frame.pixels, region);
            annotate(&mut picture, region, &labels(&results.findings));
            picture.encode_jpeg(quality)
        }
    }
}

//! The models that lie ready in `models_dir`, for who chooses one.

use std::path::Path;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::http::header::CACHE_CONTROL;
use axum::response::{IntoResponse, Response};
use serde_json::json;
use tokio::task::spawn_blocking;
use tokio::time::timeout;
use walkdir::{DirEntry, WalkDir};

use crate::http::{Desk, late, refused};

/// Endings of the names of models.
const ENDINGS: [&str; 2] = ["mpta", "pt"];
/// Models lie in the folder, or in one right below it.
const DEPTH: usize = 2;
/// More are not told.
const MAX_MODELS: usize = 500;

/// What may be named as a `modelUrl` without saying where it is.
pub async fn shelf(State(desk): State<Desk>) -> Response {
    let config = desk.clerk.config();
    let (models_dir, limit) = (config.models_dir.clone(), config.request_timeout);
    let look = move || models_dir.as_deref().map_or(Ok(Vec::new()), models_in);
    // A disk of the network may not answer.
    match timeout(limit, spawn_blocking(look)).await {
        Ok(Ok(Ok(models))) => {
            ([(CACHE_CONTROL, "no-store")], Json(json!({"models": models}))).into_response()
        }
        Ok(Ok(Err(error))) => {
            refused(StatusCode::INTERNAL_SERVER_ERROR, &format!("models_dir: {error}"))
        }
        Ok(Err(error)) => refused(StatusCode::INTERNAL_SERVER_ERROR, &error.to_string()),
        Err(_) => late(limit),
    }
}

/// The models of a folder, as paths below it, sorted.
///
/// # Errors
/// When the folder cannot be read. One below that cannot is left out.
fn models_in(folder: &Path) -> Result<Vec<String>, walkdir::Error> {
    let mut models = Vec::new();
    let entries = WalkDir::new(folder)
        .follow_links(true)
        .max_depth(DEPTH)
        .sort_by_file_name()
        .into_iter()
        .filter_entry(|entry| entry.depth() == 0 || !is_hidden(entry));
    for entry in entries {
        match entry {
            Ok(entry) if is_model(&entry) => {
                let below = entry.path().strip_prefix(folder).unwrap_or(entry.path());
                models.extend(below.to_str().map(str::to_owned));
            }
            Ok(_) => {}
            Err(error) if error.depth() == 0 => return Err(error),
            Err(_) => {}
        }
        if models.len() == MAX_MODELS {
            break;
        }
    }
    Ok(models)
}

fn is_hidden(entry: &DirEntry) -> bool {
    entry.file_name().to_string_lossy().starts_with('.')
}

fn is_model(entry: &DirEntry) -> bool {
    let ending = entry.path().extension().and_then(|ending| ending.to_str());
    entry.file_type().is_file() && ending.is_some_and(|ending| ENDINGS.contains(&ending))
}

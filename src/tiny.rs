//! A model of a few kilobytes that finds squares and balls, and a picture of some. Part of the
//! program, so that it can prove itself anywhere.

use std::io::Write as _;

use anyhow::{Context, Result};
use detector_simulator::Scene;
use tempfile::TempPath;

/// A network that finds squares and balls. `tests/fixtures/models/drawn.py` has made it.
pub const DETECTOR: &[u8] = include_bytes!("../tests/fixtures/models/tiny-color-detect.pt");

/// Its checkpoint as a file that goes when this does.
///
/// # Errors
/// When the temporary directory cannot be written.
pub fn checkpoint() -> Result<TempPath> {
    let mut file = tempfile::Builder::new()
        .prefix("shapes")
        .suffix(".pt")
        .tempfile()
        .context("making a temporary file")?;
    file.write_all(DETECTOR).context("writing a temporary file")?;
    Ok(file.into_temp_path())
}

/// A red square, a green ball and a blue square.
pub fn scene() -> Scene {
    Scene::default()
}

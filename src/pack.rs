//! `detector-worker pack`: a folder becomes an archive.

use std::io::Write as _;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use console::style;
use detector_archive::pack_folder;

use crate::cli::{DetectArgs, PackArgs};
use crate::detect::Detector;
use crate::progress::{Bytes, Step};

/// Runs the command: packs, then loads what it packed as the worker would, which tells what no look
/// at the files alone does, such as a class that a model does not have.
///
/// # Errors
/// When the folder is no archive in the making: with everything that is wrong with it.
pub fn pack(args: &PackArgs) -> Result<()> {
    let folder = args.folder.canonicalize().with_context(|| {
        format!("{} is no folder: expected one with pipeline.json", args.folder.display())
    })?;
    let out = match &args.output {
        Some(out) => out.clone(),
        None => named_after(&folder)?,
    };
    let trial = tempfile::Builder::new()
        .suffix(".mpta")
        .tempfile()
        .context("making a temporary file")?
        .into_temp_path();
    let step = Step::begin(format!("packing {}", args.folder.display()));
    let show = |done, total| {
        let bytes = Bytes { done, total: Some(total) };
        step.show_bytes(format!("packing {}", args.folder.display()), bytes);
    };
    let packed = pack_folder(&folder, &trial, show)
        .with_context(|| format!("{} was not packed", args.folder.display()))?;
    step.say("trying what was packed");
    Detector::start(&DetectArgs::of_model(&trial)).map_err(|error| {
        // The reader knows the folder, not the file that it was tried in.
        let reason = format!("{error:#}").replace(&trial.display().to_string(), "it");
        anyhow::anyhow!("{} was not packed: {reason}", args.folder.display())
    })?;
    pack_folder(&folder, &out, show).with_context(|| format!("writing {}", out.display()))?;
    drop(step);

    let mut said = std::io::stdout().lock();
    for warning in &packed.pipeline.warnings {
        writeln!(said, "{} {warning}", style("warning:").yellow())?;
    }
    for name in &packed.left_out {
        writeln!(said, "{} {name} stays out: no node names it", style("note:").dim())?;
    }
    let bytes = std::fs::metadata(&out).with_context(|| out.display().to_string())?.len();
    let (nodes, files) = (packed.pipeline.nodes.len(), packed.files.len());
    writeln!(said, "{}: {nodes} nodes, {files} checkpoints, {bytes} bytes", out.display())?;
    Ok(())
}

/// `traffic.mpta`, where the command runs, for a folder `traffic`.
fn named_after(folder: &Path) -> Result<PathBuf> {
    let Some(name) = folder.file_name() else {
        bail!("{} has no name to call the archive by: name it with -o", folder.display());
    };
    let mut name = name.to_owned();
    name.push(".mpta");
    Ok(name.into())
}

#[cfg(test)]
mod tests {
    use std::fs;

    use serde_json::{Value, json};

    use super::*;

    fn folder(pipeline: &Value) -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("pipeline.json"), pipeline.to_string()).unwrap();
        for name in ["tiny-color-detect.pt", "tiny-color-classify.pt"] {
            let fixture = Path::new("tests/fixtures/models").join(name);
            fs::copy(fixture, folder.path().join(name)).unwrap();
        }
        folder
    }

    fn pipeline(trigger: &str) -> Value {
        json!({"pipeline": {
            "modelId": "shape", "modelFile": "tiny-color-detect.pt",
            "branches": [{"modelId": "color", "modelFile": "tiny-color-classify.pt",
                "crop": true, "triggerClasses": [trigger]}],
        }})
    }

    fn packed(pipeline: &Value) -> (tempfile::TempDir, PathBuf, Result<()>) {
        let folder = folder(pipeline);
        let out = folder.path().join("out.mpta");
        let args = PackArgs { folder: folder.path().to_owned(), output: Some(out.clone()) };
        let result = pack(&args);
        (folder, out, result)
    }

    #[test]
    fn a_folder_becomes_an_archive_that_the_worker_loads() {
        let (_folder, out, result) = packed(&pipeline("ball"));
        result.unwrap();
        Detector::start(&DetectArgs::of_model(&out)).unwrap();
    }

    #[test]
    fn a_class_that_the_model_does_not_have_is_told_before_anything_is_written() {
        let (_folder, out, result) = packed(&pipeline("unicorn"));
        let error = format!("{:#}", result.unwrap_err());
        assert!(error.contains("no class \"unicorn\""), "{error}");
        assert!(!out.exists());
    }
}

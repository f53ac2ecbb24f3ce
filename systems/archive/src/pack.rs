//! Makes archives.

use std::fs::File;
use std::io;
use std::path::Path;

use serde_json::Value;
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, ZipWriter};

use crate::PIPELINE_FILE;

/// Why an archive was not made.
#[derive(Debug, thiserror::Error)]
pub enum PackError {
    /// A file cannot be read or written.
    #[error("packing {name}: {source}")]
    Io {
        /// Which.
        name: String,
        /// What the system says.
        source: io::Error,
    },
    /// The ZIP cannot be written.
    #[error("packing {name}: {source}")]
    Zip {
        /// Which entry.
        name: String,
        /// What the packer says.
        source: zip::result::ZipError,
    },
}

/// Writes an archive: a pipeline, and the files that it names, each as (name, where it is).
///
/// Files are stored, not compressed: weights hardly shrink.
///
/// # Errors
/// When a file cannot be read, or the archive cannot be written.
pub fn pack(out: &Path, pipeline: &Value, files: &[(&str, &Path)]) -> Result<(), PackError> {
    let io = |name: &str| {
        let name = name.to_owned();
        move |source| PackError::Io { name, source }
    };
    let zip = |name: &str| {
        let name = name.to_owned();
        move |source| PackError::Zip { name, source }
    };
    let options =
        SimpleFileOptions::default().compression_method(CompressionMethod::Stored).large_file(true);
    let file = File::create(out).map_err(io("the archive"))?;
    let mut writer = ZipWriter::new(file);
    writer.start_file(PIPELINE_FILE, options).map_err(zip(PIPELINE_FILE))?;
    serde_json::to_writer_pretty(&mut writer, pipeline)
        .map_err(|error| io(PIPELINE_FILE)(error.into()))?;
    for (name, path) in files {
        let mut file = File::open(path).map_err(io(name))?;
        writer.start_file(*name, options).map_err(zip(name))?;
        io::copy(&mut file, &mut writer).map_err(io(name))?;
    }
    writer.finish().map_err(zip("the archive"))?.sync_all().map_err(io("the archive"))
}

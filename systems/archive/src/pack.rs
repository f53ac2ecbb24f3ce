//! Makes archives.

use std::fs::{self, File};
use std::io::{self, Read, Seek, Write};
use std::path::{Path, PathBuf};

use serde_json::Value;
use tempfile::NamedTempFile;
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, ZipWriter};

use crate::PIPELINE_FILE;
use crate::pipeline::{self, Faults, Pipeline};

/// Bytes that are copied between two looks at how far it is.
const PART: u64 = 1 << 20;

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
    /// `pipeline.json` is wrong. Every fault is named.
    #[error("{0}")]
    Pipeline(Faults),
}

impl PackError {
    fn io(name: impl Into<String>) -> impl FnOnce(io::Error) -> Self {
        move |source| Self::Io { name: name.into(), source }
    }

    fn zip(name: &str) -> impl FnOnce(zip::result::ZipError) -> Self {
        let name = name.to_owned();
        move |source| Self::Zip { name, source }
    }
}

/// What was packed.
#[derive(Debug)]
pub struct Packed {
    /// What is to be run.
    pub pipeline: Pipeline,
    /// The files that went in, in order.
    pub files: Vec<String>,
    /// What lies in the folder and no node names: it stayed out.
    pub left_out: Vec<String>,
}

/// Makes an archive of a folder: its `pipeline.json` as it is, and the files that it names.
///
/// The same folder makes the same archive, byte for byte: no times, no owners, one order. It appears
/// under its name when it is whole. `written` is told again and again how many bytes of checkpoints are
/// in it, of how many.
///
/// # Errors
/// When the pipeline is wrong, a file cannot be read, or the archive cannot be written.
pub fn pack_folder(
    folder: &Path,
    out: &Path,
    written: impl FnMut(u64, u64),
) -> Result<Packed, PackError> {
    let text = fs::read_to_string(folder.join(PIPELINE_FILE))
        .map_err(PackError::io(folder.join(PIPELINE_FILE).display().to_string()))?;
    let beside = |name: &str| !name.contains(['/', '\\']) && folder.join(name).is_file();
    let pipeline = pipeline::read(&text, beside).map_err(PackError::Pipeline)?;
    let mut files: Vec<String> = pipeline.nodes.iter().map(|node| node.file.clone()).collect();
    files.sort();
    files.dedup();
    let paths: Vec<(&str, PathBuf)> =
        files.iter().map(|name| (name.as_str(), folder.join(name))).collect();
    let paths: Vec<(&str, &Path)> =
        paths.iter().map(|(name, path)| (*name, path.as_path())).collect();

    let beside_out = out.parent().filter(|folder| !folder.as_os_str().is_empty());
    let mut partial = NamedTempFile::new_in(beside_out.unwrap_or(Path::new(".")))
        .map_err(PackError::io(out.display().to_string()))?;
    write(partial.as_file_mut(), text.as_bytes(), &paths, written)?;
    let file = partial.persist(out).map_err(|error| PackError::io("the archive")(error.error))?;
    // A temporary file is its owner's alone; an archive is for whoever serves it.
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        file.set_permissions(fs::Permissions::from_mode(0o644))
            .map_err(PackError::io("the archive"))?;
    }
    file.sync_all().map_err(PackError::io("the archive"))?;

    let left_out = left_out(folder, &files).map_err(PackError::io(folder.display().to_string()))?;
    Ok(Packed { pipeline, files, left_out })
}

/// What lies in a folder besides the pipeline and the files that it names.
fn left_out(folder: &Path, files: &[String]) -> io::Result<Vec<String>> {
    let mut rest = Vec::new();
    for entry in fs::read_dir(folder)? {
        let name = entry?.file_name().to_string_lossy().into_owned();
        if name != PIPELINE_FILE && !files.contains(&name) {
            rest.push(name);
        }
    }
    rest.sort();
    Ok(rest)
}

/// Writes an archive: a pipeline, and the files that it names, each as (name, where it is).
///
/// # Errors
/// When a file cannot be read, or the archive cannot be written.
pub fn pack(out: &Path, pipeline: &Value, files: &[(&str, &Path)]) -> Result<(), PackError> {
    let text = serde_json::to_vec_pretty(pipeline)
        .map_err(|error| PackError::io(PIPELINE_FILE)(error.into()))?;
    let mut file = File::create(out).map_err(PackError::io("the archive"))?;
    write(&mut file, &text, files, |_, _| {})?;
    file.sync_all().map_err(PackError::io("the archive"))
}

/// Files are stored, not compressed: weights hardly shrink.
fn write(
    out: &mut (impl Write + Seek),
    pipeline: &[u8],
    files: &[(&str, &Path)],
    mut written: impl FnMut(u64, u64),
) -> Result<(), PackError> {
    let mut total = 0;
    for (name, path) in files {
        total += fs::metadata(path).map_err(PackError::io(*name))?.len();
    }
    let options =
        SimpleFileOptions::default().compression_method(CompressionMethod::Stored).large_file(true);
    let mut writer = ZipWriter::new(out);
    writer.start_file(PIPELINE_FILE, options).map_err(PackError::zip(PIPELINE_FILE))?;
    writer.write_all(pipeline).map_err(PackError::io(PIPELINE_FILE))?;
    let mut done = 0;
    for (name, path) in files {
        let mut file = File::open(path).map_err(PackError::io(*name))?;
        writer.start_file(*name, options).map_err(PackError::zip(name))?;
        loop {
            let mut part = Read::by_ref(&mut file).take(PART);
            match io::copy(&mut part, &mut writer).map_err(PackError::io(*name))? {
                0 => break,
                bytes => done += bytes,
            }
            written(done, total);
        }
    }
    writer
        .finish()
        .map_err(PackError::zip("the archive"))?
        .flush()
        .map_err(PackError::io("the archive"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::unpack::{ArchiveLimits, unpack};

    fn folder(pipeline: &str, files: &[&str]) -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join(PIPELINE_FILE), pipeline).unwrap();
        for name in files {
            fs::write(folder.path().join(name), name).unwrap();
        }
        folder
    }

    const TWO: &str = r#"{ "pipeline": {"modelId": "a", "modelFile": "z.pt",
        "branches": [{"modelId": "b", "modelFile": "a.pt"}]}}"#;

    #[test]
    fn the_same_folder_makes_the_same_archive() {
        let source = folder(TWO, &["z.pt", "a.pt", "notes.txt"]);
        let out = tempfile::tempdir().unwrap();
        let archives = ["1.mpta", "2.mpta"].map(|name| out.path().join(name));
        let packed =
            archives.each_ref().map(|out| pack_folder(source.path(), out, |_, _| {}).unwrap());
        assert_eq!(packed[0].files, ["a.pt", "z.pt"]);
        assert_eq!(packed[0].left_out, ["notes.txt"]);
        let [one, two] = archives.each_ref().map(|file| fs::read(file).unwrap());
        assert_eq!(one, two);
        let cache = out.path().join("cache");
        fs::create_dir(&cache).unwrap();
        let read = unpack(&archives[0], &cache, &ArchiveLimits::default()).unwrap();
        assert_eq!(read.pipeline, packed[0].pipeline);
    }

    #[test]
    fn every_fault_is_named_and_nothing_is_written() {
        let source = folder(r#"{"pipeline": {"modelId": 7, "modelFile": "b.pt"}}"#, &[]);
        let out = tempfile::tempdir().unwrap();
        let fault = pack_folder(source.path(), &out.path().join("a.mpta"), |_, _| {})
            .unwrap_err()
            .to_string();
        assert!(fault.contains("pipeline.modelId") && fault.contains("\"b.pt\""), "{fault}");
        assert_eq!(fs::read_dir(out.path()).unwrap().count(), 0);
    }
}

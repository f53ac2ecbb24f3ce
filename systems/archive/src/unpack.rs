//! An archive on disk to its pipeline and its checkpoints.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::path::Path;
use std::sync::Arc;

use detector_components::node::{Actions, Keep, Trigger};
use sha2::{Digest, Sha256};
use zip::ZipArchive;

use crate::PIPELINE_FILE;
use crate::error::ArchiveError;
use crate::pipeline::{self, NodeSpec, Pipeline};

/// Entries of a bare checkpoint, which has one for each of its tensors: large networks have thousands.
/// As many as its reader accepts.
const CHECKPOINT_ENTRIES: u64 = 16_384;

/// What an archive may be at most.
#[derive(Clone, Debug, PartialEq)]
pub struct ArchiveLimits {
    /// Bytes of the file. Default: 2 GiB.
    pub archive_bytes: u64,
    /// Entries. Default: 1 000.
    pub entries: u64,
    /// Bytes of everything that is unpacked. Default: 4 GiB.
    pub unpacked_bytes: u64,
    /// How many times larger an entry is than what is stored of it. Default: 200.
    pub ratio: u64,
    /// Bytes of `pipeline.json`. Default: 1 MiB.
    pub pipeline_bytes: u64,
}

impl Default for ArchiveLimits {
    fn default() -> Self {
        Self {
            archive_bytes: 2 << 30,
            entries: 1_000,
            unpacked_bytes: 4 << 30,
            ratio: 200,
            pipeline_bytes: 1 << 20,
        }
    }
}

/// A pipeline, and where its checkpoints lie.
#[derive(Clone, Debug)]
pub struct Unpacked {
    /// What is to be run.
    pub pipeline: Pipeline,
    /// By the name that nodes call them.
    pub files: BTreeMap<String, CheckpointFile>,
}

/// A checkpoint on this machine.
#[derive(Clone, Debug)]
pub struct CheckpointFile {
    /// Where.
    pub path: Arc<Path>,
    /// SHA-256, in hexadecimal.
    pub sha256: Arc<str>,
}

/// Reads the archive at `path` and unpacks the checkpoints that its pipeline names into `cache`,
/// unless they are there from the last time: a folder is named by its archive's content.
///
/// A bare checkpoint, a ZIP without `pipeline.json`, is an archive of one node.
///
/// # Errors
/// When it is not as it should be; nothing is left in the cache then.
pub fn unpack(path: &Path, cache: &Path, limits: &ArchiveLimits) -> Result<Unpacked, ArchiveError> {
    let mut file = opened(path, limits)?;
    let sha256 = copy_hashed(&mut file, &mut io::sink(), u64::MAX)
        .map_err(ArchiveError::io("reading the archive"))?
        .1;
    let mut zip = ZipArchive::new(file).map_err(|error| ArchiveError::Zip(error.to_string()))?;
    at_most("entries", zip.len() as u64, limits.entries.max(CHECKPOINT_ENTRIES))?;
    let entries = checked_entries(&mut zip, limits)?;
    let Some(folder) = folder_of_pipeline(&entries) else {
        if entries.iter().any(|entry| entry.ends_with("/data.pkl")) {
            return Ok(bare_checkpoint(path, sha256));
        }
        return Err(ArchiveError::NoPipeline);
    };
    at_most("entries", zip.len() as u64, limits.entries)?;

    let text = read_text(&mut zip, &format!("{folder}{PIPELINE_FILE}"), limits.pipeline_bytes)?;
    let beside = |name: &str| !name.contains('/') && entries.contains(&format!("{folder}{name}"));
    let pipeline = pipeline::read(&text, beside).map_err(ArchiveError::Pipeline)?;
    let names: BTreeSet<&str> = pipeline.nodes.iter().map(|node| node.file.as_str()).collect();
    let home = cache.join(&sha256);
    let mut files = BTreeMap::new();
    let partial = tempfile::tempdir_in(cache).map_err(ArchiveError::io("making a folder"))?;
    for name in names {
        let target = home.join(name);
        let sha256 = if target.exists() {
            let mut file = File::open(&target).map_err(ArchiveError::io("reading the cache"))?;
            copy_hashed(&mut file, &mut io::sink(), u64::MAX)
                .map_err(ArchiveError::io("reading the cache"))?
                .1
        } else {
            let partial = partial.path().join(name);
            let sha256 = unpack_entry(&mut zip, &format!("{folder}{name}"), &partial)?;
            fs::create_dir_all(&home).map_err(ArchiveError::io("making a folder"))?;
            // Whole or not at all, whoever else unpacks the same.
            fs::rename(&partial, &target).map_err(ArchiveError::io("filling the cache"))?;
            sha256
        };
        let file = CheckpointFile { path: target.into(), sha256: sha256.into() };
        files.insert(name.to_owned(), file);
    }
    Ok(Unpacked { pipeline, files })
}

/// Reads the pipeline of the archive at `path`, and leaves its checkpoints where they are.
///
/// # Errors
/// When the archive is not as it should be.
pub fn read_pipeline(path: &Path, limits: &ArchiveLimits) -> Result<Pipeline, ArchiveError> {
    let mut zip = ZipArchive::new(opened(path, limits)?)
        .map_err(|error| ArchiveError::Zip(error.to_string()))?;
    at_most("entries", zip.len() as u64, limits.entries)?;
    let entries = checked_entries(&mut zip, limits)?;
    let folder = folder_of_pipeline(&entries).ok_or(ArchiveError::NoPipeline)?;
    let text = read_text(&mut zip, &format!("{folder}{PIPELINE_FILE}"), limits.pipeline_bytes)?;
    let beside = |name: &str| !name.contains('/') && entries.contains(&format!("{folder}{name}"));
    pipeline::read(&text, beside).map_err(ArchiveError::Pipeline)
}

fn opened(path: &Path, limits: &ArchiveLimits) -> Result<File, ArchiveError> {
    let file = File::open(path).map_err(|error| match error.kind() {
        io::ErrorKind::NotFound => ArchiveError::Missing(path.to_owned()),
        _ => ArchiveError::io("opening the archive")(error),
    })?;
    let bytes = file.metadata().map_err(ArchiveError::io("opening the archive"))?.len();
    at_most("bytes of the archive", bytes, limits.archive_bytes)?;
    Ok(file)
}

fn at_most(what: &'static str, found: u64, most: u64) -> Result<(), ArchiveError> {
    if found <= most { Ok(()) } else { Err(ArchiveError::TooLarge { what, found, most }) }
}

/// The names of all files, none of which leaves the archive, is a link, or is larger than is
/// accepted.
fn checked_entries(
    zip: &mut ZipArchive<File>,
    limits: &ArchiveLimits,
) -> Result<BTreeSet<String>, ArchiveError> {
    let mut names = BTreeSet::new();
    let mut unpacked: u64 = 0;
    for index in 0..zip.len() {
        let entry =
            zip.by_index_raw(index).map_err(|error| ArchiveError::Zip(error.to_string()))?;
        let name = entry.name().map_err(|error| ArchiveError::Zip(error.to_string()))?.into_owned();
        let refused = |fault| Err(ArchiveError::Entry { name: name.clone(), fault });
        let leaves = name.starts_with('/')
            || name.contains(['\\', '\0', ':'])
            || name.split('/').any(|part| part == "..");
        if leaves {
            return refused("leaves the archive");
        }
        if entry.is_symlink() {
            return refused("is a link");
        }
        if entry.encrypted() {
            return refused("is encrypted");
        }
        if entry.size() > entry.compressed_size().saturating_mul(limits.ratio).max(4_096) {
            return refused("grows more than any checkpoint does");
        }
        unpacked = unpacked.saturating_add(entry.size());
        if !entry.is_dir() && !names.insert(name.clone()) {
            return refused("is there twice");
        }
    }
    at_most("bytes when unpacked", unpacked, limits.unpacked_bytes)?;
    Ok(names)
}

/// The prefix of the entries beside `pipeline.json`: nothing, or one folder.
fn folder_of_pipeline(entries: &BTreeSet<String>) -> Option<String> {
    if entries.contains(PIPELINE_FILE) {
        return Some(String::new());
    }
    let mut wrapped = entries.iter().filter_map(|entry| {
        let folder = entry.strip_suffix(PIPELINE_FILE)?.strip_suffix('/')?;
        (!folder.contains('/')).then(|| format!("{folder}/"))
    });
    let folder = wrapped.next()?;
    wrapped.next().is_none().then_some(folder)
}

fn read_text(zip: &mut ZipArchive<File>, name: &str, most: u64) -> Result<String, ArchiveError> {
    let entry = zip.by_name(name).map_err(|error| ArchiveError::Zip(error.to_string()))?;
    let mut text = Vec::new();
    // What the header says of the size need not be true.
    entry
        .take(most + 1)
        .read_to_end(&mut text)
        .map_err(ArchiveError::io("reading pipeline.json"))?;
    at_most("bytes of pipeline.json", text.len() as u64, most)?;
    String::from_utf8(text)
        .map_err(|_| ArchiveError::Entry { name: name.to_owned(), fault: "is no UTF-8 text" })
}

fn unpack_entry(
    zip: &mut ZipArchive<File>,
    name: &str,
    target: &Path,
) -> Result<String, ArchiveError> {
    let mut entry = zip.by_name(name).map_err(|error| ArchiveError::Zip(error.to_string()))?;
    let most = entry.size();
    let mut file = File::create(target).map_err(ArchiveError::io("filling the cache"))?;
    let (bytes, sha256) = copy_hashed(&mut entry, &mut file, most)
        .map_err(ArchiveError::io("unpacking a checkpoint"))?;
    if bytes != most {
        let fault = "has another size than the archive says";
        return Err(ArchiveError::Entry { name: name.to_owned(), fault });
    }
    file.sync_all().map_err(ArchiveError::io("filling the cache"))?;
    Ok(sha256)
}

/// Copies, and returns how many bytes there were and their SHA-256. Stops one byte after `most`.
pub(crate) fn copy_hashed(
    from: &mut impl Read,
    to: &mut impl Write,
    most: u64,
) -> io::Result<(u64, String)> {
    let mut hash = Sha256::new();
    let mut from = from.take(most.saturating_add(1));
    let mut bytes = 0;
    let mut buffer = vec![0; 1 << 16];
    loop {
        let count = from.read(&mut buffer)?;
        if count == 0 {
            break;
        }
        hash.update(&buffer[..count]);
        to.write_all(&buffer[..count])?;
        bytes += count as u64;
    }
    Ok((bytes, hexadecimal(&hash.finalize())))
}

fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The checkpoint stays where it is.
fn bare_checkpoint(path: &Path, sha256: String) -> Unpacked {
    let name = path.file_stem().unwrap_or(path.as_os_str()).to_string_lossy().into_owned();
    let file = CheckpointFile { path: path.into(), sha256: sha256.into() };
    let node = NodeSpec {
        name: name.clone().into(),
        file: name.clone(),
        parent: None,
        trigger: Trigger::default(),
        keep: Keep::default(),
        size: None,
        tracking: None,
        actions: Actions::default(),
    };
    let pipeline = Pipeline { nodes: vec![node], ..Pipeline::default() };
    Unpacked { pipeline, files: BTreeMap::from([(name, file)]) }
}

#[cfg(test)]
mod tests;

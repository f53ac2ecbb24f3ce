//! The ZIP archive around a checkpoint.

use std::collections::HashMap;
use std::io::Cursor;
use std::ops::Range;

use zip::unstable::read::ZipIterable;
use zip::{CompressionMethod, ZipReadOptions};

use super::error::CheckpointError;
use super::limits::Limits;

/// Where the entries of an archive lie in its bytes. All are stored as they are, within the file,
/// and none shares bytes with another.
pub(super) struct Archive {
    /// Folder that everything is in, with its slash.
    root: Box<str>,
    entries: HashMap<Box<str>, Range<usize>>,
    pickle: Range<usize>,
}

impl Archive {
    pub fn read(bytes: &[u8], limits: &Limits) -> Result<Self, CheckpointError> {
        if !bytes.starts_with(b"PK") {
            return Err(CheckpointError::Foreign { found: foreign(bytes) });
        }
        let entries = directory(bytes, limits)?;
        let root = root(&entries)?;
        let pickle = entries[&*format!("{root}data.pkl")].clone();
        if pickle.len() > limits.pickle_bytes {
            let limit = limits.pickle_bytes;
            return Err(CheckpointError::Limit { what: "bytes of pickle", limit });
        }
        let byte_order = format!("{root}byteorder");
        let order = entries.get(&*byte_order).and_then(|range| bytes.get(range.clone()));
        if order.is_some_and(|order| order != b"little") {
            let problem = "is not \"little\": numbers in another order are not supported";
            return Err(CheckpointError::Entry { entry: byte_order, problem });
        }
        Ok(Self { root, entries, pickle })
    }

    pub fn pickle<'b>(&self, bytes: &'b [u8]) -> &'b [u8] {
        // Ranges were checked against the same bytes.
        bytes.get(self.pickle.clone()).unwrap_or_default()
    }

    pub fn storage<'b>(&self, bytes: &'b [u8], key: &str) -> Option<&'b [u8]> {
        let range = self.entries.get(&*format!("{}data/{key}", self.root))?;
        bytes.get(range.clone())
    }
}

/// What a file is that is no ZIP archive.
fn foreign(bytes: &[u8]) -> &'static str {
    match bytes {
        [] => "empty",
        [0x80, ..] => "a checkpoint of PyTorch before 1.6 (a bare pickle)",
        _ if bytes.get(257..262) == Some(b"ustar") => "a checkpoint of PyTorch before 0.4 (a tar)",
        _ if bytes.starts_with(b"version https://git-lfs") => "a pointer of Git LFS",
        _ => "no checkpoint",
    }
}

fn directory(
    bytes: &[u8],
    limits: &Limits,
) -> Result<HashMap<Box<str>, Range<usize>>, CheckpointError> {
    // Not `ZipArchive`: it reserves memory for as many entries as the file declares.
    let mut zip = ZipIterable::try_new(Cursor::new(bytes), zip::read::Config::default())
        .map_err(CheckpointError::Archive)?;
    if zip.len() > limits.entries {
        return Err(CheckpointError::Limit { what: "entries", limit: limits.entries });
    }

    let mut entries = HashMap::new();
    for entry in zip.files().map_err(CheckpointError::Archive)? {
        let entry = entry.map_err(CheckpointError::Archive)?;
        let name = String::from_utf8_lossy(entry.name_raw()).into_owned();
        let fail = |problem| CheckpointError::Entry { entry: name.clone(), problem };
        if entry.encrypted() {
            return Err(fail("is encrypted"));
        }
        if entry.compression() != CompressionMethod::Stored
            || entry.size() != entry.compressed_size()
        {
            return Err(fail("is compressed; PyTorch stores entries as they are"));
        }
        let size = usize::try_from(entry.size()).map_err(|_| fail("is longer than the file"))?;
        let mut body = Cursor::new(bytes);
        let body = entry
            .with_reader(&mut body, ZipReadOptions::new())
            .map_err(CheckpointError::Archive)?;
        let range = body
            .data_start()
            .and_then(|start| usize::try_from(start).ok())
            .and_then(|start| Some(start..start.checked_add(size)?))
            .filter(|range| range.end <= bytes.len())
            .ok_or_else(|| fail("is longer than the file"))?;
        if entries.insert(name.clone().into_boxed_str(), range).is_some() {
            return Err(fail("is there twice"));
        }
    }

    // Otherwise a small file could hold many large storages.
    let mut ranges: Vec<_> = entries.iter().filter(|(_, range)| !range.is_empty()).collect();
    ranges.sort_unstable_by_key(|(_, range)| (range.start, range.end));
    let overlap = ranges.windows(2).find(|pair| pair[1].1.start < pair[0].1.end);
    if let Some([_, (name, _)]) = overlap {
        let problem = "shares bytes with another entry";
        return Err(CheckpointError::Entry { entry: name.to_string(), problem });
    }
    Ok(entries)
}

/// The folder of the archive: any name, the same for all entries.
fn root(entries: &HashMap<Box<str>, Range<usize>>) -> Result<Box<str>, CheckpointError> {
    let fail = |problem| CheckpointError::Entry { entry: "data.pkl".to_owned(), problem };
    let mut roots = entries
        .keys()
        .filter_map(|name| name.strip_suffix("data.pkl"))
        .filter(|root| root.find('/') == root.len().checked_sub(1) && !root.is_empty());
    let root = roots.next().ok_or_else(|| fail("is missing: no PyTorch checkpoint"))?;
    if roots.next().is_some() {
        return Err(fail("is there in two folders"));
    }
    let constants = format!("{root}constants.pkl");
    if entries.contains_key(&*constants) {
        let problem = "marks a TorchScript program, not a checkpoint";
        return Err(CheckpointError::Entry { entry: constants, problem });
    }
    Ok(root.into())
}

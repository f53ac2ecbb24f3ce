//! What the targets have in common: reading all that a checkpoint offers, and writing archives.

use std::collections::HashSet;
use std::io::{Cursor, Read, Write};

use detector_yolo::{Checkpoint, Limits, Value};
use zip::{CompressionMethod, ZipArchive};
use zip::write::{SimpleFileOptions, ZipWriter};

/// So low that what is reserved in vain shows, as a crash of the fuzzer's own limit.
pub fn limits() -> Limits {
    Limits { nodes: 1 << 16, memo: 1 << 16, elements: 1 << 20, ..Limits::default() }
}

/// Visits every value once and reads every tensor.
pub fn read_all(checkpoint: &Checkpoint) {
    let (mut seen, mut open) = (HashSet::new(), vec![checkpoint.root()]);
    while let Some(value) = open.pop() {
        if !seen.insert(value) {
            continue;
        }
        touch(value);
        open.extend(value.items());
        open.extend(value.entries().into_iter().flat_map(|(key, value)| [key, value]));
        open.extend(value.modules().into_iter().map(|(_, module)| module));
    }
}

fn touch(value: Value<'_>) {
    let _ = (value.kind(), value.class(), value.as_str(), value.as_i64(), value.as_f64());
    let _ = format!("{value:?}");
    if let Some(tensor) = value.tensor() {
        let _ = tensor.to_f32();
    }
}

/// A ZIP archive whose entries are stored as they are.
pub fn archive<'a>(entries: impl IntoIterator<Item = (&'a str, &'a [u8])>) -> Vec<u8> {
    let mut zip = ZipWriter::new(Cursor::new(Vec::new()));
    let stored = SimpleFileOptions::default().compression_method(CompressionMethod::Stored);
    for (name, content) in entries {
        zip.start_file(name, stored).expect("the names are right");
        zip.write_all(content).expect("memory takes everything");
    }
    zip.finish().expect("memory takes everything").into_inner()
}

/// A real checkpoint, to be changed.
pub struct Changed(Vec<(String, Vec<u8>)>);

impl Changed {
    /// # Panics
    /// When it is no ZIP archive.
    pub fn of(file: &[u8]) -> Self {
        let mut zip = ZipArchive::new(Cursor::new(file)).expect("a fixture is an archive");
        let entries = (0..zip.len()).map(|index| {
            let mut entry = zip.by_index(index).expect("a fixture is whole");
            let mut content = Vec::new();
            entry.read_to_end(&mut content).expect("a fixture is whole");
            (entry.name().expect("a fixture's names are text").into_owned(), content)
        });
        Self(entries.collect())
    }

    /// The file after the changes that `data` stands for: for each one, where (four bytes), how much is
    /// taken away (one), how much is put there (one), and what.
    pub fn by(&self, mut data: &[u8]) -> Vec<u8> {
        let mut entries = self.0.clone();
        let pickle = entries.iter().position(|(name, _)| name.ends_with("/data.pkl")).unwrap_or(0);
        while let Some((&[entry, a, b, c, taken, put], rest)) = data.split_first_chunk::<6>() {
            let (new, rest) = rest.split_at(usize::from(put % 16).min(rest.len()));
            data = rest;
            // Most changes are of the pickle: the rest is numbers, and nearly all numbers are right.
            let index = if entry < 224 { pickle } else { usize::from(entry) % entries.len() };
            let content = &mut entries[index].1;
            let place = u32::from_le_bytes([a, b, c, 0]) as usize % (content.len() + 1);
            let end = (place + usize::from(taken % 16)).min(content.len());
            content.splice(place..end, new.iter().copied());
        }
        archive(entries.iter().map(|(name, content)| (name.as_str(), content.as_slice())))
    }
}

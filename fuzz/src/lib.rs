//! What the targets have in common: reading all that a checkpoint offers, and writing archives.

use std::borrow::Cow;
use std::collections::HashSet;
use std::io::{Cursor, Read};

use detector_yolo::{Checkpoint, Limits, Value};
use zip::ZipArchive;

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

/// A ZIP archive whose entries are stored as they are. Without their checksums, which nobody asks for:
/// they would be most of the time that an execution takes.
pub fn archive(entries: &[(&str, &[u8])]) -> Vec<u8> {
    let size = entries.iter().map(|(name, content)| 76 + 2 * name.len() + content.len());
    let mut file = Vec::with_capacity(22 + size.sum::<usize>());
    let mut directory = Vec::new();
    for (name, content) in entries {
        let (start, length) = (number(file.len()), number(content.len()));
        // Versions, flags, method, time and date: the first of January 1980.
        let about = [&[20, 0, 0, 0, 0, 0, 0, 0, 0x21, 0, 0, 0, 0, 0][..], &length, &length].concat();
        let lengths = [name.len() as u8, 0, 0, 0];
        for part in [b"PK\x03\x04", &about[..], &lengths, name.as_bytes(), content] {
            file.extend_from_slice(part);
        }
        for part in [b"PK\x01\x02\x14\0", &about[..], &lengths, &[0; 10], &start, name.as_bytes()] {
            directory.extend_from_slice(part);
        }
    }
    let count = &number(entries.len())[..2];
    let (start, length) = (number(file.len()), number(directory.len()));
    for part in [&directory[..], b"PK\x05\x06\0\0\0\0", count, count, &length, &start, &[0; 2]] {
        file.extend_from_slice(part);
    }
    file
}

fn number(number: usize) -> [u8; 4] {
    (number as u32).to_le_bytes()
}

/// A real checkpoint, to be changed.
pub struct Changed(Vec<(String, Vec<u8>)>);

impl Changed {
    /// # Panics
    /// When it is no ZIP archive.
    pub fn of(file: &[u8]) -> Self {
        let mut zip = ZipArchive::new(Cursor::new(file)).expect("a seed is an archive");
        let entries = (0..zip.len()).map(|index| {
            let mut entry = zip.by_index(index).expect("a seed is whole");
            let mut content = Vec::new();
            entry.read_to_end(&mut content).expect("a seed is whole");
            (entry.name().expect("a seed's names are text").into_owned(), content)
        });
        Self(entries.collect())
    }

    /// The file after the changes that `data` stands for: for each one, where (four bytes), how much is
    /// taken away (one), how much is put there (one), and what.
    pub fn by(&self, mut data: &[u8]) -> Vec<u8> {
        let mut entries: Vec<Cow<[u8]>> = self.0.iter().map(|(_, content)| content.into()).collect();
        let names = || self.0.iter().map(|(name, _)| name.as_str());
        let pickle = names().position(|name| name.ends_with("/data.pkl")).unwrap_or(0);
        while let Some((&[entry, a, b, c, taken, put], rest)) = data.split_first_chunk::<6>() {
            let (new, rest) = rest.split_at(usize::from(put % 16).min(rest.len()));
            data = rest;
            // Most changes are of the pickle: the rest is numbers, and nearly all numbers are right.
            let index = if entry < 224 { pickle } else { usize::from(entry) % entries.len() };
            let content = entries[index].to_mut();
            let place = u32::from_le_bytes([a, b, c, 0]) as usize % (content.len() + 1);
            let end = (place + usize::from(taken % 16)).min(content.len());
            content.splice(place..end, new.iter().copied());
        }
        archive(&names().zip(entries.iter().map(AsRef::as_ref)).collect::<Vec<_>>())
    }
}

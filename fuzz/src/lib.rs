//! What the targets have in common: reading all that a checkpoint offers, and writing archives.

use std::collections::HashSet;
use std::io::{Cursor, Write};

use detector_yolo::{Checkpoint, Limits, Value};
use zip::CompressionMethod;
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

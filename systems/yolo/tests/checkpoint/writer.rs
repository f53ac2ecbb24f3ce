//! Writes small checkpoints, right and wrong ones.

use std::io::{Cursor, Write};

use zip::CompressionMethod;
use zip::write::{SimpleFileOptions, ZipWriter};

/// A ZIP archive of stored entries.
pub fn archive(entries: &[(&str, &[u8])]) -> Vec<u8> {
    archive_with(CompressionMethod::Stored, entries)
}

pub fn archive_with(method: CompressionMethod, entries: &[(&str, &[u8])]) -> Vec<u8> {
    let mut zip = ZipWriter::new(Cursor::new(Vec::new()));
    let options = SimpleFileOptions::default().compression_method(method);
    for (name, content) in entries {
        zip.start_file(*name, options).unwrap();
        zip.write_all(content).unwrap();
    }
    zip.finish().unwrap().into_inner()
}

/// A checkpoint with one storage, `0`, of six `f32`: 0 to 5.
pub fn checkpoint(pickle: &[u8]) -> Vec<u8> {
    let numbers: Vec<u8> = (0..6_u8).flat_map(|number| f32::from(number).to_le_bytes()).collect();
    archive(&[("x/data.pkl", pickle), ("x/byteorder", b"little"), ("x/data/0", &numbers)])
}

/// Protocol 2 around instructions.
pub fn pickle(body: &[u8]) -> Vec<u8> {
    [b"\x80\x02", body, b"."].concat()
}

pub fn text(text: &str) -> Vec<u8> {
    let length = u32::try_from(text.len()).unwrap().to_le_bytes();
    [b"X", &length[..], text.as_bytes()].concat()
}

pub fn int(value: i64) -> Vec<u8> {
    [b"\x8a\x08", &value.to_le_bytes()[..]].concat()
}

pub fn tuple(items: &[i64]) -> Vec<u8> {
    let items: Vec<u8> = items.iter().flat_map(|&item| int(item)).collect();
    [b"(", &items[..], b"t"].concat()
}

/// A tensor in the storage `0` that says it has `count` numbers of the class `storage`.
pub fn tensor_of(
    storage: &str,
    count: i64,
    offset: i64,
    shape: &[i64],
    strides: &[i64],
) -> Vec<u8> {
    [
        b"ctorch._utils\n_rebuild_tensor_v2\n((".to_vec(),
        text("storage"),
        format!("ctorch\n{storage}\n").into_bytes(),
        text("0"),
        text("cpu"),
        int(count),
        b"tQ".to_vec(),
        int(offset),
        tuple(shape),
        tuple(strides),
        b"\x89ccollections\nOrderedDict\n)RtR".to_vec(),
    ]
    .concat()
}

pub fn tensor(offset: i64, shape: &[i64], strides: &[i64]) -> Vec<u8> {
    tensor_of("FloatStorage", 6, offset, shape, strides)
}

/// A module `m.Conv` with a parameter `weight`, a buffer that is `None` and a child of itself.
pub fn module() -> Vec<u8> {
    let weight = tensor(0, &[2, 3], &[3, 1]);
    [
        &b"cm\nConv\n)\x81q\x00}("[..],
        &text("_parameters"),
        b"}",
        &text("weight"),
        &weight,
        b"s",
        &text("_buffers"),
        b"}",
        &text("mean"),
        b"Ns",
        &text("_modules"),
        b"}(",
        &text("me"),
        b"h\x00",
        &text("nothing"),
        b"Nu",
        &text("eps"),
        b"G\x3f\xe0\x00\x00\x00\x00\x00\x00ub",
    ]
    .concat()
}

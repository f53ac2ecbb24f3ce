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

/// An entry of a ZIP archive as it stands in the bytes, so that each number of it can lie.
pub struct Entry<'a> {
    pub name: &'a [u8],
    pub content: &'a [u8],
    pub flags: u16,
    pub method: u16,
    pub compressed: u32,
    pub size: u32,
    /// Where the directory says that it begins.
    pub offset: Option<u32>,
    /// What the directory says more.
    pub extra: Vec<u8>,
}

impl<'a> Entry<'a> {
    pub fn of(name: &'a str, content: &'a [u8]) -> Self {
        let size = content.len() as u32;
        let (compressed, offset, extra) = (size, None, Vec::new());
        Self {
            name: name.as_bytes(),
            content,
            flags: 0,
            method: 0,
            compressed,
            size,
            offset,
            extra,
        }
    }

    /// Its 64 bit sizes and where it begins, and in the places of the 32 bit ones that they are so
    /// long.
    pub fn zip64(mut self, size: u64, compressed: u64, offset: u64) -> Self {
        self.extra = [1_u16.to_le_bytes(), 24_u16.to_le_bytes()].concat();
        self.extra
            .extend([size, compressed, offset].iter().flat_map(|number| number.to_le_bytes()));
        (self.size, self.compressed, self.offset) = (u32::MAX, u32::MAX, Some(u32::MAX));
        self
    }

    /// What the directory and the entry itself say alike.
    fn about(&self) -> Vec<u8> {
        let shorts = [20, self.flags, self.method, 0, 0x21].map(u16::to_le_bytes);
        let longs = [0, self.compressed, self.size].map(u32::to_le_bytes);
        [shorts.concat(), longs.concat(), (self.name.len() as u16).to_le_bytes().to_vec()].concat()
    }
}

/// The entries of an archive, its directory, and where it begins.
pub fn body(entries: &[Entry]) -> (Vec<u8>, usize) {
    let (mut file, mut directory) = (Vec::new(), Vec::new());
    for entry in entries {
        let offset = entry.offset.unwrap_or(file.len() as u32).to_le_bytes();
        for part in [b"PK\x03\x04", &entry.about()[..], &[0; 2], entry.name, entry.content] {
            file.extend_from_slice(part);
        }
        let extra = (entry.extra.len() as u16).to_le_bytes();
        for part in [b"PK\x01\x02\x14\0", &entry.about()[..], &extra, &[0; 10], &offset] {
            directory.extend_from_slice(part);
        }
        directory.extend_from_slice(entry.name);
        directory.extend_from_slice(&entry.extra);
    }
    let start = file.len();
    (file.into_iter().chain(directory).collect(), start)
}

/// The end of an archive: how many entries there are, how long the directory is, where it begins.
pub fn end(entries: u16, length: u32, start: u32) -> Vec<u8> {
    let (entries, length, start) =
        (entries.to_le_bytes(), length.to_le_bytes(), start.to_le_bytes());
    [b"PK\x05\x06\0\0\0\0", &entries[..], &entries, &length, &start, &[0; 2]].concat()
}

/// An archive of entries that say of themselves what they like.
pub fn lying(entries: &[Entry]) -> Vec<u8> {
    let (body, start) = body(entries);
    let end = end(entries.len() as u16, (body.len() - start) as u32, start as u32);
    [body, end].concat()
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

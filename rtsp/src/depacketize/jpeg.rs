//! JPEG in RTP (RFC 2435).
//!
//! A packet carries a fragment of the coded samples, by its offset. What a file has before them is not
//! sent: it follows from a few numbers in each packet.
//!
//! The fields of interlaced video are pictures of their own here: the type-specific byte is not looked
//! at.

mod file;
mod tables;

use std::collections::BTreeMap;

use bytes::{BufMut, Bytes, BytesMut};

use crate::reorder::Packet;
use file::{Frame, Segments};

/// Types from here on have a restart header; without this bit they are the same as those below.
const RESTART: u8 = 64;
/// `Q` of tables that are sent each time.
const DYNAMIC: u8 = 255;
/// `Q` from here on stands for tables that are sent.
const FIRST_SENT: u8 = 128;
/// Entries of a table.
const ENTRIES: usize = 64;
/// Pictures in a row that cannot be read, after which the stream is given up.
const MAX_REFUSED: u32 = 3;
const END_OF_IMAGE: [u8; 2] = [0xff, 0xd9];
/// Bytes at the end of a picture in which its end of image is looked for: some cameras fill packets up.
const TAIL: usize = 64;

/// Quantisation tables in zigzag order, of 64 bytes or 64 words each.
type Tables = Vec<Vec<u8>>;

/// Reads JPEG pictures out of RTP payloads, as files.
pub struct JpegReader {
    /// Pixels, as the description says.
    dimensions: Option<(u32, u32)>,
    /// What was sent for each `Q` that stands for the same tables all along.
    sent: BTreeMap<u8, Tables>,
    picture: Option<Picture>,
    /// Whether pictures of this camera have an end of image. If so, those without one are cut.
    ends: bool,
    /// Why the newest pictures could not be read, and how many.
    refused: Option<(&'static str, u32)>,
}

/// The picture that is being put together.
struct Picture {
    kind: u8,
    /// The file so far.
    file: BytesMut,
    /// How much of it is no coded samples.
    header: usize,
}

/// What a payload carries (section 3.1).
struct Fragment<'a> {
    offset: usize,
    kind: u8,
    q: u8,
    /// Columns and rows in blocks of eight.
    blocks: [u8; 2],
    /// Blocks between restart markers (section 3.1.7).
    restart: Option<u16>,
    rest: &'a [u8],
}

impl<'a> Fragment<'a> {
    /// None when it is cut.
    fn parse(payload: &'a [u8]) -> Option<Self> {
        let ([_, o2, o1, o0, kind, q, width, height], rest) = payload.split_first_chunk()?;
        let (restart, rest) = match (RESTART..2 * RESTART).contains(kind) {
            true => {
                let ([i1, i0, _, _], rest) = rest.split_first_chunk()?;
                (Some(u16::from_be_bytes([*i1, *i0])), rest)
            }
            false => (None, rest),
        };
        let offset = u32::from_be_bytes([0, *o2, *o1, *o0]) as usize;
        Some(Self { offset, kind: *kind, q: *q, blocks: [*width, *height], restart, rest })
    }
}

impl JpegReader {
    /// With the size that the description gives, which is needed beyond 2040 pixels.
    pub fn new(dimensions: Option<(u32, u32)>) -> Self {
        Self { dimensions, sent: BTreeMap::new(), picture: None, ends: false, refused: None }
    }

    /// Whether a payload is the first of a picture. None when it cannot be told.
    pub fn starts_picture(&self, payload: &[u8]) -> Option<bool> {
        Fragment::parse(payload).map(|fragment| fragment.offset == 0)
    }

    /// Adds what a packet carries. False when the picture is broken: a fragment is missing, or it cannot
    /// be read.
    pub fn read(&mut self, packet: &Packet) -> bool {
        let Some(fragment) = Fragment::parse(&packet.payload) else { return false };
        if fragment.offset == 0 {
            return match self.begin(&fragment, packet) {
                Ok(picture) => {
                    self.picture = Some(picture);
                    true
                }
                Err(reason) => {
                    self.picture = None;
                    let count = self.refused.map_or(0, |(_, count)| count);
                    self.refused = Some((reason, count + 1));
                    false
                }
            };
        }
        let goes_on = |picture: &&mut Picture| {
            picture.kind == fragment.kind && picture.samples() == fragment.offset
        };
        match self.picture.as_mut().filter(goes_on) {
            Some(picture) => {
                picture.file.put_slice(fragment.rest);
                true
            }
            None => {
                self.picture = None;
                false
            }
        }
    }

    /// The picture as a file. None when there is none. One without an end of image gets one, unless
    /// other pictures of this camera have their own.
    pub fn complete(&mut self) -> Option<Bytes> {
        let mut picture = self.picture.take().filter(|picture| picture.samples() > 0)?;
        self.refused = None;
        let tail = &picture.file[picture.header.max(picture.file.len().saturating_sub(TAIL))..];
        if tail.windows(2).any(|pair| pair == END_OF_IMAGE) {
            self.ends = true;
        } else if !self.ends {
            picture.file.put_slice(&END_OF_IMAGE);
        }
        Some(picture.file.freeze())
    }

    /// Forgets a picture that is not complete.
    pub fn reset(&mut self) {
        self.picture = None;
    }

    /// Why this stream cannot be read, once several pictures in a row could not be.
    pub fn refusal(&self) -> Option<&'static str> {
        self.refused.filter(|(_, count)| *count >= MAX_REFUSED).map(|(reason, _)| reason)
    }

    /// Reads the first fragment of a picture.
    fn begin(&mut self, fragment: &Fragment<'_>, packet: &Packet) -> Result<Picture, &'static str> {
        let subsampled_rows = match fragment.kind & !RESTART {
            0 => false,
            1 => true,
            _ => return Err("JPEG of a type that RFC 2435 does not define"),
        };
        let given = Segments::read(extension(&packet.bytes));
        let (tables, samples) = match fragment.q {
            1..=99 => (tables::quantisation(fragment.q).map(Vec::from).to_vec(), fragment.rest),
            FIRST_SENT.. => self.sent_tables(fragment, given.has_tables())?,
            0 | 100..FIRST_SENT => {
                return Err("JPEG with a quality (Q) that RFC 2435 does not define");
            }
        };
        let [columns, rows] = fragment.blocks;
        let (width, height) = self.dimensions.unzip();
        let size = side(columns, width).zip(side(rows, height));
        let frame = Frame { size, subsampled_rows, tables: &tables, restart: fragment.restart };
        let mut file = frame.header(&given).ok_or("JPEG whose size is not said")?;
        let header = file.len();
        file.put_slice(samples);
        Ok(Picture { kind: fragment.kind, file, header })
    }

    /// The tables that a first fragment carries or stands for (section 3.1.8), and what follows them.
    fn sent_tables<'a>(
        &mut self,
        fragment: &Fragment<'a>,
        elsewhere: bool,
    ) -> Result<(Tables, &'a [u8]), &'static str> {
        const CUT: &str = "JPEG whose quantisation tables are cut";
        let ([_, precision, l1, l0], rest) = fragment.rest.split_first_chunk().ok_or(CUT)?;
        let length = usize::from(u16::from_be_bytes([*l1, *l0]));
        let (bytes, samples) = rest.split_at_checked(length).ok_or(CUT)?;
        if bytes.is_empty() {
            let known = self.sent.get(&fragment.q);
            return match (known, elsewhere) {
                (_, true) => Ok((Tables::new(), samples)),
                (Some(tables), false) => Ok((tables.clone(), samples)),
                (None, false) => Err("JPEG whose quantisation tables never came"),
            };
        }
        let tables = split_tables(bytes, *precision)?;
        if fragment.q != DYNAMIC {
            self.sent.insert(fragment.q, tables.clone());
        }
        Ok((tables, samples))
    }
}

impl Picture {
    /// Bytes of coded samples so far.
    fn samples(&self) -> usize {
        self.file.len() - self.header
    }
}

/// Takes tables apart: one for all components, one for luma and one for chroma, or one for each.
fn split_tables(mut bytes: &[u8], precision: u8) -> Result<Tables, &'static str> {
    let mut tables = Tables::new();
    while !bytes.is_empty() {
        // The lowest bit is that of the first table: its entries are words.
        let words = precision >> tables.len() & 1 == 1;
        let length = if words { 2 * ENTRIES } else { ENTRIES };
        let table = bytes.split_at_checked(length).filter(|_| tables.len() < 3);
        let (table, rest) = table.ok_or("JPEG with quantisation tables of an odd length")?;
        if table.chunks(length / ENTRIES).any(|entry| entry.iter().all(|byte| *byte == 0)) {
            return Err("JPEG with zeros in its quantisation tables");
        }
        tables.push(table.to_vec());
        bytes = rest;
    }
    Ok(tables)
}

/// Pixels of a side. The field counts blocks of eight, up to 255: what it cannot say, the description
/// does. Some cameras write 0 then, others the lower bits. None when it is not said.
fn side(blocks: u8, described: Option<u32>) -> Option<u16> {
    let exact = described.filter(|side| blocks == 0 || side.div_ceil(8) % 256 == blocks.into());
    let exact = exact.and_then(|side| u16::try_from(side).ok()).filter(|side| *side > 0);
    exact.or((blocks > 0).then_some(u16::from(blocks) * 8))
}

/// The header extension of an RTP packet, with its profile and length (RFC 3550, section 5.3.1). Empty
/// when there is none.
fn extension(packet: &[u8]) -> &[u8] {
    let find = || {
        let first = packet.first()?;
        let start = 12 + 4 * usize::from(first & 0x0f);
        let [_, _, l1, l0] = packet.get(start..)?.first_chunk()?;
        let length = 4 + 4 * usize::from(u16::from_be_bytes([*l1, *l0]));
        (first & 0x10 != 0).then(|| packet.get(start..start + length))?
    };
    find().unwrap_or_default()
}

#[cfg(test)]
mod tests;

//! What a JPEG file has before its coded samples (RFC 2435, appendix B; ITU-T T.81, annex B).

use bytes::{BufMut, BytesMut};

use super::{ENTRIES, tables};

/// T.81, table B.1.
mod marker {
    pub const BASELINE: u8 = 0xc0;
    pub const EXTENDED: u8 = 0xc1;
    pub const HUFFMAN: u8 = 0xc4;
    pub const START: u8 = 0xd8;
    pub const SCAN: u8 = 0xda;
    pub const QUANTISATION: u8 = 0xdb;
    pub const RESTART: u8 = 0xdd;
}

/// Profile of the header extension that carries segments: that of a JPEG's start.
const SEGMENTS: [u8; 2] = [0xff, marker::START];
/// Profile of the one of recordings, which may stand before it, and its own length.
const REPLAY: ([u8; 2], usize) = ([0xab, 0xac], 12);
const COMPONENTS: u8 = 3;

/// What is known of a picture.
pub struct Frame<'a> {
    /// Columns and rows, unless a segment says so.
    pub size: Option<(u16, u16)>,
    /// Whether chroma has half the rows too, and not only half the columns.
    pub subsampled_rows: bool,
    /// One quantisation table for all components, two for luma and chroma, or three. None when segments
    /// have them.
    pub tables: &'a [Vec<u8>],
    /// Blocks between restart markers.
    pub restart: Option<u16>,
}

/// Segments of the file that are sent as they are: cameras that follow ONVIF's Streaming Specification
/// ("JPEG over RTP") do that for pictures of more than 2040 pixels and for tables of their own.
#[derive(Default)]
pub struct Segments<'a> {
    frame: Option<(u8, &'a [u8])>,
    quantisation: Vec<&'a [u8]>,
    huffman: Vec<&'a [u8]>,
    restart: Option<&'a [u8]>,
}

impl<'a> Segments<'a> {
    /// Those of a header extension, if it has any.
    pub fn read(extension: &'a [u8]) -> Self {
        let mut segments = Self::default();
        let (replay, length) = REPLAY;
        let own = match extension.strip_prefix(&replay) {
            Some(rest) => rest.get(2 + length..).unwrap_or_default(),
            None => extension,
        };
        let sized = own.strip_prefix(&SEGMENTS).and_then(|own| own.split_first_chunk());
        let mut rest = sized.map_or(&[][..], |(words, rest)| {
            let length = 4 * usize::from(u16::from_be_bytes(*words));
            rest.get(..length).unwrap_or(rest)
        });
        while let Some((kind, body, after)) = segment(rest) {
            rest = after;
            match kind {
                marker::BASELINE | marker::EXTENDED => segments.frame = Some((kind, body)),
                marker::QUANTISATION => segments.quantisation.push(body),
                marker::HUFFMAN => segments.huffman.push(body),
                marker::RESTART => segments.restart = Some(body),
                _ => {}
            }
        }
        segments
    }

    /// Whether there are quantisation tables among them.
    pub fn has_tables(&self) -> bool {
        !self.quantisation.is_empty()
    }

    /// The number of each quantisation table, and whether its entries are words.
    fn tables(&self) -> impl Iterator<Item = (u8, bool)> {
        self.quantisation.iter().flat_map(|segment| {
            let mut rest = *segment;
            std::iter::from_fn(move || {
                let (head, table) = rest.split_first()?;
                let words = head >> 4 != 0;
                rest = table.get(if words { 2 * ENTRIES } else { ENTRIES }..).unwrap_or_default();
                Some((head & 0x0f, words))
            })
        })
    }
}

/// A segment, and what follows it. Any number of `0xff` may stand before it.
fn segment(bytes: &[u8]) -> Option<(u8, &[u8], &[u8])> {
    let start = bytes.iter().position(|byte| *byte != 0xff).filter(|start| *start > 0)?;
    let (kind, rest) = bytes[start..].split_first()?;
    let length = rest.first_chunk().map(|length| u16::from_be_bytes(*length))?;
    let (segment, after) = rest.split_at_checked(usize::from(length))?;
    Some((*kind, segment.get(2..)?, after))
}

impl Frame<'_> {
    /// The file up to its coded samples. None when the size is not known.
    pub fn header(&self, given: &Segments<'_>) -> Option<BytesMut> {
        let mut file = BytesMut::with_capacity(1024);
        file.put_slice(&[0xff, marker::START]);
        for table in &given.quantisation {
            put(&mut file, marker::QUANTISATION, table);
        }
        if !given.has_tables() {
            for (number, table) in (0..).zip(self.tables) {
                let words = u8::from(table.len() > ENTRIES);
                put(
                    &mut file,
                    marker::QUANTISATION,
                    &[&[words << 4 | number], &table[..]].concat(),
                );
            }
        }
        let (kind, frame) = match given.frame {
            Some((kind, body)) => (kind, body.to_vec()),
            None => self.frame(self.size?, given),
        };
        put(&mut file, kind, &frame);
        for table in &given.huffman {
            put(&mut file, marker::HUFFMAN, table);
        }
        if given.huffman.is_empty() {
            put(&mut file, marker::HUFFMAN, &tables::HUFFMAN.concat());
        }
        match (self.restart, given.restart) {
            (_, Some(interval)) => put(&mut file, marker::RESTART, interval),
            (Some(interval), None) => put(&mut file, marker::RESTART, &interval.to_be_bytes()),
            (None, None) => {}
        }
        // Of each component three bytes of the frame say what it is; the first is its name.
        let names = frame.get(6..)?.chunks(3).filter_map(|component| component.first());
        let tables = [0].into_iter().chain(std::iter::repeat(0x11));
        let components: Vec<u8> =
            names.zip(tables).flat_map(|(name, table)| [*name, table]).collect();
        let count = u8::try_from(components.len() / 2).ok()?;
        put(&mut file, marker::SCAN, &[&[count], &components[..], &[0, 63, 0]].concat());
        Some(file)
    }

    /// The segment that describes the picture.
    fn frame(&self, (width, height): (u16, u16), given: &Segments<'_>) -> (u8, Vec<u8>) {
        let own = (0..).zip(self.tables.iter().map(|table| table.len() > ENTRIES));
        let tables: Vec<(u8, bool)> =
            if given.has_tables() { given.tables().collect() } else { own.collect() };
        let last = tables.iter().map(|(number, _)| *number).max().unwrap_or(0);
        let luma = if self.subsampled_rows { 0x22 } else { 0x21 };
        let mut body = vec![8];
        body.extend_from_slice(&height.to_be_bytes());
        body.extend_from_slice(&width.to_be_bytes());
        body.push(COMPONENTS);
        for (place, sampling) in (0..COMPONENTS).zip([luma, 0x11, 0x11]) {
            body.extend_from_slice(&[place + 1, sampling, place.min(last)]);
        }
        // Baseline has tables of bytes only.
        let words = tables.iter().any(|(_, words)| *words);
        (if words { marker::EXTENDED } else { marker::BASELINE }, body)
    }
}

/// Writes a segment. All that are written fit into 16 bits of length: they came in packets.
fn put(file: &mut BytesMut, kind: u8, body: &[u8]) {
    file.put_slice(&[0xff, kind]);
    file.put_u16(body.len() as u16 + 2);
    file.put_slice(body);
}

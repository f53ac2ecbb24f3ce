//! VP8: section numbers are of RFC 6386.

use crate::unit::{Unit, UnitKind};

/// What is known of a stream.
#[derive(Debug, Default)]
pub(crate) struct Stream {
    size: Option<(u32, u32)>,
}

impl Stream {
    pub fn size(&self) -> Option<(u32, u32)> {
        self.size
    }

    pub fn read(&mut self, unit: &[u8]) -> Unit {
        let said = |kind, disposable, incomplete| Unit { kind, disposable, incomplete };
        let Some((&[a, b, c], mut rest)) = unit.split_first_chunk::<3>() else {
            let fault =
                if unit.is_empty() { "an empty unit" } else { "the frame's header is cut off" };
            return said(UnitKind::Headers, false, Some(fault));
        };
        // 9.1
        let tag = u32::from_le_bytes([a, b, c, 0]);
        let (is_key, first_size) = (tag & 1 == 0, (tag >> 5) as usize);
        let kind = if is_key { UnitKind::RandomAccess } else { UnitKind::Picture };
        if is_key {
            let Some((&[x, y, z, w0, w1, h0, h1], after)) = rest.split_first_chunk::<7>() else {
                return said(kind, false, Some("the frame's header is cut off"));
            };
            if [x, y, z] != [0x9d, 0x01, 0x2a] {
                return said(UnitKind::Picture, false, Some("a key frame without its start code"));
            }
            rest = after;
            let number = |low, high| u32::from(u16::from_le_bytes([low, high]) & 0x3fff);
            self.size = Some((number(w0, w1), number(h0, h1)));
        }
        let Some((first, others)) = rest.split_at_checked(first_size) else {
            return said(kind, false, Some("the first partition is cut off"));
        };
        let header = Header::read(first, is_key);
        // 9.5: of all partitions but the last one the size is written.
        let sizes = 3 * ((1_usize << header.partition_bits) - 1);
        let whole = others.split_at_checked(sizes).is_some_and(|(sizes, data)| {
            let sizes = sizes.as_chunks::<3>().0.iter();
            let sum: u32 = sizes.map(|&[a, b, c]| u32::from_le_bytes([a, b, c, 0])).sum();
            data.len() >= sum as usize
        });
        said(kind, !is_key && !header.remains, (!whole).then_some("a partition is cut off"))
    }
}

/// The beginning of a frame's header (9.3 to 9.11).
struct Header {
    partition_bits: u32,
    /// Something of this frame is used by the next one.
    remains: bool,
}

impl Header {
    fn read(partition: &[u8], is_key: bool) -> Self {
        let mut bits = BoolDecoder::new(partition);
        let mut remains = is_key;
        if is_key {
            bits.literal(2);
        }
        if bits.flag() {
            let (map, data) = (bits.flag(), bits.flag());
            remains |= map || data;
            if data {
                bits.flag();
                for length in [7, 7, 7, 7, 6, 6, 6, 6] {
                    bits.optional(length + 1);
                }
            }
            if map {
                (0..3).for_each(|_| bits.optional(8));
            }
        }
        bits.literal(10);
        if bits.flag() && bits.flag() {
            remains = true;
            (0..8).for_each(|_| bits.optional(7));
        }
        let partition_bits = bits.literal(2);
        bits.literal(7);
        (0..5).for_each(|_| bits.optional(5));
        if !is_key {
            let (golden, alternate) = (bits.flag(), bits.flag());
            remains |= golden || alternate;
            // Another buffer may be copied where this frame does not go.
            for refreshed in [golden, alternate] {
                remains |= !refreshed && bits.literal(2) != 0;
            }
            bits.literal(2);
            remains |= bits.flag();
            remains |= bits.flag();
        }
        Self { partition_bits, remains }
    }
}

/// 7.3, where each bit is as likely as the other. After the end come zeros, as in libvpx.
struct BoolDecoder<'a> {
    rest: &'a [u8],
    value: u32,
    range: u32,
    shifted: u32,
}

impl<'a> BoolDecoder<'a> {
    fn new(bytes: &'a [u8]) -> Self {
        let mut decoder = Self { rest: bytes, value: 0, range: 255, shifted: 0 };
        decoder.value = decoder.next_byte() << 8 | decoder.next_byte();
        decoder
    }

    fn next_byte(&mut self) -> u32 {
        let Some((byte, rest)) = self.rest.split_first() else { return 0 };
        self.rest = rest;
        u32::from(*byte)
    }

    fn flag(&mut self) -> bool {
        let split = 1 + (((self.range - 1) * 128) >> 8);
        let bit = self.value >= split << 8;
        if bit {
            self.range -= split;
            self.value -= split << 8;
        } else {
            self.range = split;
        }
        while self.range < 128 {
            self.value <<= 1;
            self.range <<= 1;
            self.shifted += 1;
            if self.shifted == 8 {
                self.shifted = 0;
                self.value |= self.next_byte();
            }
        }
        bit
    }

    fn literal(&mut self, count: u32) -> u32 {
        (0..count).fold(0, |value, _| value << 1 | u32::from(self.flag()))
    }

    /// A flag, and `count` bits if it is set.
    fn optional(&mut self, count: u32) {
        if self.flag() {
            self.literal(count);
        }
    }
}

#[cfg(test)]
mod tests;

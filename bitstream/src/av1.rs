//! AV1: section numbers are of the AV1 Bitstream & Decoding Process Specification, version 1.0.0 with
//! errata 1.

use crate::bits::Bits;
use crate::unit::{Unit, UnitKind};

/// `obu_type` (6.2.2)
mod obu_type {
    pub const SEQUENCE_HEADER: u8 = 1;
    pub const FRAME_HEADER: u8 = 3;
    pub const TILE_GROUP: u8 = 4;
    pub const FRAME: u8 = 6;
}

/// What is known of a stream.
#[derive(Debug, Default)]
pub(crate) struct Stream {
    sequence: Option<Sequence>,
}

/// A sequence header (5.5), as far as frame headers need it.
#[derive(Debug)]
struct Sequence {
    columns: u32,
    rows: u32,
    is_still: bool,
    has_decoder_model: bool,
    /// Bits of `frame_presentation_time`.
    time_bits: u32,
    id_bits: u32,
    order_bits: u32,
    /// 2 where the frame says it.
    screen_content: u32,
    integer_motion: u32,
}

impl Stream {
    pub fn size(&self) -> Option<(u32, u32)> {
        self.sequence.as_ref().map(|sequence| (sequence.columns, sequence.rows))
    }

    /// `av1C`: four bytes, and OBUs.
    pub fn read_header(&mut self, data: &[u8]) {
        let obus = match data.first() {
            Some(0x81) => data.get(4..).unwrap_or_default(),
            _ => data,
        };
        self.read(obus);
    }

    pub fn read(&mut self, unit: &[u8]) -> Unit {
        let (mut kind, mut remains, mut fault, mut tiles) = (None, false, None, true);
        let mut rest = unit;
        while !rest.is_empty() {
            let Some((obu, payload, after)) = split(rest) else {
                fault = fault.or(Some("an OBU is cut off or malformed"));
                break;
            };
            rest = after;
            match obu {
                obu_type::SEQUENCE_HEADER => {
                    self.sequence = Sequence::read(payload).or(self.sequence.take());
                }
                obu_type::FRAME_HEADER | obu_type::FRAME => {
                    let frame = Frame::read(payload, self.sequence.as_ref());
                    let Some(frame) = frame else {
                        fault = fault.or(Some("a frame is cut off in its header"));
                        remains = true;
                        continue;
                    };
                    tiles = obu == obu_type::FRAME || frame.is_repeated;
                    remains |= frame.remains;
                    kind = kind.or(Some(match (frame.is_key, &self.sequence) {
                        (true, Some(_)) => UnitKind::RandomAccess,
                        (true, None) => UnitKind::RandomAccessWithoutHeaders,
                        (false, _) => UnitKind::Picture,
                    }));
                }
                obu_type::TILE_GROUP => tiles = true,
                _ => {}
            }
        }
        let missing = match kind {
            _ if unit.is_empty() => Some("an empty unit"),
            Some(_) if !tiles => Some("a frame without its tiles"),
            _ => None,
        };
        Unit {
            kind: kind.unwrap_or(if remains { UnitKind::Picture } else { UnitKind::Headers }),
            disposable: kind.is_some() && !remains,
            incomplete: fault.or(missing),
        }
    }
}

/// The type and the payload of the first OBU, and what comes after it (5.3).
fn split(data: &[u8]) -> Option<(u8, &[u8], &[u8])> {
    let (head, mut rest) = data.split_first()?;
    if head & 0x80 != 0 {
        return None;
    }
    if head & 4 != 0 {
        rest = rest.get(1..)?;
    }
    let mut length = rest.len() as u64;
    if head & 2 != 0 {
        length = 0;
        // 4.10.5
        for place in 0..8 {
            let (byte, after) = rest.split_first()?;
            rest = after;
            length |= u64::from(byte & 0x7f) << (7 * place);
            if byte & 0x80 == 0 {
                break;
            }
        }
    }
    let (payload, after) = rest.split_at_checked(usize::try_from(length).ok()?)?;
    Some((head >> 3 & 15, payload, after))
}

impl Sequence {
    fn read(payload: &[u8]) -> Option<Self> {
        let mut bits = Bits::plain(payload);
        bits.skip(4)?;
        let is_still = bits.flag()?;
        let (mut has_decoder_model, mut time_bits) = (false, 0);
        if is_still {
            bits.skip(5)?;
        } else {
            let mut delay_bits = 0;
            if bits.flag()? {
                bits.skip(64)?;
                let is_regular = bits.flag()?;
                if is_regular {
                    bits.ue()?;
                }
                has_decoder_model = bits.flag()?;
                if has_decoder_model {
                    delay_bits = u64::from(bits.bits(5)?) + 1;
                    bits.skip(32 + 5)?;
                    let length = bits.bits(5)? + 1;
                    time_bits = if is_regular { 0 } else { length };
                }
            }
            let has_display_delay = bits.flag()?;
            for _ in 0..=bits.bits(5)? {
                bits.skip(12)?;
                if bits.bits(5)? > 7 {
                    bits.skip(1)?;
                }
                if has_decoder_model && bits.flag()? {
                    bits.skip(2 * delay_bits + 1)?;
                }
                if has_display_delay && bits.flag()? {
                    bits.skip(4)?;
                }
            }
        }
        let (column_bits, row_bits) = (bits.bits(4)? + 1, bits.bits(4)? + 1);
        let (columns, rows) = (bits.bits(column_bits)? + 1, bits.bits(row_bits)? + 1);
        let mut id_bits = 0;
        if !is_still && bits.flag()? {
            id_bits = bits.bits(4)? + 2 + bits.bits(3)? + 1;
        }
        bits.skip(3)?;
        let (mut order_bits, mut screen_content, mut integer_motion) = (0, 2, 2);
        if !is_still {
            bits.skip(4)?;
            let has_order = bits.flag()?;
            if has_order {
                bits.skip(2)?;
            }
            if !bits.flag()? {
                screen_content = bits.bits(1)?;
            }
            if screen_content > 0 && !bits.flag()? {
                integer_motion = bits.bits(1)?;
            }
            if has_order {
                order_bits = bits.bits(3)? + 1;
            }
        }
        Some(Self {
            columns,
            rows,
            is_still,
            has_decoder_model,
            time_bits,
            id_bits,
            order_bits,
            screen_content,
            integer_motion,
        })
    }
}

struct Frame {
    /// A key frame that is shown when it is decoded.
    is_key: bool,
    /// An earlier frame is shown: there are no tiles.
    is_repeated: bool,
    /// It goes into a slot of a reference frame, or may.
    remains: bool,
}

impl Frame {
    /// `uncompressed_header` (5.9.2), up to `refresh_frame_flags`.
    fn read(payload: &[u8], sequence: Option<&Sequence>) -> Option<Self> {
        const KEY: u32 = 0;
        const SWITCH: u32 = 3;
        let mut bits = Bits::plain(payload);
        if sequence.is_some_and(|sequence| sequence.is_still) {
            return Some(Self { is_key: true, is_repeated: false, remains: true });
        }
        if bits.flag()? {
            return Some(Self { is_key: false, is_repeated: true, remains: true });
        }
        let (kind, is_shown) = (bits.bits(2)?, bits.flag()?);
        let is_key = kind == KEY && is_shown;
        let remaining = Self { is_key, is_repeated: false, remains: true };
        let Some(sequence) = sequence else { return Some(remaining) };
        if is_key || kind == SWITCH {
            return Some(remaining);
        }
        if is_shown {
            if sequence.has_decoder_model {
                bits.bits(sequence.time_bits)?;
            }
        } else {
            bits.skip(1)?;
        }
        let is_resilient = bits.flag()?;
        bits.skip(1)?;
        let chosen = |bits: &mut Bits, value| if value == 2 { bits.bits(1) } else { Some(value) };
        if chosen(&mut bits, sequence.screen_content)? == 1 {
            chosen(&mut bits, sequence.integer_motion)?;
        }
        bits.bits(sequence.id_bits)?;
        bits.skip(1)?;
        bits.bits(sequence.order_bits)?;
        // Frames of inter prediction have number 1; others are intra only.
        if kind == 1 && !is_resilient {
            bits.skip(3)?;
        }
        if sequence.has_decoder_model && bits.flag()? {
            return Some(remaining);
        }
        Some(Self { remains: bits.bits(8)? != 0, ..remaining })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_cut_off_is_said() {
        let mut stream = Stream::default();
        assert_eq!(stream.read(&[]).incomplete, Some("an empty unit"));
        assert_eq!(stream.read(&[0x12, 0]).kind, UnitKind::Headers);
        let cut = stream.read(&[0x12, 0, 0x32, 9, 0x10]);
        assert_eq!(cut.incomplete, Some("an OBU is cut off or malformed"));
        let key = stream.read(&[0x32, 2, 0x10, 0]);
        assert_eq!(key.kind, UnitKind::RandomAccessWithoutHeaders);
        let header_only = stream.read(&[0x1a, 2, 0x30, 0]);
        assert_eq!(header_only.incomplete, Some("a frame without its tiles"));
    }
}

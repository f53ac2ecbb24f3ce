//! VP9: section numbers are of the VP9 Bitstream & Decoding Process Specification, version 0.7.

use crate::bits::Bits;
use crate::unit::{Unit, UnitKind};

/// What is known of a stream.
#[derive(Debug, Default)]
pub(crate) struct Stream {
    size: Option<(u32, u32)>,
}

struct Frame {
    key: Option<(u32, u32)>,
    /// Something of this frame is used by the next one, or may be.
    remains: bool,
}

impl Stream {
    pub fn size(&self) -> Option<(u32, u32)> {
        self.size
    }

    pub fn read(&mut self, unit: &[u8]) -> Unit {
        let said = |kind, disposable, incomplete| Unit { kind, disposable, incomplete };
        if unit.is_empty() {
            return said(UnitKind::Headers, false, Some("an empty unit"));
        }
        let (mut kind, mut remains) = (None, false);
        let (frames, mut fault) = Superframe::of(unit);
        for frame in frames {
            let Some(frame) = read_frame(frame) else {
                fault = fault.or(Some("a frame is cut off in its header"));
                remains = true;
                continue;
            };
            self.size = frame.key.or(self.size);
            remains |= frame.remains;
            let is = if frame.key.is_some() { UnitKind::RandomAccess } else { UnitKind::Picture };
            kind = kind.or(Some(is));
        }
        said(kind.unwrap_or(UnitKind::Picture), !remains, fault)
    }
}

/// The frames of a superframe (annex B), or the only frame.
struct Superframe<'a> {
    rest: &'a [u8],
    sizes: &'a [u8],
    bytes: usize,
}

impl<'a> Superframe<'a> {
    fn of(unit: &'a [u8]) -> (Self, Option<&'static str>) {
        let single = Self { rest: unit, sizes: &[], bytes: 0 };
        let Some(marker) = unit.last().filter(|marker| **marker & 0xe0 == 0xc0) else {
            return (single, None);
        };
        let (count, bytes) = (usize::from(marker & 7) + 1, usize::from(marker >> 3 & 3) + 1);
        let length = 2 + count * bytes;
        let Some((frames, index)) = unit.len().checked_sub(length).map(|at| unit.split_at(at))
        else {
            return (single, None);
        };
        if index[0] != *marker {
            return (single, None);
        }
        let frames = Self { rest: frames, sizes: &index[1..length - 1], bytes };
        let sum: u64 = frames.sizes.chunks(bytes).map(number).sum();
        let cut = sum > frames.rest.len() as u64;
        (frames, cut.then_some("a superframe is shorter than its index says"))
    }
}

fn number(bytes: &[u8]) -> u64 {
    bytes.iter().rev().fold(0, |sum, byte| sum << 8 | u64::from(*byte))
}

impl<'a> Iterator for Superframe<'a> {
    type Item = &'a [u8];

    fn next(&mut self) -> Option<&'a [u8]> {
        if self.bytes == 0 {
            return Some(std::mem::take(&mut self.rest)).filter(|frame| !frame.is_empty());
        }
        let (size, sizes) = self.sizes.split_at_checked(self.bytes)?;
        self.sizes = sizes;
        let size = number(size).min(self.rest.len() as u64) as usize;
        let (frame, rest) = self.rest.split_at(size);
        self.rest = rest;
        Some(frame)
    }
}

/// `uncompressed_header` (6.2), as far as it says what remains of a frame.
fn read_frame(frame: &[u8]) -> Option<Frame> {
    let mut bits = Bits::plain(frame);
    bits.bits(2).filter(|marker| *marker == 2)?;
    let profile = bits.bits(1)? | bits.bits(1)? << 1;
    if profile == 3 {
        bits.skip(1)?;
    }
    if bits.flag()? {
        // An earlier frame is shown.
        bits.skip(3)?;
        return Some(Frame { key: None, remains: false });
    }
    let (is_inter, is_shown, is_resilient) = (bits.flag()?, bits.flag()?, bits.flag()?);
    if !is_inter {
        skip_sync(&mut bits)?;
        skip_colours(&mut bits, profile)?;
        return Some(Frame { key: Some(read_size(&mut bits)?), remains: true });
    }
    let is_intra = !is_shown && bits.flag()?;
    let resets = if is_resilient { 0 } else { bits.bits(2)? };
    if is_intra {
        skip_sync(&mut bits)?;
        return Some(Frame { key: None, remains: true });
    }
    let refreshed = bits.bits(8)?;
    bits.skip(12)?;
    let mut is_found = false;
    for _ in 0..3 {
        is_found = bits.flag()?;
        if is_found {
            break;
        }
    }
    if !is_found {
        read_size(&mut bits)?;
    }
    if bits.flag()? {
        bits.skip(32)?;
    }
    bits.skip(1)?;
    if !bits.flag()? {
        bits.skip(2)?;
    }
    // Probabilities, then the loop filter's changes and segments, which stay too.
    let saves = !is_resilient && {
        let saves = bits.flag()?;
        bits.skip(1)?;
        saves
    };
    bits.skip(2 + 9)?;
    let filter_changes = bits.flag()? && bits.flag()?;
    if filter_changes || refreshed != 0 || saves || is_resilient || resets >= 2 {
        return Some(Frame { key: None, remains: true });
    }
    bits.skip(8)?;
    for _ in 0..3 {
        if bits.flag()? {
            bits.skip(5)?;
        }
    }
    Some(Frame { key: None, remains: bits.flag()? })
}

fn skip_sync(bits: &mut Bits) -> Option<()> {
    bits.bits(24).filter(|code| *code == 0x49_8342).map(drop)
}

/// `color_config` (6.2.2)
fn skip_colours(bits: &mut Bits, profile: u32) -> Option<()> {
    if profile >= 2 {
        bits.skip(1)?;
    }
    let is_rgb = bits.bits(3)? == 7;
    let more = match (is_rgb, profile % 2 == 1) {
        (false, false) => 1,
        (false, true) => 4,
        (true, false) => 0,
        (true, true) => 1,
    };
    bits.skip(more)
}

fn read_size(bits: &mut Bits) -> Option<(u32, u32)> {
    Some((bits.bits(16)? + 1, bits.bits(16)? + 1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_superframe_is_as_long_as_its_index_says() {
        let shown = [0x88, 0xc8, 9, 0, 0xc8];
        let unit = Stream::default().read(&shown);
        assert_eq!(unit.incomplete, Some("a superframe is shorter than its index says"));
        let unit = Stream::default().read(&[0x88, 0x88, 0xc1, 1, 1, 0xc1]);
        assert_eq!(unit, Unit { kind: UnitKind::Picture, disposable: true, incomplete: None });
    }

    #[test]
    fn what_is_cut_off_is_said() {
        assert_eq!(Stream::default().read(&[]).incomplete, Some("an empty unit"));
        let cut = Stream::default().read(&[0x80, 0x49, 0x83]);
        assert_eq!(cut.incomplete, Some("a frame is cut off in its header"));
    }
}

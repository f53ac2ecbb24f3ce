//! Parameter sets of H.265, as far as slice headers need them.

use crate::bits::Bits;

/// The number of a video parameter set (7.3.2.1).
pub(super) fn read_vps(payload: &[u8]) -> Option<u8> {
    Some(Bits::escaped(payload).bits(4)? as u8)
}

/// A sequence parameter set (7.3.2.2), up to the size of its buffer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Sps {
    pub vps: u8,
    /// The highest temporal layer.
    pub last_layer: u8,
    /// Luma samples, the conformance window not subtracted.
    pub columns: u32,
    pub rows: u32,
    /// Pictures that a decoder keeps, the one being decoded not counted.
    pub references: u32,
}

impl Sps {
    /// Its number, and what it says. `None` when it is malformed or cut off.
    pub fn read(payload: &[u8]) -> Option<(u8, Self)> {
        let mut bits = Bits::escaped(payload);
        let vps = bits.bits(4)? as u8;
        let last_layer = bits.at_most(3, 6)? as u8;
        bits.skip(1)?;
        skip_profile_tier_level(&mut bits, last_layer)?;
        let id = bits.ue_at_most(15)? as u8;
        if bits.ue_at_most(3)? == 3 {
            bits.skip(1)?;
        }
        let (columns, rows) = (bits.ue()?, bits.ue()?);
        if bits.flag()? {
            for _ in 0..4 {
                bits.ue()?;
            }
        }
        for _ in 0..2 {
            bits.ue()?;
        }
        bits.ue_at_most(12)?;
        // Either the last layer's only, or one after the other: the last one counts.
        let layers = if bits.flag()? { u32::from(last_layer) + 1 } else { 1 };
        let mut references = 0;
        for _ in 0..layers {
            references = bits.ue()?;
            bits.ue()?;
            bits.ue()?;
        }
        Some((id, Self { vps, last_layer, columns, rows, references }))
    }
}

/// 7.3.3, with `profilePresentFlag` 1.
fn skip_profile_tier_level(bits: &mut Bits, last_layer: u8) -> Option<()> {
    bits.skip(96)?;
    let mut length = 0;
    for _ in 0..last_layer {
        let (profile, level) = (bits.flag()?, bits.flag()?);
        length += u64::from(profile) * 88 + u64::from(level) * 8;
    }
    if last_layer > 0 {
        length += 2 * u64::from(8 - last_layer);
    }
    bits.skip(length)
}

/// A picture parameter set (7.3.2.3), its beginning.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Pps {
    pub sps: u8,
}

impl Pps {
    /// Its number, and what it says. `None` when it is malformed or cut off.
    pub fn read(payload: &[u8]) -> Option<(u8, Self)> {
        let mut bits = Bits::escaped(payload);
        let id = bits.ue_at_most(63)? as u8;
        Some((id, Self { sps: bits.ue_at_most(15)? as u8 }))
    }
}

//! Parameter sets of H.265, as far as slice headers need them.

use crate::bits::Bits;

use super::references::ReferenceSet;

/// The number of a video parameter set (7.3.2.1).
pub(super) fn read_vps(payload: &[u8]) -> Option<u8> {
    Some(Bits::escaped(payload).bits(4)? as u8)
}

/// A sequence parameter set (7.3.2.2), up to the reference picture sets.
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
    pub separate_colour_planes: bool,
    /// MaxPicOrderCntLsb is 2 to the power of it.
    pub order_bits: u32,
    /// Short-term reference picture sets that slices choose from. `None` when they are malformed, or
    /// something before them is.
    pub sets: Option<Vec<ReferenceSet>>,
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
        let separate_colour_planes = bits.ue_at_most(3)? == 3 && bits.flag()?;
        let (columns, rows) = (bits.ue()?, bits.ue()?);
        if bits.flag()? {
            for _ in 0..4 {
                bits.ue()?;
            }
        }
        for _ in 0..2 {
            bits.ue()?;
        }
        let order_bits = bits.ue_at_most(12)? + 4;
        // Either the last layer's only, or one after the other: the last one counts.
        let layers = if bits.flag()? { u32::from(last_layer) + 1 } else { 1 };
        let mut references = 0;
        for _ in 0..layers {
            references = bits.ue()?;
            bits.ue()?;
            bits.ue()?;
        }
        Some((
            id,
            Self {
                vps,
                last_layer,
                columns,
                rows,
                references,
                separate_colour_planes,
                order_bits,
                sets: read_sets(&mut bits),
            },
        ))
    }
}

/// From `log2_min_luma_coding_block_size_minus3` to the last `st_ref_pic_set`.
fn read_sets(bits: &mut Bits) -> Option<Vec<ReferenceSet>> {
    for _ in 0..6 {
        bits.ue()?;
    }
    if bits.flag()? && bits.flag()? {
        skip_scaling_lists(bits)?;
    }
    bits.skip(2)?;
    if bits.flag()? {
        bits.skip(8)?;
        bits.ue()?;
        bits.ue()?;
        bits.skip(1)?;
    }
    let count = bits.ue_at_most(64)?;
    let mut sets = Vec::new();
    for _ in 0..count {
        sets.push(ReferenceSet::read(bits, &sets, false)?);
    }
    Some(sets)
}

/// 7.3.4
fn skip_scaling_lists(bits: &mut Bits) -> Option<()> {
    for size in 0..4 {
        for _ in 0..if size == 3 { 2 } else { 6 } {
            if !bits.flag()? {
                bits.ue()?;
                continue;
            }
            if size > 1 {
                bits.se()?;
            }
            for _ in 0..if size == 0 { 16 } else { 64 } {
                bits.se()?;
            }
        }
    }
    Some(())
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
    pub output_flag: bool,
    /// Reserved bits in slice headers.
    pub extra_bits: u32,
}

impl Pps {
    /// Its number, and what it says. `None` when it is malformed or cut off.
    pub fn read(payload: &[u8]) -> Option<(u8, Self)> {
        let mut bits = Bits::escaped(payload);
        let id = bits.ue_at_most(63)? as u8;
        let sps = bits.ue_at_most(15)? as u8;
        bits.skip(1)?;
        Some((id, Self { sps, output_flag: bits.flag()?, extra_bits: bits.bits(3)? }))
    }
}

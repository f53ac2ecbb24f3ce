//! Parameter sets of H.264, as far as slice headers need them.

use crate::bits::Bits;

/// A sequence parameter set (7.3.2.1.1), up to its usability information.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Sps {
    pub separate_colour_planes: bool,
    /// ChromaArrayType is not 0.
    pub chroma: bool,
    /// MaxFrameNum is 2 to the power of it.
    pub frame_num_bits: u32,
    pub order: OrderType,
    pub references: u32,
    pub gaps_allowed: bool,
    pub frames_only: bool,
    /// Luma samples, cropping not subtracted. They saturate.
    pub columns: u32,
    pub rows: u32,
}

/// How the order of output is written (`pic_order_cnt_type`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum OrderType {
    /// 0: modulo 2 to the power of `bits`.
    Written { bits: u32 },
    /// 1: as differences from a cycle.
    Cycle { always_zero: bool },
    /// 2: that of decoding.
    Decoding,
}

impl Sps {
    /// Its number, and what it says. `None` when it is malformed or cut off.
    pub fn read(payload: &[u8]) -> Option<(u8, Self)> {
        let mut bits = Bits::escaped(payload);
        let profile = bits.bits(8)?;
        bits.skip(16)?;
        let id = bits.ue_at_most(31)? as u8;
        let (mut chroma_format, mut separate_colour_planes) = (1, false);
        if matches!(
            profile,
            100 | 110 | 122 | 244 | 44 | 83 | 86 | 118 | 128 | 138 | 139 | 134 | 135
        ) {
            chroma_format = bits.ue_at_most(3)?;
            separate_colour_planes = chroma_format == 3 && bits.flag()?;
            bits.ue()?;
            bits.ue()?;
            bits.skip(1)?;
            if bits.flag()? {
                for list in 0..if chroma_format == 3 { 12 } else { 8 } {
                    if bits.flag()? {
                        skip_scaling_list(&mut bits, if list < 6 { 16 } else { 64 })?;
                    }
                }
            }
        }
        let frame_num_bits = bits.ue_at_most(12)? + 4;
        let order = match bits.ue_at_most(2)? {
            0 => OrderType::Written { bits: bits.ue_at_most(12)? + 4 },
            1 => {
                let always_zero = bits.flag()?;
                bits.se()?;
                bits.se()?;
                for _ in 0..bits.ue_at_most(255)? {
                    bits.se()?;
                }
                OrderType::Cycle { always_zero }
            }
            _ => OrderType::Decoding,
        };
        let references = bits.ue()?;
        let gaps_allowed = bits.flag()?;
        let (columns, rows) = (bits.ue()?.saturating_add(1), bits.ue()?.saturating_add(1));
        let frames_only = bits.flag()?;
        let sps = Self {
            separate_colour_planes,
            chroma: chroma_format != 0 && !separate_colour_planes,
            frame_num_bits,
            order,
            references,
            gaps_allowed,
            frames_only,
            columns: columns.saturating_mul(16),
            rows: rows.saturating_mul(if frames_only { 16 } else { 32 }),
        };
        Some((id, sps))
    }
}

/// 7.3.2.1.1.1
fn skip_scaling_list(bits: &mut Bits, size: usize) -> Option<()> {
    let (mut last, mut next) = (8_i32, 8_i32);
    for _ in 0..size {
        if next != 0 {
            next = last.wrapping_add(bits.se()?) & 0xff;
        }
        if next != 0 {
            last = next;
        }
    }
    Some(())
}

/// A picture parameter set (7.3.2.2), up to `redundant_pic_cnt_present_flag`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Pps {
    pub sps: u8,
    pub bottom_field_order: bool,
    /// How many pictures the two lists have, unless the slice says otherwise.
    pub lists: [u32; 2],
    pub weighted: bool,
    pub weighted_both: u32,
    pub redundant: bool,
}

impl Pps {
    /// Its number, and what it says. `None` when it is malformed or cut off.
    pub fn read(payload: &[u8]) -> Option<(u8, Self)> {
        let mut bits = Bits::escaped(payload);
        let id = bits.ue_at_most(255)? as u8;
        let sps = bits.ue_at_most(31)? as u8;
        bits.skip(1)?;
        let bottom_field_order = bits.flag()?;
        let groups = bits.ue_at_most(7)? + 1;
        if groups > 1 {
            skip_slice_groups(&mut bits, groups)?;
        }
        let lists = [bits.ue_at_most(31)? + 1, bits.ue_at_most(31)? + 1];
        let (weighted, weighted_both) = (bits.flag()?, bits.bits(2)?);
        for _ in 0..3 {
            bits.se()?;
        }
        bits.skip(2)?;
        let redundant = bits.flag()?;
        Some((id, Self { sps, bottom_field_order, lists, weighted, weighted_both, redundant }))
    }
}

fn skip_slice_groups(bits: &mut Bits, groups: u32) -> Option<()> {
    match bits.ue_at_most(6)? {
        0 => (0..groups).try_for_each(|_| bits.ue().map(drop)),
        2 => (0..2 * (groups - 1)).try_for_each(|_| bits.ue().map(drop)),
        3..=5 => {
            bits.skip(1)?;
            bits.ue().map(drop)
        }
        6 => {
            let units = u64::from(bits.ue()?) + 1;
            bits.skip(units * u64::from(groups.next_power_of_two().trailing_zeros()))
        }
        _ => Some(()),
    }
}

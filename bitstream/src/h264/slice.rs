//! The header of a slice of H.264 (7.3.3), up to what it says of reference pictures.

use crate::bits::Bits;

use super::parameters::{OrderType, Pps, Sps};

/// What can be read without parameter sets.
#[derive(Debug)]
pub(super) struct Start {
    pub first_mb: u32,
    kind: Kind,
    pub pps: u8,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    P,
    B,
    I,
}

impl Start {
    /// `None` when it is malformed or cut off.
    pub fn read(bits: &mut Bits) -> Option<Self> {
        let first_mb = bits.ue()?;
        // Table 7-6: SP and SI are P and I here.
        let kind = match bits.ue_at_most(9)? % 5 {
            0 | 3 => Kind::P,
            1 => Kind::B,
            _ => Kind::I,
        };
        Some(Self { first_mb, kind, pps: bits.ue_at_most(255)? as u8 })
    }
}

/// A position in the order of output, modulo 2 to the power of `bits`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Order {
    number: u32,
    bits: u32,
    frame_num: u32,
}

impl Order {
    /// Whether it is shown before `other`; `None` when it is a part of the same frame.
    pub fn is_before(self, other: Self) -> Option<bool> {
        if self.bits != other.bits {
            return Some(false);
        }
        let modulus = 1_u32 << self.bits;
        let distance = self.number.wrapping_sub(other.number) & (modulus - 1);
        if self.frame_num == other.frame_num && (distance <= 1 || distance == modulus - 1) {
            return None;
        }
        Some(distance > modulus / 2)
    }
}

/// What the first slice of a picture says of it.
#[derive(Debug)]
pub(super) struct Slice {
    pub idr: bool,
    pub referred: bool,
    /// Its blocks refer to no picture.
    pub intra: bool,
    /// Its blocks may refer to two pictures: a B slice.
    pub both: bool,
    pub frame_num: u32,
    pub field: Option<Field>,
    /// It repeats a slice, in case that one is lost.
    pub redundant: bool,
    /// `None` where the order of output is that of decoding, or not written as a number.
    pub order: Option<Order>,
    /// Memory management control operation 5: all numbers begin anew after this picture.
    pub resets: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Field {
    Top,
    Bottom,
}

impl Slice {
    /// `bits` is after [`Start`]. `None` when the header is malformed or cut off.
    pub fn read(
        bits: &mut Bits,
        start: &Start,
        pps: &Pps,
        sps: &Sps,
        idr: bool,
        referred: bool,
    ) -> Option<Self> {
        if sps.separate_colour_planes {
            bits.skip(2)?;
        }
        let frame_num = bits.bits(sps.frame_num_bits)?;
        let field = match !sps.frames_only && bits.flag()? {
            true if bits.flag()? => Some(Field::Bottom),
            true => Some(Field::Top),
            false => None,
        };
        if idr {
            bits.ue()?;
        }
        let both_orders = pps.bottom_field_order && field.is_none();
        let mut order = None;
        match sps.order {
            OrderType::Written { bits: count } => {
                order = Some(Order { number: bits.bits(count)?, bits: count, frame_num });
                if both_orders {
                    bits.se()?;
                }
            }
            OrderType::Cycle { always_zero: false } => {
                bits.se()?;
                if both_orders {
                    bits.se()?;
                }
            }
            OrderType::Cycle { always_zero: true } | OrderType::Decoding => {}
        }
        let redundant = pps.redundant && bits.ue()? > 0;
        let resets = referred && !idr && reads_a_reset(bits, start.kind, pps, sps)?;
        Some(Self {
            idr,
            referred,
            intra: start.kind == Kind::I,
            both: start.kind == Kind::B,
            frame_num,
            field,
            redundant,
            order,
            resets,
        })
    }
}

/// From `direct_spatial_mv_pred_flag` to the end of `dec_ref_pic_marking` (7.3.3.3).
fn reads_a_reset(bits: &mut Bits, kind: Kind, pps: &Pps, sps: &Sps) -> Option<bool> {
    let lists = match kind {
        Kind::I => 0,
        Kind::P => 1,
        Kind::B => 2,
    };
    let mut lengths = pps.lists;
    if kind == Kind::B {
        bits.skip(1)?;
    }
    if lists > 0 && bits.flag()? {
        for length in &mut lengths[..lists] {
            *length = bits.ue_at_most(31)? + 1;
        }
    }
    for _ in 0..lists {
        skip_list_modification(bits)?;
    }
    let weighted = match kind {
        Kind::P => pps.weighted,
        Kind::B => pps.weighted_both == 1,
        Kind::I => false,
    };
    if weighted {
        skip_weights(bits, &lengths[..lists], sps.chroma)?;
    }
    if !bits.flag()? {
        return Some(false);
    }
    let mut resets = false;
    loop {
        match bits.ue_at_most(6)? {
            0 => return Some(resets),
            5 => resets = true,
            3 => {
                bits.ue()?;
                bits.ue()?;
            }
            _ => {
                bits.ue()?;
            }
        }
    }
}

/// 7.3.3.1
fn skip_list_modification(bits: &mut Bits) -> Option<()> {
    if bits.flag()? {
        while bits.ue_at_most(3)? != 3 {
            bits.ue()?;
        }
    }
    Some(())
}

/// 7.3.3.2
fn skip_weights(bits: &mut Bits, lengths: &[u32], chroma: bool) -> Option<()> {
    bits.ue_at_most(7)?;
    if chroma {
        bits.ue_at_most(7)?;
    }
    for length in lengths {
        for _ in 0..*length {
            for numbers in [2, 4].into_iter().take(1 + usize::from(chroma)) {
                if bits.flag()? {
                    for _ in 0..numbers {
                        bits.se()?;
                    }
                }
            }
        }
    }
    Some(())
}

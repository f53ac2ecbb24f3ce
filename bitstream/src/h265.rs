//! H.265: section and table numbers are of ITU-T H.265 (08/2021).

mod parameters;
mod references;

use crate::bits::Bits;
use crate::h264::sei_number;
use crate::nal::{annex_b_nals, each_nal};
use crate::slices::SliceCounts;
use crate::unit::{Framing, Unit, UnitKind};

use parameters::{Pps, Sps, read_vps};
use references::{Pictures, Position, ReferenceSet};

/// Table 7-1.
mod nal_type {
    /// Sub-layer non-reference pictures have even numbers up to here.
    pub const LAST_NON_REFERENCE: u8 = 14;
    pub const RASL_N: u8 = 8;
    pub const RASL_R: u8 = 9;
    pub const RADL_N: u8 = 6;
    pub const FIRST_IRAP: u8 = 16;
    pub const IDR_W_RADL: u8 = 19;
    pub const IDR_N_LP: u8 = 20;
    pub const CRA: u8 = 21;
    pub const LAST_IRAP: u8 = 23;
    pub const LAST_SLICE: u8 = 31;
    pub const VPS: u8 = 32;
    pub const SPS: u8 = 33;
    pub const PPS: u8 = 34;
    pub const END_OF_SEQUENCE: u8 = 36;
    pub const END_OF_BITSTREAM: u8 = 37;
    pub const PREFIX_SEI: u8 = 39;
}

/// What is known of a stream.
#[derive(Debug)]
pub(crate) struct Stream {
    /// A bit for each number.
    vps: u16,
    sps: Box<[Option<Sps>; 16]>,
    pps: Box<[Option<Pps>; 64]>,
    /// Columns, rows and reference frames of the newest sequence parameter set.
    size: Option<(u32, u32, u32)>,
    pictures: Pictures,
    slices: SliceCounts,
}

/// What a unit was found to hold.
#[derive(Debug, Default)]
struct Found {
    slices: u32,
    /// A slice segment that begins a picture.
    first: bool,
    random_access: bool,
    leading: bool,
    referred: bool,
    /// Every picture in it has its parameter sets.
    known: bool,
    recovery: Option<u32>,
    fault: Option<&'static str>,
}

impl Stream {
    pub fn new() -> Self {
        Self {
            vps: 0,
            sps: Box::new([const { None }; 16]),
            pps: Box::new([const { None }; 64]),
            size: None,
            pictures: Pictures::default(),
            slices: SliceCounts::default(),
        }
    }

    /// Columns, rows and reference frames.
    pub fn size(&self) -> Option<(u32, u32, u32)> {
        self.size
    }

    /// Parameter sets known out of band: `hvcC` (ISO/IEC 14496-15, 8.3.3.1), or a byte stream. Answers
    /// how many bytes a length has.
    pub fn read_header(&mut self, data: &[u8]) -> Option<u8> {
        // Early writers of `hvcC` left its version 0, which is how a byte stream begins too.
        if data.starts_with(&[0, 0, 1]) || data.starts_with(&[0, 0, 0, 1]) {
            annex_b_nals(data).for_each(|nal| self.read_parameters(nal));
            return None;
        }
        let (head, mut rest) = data.split_at_checked(23)?;
        for _ in 0..head[22] {
            let Some(([_, a, b], after)) = rest.split_first_chunk::<3>() else { break };
            rest = after;
            for _ in 0..u16::from_be_bytes([*a, *b]) {
                let Some((length, after)) = rest.split_first_chunk::<2>() else { break };
                let length = usize::from(u16::from_be_bytes(*length)).min(after.len());
                let (nal, after) = after.split_at(length);
                rest = after;
                self.read_parameters(nal);
            }
        }
        Some((head[21] & 3) + 1)
    }

    fn read_parameters(&mut self, nal: &[u8]) {
        let Some(([head, _], payload)) = nal.split_first_chunk::<2>() else { return };
        match head >> 1 & 0x3f {
            nal_type::VPS => {
                if let Some(id) = read_vps(payload) {
                    self.vps |= 1 << id;
                }
            }
            nal_type::SPS => {
                if let Some((id, sps)) = Sps::read(payload) {
                    self.size = Some((sps.columns, sps.rows, sps.references));
                    self.sps[usize::from(id)] = Some(sps);
                }
            }
            nal_type::PPS => {
                if let Some((id, pps)) = Pps::read(payload) {
                    self.pps[usize::from(id)] = Some(pps);
                }
            }
            _ => {}
        }
    }

    pub fn read(&mut self, unit: &[u8], framing: Framing) -> Unit {
        let mut found = Found { known: true, ..Found::default() };
        let framing_fault = each_nal(unit, framing, |nal| self.read_nal(nal, &mut found));
        let missing = (found.slices > 0 && !found.first).then_some("the first slice is missing");
        let short = match found.slices {
            0 => None,
            slices => self.slices.observe(found.random_access, slices),
        };
        if missing.is_some() {
            self.pictures.lose_track();
        }
        let kind = match found.recovery {
            _ if found.slices == 0 => UnitKind::Headers,
            _ if found.random_access && found.known => UnitKind::RandomAccess,
            _ if found.random_access => UnitKind::RandomAccessWithoutHeaders,
            _ if found.leading => UnitKind::Leading,
            Some(frames) if found.known && found.first => UnitKind::RecoveryPoint { frames },
            _ => UnitKind::Picture,
        };
        Unit {
            kind,
            disposable: matches!(kind, UnitKind::Leading | UnitKind::Picture) && !found.referred,
            incomplete: framing_fault.or(found.fault).or(missing).or(short),
        }
    }

    fn read_nal(&mut self, nal: &[u8], found: &mut Found) {
        let Some(([high, low], payload)) = nal.split_first_chunk::<2>() else {
            found.fault = found.fault.or(Some("a NAL unit is cut off in its header"));
            return;
        };
        let (layer, temporal) = ((high & 1) << 5 | low >> 3, low & 7);
        if high & 0x80 != 0 {
            found.fault = found.fault.or(Some("the forbidden bit is set"));
            return;
        }
        if temporal == 0 {
            found.fault = found.fault.or(Some("a NAL unit's header is malformed"));
            return;
        }
        if layer > 0 {
            return;
        }
        match high >> 1 {
            kind @ ..=nal_type::LAST_SLICE => {
                // A unit with a random access after another picture is no place to begin.
                let is_irap = (nal_type::FIRST_IRAP..=nal_type::LAST_IRAP).contains(&kind);
                found.random_access |= is_irap && found.slices == 0;
                found.slices = found.slices.saturating_add(1);
                self.read_slice(payload, kind, temporal - 1, found);
            }
            nal_type::PREFIX_SEI => {
                if let Some(frames) = recovery_point(payload) {
                    found.recovery = Some(frames);
                }
            }
            nal_type::END_OF_SEQUENCE | nal_type::END_OF_BITSTREAM => self.pictures.lose_track(),
            _ => self.read_parameters(nal),
        }
    }

    fn read_slice(&mut self, payload: &[u8], kind: u8, temporal: u8, found: &mut Found) {
        let is_irap = (nal_type::FIRST_IRAP..=nal_type::LAST_IRAP).contains(&kind);
        found.leading |= matches!(kind, nal_type::RASL_N | nal_type::RASL_R);
        let mut bits = Bits::escaped(payload);
        let Some((first, pps)) = read_start(&mut bits, is_irap) else {
            found.fault = found.fault.or(Some("a slice is cut off in its header"));
            found.referred = true;
            return;
        };
        let is_new = first && !found.first;
        found.first |= first;
        let pps = self.pps[usize::from(pps)].as_ref();
        let sps = pps.and_then(|pps| self.sps[usize::from(pps.sps)].as_ref());
        found.known &= sps.is_some_and(|sps| self.vps & 1 << sps.vps != 0);
        let is_odd = kind > nal_type::LAST_NON_REFERENCE || !kind.is_multiple_of(2);
        found.referred |= is_odd || sps.is_none_or(|sps| temporal < sps.last_layer);
        if !is_new {
            return;
        }
        let read = pps.zip(sps).and_then(|(pps, sps)| read_references(&mut bits, kind, pps, sps));
        let Some((order, bits, set)) = read else {
            // Nothing certain can be said of what follows.
            self.pictures.lose_track();
            return;
        };
        let position = Position {
            order,
            bits,
            begins: is_irap && kind != nal_type::CRA,
            random_access: is_irap,
            // 8.3.1: the one that the next picture's order is counted from.
            anchor: temporal == 0
                && is_odd
                && !(nal_type::RADL_N..=nal_type::RASL_R).contains(&kind),
        };
        found.fault = found.fault.or(self.pictures.observe(&position, &set));
    }
}

/// The beginning of a slice segment's header (7.3.6.1): whether it begins a picture, and the number of
/// its picture parameter set.
fn read_start(bits: &mut Bits, is_irap: bool) -> Option<(bool, u8)> {
    let first = bits.flag()?;
    if is_irap {
        bits.skip(1)?;
    }
    Some((first, bits.ue_at_most(63)? as u8))
}

/// What comes after that in the first one of a picture: `slice_pic_order_cnt_lsb`, its bits, and the
/// short-term references.
fn read_references(
    bits: &mut Bits,
    kind: u8,
    pps: &Pps,
    sps: &Sps,
) -> Option<(u32, u32, ReferenceSet)> {
    bits.bits(pps.extra_bits)?;
    bits.ue_at_most(2)?;
    if pps.output_flag {
        bits.skip(1)?;
    }
    if sps.separate_colour_planes {
        bits.skip(2)?;
    }
    if matches!(kind, nal_type::IDR_W_RADL | nal_type::IDR_N_LP) {
        return Some((0, sps.order_bits, ReferenceSet::default()));
    }
    let sets = sps.sets.as_ref()?;
    let order = bits.bits(sps.order_bits)?;
    let set = if bits.flag()? {
        let index = bits.bits(sets.len().next_power_of_two().trailing_zeros())?;
        sets.get(index as usize)?.clone()
    } else {
        ReferenceSet::read(bits, sets, true)?
    };
    Some((order, sps.order_bits, set))
}

/// The `recovery_poc_cnt` of a recovery point in supplemental information (7.3.5, D.2.8), 0 when it is
/// negative.
fn recovery_point(payload: &[u8]) -> Option<u32> {
    let mut bits = Bits::escaped(payload);
    loop {
        let (kind, size) = (sei_number(&mut bits)?, sei_number(&mut bits)?);
        if kind == 6 {
            // It is between -MaxPicOrderCntLsb / 2 and MaxPicOrderCntLsb / 2 - 1, at most 2^15 - 1.
            return bits
                .se()
                .filter(|count| count.abs() <= 1 << 15)
                .map(|count| count.max(0) as u32);
        }
        bits.skip(size * 8)?;
    }
}

#[cfg(test)]
mod tests;

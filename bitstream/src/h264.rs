//! H.264: section and table numbers are of ITU-T H.264 (08/2021).

mod frame_num;
mod parameters;
mod slice;

use crate::bits::Bits;
use crate::nal::{annex_b_nals, each_nal};
use crate::slices::SliceCounts;
use crate::unit::{Framing, Unit, UnitKind};

use frame_num::FrameNumbers;
use parameters::{Pps, Sps};
use slice::{Order, Slice};

/// Table 7-1.
mod nal_type {
    pub const SLICE: u8 = 1;
    pub const PARTITION_A: u8 = 2;
    pub const PARTITION_B: u8 = 3;
    pub const PARTITION_C: u8 = 4;
    pub const IDR: u8 = 5;
    pub const SEI: u8 = 6;
    pub const SPS: u8 = 7;
    pub const PPS: u8 = 8;
}

/// What is known of a stream.
#[derive(Debug)]
pub(crate) struct Stream {
    sps: Box<[Option<Sps>; 32]>,
    pps: Box<[Option<Pps>; 256]>,
    /// Columns, rows and reference frames of the newest sequence parameter set.
    size: Option<(u32, u32, u32)>,
    numbers: FrameNumbers,
    slices: SliceCounts,
    /// After an open I picture, until a picture that is shown after it: where it is in output order.
    open: Option<Order>,
}

/// What a unit was found to hold.
#[derive(Debug, Default)]
struct Found {
    slices: u32,
    /// A slice that begins a picture.
    first: bool,
    idr: bool,
    referred: bool,
    leading: bool,
    /// Every picture in it has its parameter sets.
    known: bool,
    recovery: Option<u32>,
    fault: Option<&'static str>,
    /// The first slice of a picture that began a new order of output.
    order: Option<Order>,
}

impl Stream {
    pub fn new() -> Self {
        Self {
            sps: Box::new([const { None }; 32]),
            pps: Box::new([const { None }; 256]),
            size: None,
            numbers: FrameNumbers::default(),
            slices: SliceCounts::default(),
            open: None,
        }
    }

    /// Columns, rows and reference frames.
    pub fn size(&self) -> Option<(u32, u32, u32)> {
        self.size
    }

    /// Parameter sets known out of band: `avcC` (ISO/IEC 14496-15, 5.3.3.1), or a byte stream. Answers
    /// how many bytes a length has.
    pub fn read_header(&mut self, data: &[u8]) -> Option<u8> {
        if data.first() != Some(&1) {
            annex_b_nals(data).for_each(|nal| self.read_parameters(nal));
            return None;
        }
        let (head, mut rest) = data.split_at_checked(5)?;
        // The number of sequence parameter sets has 5 bits; then that of picture parameter sets has 8.
        for mask in [0x1f, 0xff] {
            let Some((count, after)) = rest.split_first() else { break };
            rest = after;
            for _ in 0..count & mask {
                let Some((length, after)) = rest.split_first_chunk::<2>() else { break };
                let length = usize::from(u16::from_be_bytes(*length)).min(after.len());
                let (nal, after) = after.split_at(length);
                rest = after;
                self.read_parameters(nal);
            }
        }
        Some((head[4] & 3) + 1)
    }

    fn read_parameters(&mut self, nal: &[u8]) {
        let Some((head, payload)) = nal.split_first() else { return };
        match head & 0x1f {
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
        if missing.is_some() {
            self.numbers.lose_track();
        }
        let short = match found.slices {
            0 => None,
            slices => self.slices.observe(found.idr, slices),
        };
        let kind = match found.recovery {
            _ if found.slices == 0 => UnitKind::Headers,
            _ if found.idr && found.known => UnitKind::RandomAccess,
            _ if found.idr => UnitKind::RandomAccessWithoutHeaders,
            Some(frames) if found.known && found.first => {
                self.open = found.order.filter(|_| frames == 0);
                UnitKind::RecoveryPoint { frames }
            }
            _ if found.leading => UnitKind::Leading,
            _ => UnitKind::Picture,
        };
        if found.idr {
            self.open = None;
        }
        Unit {
            kind,
            disposable: matches!(kind, UnitKind::Leading | UnitKind::Picture) && !found.referred,
            incomplete: framing_fault.or(found.fault).or(missing).or(short),
        }
    }

    fn read_nal(&mut self, nal: &[u8], found: &mut Found) {
        let Some((&head, payload)) = nal.split_first() else { return };
        if head & 0x80 != 0 {
            found.fault = found.fault.or(Some("the forbidden bit is set"));
            return;
        }
        let referred = head & 0x60 != 0;
        match head & 0x1f {
            kind @ (nal_type::SLICE | nal_type::PARTITION_A | nal_type::IDR) => {
                // A unit with an IDR picture after another one is no place to begin.
                found.idr |= kind == nal_type::IDR && found.slices == 0;
                found.slices = found.slices.saturating_add(1);
                found.referred |= referred;
                self.read_slice(payload, kind == nal_type::IDR, referred, found);
            }
            nal_type::SEI => {
                if let Some(frames) = recovery_point(payload) {
                    found.recovery = Some(frames);
                }
            }
            nal_type::SPS | nal_type::PPS => self.read_parameters(nal),
            nal_type::PARTITION_B | nal_type::PARTITION_C => {
                found.slices = found.slices.max(1);
                found.referred |= referred;
            }
            // The rest says nothing of the base layer's pictures.
            _ => {}
        }
    }

    fn read_slice(&mut self, payload: &[u8], idr: bool, referred: bool, found: &mut Found) {
        let mut bits = Bits::escaped(payload);
        let Some(start) = slice::Start::read(&mut bits) else {
            found.fault = found.fault.or(Some("a slice is cut off in its header"));
            return;
        };
        let pps = self.pps[usize::from(start.pps)].as_ref();
        let sps = pps.and_then(|pps| self.sps[usize::from(pps.sps)].as_ref());
        let (Some(pps), Some(sps)) = (pps, sps) else {
            found.known = false;
            found.first |= start.first_mb == 0;
            self.numbers.lose_track();
            return;
        };
        if start.first_mb != 0 {
            return;
        }
        let slice = Slice::read(&mut bits, &start, pps, sps, idr, referred);
        if slice.as_ref().is_some_and(|slice| slice.redundant) {
            return;
        }
        let new = !found.first;
        found.first = true;
        let Some(slice) = slice else {
            // Nothing certain can be said of what follows.
            self.numbers.lose_track();
            self.open = None;
            return;
        };
        found.fault = found.fault.or(self.numbers.observe(&slice, sps));
        if new {
            found.order = slice.order;
            match self.open.zip(slice.order).map(|(open, order)| order.is_before(open)) {
                Some(Some(true)) if slice.both => found.leading = true,
                // The other field of the open picture itself.
                Some(None) => {}
                _ => self.open = None,
            }
        }
    }
}

/// The `recovery_frame_cnt` of a recovery point in supplemental information (7.3.2.3, D.1.8).
fn recovery_point(payload: &[u8]) -> Option<u32> {
    let mut bits = Bits::escaped(payload);
    loop {
        let (kind, size) = (sei_number(&mut bits)?, sei_number(&mut bits)?);
        if kind == 6 {
            // It is below MaxFrameNum, which is at most 2^16.
            return bits.ue_at_most(0xffff);
        }
        bits.skip(size * 8)?;
    }
}

/// A type or a size of an SEI message: as many 255 as it takes, and the rest.
pub(crate) fn sei_number(bits: &mut Bits) -> Option<u64> {
    let mut number = 0;
    loop {
        let byte = bits.bits(8)?;
        number += u64::from(byte);
        if byte != 0xff {
            return Some(number);
        }
    }
}

#[cfg(test)]
mod tests;

//! Whether reference pictures are missing, by `frame_num` (7.4.3).

use crate::trust::Trust;
use crate::unit::Unit;

use super::parameters::Sps;
use super::slice::{Field, Slice};

/// Follows the numbers of a stream. Some encoders write the same number always.
#[derive(Debug, Default)]
pub(super) struct FrameNumbers {
    last: Option<Last>,
    trust: Trust,
}

/// The newest reference picture (PrevRefFrameNum), and the field that may be completed.
#[derive(Debug, Clone, Copy)]
struct Last {
    number: u32,
    bits: u32,
    field: Option<(Field, u32)>,
}

impl FrameNumbers {
    /// A picture came whose number could not be read.
    pub fn lose_track(&mut self) {
        self.last = None;
    }

    /// Says whether reference pictures are missing before this picture.
    pub fn observe(&mut self, slice: &Slice, sps: &Sps) -> Option<&'static str> {
        let bits = sps.frame_num_bits;
        let number = if slice.resets { 0 } else { slice.frame_num };
        let next = Last { number, bits, field: slice.field.map(|field| (field, slice.frame_num)) };
        let Some(last) = self.last.filter(|last| last.bits == bits && !slice.idr) else {
            self.last = (slice.idr || slice.referred).then_some(next);
            return None;
        };
        if let Some((field, of)) = last.field
            && of == slice.frame_num
            && slice.field.is_some_and(|second| second != field)
        {
            // The second field of a frame, which may be one that is not referred to.
            let number = if slice.resets { 0 } else { last.number };
            self.last = Some(Last { number, bits, field: None });
            return None;
        }
        let field = next.field;
        let expected = (last.number + 1) & ((1 << bits) - 1);
        let (is_right, is_same) = (slice.frame_num == expected, slice.frame_num == last.number);
        let is_gap = !is_right && !is_same && !sps.gaps_allowed;
        self.last = Some(if slice.referred {
            next
        } else if is_gap {
            // What comes next follows this picture: a gap is said once.
            let number = slice.frame_num.wrapping_sub(1) & ((1 << bits) - 1);
            Last { number, bits, field }
        } else {
            Last { field, ..last }
        });
        // Counting that begins anew at an intra picture is an IDR picture by another name.
        let is_restart = slice.intra && slice.frame_num == 0;
        if slice.referred || is_gap {
            self.trust.weigh(is_right || (sps.gaps_allowed && !is_same) || is_restart);
        }
        (is_gap && !is_restart && !self.trust.is_lost()).then_some(Unit::REFERENCES_MISSING)
    }
}

//! Whether reference pictures are missing, by the reference picture sets.

use crate::bits::Bits;
use crate::trust::Trust;
use crate::unit::Unit;

/// The most pictures of a set (7.4.8 with the largest buffer, A.4.2).
const MOST: usize = 16;

/// A short-term reference picture set (7.3.7, 7.4.8).
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct ReferenceSet {
    entries: [Entry; MOST],
    /// So many are shown before the picture; they come first, the nearest one first.
    before: usize,
    length: usize,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Entry {
    /// Picture order count, relative to the picture.
    distance: i32,
    /// By this picture. Others are kept for later ones.
    used: bool,
}

impl ReferenceSet {
    /// The set after `others`, of a slice or of a sequence parameter set.
    pub fn read(bits: &mut Bits, others: &[Self], of_slice: bool) -> Option<Self> {
        if !others.is_empty() && bits.flag()? {
            let back = if of_slice { bits.ue()? as usize } else { 0 };
            let other = others.len().checked_sub(1)?.checked_sub(back)?;
            return others[other].read_changes(bits);
        }
        let mut set = Self::default();
        let (before, after) = (bits.ue_at_most(16)?, bits.ue_at_most(16)?);
        for (count, sign) in [(before, -1), (after, 1)] {
            let mut distance = 0;
            for _ in 0..count {
                distance += sign * (bits.ue_at_most(0x7fff)? as i32 + 1);
                set.push(Entry { distance, used: bits.flag()? })?;
            }
        }
        set.before = before as usize;
        Some(set)
    }

    fn push(&mut self, entry: Entry) -> Option<()> {
        *self.entries.get_mut(self.length)? = entry;
        self.length += 1;
        Some(())
    }

    /// A set that is written as changes of this one: (7-61), (7-62).
    fn read_changes(&self, bits: &mut Bits) -> Option<Self> {
        let sign = if bits.flag()? { -1 } else { 1 };
        let shift = sign * (bits.ue_at_most(0x7fff)? as i32 + 1);
        // The entries of this set, then the picture that this set belongs to.
        let mut moved = [None; MOST + 1];
        let distances = self.entries[..self.length].iter().map(|entry| entry.distance).chain([0]);
        for (place, distance) in moved.iter_mut().zip(distances) {
            let used = bits.flag()?;
            let kept = used || bits.flag()?;
            *place = kept.then_some(Entry { distance: distance.checked_add(shift)?, used });
        }
        let (before, after, own) = (0..self.before, self.before..self.length, self.length);
        let backward = after.clone().rev().chain([own]).chain(before.clone());
        let forward = before.rev().chain([own]).chain(after);
        let mut set = Self::default();
        for entry in backward.filter_map(|at| moved[at]).filter(|entry| entry.distance < 0) {
            set.push(entry)?;
        }
        set.before = set.length;
        for entry in forward.filter_map(|at| moved[at]).filter(|entry| entry.distance > 0) {
            set.push(entry)?;
        }
        Some(set)
    }
}

/// Where a picture is in the order of output.
#[derive(Debug)]
pub(super) struct Position {
    /// `slice_pic_order_cnt_lsb`, modulo 2 to the power of `bits`.
    pub order: u32,
    pub bits: u32,
    /// Counting begins anew: IDR, BLA.
    pub begins: bool,
    pub random_access: bool,
    /// The order of the next picture is counted from this one.
    pub anchor: bool,
}

/// The short-term reference pictures of a stream, by picture order count, as its sets keep them.
#[derive(Debug, Default)]
pub(super) struct Pictures {
    /// `None` until a random access.
    following: Option<Following>,
    trust: Trust,
}

#[derive(Debug)]
struct Following {
    held: [i32; MOST + 1],
    length: usize,
    /// Of the newest random access: what leading pictures refer to before it may not be there, and
    /// others refer to nothing before it.
    since: i32,
    anchor: i32,
}

impl Pictures {
    /// Nothing is said until the next random access.
    pub fn lose_track(&mut self) {
        self.following = None;
    }

    /// Says whether pictures that this one refers to are missing (8.3.2).
    pub fn observe(&mut self, position: &Position, set: &ReferenceSet) -> Option<&'static str> {
        let modulus = 1_i32 << position.bits;
        let low = position.order as i32;
        let before = self.following.take();
        let order = match &before {
            Some(before) if !position.begins => {
                // 8.3.1: the one that is nearest to the anchor.
                let near = before.anchor.wrapping_sub(modulus / 2);
                near.wrapping_add(low.wrapping_sub(near) & (modulus - 1))
            }
            _ if position.random_access => low,
            _ => return None,
        };
        let mut now = Following {
            held: [0; MOST + 1],
            length: 0,
            since: if position.random_access { order } else { i32::MIN },
            anchor: order,
        };
        now.hold(order);
        let mut missing = false;
        if let Some(before) = &before
            && !position.random_access
        {
            now.since = before.since;
            if !position.anchor {
                now.anchor = before.anchor;
            }
            for entry in &set.entries[..set.length] {
                let wanted = order.wrapping_add(entry.distance);
                let is_held = before.held[..before.length].contains(&wanted);
                let is_missing = !is_held && entry.used && wanted >= before.since;
                // What is missing is said once.
                if is_held || is_missing {
                    now.hold(wanted);
                }
                missing |= is_missing;
            }
        } else if let Some(before) = &before
            && !position.begins
        {
            // Leading pictures still refer to what was there before a CRA.
            before.held[..before.length].iter().for_each(|order| now.hold(*order));
        }
        self.following = Some(now);
        if position.random_access {
            return None;
        }
        self.trust.weigh(!missing);
        (missing && !self.trust.is_lost()).then_some(Unit::REFERENCES_MISSING)
    }
}

impl Following {
    /// There is room for a picture and a set. A malformed stream may have more.
    fn hold(&mut self, order: i32) {
        if let Some(place) = self.held.get_mut(self.length) {
            *place = order;
            self.length += 1;
        }
    }
}

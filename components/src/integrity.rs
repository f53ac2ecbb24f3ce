//! Whether a picture can be trusted, and why pictures were left out.

use std::ops::Index;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use bevy_ecs::prelude::*;

/// What is wrong with a picture of a camera.
///
/// The first group comes from the transport, the second from the decoder, the third from the picture
/// itself. All but [`Frozen`](Self::Frozen), [`Covered`](Self::Covered) and what is only suspected are
/// left out: such pictures are never inferred.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum PictureFault {
    /// It came before the first key picture, so there is nothing to decode it from.
    NoKeyFrame,
    /// Packets of it, or of a picture that it depends on, are missing.
    PacketsLost,
    /// The decoder could not keep up, so a group of pictures was skipped.
    Skipped,
    /// The decoder reported errors, or flagged it as corrupt.
    DecoderError,
    /// The coded picture is incomplete: slices are missing, a JPEG was cut.
    Truncated,
    /// One-colour blocks cover a part that had texture before.
    Blocks,
    /// Rows or columns are smeared over a part that had texture before.
    Smeared,
    /// The same picture as before, for longer than `freeze_secs`.
    Frozen,
    /// Black, or one colour all over: the lens is covered, or there is no light.
    Covered,
}

impl PictureFault {
    /// Every fault, in the order of a picture's way.
    pub const ALL: [Self; 9] = [
        Self::NoKeyFrame,
        Self::PacketsLost,
        Self::Skipped,
        Self::DecoderError,
        Self::Truncated,
        Self::Blocks,
        Self::Smeared,
        Self::Frozen,
        Self::Covered,
    ];

    /// Its name on the wire, in `/state` and in metrics.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::NoKeyFrame => "no_key_frame",
            Self::PacketsLost => "packets_lost",
            Self::Skipped => "skipped",
            Self::DecoderError => "decoder_error",
            Self::Truncated => "truncated",
            Self::Blocks => "blocks",
            Self::Smeared => "smeared",
            Self::Frozen => "frozen",
            Self::Covered => "covered",
        }
    }

    /// For people.
    pub fn description(self) -> &'static str {
        match self {
            Self::NoKeyFrame => "before the first key frame",
            Self::PacketsLost => "packets lost",
            Self::Skipped => "skipped: the decoder cannot keep up",
            Self::DecoderError => "decoder errors",
            Self::Truncated => "incomplete pictures",
            Self::Blocks => "one-colour blocks",
            Self::Smeared => "smeared pictures",
            Self::Frozen => "frozen: the same picture again and again",
            Self::Covered => "covered or black",
        }
    }
}

/// Whether a frame can be trusted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Integrity {
    /// Nothing is known to be wrong.
    #[default]
    Good,
    /// Something may be wrong. Configuration decides whether such frames are inferred.
    Suspicious(PictureFault),
}

impl Integrity {
    /// What may be wrong.
    pub fn fault(self) -> Option<PictureFault> {
        match self {
            Self::Good => None,
            Self::Suspicious(fault) => Some(fault),
        }
    }
}

/// How many pictures of a camera had each fault.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct FaultCounts([u64; PictureFault::ALL.len()]);

impl FaultCounts {
    /// Each fault that occurred, with its count.
    pub fn iter(&self) -> impl Iterator<Item = (PictureFault, u64)> {
        PictureFault::ALL.into_iter().map(|fault| (fault, self[fault])).filter(|(_, n)| *n > 0)
    }

    /// Pictures with any fault.
    pub fn total(&self) -> u64 {
        self.0.iter().sum()
    }
}

impl Index<PictureFault> for FaultCounts {
    type Output = u64;

    fn index(&self, fault: PictureFault) -> &u64 {
        &self.0[fault as usize]
    }
}

/// Counts the faults of one camera. Counted on its streaming threads; all clones count together.
#[derive(Component, Clone, Debug, Default)]
pub struct FaultCounter(Arc<[AtomicU64; PictureFault::ALL.len()]>);

impl FaultCounter {
    /// Counts one picture.
    pub fn count(&self, fault: PictureFault) {
        self.0[fault as usize].fetch_add(1, Ordering::Relaxed);
    }

    /// The counts so far.
    pub fn counts(&self) -> FaultCounts {
        FaultCounts(std::array::from_fn(|index| self.0[index].load(Ordering::Relaxed)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn faults_are_counted_apart() {
        let counter = FaultCounter::default();
        counter.clone().count(PictureFault::Truncated);
        counter.count(PictureFault::Truncated);
        counter.count(PictureFault::Covered);
        let counts = counter.counts();
        assert_eq!(counts[PictureFault::Truncated], 2);
        assert_eq!(counts.total(), 3);
        let seen: Vec<_> = counts.iter().collect();
        assert_eq!(seen, [(PictureFault::Truncated, 2), (PictureFault::Covered, 1)]);
    }
}

//! Which coded pictures a decoder is given, and which of its pictures are shown.
//!
//! Decoders conceal what is missing: given a picture without those it refers to, they show grey, or
//! what was there before, smeared. So nothing goes to the decoder before a picture that it can begin
//! with, nor after a gap until the next such picture; and when it cannot keep up, the rest of a group
//! is left out as a whole rather than in parts.

use std::time::Duration;

use detector_bitstream::{Unit, UnitKind};
use detector_components::integrity::PictureFault;

/// A decoder that is so far behind is given nothing more until the next picture that it can begin with.
const MAX_LAG: Duration = Duration::from_secs(2);
/// The same for pictures that came when the stream began: restreamers begin with all pictures since
/// the last key picture at once, and leaving them out would mean to wait for the next one.
const MAX_LAG_AT_START: Duration = Duration::from_secs(6);
/// So long after the opening of a stream it has begun.
const START: Duration = Duration::from_millis(1500);
/// Behind by this much, pictures that no other needs are left out.
const DISPOSABLE_LAG: Duration = Duration::from_millis(300);
/// Groups in a row, received whole, in which the decoder found errors, after which those errors are
/// taken for the camera's way of encoding.
const ODD_GROUPS: u32 = 3;

/// What is known of a coded picture when it comes to the decoder.
#[derive(Clone, Copy, Debug)]
pub struct Arrival {
    /// What its bytes say.
    pub unit: Unit,
    /// Whether something is missing between the picture before and this one.
    pub after_gap: bool,
    /// How long ago it came.
    pub lag: Duration,
    /// How long after the opening of the stream it came.
    pub after_opening: Duration,
}

/// What to do with a coded picture.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Decision {
    /// Decode it; its picture is shown.
    Show,
    /// Decode it; its picture is not complete yet.
    Prepare(PictureFault),
    /// Leave it out.
    Drop(PictureFault),
}

/// Decides for one stream.
#[derive(Debug)]
pub struct Gate {
    state: State,
    /// Leading pictures refer to what was not decoded.
    skips_leading: bool,
    /// Whether the decoder found errors since the last picture that it began with.
    group_has_errors: bool,
    /// Whether something was missing since then.
    group_has_gap: bool,
    odd_groups: u32,
    /// Pictures until the recovery is over.
    recovering: u32,
    /// Decoding began at a recovery point rather than at a random access.
    began_at_recovery: bool,
    /// Recovery points are no places to begin: libav, with one thread, decodes an H.264 stream with B
    /// pictures wrongly from there.
    distrusts_recovery: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// Nothing goes through until a picture that a decoder can begin with.
    Closed(PictureFault),
    /// Pictures go through, and get better with each (intra refresh).
    Recovering(PictureFault),
    Open,
}

impl Default for Gate {
    fn default() -> Self {
        Self {
            state: State::Closed(PictureFault::NoKeyFrame),
            skips_leading: false,
            group_has_errors: false,
            group_has_gap: false,
            odd_groups: 0,
            recovering: 0,
            began_at_recovery: false,
            distrusts_recovery: false,
        }
    }
}

impl Gate {
    /// Decides about the next coded picture.
    pub fn decide(&mut self, arrival: &Arrival) -> Decision {
        let Arrival { unit, after_gap, lag, after_opening } = *arrival;
        let patience = if after_opening < START { MAX_LAG_AT_START } else { MAX_LAG };
        if after_gap {
            self.close(PictureFault::PacketsLost);
            self.group_has_gap = true;
        }
        if unit.incomplete.is_some() {
            self.close(PictureFault::Truncated);
            self.group_has_gap = true;
        }
        if lag > patience {
            self.close(PictureFault::Skipped);
        }
        match unit.kind {
            UnitKind::RandomAccess => self.begin(&unit, lag > patience),
            UnitKind::RecoveryPoint { frames } => self.recover(frames),
            UnitKind::RandomAccessWithoutHeaders => {
                self.close(PictureFault::NoKeyFrame);
            }
            UnitKind::Headers => return Decision::Show,
            UnitKind::Leading if self.skips_leading => {
                if self.began_at_recovery {
                    self.distrusts_recovery = true;
                    self.close(PictureFault::NoKeyFrame);
                }
                return Decision::Drop(PictureFault::NoKeyFrame);
            }
            UnitKind::Leading | UnitKind::Picture => {}
        }
        match self.state {
            State::Closed(fault) => Decision::Drop(fault),
            State::Open if unit.disposable && lag > DISPOSABLE_LAG => {
                Decision::Drop(PictureFault::Skipped)
            }
            State::Open => Decision::Show,
            State::Recovering(fault) => {
                self.recovering = self.recovering.saturating_sub(1);
                if self.recovering == 0 {
                    self.state = State::Open;
                    return Decision::Show;
                }
                Decision::Prepare(fault)
            }
        }
    }

    /// The decoder found errors in the picture that it was given last. Returns whether that picture
    /// and those after it are broken, rather than encoded in a way that the decoder complains of.
    pub fn decoder_failed(&mut self) -> bool {
        // What a recovery begins with refers to pictures that are not there.
        if matches!(self.state, State::Recovering(_)) {
            return false;
        }
        self.group_has_errors = true;
        if self.is_odd() {
            return false;
        }
        self.close(PictureFault::DecoderError);
        true
    }

    /// Whether the decoder complains of pictures that came whole.
    pub fn is_odd(&self) -> bool {
        self.odd_groups >= ODD_GROUPS
    }

    /// Why nothing goes through.
    pub fn closed(&self) -> Option<PictureFault> {
        match self.state {
            State::Closed(fault) | State::Recovering(fault) => Some(fault),
            State::Open => None,
        }
    }

    /// The first reason stays: later ones follow from it.
    fn close(&mut self, fault: PictureFault) {
        if !matches!(self.state, State::Closed(_)) {
            self.state = State::Closed(fault);
        }
    }

    fn begin(&mut self, unit: &Unit, is_late: bool) {
        let whole_with_errors = self.group_has_errors && !self.group_has_gap;
        self.odd_groups = match (whole_with_errors, self.group_has_errors) {
            (true, _) => self.odd_groups + 1,
            // A gap explains the errors.
            (false, true) => self.odd_groups,
            (false, false) if self.is_odd() => self.odd_groups,
            (false, false) => 0,
        };
        self.group_has_errors = false;
        self.group_has_gap = false;
        if unit.incomplete.is_some() || is_late {
            return;
        }
        self.skips_leading = self.state != State::Open;
        self.began_at_recovery = false;
        self.state = State::Open;
    }

    fn recover(&mut self, frames: u32) {
        if let State::Closed(fault) = self.state
            && !self.distrusts_recovery
        {
            self.skips_leading = true;
            self.began_at_recovery = true;
            self.recovering = frames.saturating_add(1);
            self.state = State::Recovering(fault);
        }
    }
}

#[cfg(test)]
mod tests;

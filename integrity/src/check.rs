//! The verdict on one picture after another.

use std::mem;
use std::time::Duration;

use detector_components::clock::Moment;
use detector_components::frame::{PixelFormat, Pixels};
use detector_components::geometry::Size;
use detector_components::integrity::PictureFault;

use crate::config::CheckConfig;
use crate::covered;
use crate::damage::{Area, Damage};
use crate::frozen::Frozen;
use crate::grid::{Grid, Scratch};
use crate::look::Look;
use crate::missing::Usual;
use crate::{blocks, cut, missing, smear, unset};

/// Whether a picture can be trusted, as far as it shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Nothing is wrong with it.
    Good,
    /// A camera may show this. Whether it is inferred is for configuration to say.
    Suspicious(PictureFault),
    /// No camera shows this: never inferred.
    Broken(PictureFault),
}

impl Verdict {
    /// What is wrong, or may be.
    pub fn fault(self) -> Option<PictureFault> {
        match self {
            Self::Good => None,
            Self::Suspicious(fault) | Self::Broken(fault) => Some(fault),
        }
    }
}

/// What is known of one camera's last pictures.
///
/// Memory is taken when the first picture comes, and when a larger one does; nothing is allocated
/// otherwise. Pictures are told in the order in which they are shown.
#[derive(Debug)]
pub struct PictureCheck {
    config: CheckConfig,
    shape: Option<(Size, PixelFormat)>,
    now: Grid,
    good: Grid,
    broken: Grid,
    scratch: Scratch,
    frozen: Frozen,
    has_good: bool,
    usual: Option<Usual>,
    damage: Option<Damage>,
    area: Area,
    uniform_since: Option<Moment>,
}

impl PictureCheck {
    /// Knows nothing yet.
    pub fn new(config: CheckConfig) -> Self {
        Self {
            config,
            shape: None,
            now: Grid::default(),
            good: Grid::default(),
            broken: Grid::default(),
            scratch: Scratch::default(),
            frozen: Frozen::default(),
            has_good: false,
            usual: None,
            damage: None,
            area: Area::default(),
            uniform_since: None,
        }
    }

    /// Judges a picture that came at `at`. A picture of another size or format begins anew.
    pub fn check(&mut self, pixels: &Pixels, at: Moment) -> Verdict {
        let shape = (pixels.size(), pixels.format());
        let begins = self.shape != Some(shape);
        if begins {
            self.shape = Some(shape);
            self.has_good = false;
            self.usual = None;
            self.damage = None;
            self.uniform_since = None;
        }
        self.now.measure(pixels, &mut self.scratch);
        if begins {
            self.area.reserve(self.now.cells().len());
        }
        let before = if self.damage.is_some() { &self.broken } else { &self.good };
        let alike = !begins && self.now.cells() == before.cells();
        let same_for = self.frozen.note(pixels, alike, at);
        let uniform_for = self.note_uniform(at);

        let fault = self.broken_by(pixels, at);
        // Nothing but grey for that long is a camera that sends it.
        let covered = uniform_for.is_some_and(|long| long >= self.config.covered_after);
        if let Some((fault, found)) = fault
            && !(covered && missing::is_all_grey(&self.now))
        {
            let damage = self.damage.get_or_insert(Damage { fault, since: at, found: at });
            damage.fault = fault;
            if found {
                damage.found = at;
                self.area.note(&self.now, self.has_good.then_some(&self.good));
            }
            if at.since(damage.since) < self.config.accept_after {
                mem::swap(&mut self.now, &mut self.broken);
                return Verdict::Broken(fault);
            }
            self.usual = Some(Usual::accepted(&self.now));
        } else {
            self.usual = Usual::of(&self.now).or(self.usual);
        }
        self.damage = None;
        self.has_good = true;
        mem::swap(&mut self.now, &mut self.good);
        if covered {
            Verdict::Suspicious(PictureFault::Covered)
        } else if same_for >= self.config.freeze_after {
            Verdict::Suspicious(PictureFault::Frozen)
        } else {
            Verdict::Good
        }
    }

    /// For how long pictures have been uniform. None when this one is not.
    fn note_uniform(&mut self, at: Moment) -> Option<Duration> {
        self.uniform_since =
            covered::is_uniform(&self.now).then(|| self.uniform_since.unwrap_or(at));
        self.uniform_since.map(|since| at.since(since))
    }

    /// What breaks the picture, and whether that was found in itself.
    fn broken_by(&self, pixels: &Pixels, at: Moment) -> Option<(PictureFault, bool)> {
        let look = Look {
            pixels,
            now: &self.now,
            good: self.has_good.then_some(&self.good),
            usual: self.usual,
            uniform: self.uniform_since.is_some(),
        };
        // RGB has other zeros, and so is never what a decoder forgot to write.
        let planar = pixels.format() != PixelFormat::Rgb;
        if (planar && unset::is_found(&look))
            || missing::is_found(&look)
            || cut::is_found(&look)
            || blocks::is_found(&look)
        {
            return Some((PictureFault::Blocks, true));
        }
        if smear::is_found(&look) {
            return Some((PictureFault::Smeared, true));
        }
        let damage = self.damage?;
        let goes_on = self.area.goes_on(damage, [&self.now, &self.broken], look.good, at);
        goes_on.then_some((damage.fault, false))
    }
}

#[cfg(test)]
mod tests;

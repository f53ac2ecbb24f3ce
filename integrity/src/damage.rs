//! Damage that goes on: what a decoder conceals is what the next pictures are made from.

use std::time::Duration;

use detector_components::clock::Moment;
use detector_components::integrity::PictureFault;

use crate::grid::{Cell, Grid};
use crate::missing::has_grey_mean;
use crate::smear::is_striped;

/// For how long after a picture that a rule finds those that continue it are broken too.
const LASTS: Duration = Duration::from_secs(10);
/// A cell has changed when its mean has by more than this.
const CHANGED: u8 = 6;
/// Mean difference of the cells' means that makes a picture unlike another.
const UNLIKE: u64 = 3;

/// Pictures that have been broken without a break.
#[derive(Clone, Copy, Debug)]
pub struct Damage {
    /// What is wrong with them.
    pub fault: PictureFault,
    /// When the first one came.
    pub since: Moment,
    /// When the last one came that a rule found.
    pub found: Moment,
}

/// Which cells of the last picture that a rule found are damaged.
#[derive(Debug, Default)]
pub struct Area(Vec<bool>);

impl Area {
    /// Makes room for all cells of a picture, so that noting allocates nothing.
    pub fn reserve(&mut self, cells: usize) {
        self.0.clear();
        self.0.reserve(cells);
    }

    /// Notes where a broken picture has what decoders put, and the last good one had something else.
    pub fn note(&mut self, broken: &Grid, good: Option<&Grid>) {
        let is_made_up = |cell: Cell| {
            cell.is_flat() || cell.is_unset() || has_grey_mean(cell, 4) || is_striped(cell)
        };
        self.0.clear();
        self.0.extend(broken.cells().iter().enumerate().map(|(index, cell)| {
            is_made_up(*cell) && good.is_none_or(|good| has_changed(*cell, good.cells()[index]))
        }));
    }

    /// Whether a picture goes on from a broken one. When it is whole again, most of this area has changed, and
    /// all of it is more like the last good one.
    pub fn goes_on(
        &self,
        damage: Damage,
        now: [&Grid; 2],
        good: Option<&Grid>,
        at: Moment,
    ) -> bool {
        let [now, broken] = now;
        if at.since(damage.found) >= LASTS {
            return false;
        }
        let pairs = || now.cells().iter().copied().zip(broken.cells().iter().copied());
        let (mut all, mut changed) = (0, 0);
        for ((now, broken), _) in pairs().zip(&self.0).filter(|(_, is_damaged)| **is_damaged) {
            all += 1;
            changed += usize::from(has_changed(now, broken));
        }
        if changed * 2 > all {
            return false;
        }
        let Some(good) = good else { return true };
        let to_broken = distance(now, broken);
        let to_good = distance(now, good);
        to_broken * 3 < to_good && to_good >= UNLIKE * now.cells().len() as u64
    }
}

fn has_changed(a: Cell, b: Cell) -> bool {
    a.mean.abs_diff(b.mean) > CHANGED
}

/// The sum of the differences of the cells' means.
fn distance(a: &Grid, b: &Grid) -> u64 {
    a.cells().iter().zip(b.cells()).map(|(a, b)| u64::from(a.mean.abs_diff(b.mean))).sum()
}

//! Pictures that were decoded without the pictures that they refer to.
//!
//! Decoders put grey, 128 in all planes, in the place of a picture that is missing. What was coded as
//! "unchanged" stays exactly that; what moved is drawn over it as ghosts: differences, around grey,
//! brighter on one side and darker on the other. So a picture's parts all have the same mean, textured ones
//! too, and that mean is grey. Scenes have many means; those that have one, fog and asphalt, had one
//! before as well.

use crate::grid::{CELL, Cell, Grid, TEXTURE, median};
use crate::look::Look;
use crate::planes::luma;

/// Parts of a hundred of the cells that must have become exactly grey since the last good picture. All at
/// once: a grey truck comes bit by bit.
const LEAST_EXACT: usize = 15;
/// Parts of a hundred of the cells that must have a grey mean.
const LEAST_MEAN: usize = 50;
/// Parts of a hundred by which more cells must have the same mean than before.
const LEAST_GROWTH: usize = 20;
/// Parts of a hundred of the cells that must have a mean of 127 to 129, whatever was before.
const LEAST_SHARP: usize = 60;
/// The same of a row of cells, with means of 126 to 130: a slice goes from border to border.
const LEAST_OF_ROW: usize = 95;
/// Rows of cells that such a slice has at least.
const LEAST_ROWS: usize = 3;
/// Parts of a hundred of a row of cells that may have had the same mean before.
const MOST_BEFORE: usize = 50;
/// From here on exactly grey cells are enough by themselves.
const WHOLE: usize = 97;
/// A mean is grey when it is as near as this to it.
const NEAR: u8 = 4;
/// The mean of a ghost is as near as this.
const NEAR_GHOST: u8 = 8;
/// Luma that a ghost between exactly grey cells has at least. Less is what coding leaves of an even thing.
const FAINT: u8 = 8;
/// Flat cells as near to grey as this, but not exactly so, are what a scene has and damage has few of.
const NEAR_FLAT: u8 = 8;

/// How a camera's pictures are, when nothing is wrong.
#[derive(Clone, Copy, Debug)]
pub struct Usual {
    /// Parts of a hundred of the cells whose mean is about the median.
    even: usize,
    /// Whether they look as if one were missing.
    grey: bool,
}

impl Usual {
    /// Looks at a good picture. None when one with a missing reference may look so as well.
    pub fn of(good: &Grid) -> Option<Self> {
        let usual = Self::accepted(good);
        (!usual.grey).then_some(usual)
    }

    /// Looks at a picture that has to be taken for good.
    pub fn accepted(picture: &Grid) -> Self {
        let cells = picture.cells();
        let even = part_about_median(cells);
        let grey =
            even >= LEAST_MEAN && part(cells, |cell| has_grey_mean(cell, NEAR)) >= LEAST_MEAN;
        Self { even, grey }
    }
}

/// Whether a picture shows a missing one.
pub fn is_found(look: &Look<'_>) -> bool {
    let cells = look.now.cells();
    if part(cells, |cell| has_grey_mean(cell, NEAR)) < LEAST_EXACT {
        return false;
    }
    shows_exact_grey(look) || shows_ghosts_only(look) || shows_slice(look)
}

fn shows_exact_grey(look: &Look<'_>) -> bool {
    let cells = look.now.cells();
    let grey = part(cells, Cell::is_grey);
    let near = part(cells, |cell| {
        cell.is_flat() && !cell.is_grey() && cell.low.abs_diff(128) <= NEAR_FLAT
    });
    if grey < LEAST_EXACT || near * 4 > grey {
        return false;
    }
    match look.good {
        Some(_) => {
            let new = look.pairs().filter(|(now, good)| now.is_grey() && !good.is_grey()).count();
            new * 100 >= LEAST_EXACT * cells.len()
                && (grey >= WHOLE || ghosts(look.now) >= (cells.len() / 200).max(6))
        }
        None => {
            grey >= WHOLE || grey >= LEAST_MEAN && ghosts(look.now) >= (cells.len() / 100).max(6)
        }
    }
}

fn shows_ghosts_only(look: &Look<'_>) -> bool {
    let cells = look.now.cells();
    let grey = part(cells, |cell| has_grey_mean(cell, NEAR));
    let sharp = part(cells, |cell| has_grey_mean(cell, 1));
    if look.usual.is_some_and(|usual| usual.grey) {
        return false;
    }
    let grown = look.usual.is_some_and(|usual| grey >= LEAST_GROWTH + usual.even);
    if !(sharp >= LEAST_SHARP || grey >= LEAST_MEAN && grown) {
        return false;
    }
    if sharp >= WHOLE && part(cells, Cell::is_grey) >= LEAST_MEAN {
        return true;
    }
    // A covered lens gives noise, and that is as strong in all parts.
    if look.uniform && has_even_contrast(look.now) {
        return false;
    }
    let textured = cells.iter().filter(|cell| cell.contrast() >= TEXTURE);
    let (mut all, mut ghosts) = (0, 0);
    for cell in textured {
        all += 1;
        ghosts += usize::from(has_grey_mean(*cell, NEAR_GHOST));
    }
    all * 200 >= cells.len() && ghosts * 2 >= all
}

/// Whether only slices are missing: bands of grey where the last good picture had many means.
fn shows_slice(look: &Look<'_>) -> bool {
    let Some(good) = look.good else { return false };
    let grid = look.now;
    let is_grey = |row: &usize| {
        part(grid.row(*row), |cell| has_grey_mean(cell, 2)) >= LEAST_OF_ROW
            && part_about_median(good.row(*row)) <= MOST_BEFORE
    };
    let mut first = 0;
    while first < grid.rows() {
        let rows = (first..grid.rows()).take_while(is_grey).count();
        let (top, bottom) = (first * CELL, (first + rows) * CELL);
        if rows >= LEAST_ROWS && !is_grey_line(look, top, -1) && !is_grey_line(look, bottom, 0) {
            return true;
        }
        first += rows + 1;
    }
    false
}

/// Whether the row of pixels beside a border is grey: then what is grey does not end with a block.
fn is_grey_line(look: &Look<'_>, border: usize, beside: isize) -> bool {
    let (width, height) = (look.now.columns() * CELL, look.now.rows() * CELL);
    let Some(y) = border.checked_add_signed(beside).filter(|y| *y < height) else { return false };
    let grey = (0..width).filter(|x| luma(look.pixels, *x, y).abs_diff(128) <= 2 * NEAR_GHOST);
    grey.count() * 2 > width
}

/// Cells whose mean is about the median, in parts of a hundred.
fn part_about_median(cells: &[Cell]) -> usize {
    let mean = median(cells, |cell| cell.mean);
    part(cells, |cell| cell.mean.abs_diff(mean) <= NEAR)
}

/// Whether nine tenths of the cells have much the same contrast. For noise their extremes are one and a half
/// times each other.
fn has_even_contrast(grid: &Grid) -> bool {
    let mut counts = [0_usize; 256];
    for cell in grid.cells() {
        counts[usize::from(cell.contrast())] += 1;
    }
    let reaches = |tenths: usize| {
        let mut below = 0;
        counts.iter().position(|count| {
            below += count;
            below * 10 >= grid.cells().len() * tenths
        })
    };
    reaches(9) <= reaches(1).map(|low| low * 2 + 6)
}

/// Whether the mean is as near to grey as that, and there is nearly no colour.
pub fn has_grey_mean(cell: Cell, near: u8) -> bool {
    (cell.mean.abs_diff(128) <= near) & (cell.u.abs_diff(128) <= 3) & (cell.v.abs_diff(128) <= 3)
}

/// Cells of a kind, in parts of a hundred.
fn part(cells: &[Cell], is: impl Fn(Cell) -> bool) -> usize {
    cells.iter().filter(|cell| is(**cell)).count() * 100 / cells.len().max(1)
}

/// Whether all of a picture is exactly grey.
pub fn is_all_grey(grid: &Grid) -> bool {
    !grid.cells().is_empty() && grid.cells().iter().all(|cell| cell.is_grey())
}

/// Counts cells with some contrast between grey ones, left and right or above and below.
fn ghosts(grid: &Grid) -> usize {
    let grey = |row: usize, column: usize| {
        (row < grid.rows() && column < grid.columns()) && grid.row(row)[column].is_grey()
    };
    let between = |row: usize, column: usize| {
        // Left of the first column, and above the first row, there is nothing: no index is so large.
        (grey(row, column.wrapping_sub(1)) && grey(row, column + 1))
            || (grey(row.wrapping_sub(1), column) && grey(row + 1, column))
    };
    (0..grid.rows())
        .map(|row| {
            let line = grid.row(row).iter().enumerate();
            line.filter(|(column, cell)| cell.contrast() >= FAINT && between(row, *column)).count()
        })
        .sum()
}

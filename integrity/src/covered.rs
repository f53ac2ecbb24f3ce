//! Pictures that are one brightness all over.
//!
//! Noise is allowed, and so are lines of text. A light in the dark is not, nor is any form.

use crate::grid::{CELL, Cell, Grid, median};

/// Means of parts of a uniform picture differ by no more.
const EVEN: u8 = 6;
/// A cell is not like the others when its mean differs by this.
const OTHER: u8 = 12;
/// Parts of a hundred of the cells that text may take.
const MOST_TEXT: usize = 15;
/// Mean difference of neighbours that text has at least, in quarters of a level. It also is at least a
/// twentieth of its contrast: strokes are narrow, and many.
const TEXT_ACROSS: u8 = 16;
/// Cells side by side that make a line of text.
const TEXT_RUN: usize = 3;
/// Columns and rows of the parts whose means are compared, in cells.
const PART: usize = 4;

/// Whether a picture is uniform.
pub fn is_uniform(grid: &Grid) -> bool {
    let cells = grid.cells();
    if cells.is_empty() {
        return false;
    }
    let mean = median(cells, |cell| cell.mean);
    // Most pictures end here.
    let like = cells.iter().filter(|cell| cell.mean.abs_diff(mean) <= OTHER).count();
    if (cells.len() - like) * 100 > MOST_TEXT * cells.len() {
        return false;
    }
    let (low, high) = (median(cells, |cell| cell.low), median(cells, |cell| cell.high));
    // Noise has extremes: the stronger it is, the further out.
    let margin = 40_u8.saturating_add((high - low) / 4);
    let is_other = |cell: &Cell| {
        cell.mean.abs_diff(mean) > OTHER
            || cell.high > high.saturating_add(margin)
            || cell.low < low.saturating_sub(margin)
    };
    is_text(grid, is_other) && parts_are_even(grid, is_other)
}

/// Whether all cells that are not like the others belong to lines of text, and those are few.
fn is_text(grid: &Grid, is_other: impl Fn(&Cell) -> bool) -> bool {
    let mut text = 0;
    for row in 0..grid.rows() {
        for group in grid.row(row).chunk_by(|a, b| is_other(a) == is_other(b)) {
            if !is_other(&group[0]) {
                continue;
            }
            let is_stroke = |cell: &&Cell| {
                cell.across >= TEXT_ACROSS && u16::from(cell.across) * 5 >= cell.contrast().into()
            };
            let strokes = group.iter().filter(is_stroke).count();
            text += group.len();
            if strokes < TEXT_RUN || strokes * 2 < group.len() {
                return false;
            }
        }
    }
    text * 100 <= MOST_TEXT * grid.cells().len()
}

fn parts_are_even(grid: &Grid, is_other: impl Fn(&Cell) -> bool) -> bool {
    let (mut darkest, mut brightest) = (u8::MAX, 0);
    for top in (0..grid.rows()).step_by(PART) {
        for left in (0..grid.columns()).step_by(PART) {
            let (mut sum, mut count) = (0_u32, 0_u32);
            for row in top..(top + PART).min(grid.rows()) {
                let part = &grid.row(row)[left..(left + PART).min(grid.columns())];
                for cell in part.iter().filter(|cell| !is_other(cell)) {
                    sum += u32::from(cell.mean);
                    count += 1;
                }
            }
            if let Some(mean) = sum.checked_div(count) {
                darkest = darkest.min(mean as u8);
                brightest = brightest.max(mean as u8);
            }
        }
    }
    brightest.saturating_sub(darkest) <= EVEN
}

const _: () = assert!(CELL == 16, "the constants above are for cells of this size");

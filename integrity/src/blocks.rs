//! Areas of one colour that end exactly where blocks do.
//!
//! Things of one colour end anywhere: the cells at their borders are partly theirs. What a decoder filled
//! in ends with a cell, and beside it the picture goes on in all its colours.

use crate::grid::{CELL, Cell, Grid, TEXTURE};
use crate::look::Look;
use crate::planes::luma;

/// Parts of a hundred of the cells that must be filled.
const LEAST: usize = 5;
/// Luma that is as near as this to the filled colour counts as it.
const LIKE: u8 = 16;

/// Whether blocks of a picture were filled with one colour where there was texture before.
pub fn is_found(look: &Look<'_>) -> bool {
    let Some(good) = look.good else { return false };
    let least = (look.now.cells().len() * LEAST / 100).max(4);
    // Black and white are what scenes have: shadows, snow.
    let is_new = |(now, good): &(Cell, Cell)| {
        now.is_flat() & (24..=228).contains(&now.low) & (good.contrast() >= TEXTURE)
    };
    let mut lumas = [0_usize; 256];
    for (now, _) in look.pairs().filter(is_new) {
        lumas[usize::from(now.low)] += 1;
    }
    let most = lumas.into_iter().max().unwrap_or(0);
    if most < least {
        return false;
    }
    let is_most = |(now, _): &(Cell, Cell)| lumas[usize::from(now.low)] == most;
    let Some((color, _)) = look.pairs().filter(is_new).find(is_most) else { return false };
    let is_color = |cell: Cell| cell.is_flat() && cell.same_color(color);
    let filled = look.pairs().filter(is_new).filter(|(now, _)| is_color(*now)).count();
    // What was there and has grown is a thing that comes nearer.
    let before = good.cells().iter().filter(|cell| is_color(**cell)).count();
    filled >= least && before * 4 < filled && ends_with_blocks(look, is_color, color.low)
}

/// Whether the borders of the cells of a colour are the colour's borders.
fn ends_with_blocks(look: &Look<'_>, is_color: impl Fn(Cell) -> bool, color: u8) -> bool {
    let grid = look.now;
    let (mut borders, mut sharp) = (0, 0);
    for row in 0..grid.rows() {
        for column in 0..grid.columns() {
            if !is_color(grid.row(row)[column]) {
                continue;
            }
            for (beside, x, y, down) in neighbours(grid, row, column) {
                if is_color(beside) {
                    continue;
                }
                borders += 1;
                let like = (0..CELL)
                    .filter(|along| {
                        let (x, y) = if down { (x, y + along) } else { (x + along, y) };
                        luma(look.pixels, x, y).abs_diff(color) <= LIKE
                    })
                    .count();
                sharp += usize::from(like <= CELL / 2);
            }
        }
    }
    borders >= 8 && sharp * 3 >= borders * 2
}

/// The cells beside one, each with the first pixel of its line that touches it, and whether that line runs
/// down.
fn neighbours(
    grid: &Grid,
    row: usize,
    column: usize,
) -> impl Iterator<Item = (Cell, usize, usize, bool)> {
    let (x, y) = (column * CELL, row * CELL);
    let left = (column > 0).then(|| (grid.row(row)[column - 1], x - 1, y, true));
    let right =
        (column + 1 < grid.columns()).then(|| (grid.row(row)[column + 1], x + CELL, y, true));
    let above = (row > 0).then(|| (grid.row(row - 1)[column], x, y - 1, false));
    let below = (row + 1 < grid.rows()).then(|| (grid.row(row + 1)[column], x, y + CELL, false));
    [left, right, above, below].into_iter().flatten()
}

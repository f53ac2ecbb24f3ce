//! Pictures whose end is missing: the rest is one colour, down to the bottom.
//!
//! JPEG decoders fill what was not sent with grey, or with the last block's colour. Such a part
//! begins where a row of blocks does, or in the middle of one, at a block.

use detector_components::frame::Pixels;

use crate::grid::{CELL, Cell, TEXTURE};
use crate::look::Look;
use crate::planes::luma;

/// Rows of cells that must be missing.
const LEAST_ROWS: usize = 2;
/// Columns and rows of a JPEG's smallest blocks.
const BLOCK: usize = 8;

/// Whether the end of a picture is missing.
pub fn is_found(look: &Look<'_>) -> bool {
    let grid = look.now;
    let Some(&color) = grid.cells().last() else { return false };
    // Black and white may end a picture: letterboxes, snow. Other colours are never so even.
    if !color.is_flat() || !(color.is_grey() || (24..=228).contains(&color.low)) {
        return false;
    }
    let same = |cell: &Cell| cell.is_flat() && cell.same_color(color);
    let missing = (0..grid.rows()).rev().take_while(|row| grid.row(*row).iter().all(same)).count();
    if missing < LEAST_ROWS || missing == grid.rows() {
        return false;
    }
    let first = grid.rows() - missing;
    let (top, step) = border(look.pixels, first * CELL, color.low);
    let Some(good) = look.good else {
        // Masks are there in the first picture as well, but their borders have no step.
        return color.is_grey() && step;
    };
    let before = &good.cells()[first * good.columns()..];
    let new = before.iter().filter(|cell| !same(cell)).count();
    let had_texture = before.iter().filter(|cell| cell.contrast() >= TEXTURE).count();
    let new_enough = new * 2 >= before.len();
    let texture_enough = color.is_grey() || had_texture * 3 >= before.len();
    new_enough && texture_enough && (step || top.is_multiple_of(BLOCK))
}

/// The first row that has nothing but a colour, above a row that has; and whether the row of blocks above it
/// ends with that colour, from a block on.
fn border(pixels: &Pixels, below: usize, color: u8) -> (usize, bool) {
    let width = pixels.size().width as usize;
    let is = |x: usize, y: usize| luma(pixels, x, y) == color;
    let mut top = below;
    while top > 0 && (0..width).all(|x| is(x, top - 1)) {
        top -= 1;
    }
    let Some(above) = top.checked_sub(BLOCK) else { return (top, false) };
    // The border's row is looked at first; the rest of its row of blocks has to be alike.
    let Some(last) = (0..width).rev().find(|x| !is(*x, top - 1)) else { return (top, false) };
    let start = last + 1;
    let step = start.is_multiple_of(BLOCK)
        && start + CELL <= width
        && (above..top).all(|y| (start..width).all(|x| is(x, y)));
    (top, step)
}

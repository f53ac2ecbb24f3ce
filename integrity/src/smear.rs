//! Rows that repeat the row above, over the whole width.
//!
//! When a slice of an intra picture is missing and the picture before it does not help, decoders continue
//! the rows at the slice's border: stripes from top to bottom, as high as the slice.

use crate::grid::{Cell, TEXTURE};
use crate::look::Look;

/// Rows of cells that must be smeared.
const LEAST_ROWS: usize = 3;
/// Luma may differ as much as this from row to row.
const EVEN: u8 = 2;

/// Whether a band of a picture is smeared where it was not before.
pub fn is_found(look: &Look<'_>) -> bool {
    let Some(good) = look.good else { return false };
    let mut run = 0;
    for row in 0..look.now.rows() {
        run = if is_smeared(look.now.row(row), good.row(row)) { run + 1 } else { 0 };
        if run == LEAST_ROWS {
            return true;
        }
    }
    false
}

fn is_smeared(now: &[Cell], good: &[Cell]) -> bool {
    let count = |cells: &[Cell]| cells.iter().filter(|cell| is_striped(**cell)).count();
    let (striped, before) = (count(now), count(good));
    striped > 0
        && striped * 4 >= now.len()
        && before * 4 <= striped
        && now.iter().all(|cell| cell.down <= EVEN)
}

/// Whether the rows of a cell are the same, and not flat.
pub fn is_striped(cell: Cell) -> bool {
    cell.down <= EVEN && cell.contrast() >= TEXTURE
}

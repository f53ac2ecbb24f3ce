//! Memory that a decoder never wrote: zero in all planes, which is a green that no camera sends.

use crate::grid::Cell;
use crate::look::Look;

/// Whether a part of a picture was never written, and was not so before. Some cameras code lines
/// beyond their picture that way: those are always there.
pub fn is_found(look: &Look<'_>) -> bool {
    let least = (look.now.cells().len() / 400).max(4);
    let new = match look.good {
        Some(_) => look.pairs().filter(|(now, good)| now.is_unset() & !good.is_unset()).count(),
        None => look.now.cells().iter().copied().filter(|cell| Cell::is_unset(*cell)).count(),
    };
    new >= least
}

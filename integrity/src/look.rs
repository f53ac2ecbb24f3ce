//! What a rule may look at.

use detector_components::frame::Pixels;

use crate::grid::{Cell, Grid};
use crate::missing::Usual;

/// A picture, and what is known of those before it.
#[derive(Clone, Copy)]
pub struct Look<'a> {
    /// The picture.
    pub pixels: &'a Pixels,
    /// Its cells.
    pub now: &'a Grid,
    /// The cells of the last picture that was not broken, of the same size. None before the first.
    pub good: Option<&'a Grid>,
    /// How the camera's pictures are. None until one was seen that nothing is missing in.
    pub usual: Option<Usual>,
    /// Whether the picture is one brightness all over.
    pub uniform: bool,
}

impl Look<'_> {
    /// Each cell with that of the last good picture, row by row. Empty when there is none.
    pub fn pairs(&self) -> impl Iterator<Item = (Cell, Cell)> {
        let good = self.good.map_or(&[][..], Grid::cells);
        self.now.cells().iter().copied().zip(good.iter().copied())
    }
}

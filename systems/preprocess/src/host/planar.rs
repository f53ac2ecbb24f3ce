//! A row of an input slot, as burn's CPU backend reads it.

use detector_components::geometry::{Placement, Size};

use super::Sink;
use crate::axis::Axis;

/// Writes `[3, height, width]`: red, green, blue, from 0 to 1.
pub struct Planar<'a> {
    values: &'a mut [f32],
    /// Columns of the tensor.
    width: usize,
    /// Values of a channel.
    plane: usize,
    across: Axis,
    down: Axis,
}

impl<'a> Planar<'a> {
    /// Begins with what the picture does not cover.
    ///
    /// # Panics
    /// When `values` is not as long as the placement's tensor.
    pub fn new(values: &'a mut [f32], placement: &Placement) -> Self {
        let Size { width, height } = placement.tensor;
        let [across, down] = Axis::both(placement);
        let width = width as usize;
        let plane = width * height as usize;
        assert_eq!(values.len(), 3 * plane, "a row of the slot");
        for values in values.chunks_exact_mut(plane) {
            let grey = value(Placement::PADDING);
            let (above, rest) = values.split_at_mut(down.at * width);
            let (beside, below) = rest.split_at_mut(down.count * width);
            above.fill(grey);
            below.fill(grey);
            for row in beside.chunks_exact_mut(width) {
                row[..across.at].fill(grey);
                row[across.at + across.count..].fill(grey);
            }
        }
        Self { values, width, plane, across, down }
    }
}

impl Sink for Planar<'_> {
    #[inline(always)]
    fn row(&mut self, index: usize, channels: [&[u8]; 3]) {
        let start = (self.down.at + index) * self.width + self.across.at;
        for (plane, channel) in self.values.chunks_exact_mut(self.plane).zip(channels) {
            for (out, &sample) in plane[start..][..self.across.count].iter_mut().zip(channel) {
                *out = value(sample);
            }
        }
    }
}

/// What a sample is in a network's input.
#[inline(always)]
fn value(sample: u8) -> f32 {
    // Divided, as the reference does: a product with the inverse rounds some of them otherwise.
    f32::from(sample) / 255.0
}

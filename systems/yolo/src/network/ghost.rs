//! Ghost blocks: half of the channels is computed from the other half, cheaply.

use burn::tensor::Tensor;

use super::block::Block;
use super::error::NetworkError;
use super::place::Place;
use super::shape::{Shape, unfit};
use super::source::Source;
use super::tally::Tally;

/// `GhostConv`: a convolution, and beside its output what a second one makes of it.
struct GhostConv {
    place: Place,
    first: Box<dyn Block>,
    cheap: Box<dyn Block>,
}

pub(crate) fn ghost_conv(source: &Source) -> Result<Box<dyn Block>, NetworkError> {
    Ok(Box::new(GhostConv {
        place: source.place.clone(),
        first: source.block("cv1")?,
        cheap: source.block("cv2")?,
    }))
}

impl Block for GhostConv {
    fn shape(&self, input: Shape, tally: &mut Tally) -> Result<Shape, NetworkError> {
        let first = self.first.shape(input, tally)?;
        let cheap = self.cheap.shape(first, tally)?;
        if (first.height, first.width) != (cheap.height, cheap.width) {
            return Err(unfit(&self.place, "its second convolution changes the size"));
        }
        let channels = first.channels.saturating_add(cheap.channels);
        Shape { channels, ..first }.checked(&self.place)
    }

    fn run(&self, input: Tensor<4>) -> Tensor<4> {
        let first = self.first.run(input);
        let cheap = self.cheap.run(first.clone());
        Tensor::cat(vec![first, cheap], 1)
    }
}

/// `GhostBottleneck`: two ways, added.
struct GhostBottleneck {
    place: Place,
    long: Box<dyn Block>,
    short: Box<dyn Block>,
}

pub(crate) fn ghost_bottleneck(source: &Source) -> Result<Box<dyn Block>, NetworkError> {
    Ok(Box::new(GhostBottleneck {
        place: source.place.clone(),
        long: source.block("conv")?,
        short: source.block("shortcut")?,
    }))
}

impl Block for GhostBottleneck {
    fn shape(&self, input: Shape, tally: &mut Tally) -> Result<Shape, NetworkError> {
        let long = self.long.shape(input, tally)?;
        long.expect_equal(self.short.shape(input, tally)?, &self.place)?;
        Ok(long)
    }

    fn run(&self, input: Tensor<4>) -> Tensor<4> {
        self.long.run(input.clone()) + self.short.run(input)
    }
}

//! Efficient layer aggregation: everything that is computed on the way goes into the output.

use burn::tensor::Tensor;

use super::block::Block;
use super::csp::{half, halves};
use super::error::NetworkError;
use super::place::Place;
use super::shape::{Shape, unfit};
use super::source::Source;
use super::tally::Tally;

/// `ELAN1` and `RepNCSPELAN4`: the second half of the first convolution's output goes through two
/// blocks, one after the other; both halves and both outputs go through the last convolution.
struct Elan {
    place: Place,
    first: Box<dyn Block>,
    blocks: [Box<dyn Block>; 2],
    last: Box<dyn Block>,
}

pub(crate) fn elan(source: &Source) -> Result<Box<dyn Block>, NetworkError> {
    Ok(Box::new(Elan {
        place: source.place.clone(),
        first: source.block("cv1")?,
        blocks: [source.block("cv2")?, source.block("cv3")?],
        last: source.block("cv4")?,
    }))
}

impl Block for Elan {
    fn shape(&self, input: Shape, tally: &mut Tally) -> Result<Shape, NetworkError> {
        let split = self.first.shape(input, tally)?;
        let mut last = half(split, &self.place)?;
        let mut channels = split.channels;
        for block in &self.blocks {
            last = block.shape(last, tally)?;
            if (last.height, last.width) != (split.height, split.width) {
                return Err(unfit(&self.place, "a block inside changes the size"));
            }
            channels = channels.saturating_add(last.channels);
        }
        self.last.shape(Shape { channels, ..split }.checked(&self.place)?, tally)
    }

    fn run(&self, input: Tensor<4>) -> Tensor<4> {
        let split = self.first.run(input);
        let (_, mut last) = halves(split.clone());
        let mut parts = vec![split];
        for block in &self.blocks {
            last = block.run(last);
            parts.push(last.clone());
        }
        self.last.run(Tensor::cat(parts, 1))
    }
}

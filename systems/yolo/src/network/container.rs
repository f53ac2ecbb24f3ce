//! Modules that only arrange others or pass things on.

use burn::tensor::Tensor;

use super::block::{Block, Join};
use super::error::NetworkError;
use super::place::Place;
use super::shape::{Shape, unfit};
use super::source::Source;
use super::tally::Tally;

/// Blocks one after the other.
pub(crate) struct Sequential(pub Vec<Box<dyn Block>>);

pub(crate) fn sequential(source: &Source) -> Result<Box<dyn Block>, NetworkError> {
    Ok(Box::new(Sequential(source.blocks()?)))
}

impl Block for Sequential {
    fn shape(&self, input: Shape, tally: &mut Tally) -> Result<Shape, NetworkError> {
        self.0.iter().try_fold(input, |shape, block| block.shape(shape, tally))
    }

    fn run(&self, input: Tensor<4>) -> Tensor<4> {
        self.0.iter().fold(input, |x, block| block.run(x))
    }
}

/// Passes its input on. Also what dropout does after training.
struct Identity;

pub(crate) fn identity(_: &Source) -> Result<Box<dyn Block>, NetworkError> {
    Ok(Box::new(Identity))
}

impl Block for Identity {
    fn shape(&self, input: Shape, _: &mut Tally) -> Result<Shape, NetworkError> {
        Ok(input)
    }

    fn run(&self, input: Tensor<4>) -> Tensor<4> {
        input
    }
}

/// Puts the channels of its inputs behind each other.
struct Concat {
    place: Place,
}

pub(crate) fn concat(source: &Source) -> Result<Box<dyn Join>, NetworkError> {
    let axis = source.size("d")?;
    if axis != 1 {
        return Err(unfit(&source.place, format!("joins axis {axis}, not the channels (1)")));
    }
    Ok(Box::new(Concat { place: source.place.clone() }))
}

impl Join for Concat {
    fn shape(&self, inputs: &[Shape], _: &mut Tally) -> Result<Shape, NetworkError> {
        let first = *inputs.first().ok_or_else(|| unfit(&self.place, "it has no input"))?;
        let mut channels = 0_usize;
        for input in inputs {
            if (input.height, input.width) != (first.height, first.width) {
                return Err(unfit(
                    &self.place,
                    format!(
                        "cannot join {}x{} with {}x{}",
                        first.height, first.width, input.height, input.width
                    ),
                ));
            }
            channels = channels.saturating_add(input.channels);
        }
        Shape { channels, ..first }.checked(&self.place)
    }

    fn run(&self, inputs: Vec<Tensor<4>>) -> Tensor<4> {
        Tensor::cat(inputs, 1)
    }
}

//! `CBLinear` and `CBFuse`: one branch of a network tells another what it saw.

use std::ops::Range;

use burn::tensor::Tensor;
use burn::tensor::module::interpolate;
use burn::tensor::ops::{InterpolateMode, InterpolateOptions};

use super::block::{Block, Join};
use super::error::NetworkError;
use super::place::Place;
use super::shape::{Shape, unfit};
use super::source::Source;
use super::tally::Tally;

/// `CBLinear`: a convolution whose channels are pieces for different layers. Here they stay
/// together: who takes one knows where it is.
pub(crate) fn linear(source: &Source) -> Result<(Box<dyn Block>, Vec<usize>), NetworkError> {
    Ok((source.block("conv")?, source.counts("c2s")?))
}

/// `CBFuse`: of each input but the last one a piece, made as large as the last one and added to it.
struct Fuse {
    place: Place,
    /// Which channels of each input but the last one, and how many it must have.
    pieces: Vec<(Range<usize>, usize)>,
}

/// # Shapes
///
/// - `inputs`: for each input how many channels its pieces have, if it has pieces
pub(crate) fn fuse(
    source: &Source,
    inputs: &[Option<&[usize]>],
) -> Result<Box<dyn Join>, NetworkError> {
    let place = source.place.clone();
    let numbers = source.counts("idx")?;
    let Some((None, pieces)) = inputs.split_last() else {
        return Err(unfit(&place, "its last input is not a whole layer's output"));
    };
    if numbers.len() != pieces.len() {
        let (numbers, pieces) = (numbers.len(), pieces.len());
        return Err(unfit(&place, format!("it names {numbers} pieces of {pieces} inputs")));
    }
    let pieces = numbers
        .into_iter()
        .zip(pieces)
        .map(|(number, sizes)| {
            let sizes = sizes.filter(|sizes| number < sizes.len());
            let sizes = sizes.ok_or_else(|| unfit(&place, format!("has no piece {number}")))?;
            let start: usize = sizes[..number].iter().sum();
            Ok((start..start + sizes[number], sizes.iter().sum()))
        })
        .collect::<Result<_, NetworkError>>()?;
    Ok(Box::new(Fuse { place, pieces }))
}

impl Join for Fuse {
    fn shape(&self, inputs: &[Shape], _: &mut Tally) -> Result<Shape, NetworkError> {
        let Some((&target, pieces)) = inputs.split_last() else {
            return Err(unfit(&self.place, "it has no input"));
        };
        for (input, (piece, all)) in pieces.iter().zip(&self.pieces) {
            input.expect_channels(*all, &self.place)?;
            target.expect_channels(piece.len(), &self.place)?;
        }
        Ok(target)
    }

    fn run(&self, mut inputs: Vec<Tensor<4>>) -> Tensor<4> {
        let target = inputs.pop().expect("its shape was asked for with the same inputs");
        let [_, _, height, width] = target.dims();
        inputs.into_iter().zip(&self.pieces).fold(target, |sum, (input, (piece, _))| {
            let piece = input.narrow(1, piece.start, piece.len());
            let options =
                InterpolateOptions::new(InterpolateMode::Nearest).with_output_size([height, width]);
            sum + interpolate(piece, options)
        })
    }
}

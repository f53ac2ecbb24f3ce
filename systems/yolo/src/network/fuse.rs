//! `CBLinear` and `CBFuse`: one branch of a network tells another what it saw.

use std::ops::Range;

use super::block::{Block, Join};
use super::error::NetworkError;
use super::place::Place;
use super::plan::{PlanBuilder, Value};
use super::shape::unfit;
use super::source::Source;

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
    fn emit(&self, plan: &mut PlanBuilder, inputs: &[Value]) -> Result<Value, NetworkError> {
        let Some((&target, inputs)) = inputs.split_last() else {
            return Err(unfit(&self.place, "it has no input"));
        };
        let size = [target.shape.height, target.shape.width];
        let mut sum = target;
        for (&input, (piece, all)) in inputs.iter().zip(&self.pieces) {
            input.shape.expect_channels(*all, &self.place)?;
            let piece = plan.slice(input, piece.clone(), &self.place)?;
            let piece = plan.resize(piece, size, &self.place)?;
            sum = plan.add(sum, piece, &self.place)?;
        }
        Ok(sum)
    }
}

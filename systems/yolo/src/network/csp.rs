//! Cross-stage partial blocks: part of the channels takes the long way, part the short one.

use burn::tensor::Tensor;

use super::block::Block;
use super::error::NetworkError;
use super::place::Place;
use super::shape::{Shape, unfit};
use super::source::Source;

/// Two convolutions, and the input added to what they make of it.
struct Bottleneck {
    place: Place,
    first: Box<dyn Block>,
    second: Box<dyn Block>,
    /// Whether the input is added.
    add: bool,
}

pub(crate) fn bottleneck(source: &Source) -> Result<Box<dyn Block>, NetworkError> {
    Ok(Box::new(Bottleneck {
        place: source.place.clone(),
        first: source.block("cv1")?,
        second: source.block("cv2")?,
        add: source.flag("add", false)?,
    }))
}

impl Block for Bottleneck {
    fn shape(&self, input: Shape) -> Result<Shape, NetworkError> {
        let output = self.second.shape(self.first.shape(input)?)?;
        if self.add {
            input.expect_equal(output, &self.place)?;
        }
        Ok(output)
    }

    fn run(&self, input: Tensor<4>) -> Tensor<4> {
        if self.add {
            input.clone() + self.second.run(self.first.run(input))
        } else {
            self.second.run(self.first.run(input))
        }
    }
}

/// `C2f` and `C3k2`: the first convolution's output in two halves, then each block applied to
/// what came last; all of them together go through the second convolution.
struct C2f {
    place: Place,
    first: Box<dyn Block>,
    second: Box<dyn Block>,
    blocks: Vec<Box<dyn Block>>,
}

pub(crate) fn c2f(source: &Source) -> Result<Box<dyn Block>, NetworkError> {
    Ok(Box::new(C2f {
        place: source.place.clone(),
        first: source.block("cv1")?,
        second: source.block("cv2")?,
        blocks: source.child("m")?.blocks()?,
    }))
}

impl Block for C2f {
    fn shape(&self, input: Shape) -> Result<Shape, NetworkError> {
        let split = self.first.shape(input)?;
        let mut last = half(split, &self.place)?;
        let mut channels = split.channels;
        for block in &self.blocks {
            last = block.shape(last)?;
            if (last.height, last.width) != (split.height, split.width) {
                return Err(unfit(&self.place, "a block inside changes the size"));
            }
            channels = channels.saturating_add(last.channels);
        }
        self.second.shape(Shape { channels, ..split }.checked(&self.place)?)
    }

    fn run(&self, input: Tensor<4>) -> Tensor<4> {
        let split = self.first.run(input);
        let (_, mut last) = halves(split.clone());
        // Not the halves but the whole: one piece less to put together again.
        let mut parts = vec![split];
        for block in &self.blocks {
            last = block.run(last);
            parts.push(last.clone());
        }
        self.second.run(Tensor::cat(parts, 1))
    }
}

/// `C3` and `C3k`: one convolution and the blocks, beside another convolution; a third one joins
/// them.
struct C3 {
    place: Place,
    long: Box<dyn Block>,
    short: Box<dyn Block>,
    blocks: Box<dyn Block>,
    join: Box<dyn Block>,
}

pub(crate) fn c3(source: &Source) -> Result<Box<dyn Block>, NetworkError> {
    Ok(Box::new(C3 {
        place: source.place.clone(),
        long: source.block("cv1")?,
        short: source.block("cv2")?,
        blocks: source.block("m")?,
        join: source.block("cv3")?,
    }))
}

impl Block for C3 {
    fn shape(&self, input: Shape) -> Result<Shape, NetworkError> {
        let long = self.blocks.shape(self.long.shape(input)?)?;
        let short = self.short.shape(input)?;
        if (long.height, long.width) != (short.height, short.width) {
            return Err(unfit(&self.place, "its two ways end in different sizes"));
        }
        let channels = long.channels.saturating_add(short.channels);
        self.join.shape(Shape { channels, ..short }.checked(&self.place)?)
    }

    fn run(&self, input: Tensor<4>) -> Tensor<4> {
        let long = self.blocks.run(self.long.run(input.clone()));
        self.join.run(Tensor::cat(vec![long, self.short.run(input)], 1))
    }
}

/// Half of the channels, where they are an even number.
pub(crate) fn half(shape: Shape, place: &Place) -> Result<Shape, NetworkError> {
    if !shape.channels.is_multiple_of(2) {
        return Err(unfit(place, format!("cannot halve {} channels", shape.channels)));
    }
    Ok(Shape { channels: shape.channels / 2, ..shape })
}

/// The first half of the channels and the second.
pub(crate) fn halves(x: Tensor<4>) -> (Tensor<4>, Tensor<4>) {
    let middle = x.dims()[1] / 2;
    (x.clone().narrow(1, 0, middle), x.narrow(1, middle, middle))
}

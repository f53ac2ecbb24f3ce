//! Cross-stage partial blocks: part of the channels takes the long way, part the short one.

use burn::tensor::Tensor;

use super::block::Block;
use super::container::Sequential;
use super::error::NetworkError;
use super::place::Place;
use super::shape::{Shape, unfit};
use super::source::Source;
use super::tally::Tally;

/// Some convolutions, and perhaps the input added to what they make of it.
struct Bottleneck {
    place: Place,
    convolutions: Sequential,
    /// Whether the input is added.
    add: bool,
}

/// `Bottleneck` and `RepBottleneck`: two convolutions.
pub(crate) fn bottleneck(source: &Source) -> Result<Box<dyn Block>, NetworkError> {
    Ok(Box::new(Bottleneck {
        place: source.place.clone(),
        convolutions: Sequential(vec![source.block("cv1")?, source.block("cv2")?]),
        add: source.flag("add", false)?,
    }))
}

/// `CIB`: convolutions of each channel by itself and of each place by itself, in turns.
pub(crate) fn cib(source: &Source) -> Result<Box<dyn Block>, NetworkError> {
    Ok(Box::new(Bottleneck {
        place: source.place.clone(),
        convolutions: Sequential(source.child("cv1")?.blocks()?),
        add: source.flag("add", false)?,
    }))
}

impl Block for Bottleneck {
    fn shape(&self, input: Shape, tally: &mut Tally) -> Result<Shape, NetworkError> {
        let output = self.convolutions.shape(input, tally)?;
        if self.add {
            input.expect_equal(output, &self.place)?;
        }
        Ok(output)
    }

    fn run(&self, input: Tensor<4>) -> Tensor<4> {
        if self.add {
            input.clone() + self.convolutions.run(input)
        } else {
            self.convolutions.run(input)
        }
    }
}

/// `C1`: a convolution, and the blocks' output added to its own.
struct C1 {
    place: Place,
    first: Box<dyn Block>,
    blocks: Box<dyn Block>,
}

pub(crate) fn c1(source: &Source) -> Result<Box<dyn Block>, NetworkError> {
    Ok(Box::new(C1 {
        place: source.place.clone(),
        first: source.block("cv1")?,
        blocks: source.block("m")?,
    }))
}

impl Block for C1 {
    fn shape(&self, input: Shape, tally: &mut Tally) -> Result<Shape, NetworkError> {
        let first = self.first.shape(input, tally)?;
        first.expect_equal(self.blocks.shape(first, tally)?, &self.place)?;
        Ok(first)
    }

    fn run(&self, input: Tensor<4>) -> Tensor<4> {
        let first = self.first.run(input);
        self.blocks.run(first.clone()) + first
    }
}

/// `C2`: half of the first convolution's output goes through the blocks, half around them; the
/// second convolution joins them.
struct C2 {
    place: Place,
    first: Box<dyn Block>,
    blocks: Box<dyn Block>,
    second: Box<dyn Block>,
}

pub(crate) fn c2(source: &Source) -> Result<Box<dyn Block>, NetworkError> {
    Ok(Box::new(C2 {
        place: source.place.clone(),
        first: source.block("cv1")?,
        blocks: source.block("m")?,
        second: source.block("cv2")?,
    }))
}

impl Block for C2 {
    fn shape(&self, input: Shape, tally: &mut Tally) -> Result<Shape, NetworkError> {
        let around = half(self.first.shape(input, tally)?, &self.place)?;
        let through = self.blocks.shape(around, tally)?;
        if (through.height, through.width) != (around.height, around.width) {
            return Err(unfit(&self.place, "a block inside changes the size"));
        }
        let channels = through.channels.saturating_add(around.channels);
        self.second.shape(Shape { channels, ..around }.checked(&self.place)?, tally)
    }

    fn run(&self, input: Tensor<4>) -> Tensor<4> {
        let (through, around) = halves(self.first.run(input));
        self.second.run(Tensor::cat(vec![self.blocks.run(through), around], 1))
    }
}

/// `C2f` and its kin: the first convolution's output in two halves, then each block applied to what
/// came last; all of them together go through the last convolution.
struct C2f {
    place: Place,
    first: Box<dyn Block>,
    blocks: Vec<Box<dyn Block>>,
    last: Box<dyn Block>,
}

/// `C2f`, `C3k2`, `C2fCIB` and `C2fPSA`: blocks of one kind in a list.
pub(crate) fn c2f(source: &Source) -> Result<Box<dyn Block>, NetworkError> {
    Ok(Box::new(C2f {
        place: source.place.clone(),
        first: source.block("cv1")?,
        blocks: source.child("m")?.blocks()?,
        last: source.block("cv2")?,
    }))
}

/// `ELAN1` and `RepNCSPELAN4`: two blocks, each a module of its own.
pub(crate) fn elan(source: &Source) -> Result<Box<dyn Block>, NetworkError> {
    Ok(Box::new(C2f {
        place: source.place.clone(),
        first: source.block("cv1")?,
        blocks: vec![source.block("cv2")?, source.block("cv3")?],
        last: source.block("cv4")?,
    }))
}

impl Block for C2f {
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
        // Not the halves but the whole: one piece less to put together again.
        let mut parts = vec![split];
        for block in &self.blocks {
            last = block.run(last);
            parts.push(last.clone());
        }
        self.last.run(Tensor::cat(parts, 1))
    }
}

/// `C3`, `C3k`, `C3x`, `C3Ghost` and `RepCSP`: one convolution and the blocks, beside another
/// convolution; a third one joins them.
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
    fn shape(&self, input: Shape, tally: &mut Tally) -> Result<Shape, NetworkError> {
        let long = self.blocks.shape(self.long.shape(input, tally)?, tally)?;
        let short = self.short.shape(input, tally)?;
        if (long.height, long.width) != (short.height, short.width) {
            return Err(unfit(&self.place, "its two ways end in different sizes"));
        }
        let channels = long.channels.saturating_add(short.channels);
        self.join.shape(Shape { channels, ..short }.checked(&self.place)?, tally)
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

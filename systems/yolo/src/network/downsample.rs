//! Blocks that halve the size.

use burn::tensor::Tensor;
use burn::tensor::module::{avg_pool2d, max_pool2d};
use burn::tensor::ops::{AvgPoolOptions, MaxPoolOptions};

use super::block::Block;
use super::container::Sequential;
use super::csp::{half, halves};
use super::error::NetworkError;
use super::place::Place;
use super::shape::{Shape, slid, unfit};
use super::source::Source;
use super::tally::Tally;

/// `SCDown`: a convolution of each place, then one of each channel.
pub(crate) fn scdown(source: &Source) -> Result<Box<dyn Block>, NetworkError> {
    Ok(Box::new(Sequential(vec![source.block("cv1")?, source.block("cv2")?])))
}

/// The average of each two by two values, from one value to the next.
struct Average {
    place: Place,
}

impl Block for Average {
    fn shape(&self, input: Shape, _: &mut Tally) -> Result<Shape, NetworkError> {
        let [height, width] = [input.height, input.width].map(|size| slid(size, 2, 1, 0, 1));
        let (Some(height), Some(width)) = (height, width) else {
            return Err(unfit(&self.place, "its input is smaller than 2x2"));
        };
        Ok(Shape { height, width, ..input })
    }

    fn run(&self, input: Tensor<4>) -> Tensor<4> {
        avg_pool2d(input, AvgPoolOptions::new([2, 2]).with_stride([1, 1]))
    }
}

/// `AConv`: averages, then a convolution.
pub(crate) fn aconv(source: &Source) -> Result<Box<dyn Block>, NetworkError> {
    let average = Average { place: source.place.clone() };
    Ok(Box::new(Sequential(vec![Box::new(average), source.block("cv1")?])))
}

/// `ADown`: averages; one half of the channels through a convolution, the other one through a
/// pooling and a convolution.
struct ADown {
    place: Place,
    average: Average,
    convolved: Box<dyn Block>,
    pooled: Box<dyn Block>,
}

pub(crate) fn adown(source: &Source) -> Result<Box<dyn Block>, NetworkError> {
    Ok(Box::new(ADown {
        place: source.place.clone(),
        average: Average { place: source.place.clone() },
        convolved: source.block("cv1")?,
        pooled: source.block("cv2")?,
    }))
}

impl Block for ADown {
    fn shape(&self, input: Shape, tally: &mut Tally) -> Result<Shape, NetworkError> {
        let part = half(self.average.shape(input, tally)?, &self.place)?;
        let convolved = self.convolved.shape(part, tally)?;
        let [height, width] = [part.height, part.width].map(|size| slid(size, 3, 2, 1, 1));
        let (Some(height), Some(width)) = (height, width) else {
            return Err(unfit(&self.place, "its input is too small"));
        };
        let pooled = self.pooled.shape(Shape { height, width, ..part }, tally)?;
        if (convolved.height, convolved.width) != (pooled.height, pooled.width) {
            return Err(unfit(&self.place, "its two ways end in different sizes"));
        }
        let channels = convolved.channels.saturating_add(pooled.channels);
        Shape { channels, ..pooled }.checked(&self.place)
    }

    fn run(&self, input: Tensor<4>) -> Tensor<4> {
        let (first, second) = halves(self.average.run(input));
        let options = MaxPoolOptions::new([3, 3]).with_stride([2, 2]).with_padding([1, 1]);
        let second = self.pooled.run(max_pool2d(second, options));
        Tensor::cat(vec![self.convolved.run(first), second], 1)
    }
}

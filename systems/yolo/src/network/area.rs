//! Attention within areas, as in version 12.

use burn::tensor::{Tensor, activation};

use super::attention::MAX_MATRIX;
use super::block::Block;
use super::error::NetworkError;
use super::place::Place;
use super::shape::{Shape, unfit};
use super::source::{Array, Source};
use super::tally::Tally;

/// `AAttn`: every place looks at every other of its area. The areas are groups of rows, or of parts
/// of rows, with the same number of places.
struct AreaAttention {
    place: Place,
    areas: usize,
    heads: usize,
    /// Channels of one head.
    channels: usize,
    query_key_value: Box<dyn Block>,
    position: Box<dyn Block>,
    projection: Box<dyn Block>,
}

pub(crate) fn area_attention(source: &Source) -> Result<Box<dyn Block>, NetworkError> {
    let place = source.place.clone();
    let (areas, heads) = (source.size("area")?, source.size("num_heads")?);
    let channels = source.size("head_dim")?;
    if areas == 0 || heads == 0 || channels == 0 {
        return Err(unfit(&place, "it has no area, no head or no channel"));
    }
    Ok(Box::new(AreaAttention {
        place,
        areas,
        heads,
        channels,
        query_key_value: source.block("qkv")?,
        position: source.block("pe")?,
        projection: source.block("proj")?,
    }))
}

impl Block for AreaAttention {
    fn shape(&self, input: Shape, tally: &mut Tally) -> Result<Shape, NetworkError> {
        let all = self.query_key_value.shape(input, tally)?;
        let channels = self.heads.saturating_mul(self.channels);
        all.expect_channels(channels.saturating_mul(3), &self.place)?;
        if (all.height, all.width) != (input.height, input.width) {
            return Err(unfit(&self.place, "its first convolution changes the size"));
        }
        let places = all.height * all.width;
        if !places.is_multiple_of(self.areas) {
            let Shape { height, width, .. } = all;
            let problem = format!("{height}x{width} places are not {} equal areas", self.areas);
            return Err(unfit(&self.place, problem));
        }
        let matrix =
            (places / self.areas).checked_mul(places).and_then(|size| size.checked_mul(self.heads));
        if matrix.is_none_or(|matrix| matrix > MAX_MATRIX) {
            return Err(NetworkError::TooLarge {
                place: self.place.clone(),
                what: "size of its attention matrix",
                limit: MAX_MATRIX,
            });
        }
        tally.add(&[2, channels, places / self.areas, places]);
        let values = Shape { channels, ..all };
        values.expect_equal(self.position.shape(values, tally)?, &self.place)?;
        self.projection.shape(values, tally)
    }

    fn run(&self, input: Tensor<4>) -> Tensor<4> {
        let [batch, _, height, width] = input.dims();
        let (areas, heads, channels) = (self.areas, self.heads, self.channels);
        let places = height * width / areas;

        // Areas as further pictures: they do not see each other.
        let all = self.query_key_value.run(input);
        let all = all
            .reshape([batch, heads, 3 * channels, areas, places])
            .permute([0, 3, 1, 2, 4])
            .reshape([batch * areas, heads, 3 * channels, places]);
        let query = all.clone().narrow(2, 0, channels);
        let key = all.clone().narrow(2, channels, channels);
        let value = all.narrow(2, 2 * channels, channels);

        let scale = (channels as f64).powf(-0.5);
        let weights = activation::softmax((query * scale).transpose().matmul(key), 3);
        let seen = value.clone().matmul(weights.transpose());

        let picture =
            |x: Tensor<4>| {
                x.reshape([batch, areas, heads, channels, places])
                    .permute([0, 2, 3, 1, 4])
                    .reshape([batch, heads * channels, height, width])
            };
        let position = self.position.run(picture(value));
        self.projection.run(picture(seen) + position)
    }
}

/// `A2C2f`: a convolution, then each block applied to what came last; all of them together go
/// through the second convolution, whose output may be weighted and added to the input.
struct A2C2f {
    place: Place,
    first: Box<dyn Block>,
    blocks: Vec<Box<dyn Block>>,
    second: Box<dyn Block>,
    /// Weights of the channels, `[1, channels, 1, 1]`, and how many there are.
    residual: Option<(Tensor<4>, usize)>,
}

pub(crate) fn a2c2f(source: &Source) -> Result<Box<dyn Block>, NetworkError> {
    let residual = source.parameter("gamma")?.map(|Array { values, .. }| {
        let channels = values.len();
        (source.site.tensor(values, [1, channels, 1, 1]), channels)
    });
    Ok(Box::new(A2C2f {
        place: source.place.clone(),
        first: source.block("cv1")?,
        blocks: source.child("m")?.blocks()?,
        second: source.block("cv2")?,
        residual,
    }))
}

impl Block for A2C2f {
    fn shape(&self, input: Shape, tally: &mut Tally) -> Result<Shape, NetworkError> {
        let first = self.first.shape(input, tally)?;
        let mut last = first;
        let mut channels = first.channels;
        for block in &self.blocks {
            last = block.shape(last, tally)?;
            if (last.height, last.width) != (first.height, first.width) {
                return Err(unfit(&self.place, "a block inside changes the size"));
            }
            channels = channels.saturating_add(last.channels);
        }
        let output = self.second.shape(Shape { channels, ..first }.checked(&self.place)?, tally)?;
        if let Some((_, channels)) = &self.residual {
            output.expect_channels(*channels, &self.place)?;
            input.expect_equal(output, &self.place)?;
        }
        Ok(output)
    }

    fn run(&self, input: Tensor<4>) -> Tensor<4> {
        let mut last = self.first.run(input.clone());
        let mut parts = vec![last.clone()];
        for block in &self.blocks {
            last = block.run(last);
            parts.push(last.clone());
        }
        let output = self.second.run(Tensor::cat(parts, 1));
        match &self.residual {
            Some((weights, _)) => input + output * weights.clone(),
            None => output,
        }
    }
}

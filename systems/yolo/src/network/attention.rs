//! Blocks in which every place looks at every other.

use burn::tensor::{Tensor, activation};

use super::block::Block;
use super::container::Sequential;
use super::error::NetworkError;
use super::place::Place;
use super::shape::{Shape, unfit};
use super::source::Source;
use super::tally::Tally;

/// Most values of one attention matrix of one picture: four times what the largest known network
/// has at 1280 pixels.
pub(crate) const MAX_MATRIX: usize = 1 << 28;

/// Multi-head self-attention, with a convolution that tells it where things are.
struct Attention {
    place: Place,
    heads: usize,
    key_channels: usize,
    value_channels: usize,
    scale: f64,
    query_key_value: Box<dyn Block>,
    position: Box<dyn Block>,
    projection: Box<dyn Block>,
}

pub(crate) fn attention(source: &Source) -> Result<Box<dyn Block>, NetworkError> {
    let heads = source.size("num_heads")?;
    let key_channels = source.size("key_dim")?;
    let value_channels = source.size("head_dim")?;
    if heads == 0 || key_channels == 0 || value_channels == 0 {
        return Err(unfit(&source.place, "it has no head or no channel"));
    }
    Ok(Box::new(Attention {
        place: source.place.clone(),
        heads,
        key_channels,
        value_channels,
        scale: source.number("scale", (key_channels as f64).powf(-0.5))?,
        query_key_value: source.block("qkv")?,
        position: source.block("pe")?,
        projection: source.block("proj")?,
    }))
}

impl Block for Attention {
    fn shape(&self, input: Shape, tally: &mut Tally) -> Result<Shape, NetworkError> {
        let all = self.query_key_value.shape(input, tally)?;
        let per_head = 2 * self.key_channels + self.value_channels;
        all.expect_channels(self.heads.saturating_mul(per_head), &self.place)?;
        if (all.height, all.width) != (input.height, input.width) {
            return Err(unfit(&self.place, "its first convolution changes the size"));
        }
        let places = all.height * all.width;
        let matrix = places.checked_mul(places).and_then(|size| size.checked_mul(self.heads));
        if matrix.is_none_or(|matrix| matrix > MAX_MATRIX) {
            return Err(NetworkError::TooLarge {
                place: self.place.clone(),
                what: "size of its attention matrix",
                limit: MAX_MATRIX,
            });
        }
        let both = self.key_channels.saturating_add(self.value_channels);
        tally.add(&[self.heads, both, places, places]);
        let values = Shape { channels: self.heads * self.value_channels, ..all };
        values.expect_equal(self.position.shape(values, tally)?, &self.place)?;
        self.projection.shape(values, tally)
    }

    fn run(&self, input: Tensor<4>) -> Tensor<4> {
        let [batch, _, height, width] = input.dims();
        let (heads, keys, values) = (self.heads, self.key_channels, self.value_channels);
        let all = self.query_key_value.run(input);
        let all = all.reshape([batch, heads, 2 * keys + values, height * width]);
        let query = all.clone().narrow(2, 0, keys);
        let key = all.clone().narrow(2, keys, keys);
        let value = all.narrow(2, 2 * keys, values);

        let weights = (query * self.scale).transpose().matmul(key);
        let weights = activation::softmax(weights, 3);
        let seen = value.clone().matmul(weights.transpose());

        let picture = [batch, heads * values, height, width];
        let position = self.position.run(value.reshape(picture));
        self.projection.run(seen.reshape(picture) + position)
    }
}

/// `PSABlock` and `ABlock`: attention, then two convolutions, each added to what it got.
struct Attentive {
    place: Place,
    attention: Box<dyn Block>,
    forward: Box<dyn Block>,
    /// Whether the inputs are added.
    add: bool,
}

pub(crate) fn psa_block(source: &Source) -> Result<Box<dyn Block>, NetworkError> {
    Ok(Box::new(Attentive {
        place: source.place.clone(),
        attention: source.block("attn")?,
        forward: source.block("ffn")?,
        add: source.flag("add", true)?,
    }))
}

pub(crate) fn a_block(source: &Source) -> Result<Box<dyn Block>, NetworkError> {
    Ok(Box::new(Attentive {
        place: source.place.clone(),
        attention: source.block("attn")?,
        forward: source.block("mlp")?,
        add: true,
    }))
}

impl Block for Attentive {
    fn shape(&self, input: Shape, tally: &mut Tally) -> Result<Shape, NetworkError> {
        let attended = self.attention.shape(input, tally)?;
        let output = self.forward.shape(attended, tally)?;
        if self.add {
            input.expect_equal(attended, &self.place)?;
            input.expect_equal(output, &self.place)?;
        }
        Ok(output)
    }

    fn run(&self, input: Tensor<4>) -> Tensor<4> {
        if !self.add {
            return self.forward.run(self.attention.run(input));
        }
        let attended = input.clone() + self.attention.run(input);
        attended.clone() + self.forward.run(attended)
    }
}

/// `PSA` and `C2PSA`: half of the channels goes through attention, half around it.
struct C2Psa {
    place: Place,
    first: Box<dyn Block>,
    second: Box<dyn Block>,
    /// Channels that go around it.
    channels: usize,
    blocks: Sequential,
}

/// `PSA` has one block, and has its parts as its own.
pub(crate) fn psa(source: &Source) -> Result<Box<dyn Block>, NetworkError> {
    Ok(Box::new(C2Psa {
        place: source.place.clone(),
        first: source.block("cv1")?,
        second: source.block("cv2")?,
        channels: source.size("c")?,
        blocks: Sequential(vec![psa_block(source)?]),
    }))
}

pub(crate) fn c2psa(source: &Source) -> Result<Box<dyn Block>, NetworkError> {
    Ok(Box::new(C2Psa {
        place: source.place.clone(),
        first: source.block("cv1")?,
        second: source.block("cv2")?,
        channels: source.size("c")?,
        blocks: Sequential(source.child("m")?.blocks()?),
    }))
}

impl Block for C2Psa {
    fn shape(&self, input: Shape, tally: &mut Tally) -> Result<Shape, NetworkError> {
        let split = self.first.shape(input, tally)?;
        split.expect_channels(self.channels.saturating_mul(2), &self.place)?;
        let part = Shape { channels: self.channels, ..split };
        part.expect_equal(self.blocks.shape(part, tally)?, &self.place)?;
        self.second.shape(split, tally)
    }

    fn run(&self, input: Tensor<4>) -> Tensor<4> {
        let split = self.first.run(input);
        let around = split.clone().narrow(1, 0, self.channels);
        let through = self.blocks.run(split.narrow(1, self.channels, self.channels));
        self.second.run(Tensor::cat(vec![around, through], 1))
    }
}

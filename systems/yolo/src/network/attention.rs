//! Blocks in which every place looks at every other.

use super::block::Block;
use super::container::Sequential;
use super::error::NetworkError;
use super::place::Place;
use super::plan::{self, PlanBuilder, Value};
use super::shape::{Shape, unfit};
use super::source::Source;

/// `Attention` and `AAttn`: multi-head self-attention, with a convolution that tells it where things
/// are.
struct Attention {
    place: Place,
    attention: plan::Attention,
    query_key_value: Box<dyn Block>,
    position: Box<dyn Block>,
    projection: Box<dyn Block>,
}

/// `Attention`: every place looks at every other.
pub(crate) fn attention(source: &Source) -> Result<Box<dyn Block>, NetworkError> {
    let heads = source.size("num_heads")?;
    let key_channels = source.size("key_dim")?;
    let value_channels = source.size("head_dim")?;
    if heads == 0 || key_channels == 0 || value_channels == 0 {
        return Err(unfit(&source.place, "it has no head or no channel"));
    }
    let scale = source.number("scale", (key_channels as f64).powf(-0.5))?;
    let attention = plan::Attention { heads, key_channels, value_channels, scale, areas: 1 };
    Attention::read(source, attention)
}

/// `AAttn`: every place looks at every other of its area. The areas are groups of rows, or of parts
/// of rows, with the same number of places.
pub(crate) fn area_attention(source: &Source) -> Result<Box<dyn Block>, NetworkError> {
    let (areas, heads) = (source.size("area")?, source.size("num_heads")?);
    let channels = source.size("head_dim")?;
    if areas == 0 || heads == 0 || channels == 0 {
        return Err(unfit(&source.place, "it has no area, no head or no channel"));
    }
    let scale = (channels as f64).powf(-0.5);
    let (key_channels, value_channels) = (channels, channels);
    Attention::read(source, plan::Attention { heads, key_channels, value_channels, scale, areas })
}

impl Attention {
    fn read(source: &Source, attention: plan::Attention) -> Result<Box<dyn Block>, NetworkError> {
        Ok(Box::new(Self {
            place: source.place.clone(),
            attention,
            query_key_value: source.block("qkv")?,
            position: source.block("pe")?,
            projection: source.block("proj")?,
        }))
    }
}

impl Block for Attention {
    fn emit(&self, plan: &mut PlanBuilder, input: Value) -> Result<Value, NetworkError> {
        let all = self.query_key_value.emit(plan, input)?;
        let Shape { height, width, .. } = input.shape;
        if (all.shape.height, all.shape.width) != (height, width) {
            return Err(unfit(&self.place, "its first convolution changes the size"));
        }
        let seen = plan.attention(all, self.attention, &self.place)?;
        let values = 2 * self.attention.key_channels..self.attention.of_head();
        let values = plan.slice_of_groups(all, self.attention.heads, values, &self.place)?;
        let position = self.position.emit(plan, values)?;
        let sum = plan.add(seen, position, &self.place)?;
        self.projection.emit(plan, sum)
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
    fn emit(&self, plan: &mut PlanBuilder, input: Value) -> Result<Value, NetworkError> {
        let attended = self.attention.emit(plan, input)?;
        if !self.add {
            return self.forward.emit(plan, attended);
        }
        let attended = plan.add(input, attended, &self.place)?;
        let forward = self.forward.emit(plan, attended)?;
        plan.add(attended, forward, &self.place)
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
    fn emit(&self, plan: &mut PlanBuilder, input: Value) -> Result<Value, NetworkError> {
        let split = self.first.emit(plan, input)?;
        let all = self.channels.saturating_mul(2);
        split.shape.expect_channels(all, &self.place)?;
        let around = plan.slice(split, 0..self.channels, &self.place)?;
        let through = plan.slice(split, self.channels..all, &self.place)?;
        let through = self.blocks.emit(plan, through)?;
        let both = plan.concatenate(&[around, through], &self.place)?;
        self.second.emit(plan, both)
    }
}

//! `A2C2f`: the blocks of version 12, in which attention looks at areas.

use super::block::Block;
use super::error::NetworkError;
use super::place::Place;
use super::plan::{PlanBuilder, Value};
use super::source::{Array, Source};
use super::weights::{Role, Weights, WeightsId};

/// `A2C2f`: a convolution, then each block applied to what came last; all of them together go
/// through the second convolution, whose output may be weighted and added to the input.
struct A2C2f {
    place: Place,
    first: Box<dyn Block>,
    blocks: Vec<Box<dyn Block>>,
    second: Box<dyn Block>,
    /// Weights of the channels, and how many there are.
    residual: Option<(WeightsId, usize)>,
}

pub(crate) fn a2c2f(source: &Source) -> Result<Box<dyn Block>, NetworkError> {
    let residual = source.parameter("gamma")?.map(|Array { values, .. }| {
        let channels = values.len();
        let shape = [1, channels, 1, 1];
        let weights = Weights { role: Role::Channels, shape, values: values.into(), bias: None };
        (source.site.keep(weights), channels)
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
    fn emit(&self, plan: &mut PlanBuilder, input: Value) -> Result<Value, NetworkError> {
        let mut last = self.first.emit(plan, input)?;
        let mut parts = vec![last];
        for block in &self.blocks {
            last = block.emit(plan, last)?;
            parts.push(last);
        }
        let all = plan.concatenate(&parts, &self.place)?;
        let output = self.second.emit(plan, all)?;
        let Some((weights, channels)) = self.residual else { return Ok(output) };
        let weighted = plan.scale(output, weights, channels, &self.place)?;
        plan.add(input, weighted, &self.place)
    }
}

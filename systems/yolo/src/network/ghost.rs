//! Ghost blocks: half of the channels is computed from the other half, cheaply.

use super::block::Block;
use super::error::NetworkError;
use super::place::Place;
use super::plan::{PlanBuilder, Value};
use super::source::Source;

/// `GhostConv`: a convolution, and beside its output what a second one makes of it.
struct GhostConv {
    place: Place,
    first: Box<dyn Block>,
    cheap: Box<dyn Block>,
}

pub(crate) fn ghost_conv(source: &Source) -> Result<Box<dyn Block>, NetworkError> {
    Ok(Box::new(GhostConv {
        place: source.place.clone(),
        first: source.block("cv1")?,
        cheap: source.block("cv2")?,
    }))
}

impl Block for GhostConv {
    fn emit(&self, plan: &mut PlanBuilder, input: Value) -> Result<Value, NetworkError> {
        let first = self.first.emit(plan, input)?;
        let cheap = self.cheap.emit(plan, first)?;
        plan.concatenate(&[first, cheap], &self.place)
    }
}

/// `GhostBottleneck`: two ways, added.
struct GhostBottleneck {
    place: Place,
    long: Box<dyn Block>,
    short: Box<dyn Block>,
}

pub(crate) fn ghost_bottleneck(source: &Source) -> Result<Box<dyn Block>, NetworkError> {
    Ok(Box::new(GhostBottleneck {
        place: source.place.clone(),
        long: source.block("conv")?,
        short: source.block("shortcut")?,
    }))
}

impl Block for GhostBottleneck {
    fn emit(&self, plan: &mut PlanBuilder, input: Value) -> Result<Value, NetworkError> {
        let (long, short) = (self.long.emit(plan, input)?, self.short.emit(plan, input)?);
        plan.add(long, short, &self.place)
    }
}

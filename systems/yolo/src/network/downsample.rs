//! Blocks that halve the size.

use super::block::Block;
use super::container::Sequential;
use super::error::NetworkError;
use super::place::Place;
use super::plan::{PlanBuilder, Value, Window};
use super::source::Source;

/// `SCDown`: a convolution of each place, then one of each channel.
pub(crate) fn scdown(source: &Source) -> Result<Box<dyn Block>, NetworkError> {
    Ok(Box::new(Sequential(vec![source.block("cv1")?, source.block("cv2")?])))
}

/// `AConv`: averages of each two by two values, then a convolution.
struct AConv {
    place: Place,
    convolution: Box<dyn Block>,
}

pub(crate) fn aconv(source: &Source) -> Result<Box<dyn Block>, NetworkError> {
    Ok(Box::new(AConv { place: source.place.clone(), convolution: source.block("cv1")? }))
}

impl Block for AConv {
    fn emit(&self, plan: &mut PlanBuilder, input: Value) -> Result<Value, NetworkError> {
        let averages = plan.average_pool(input, [2, 2], &self.place)?;
        self.convolution.emit(plan, averages)
    }
}

/// `ADown`: averages of each two by two values; one half of the channels through a convolution, the
/// other one through a pooling and a convolution.
struct ADown {
    place: Place,
    convolved: Box<dyn Block>,
    pooled: Box<dyn Block>,
}

pub(crate) fn adown(source: &Source) -> Result<Box<dyn Block>, NetworkError> {
    Ok(Box::new(ADown {
        place: source.place.clone(),
        convolved: source.block("cv1")?,
        pooled: source.block("cv2")?,
    }))
}

impl Block for ADown {
    fn emit(&self, plan: &mut PlanBuilder, input: Value) -> Result<Value, NetworkError> {
        let averages = plan.average_pool(input, [2, 2], &self.place)?;
        let [first, second] = plan.halves(averages, &self.place)?;
        let window = Window { stride: [2, 2], padding: [1, 1], ..Window::new([3, 3]) };
        let second = plan.max_pool(second, window, &self.place)?;
        let parts = [self.convolved.emit(plan, first)?, self.pooled.emit(plan, second)?];
        plan.concatenate(&parts, &self.place)
    }
}

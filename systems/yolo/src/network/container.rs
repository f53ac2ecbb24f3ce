//! Modules that only arrange others or pass things on.

use super::block::{Block, Join};
use super::error::NetworkError;
use super::place::Place;
use super::plan::{PlanBuilder, Value};
use super::shape::unfit;
use super::source::Source;

/// Blocks one after the other.
pub(crate) struct Sequential(pub Vec<Box<dyn Block>>);

pub(crate) fn sequential(source: &Source) -> Result<Box<dyn Block>, NetworkError> {
    Ok(Box::new(Sequential(source.blocks()?)))
}

impl Block for Sequential {
    fn emit(&self, plan: &mut PlanBuilder, input: Value) -> Result<Value, NetworkError> {
        self.0.iter().try_fold(input, |value, block| block.emit(plan, value))
    }
}

/// Passes its input on. Also what dropout does after training.
struct Identity;

pub(crate) fn identity(_: &Source) -> Result<Box<dyn Block>, NetworkError> {
    Ok(Box::new(Identity))
}

impl Block for Identity {
    fn emit(&self, _: &mut PlanBuilder, input: Value) -> Result<Value, NetworkError> {
        Ok(input)
    }
}

/// Puts the channels of its inputs behind each other.
struct Concat {
    place: Place,
}

pub(crate) fn concat(source: &Source) -> Result<Box<dyn Join>, NetworkError> {
    let axis = source.size("d")?;
    if axis != 1 {
        return Err(unfit(&source.place, format!("joins axis {axis}, not the channels (1)")));
    }
    Ok(Box::new(Concat { place: source.place.clone() }))
}

impl Join for Concat {
    fn emit(&self, plan: &mut PlanBuilder, inputs: &[Value]) -> Result<Value, NetworkError> {
        plan.concatenate(inputs, &self.place)
    }
}

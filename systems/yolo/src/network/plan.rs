//! What a network computes with pictures of one size, as a list of few kinds of operations.
//!
//! Each module of a network adds its steps to a plan and says which value is its output; the shapes
//! are checked on the way, so that whoever executes a plan need not. Executors interpret plans: they
//! know operations, and no modules. A plan has no numbers of its own: weights are held once for all
//! plans of a network.

mod builder;
mod liveness;
mod operation;
mod simplify;
#[cfg(test)]
mod tests;
mod value;

use crate::decode::AnchorLayout;
use crate::network::shape::Shape;

pub(crate) use self::builder::PlanBuilder;
pub(crate) use self::operation::{Attention, Convolution, Operation, Window};
pub(crate) use self::value::Value;

/// What a network computes with pictures of one size.
#[derive(Debug)]
pub(crate) struct Plan {
    /// In an order in which each value is made before it is read.
    pub steps: Vec<Step>,
    /// The shape of each value, by its number.
    pub shapes: Vec<Shape>,
    /// What it ends with.
    pub output: Output,
    /// What each layer of the network gives and costs; the head is the last one.
    pub layers: Vec<LayerCost>,
}

/// One operation of a plan.
#[derive(Debug)]
pub(crate) struct Step {
    pub operation: Operation,
    pub inputs: Vec<Input>,
    /// Number of the value that it makes.
    pub output: usize,
    /// Number of the layer that it belongs to.
    pub layer: usize,
}

/// A value that a step reads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Input {
    /// Its number.
    pub number: usize,
    /// Whether nobody reads it later: its memory may be used again.
    pub last: bool,
}

/// What a layer gives and costs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct LayerCost {
    /// Its output. The head has several.
    pub output: Option<Shape>,
    /// Multiplications, each with an addition, for one picture.
    pub multiplications: u64,
}

/// What a plan ends with.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Output {
    /// Of a head that looks at each place of the picture.
    Anchors {
        layout: AnchorLayout,
        /// For each resolution the parts whose channels after each other are the rows of the layout.
        levels: Vec<Vec<Value>>,
        /// Of a segmenter.
        prototypes: Option<Value>,
    },
    /// Of a classifier: a logit for each class, a picture of one place.
    Classes(Value),
}

impl Output {
    /// All values, in the order in which they are named.
    pub fn values(&self) -> impl Iterator<Item = &Value> {
        let (levels, other) = match self {
            Self::Anchors { levels, prototypes, .. } => (levels.as_slice(), prototypes.as_ref()),
            Self::Classes(logits) => (&[][..], Some(logits)),
        };
        levels.iter().flatten().chain(other)
    }

    fn values_mut(&mut self) -> impl Iterator<Item = &mut Value> {
        let (levels, other) = match self {
            Self::Anchors { levels, prototypes, .. } => {
                (levels.as_mut_slice(), prototypes.as_mut())
            }
            Self::Classes(logits) => (&mut [][..], Some(logits)),
        };
        levels.iter_mut().flatten().chain(other)
    }
}

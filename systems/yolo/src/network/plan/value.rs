use crate::network::shape::Shape;

/// The picture, or what a step of a plan makes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Value {
    /// Its number in the plan; the picture's is 0.
    pub number: usize,
    /// Of one picture: a plan is the same for each batch.
    pub shape: Shape,
}

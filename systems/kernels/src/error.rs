//! Why a network cannot be built or run.

/// What is wrong with a network, or with what it was given.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// An operation does not fit its inputs.
    #[error("operation {index} ({name}): {problem}")]
    Unfit {
        /// Which operation, counted from 0 in the order in which they were added.
        index: usize,
        /// Its kind, and the label that it was given.
        name: String,
        /// What does not fit, and what would.
        problem: String,
    },
    /// The network as a whole cannot run like this.
    #[error("{0}")]
    Network(String),
    /// A run was given buffers of the wrong size.
    #[error("{what} has {got} numbers instead of {want}")]
    Length {
        /// Which buffer.
        what: String,
        /// How many numbers it has.
        got: usize,
        /// How many it must have.
        want: usize,
    },
}

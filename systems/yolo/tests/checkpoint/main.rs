//! Checkpoints are read as data, whatever is in them.

mod calls;
mod hostile;
mod lies;
mod real;
mod values;
mod writer;

//! Checkpoints are read as data, whatever is in them.

mod hostile;
mod real;
mod values;
mod writer;

//! Every operation against its definition, on every instruction set that this machine has.

mod attention;
mod convolution;
mod errors;
mod movement;
mod network;
mod numbers;
mod pooling;
mod reference;
mod runs;

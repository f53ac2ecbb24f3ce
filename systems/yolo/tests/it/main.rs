//! Networks from checkpoints, compared with what torch computes.

mod ages;
mod assets;
mod broken;
mod fixture;
mod hostile;
mod letterbox;
mod parity;
mod trained;

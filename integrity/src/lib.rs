//! Judges whether a picture can be trusted.

mod blocks;
mod check;
mod config;
mod covered;
mod cut;
mod damage;
mod frozen;
mod grid;
mod look;
mod missing;
mod planes;
mod smear;
mod unset;

pub use check::{PictureCheck, Verdict};
pub use config::CheckConfig;

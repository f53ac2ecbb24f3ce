//! Judges whether a picture can be trusted, from what it shows and from nothing else.
//!
//! [`PictureCheck`] is told one decoded picture of a camera after another and gives a [`Verdict`] on each. It is
//! the last of three checks: transport and decoder know what went wrong, and find most of it; this one
//! finds what reached a picture all the same. So a doubtful picture is good: what is called
//! broken is what no camera shows.
//!
//! # What is looked at
//!
//! Four of every sixteen rows of luma, and one of chroma, summed up in cells of 16 x 16 pixels: least,
//! most and mean luma, differences across and down, mean chroma, whether it is all one colour. Everything below
//! is said of cells; pixels are read again only to see where an area ends, and to compare equal pictures.
//! Cells of the last good picture are kept, and those of the last broken one.
//!
//! # What is broken
//!
//! | rule | fault | what it finds | what keeps scenes out |
//! | --- | --- | --- | --- |
//! | `unset` | `Blocks` | luma up to 12 and chroma up to 64, in one cell of 400 and at least 4: memory that was never written | no colour is that green and that dark; what was so before does not count |
//! | `missing` | `Blocks` | exactly 128 in all planes in 15 % of the cells and ghosts between them, or a mean of 128 in half of the cells, textured ones too, or a band of it: a reference is missing | it has to come at once, and more cells than before have to have the same mean |
//! | `cut` | `Blocks` | one colour from a row of blocks down to the bottom, two cells high: the end of a JPEG is missing | it has to begin where a block does, where there was something else before; black and white do not count |
//! | `blocks` | `Blocks` | one colour in 5 % of the cells, which had texture | two thirds of its border have to be borders of cells |
//! | `smear` | `Smeared` | rows that are equal over the whole width, three cells high, with contrast along the row | the last good picture has to have less of it |
//! | `damage` | as before | a picture that goes on from a broken one, for ten seconds at most | it has to be three times nearer to the broken one than to the last good one, and half of the damage has to be there still |
//!
//! When all pictures were broken for [`CheckConfig::accept_after`], the newest is taken for good: a mask that was
//! drawn while the camera ran, another picture standard. So no false alarm lasts.
//!
//! # What is suspicious
//!
//! | rule | fault | what it finds |
//! | --- | --- | --- |
//! | `covered` | `Covered` | for [`CheckConfig::covered_after`], no part is brighter than another by more than 6 levels, but for noise and lines of text. A lamp is enough to make a picture good |
//! | `frozen` | `Frozen` | for [`CheckConfig::freeze_after`], every sample of luma is equal. A still source without noise, such as a test card, is frozen too: nobody can tell |
//!
//! # Cost
//!
//! `cargo bench -p detector_integrity`; the figures are in `docs/design/0003-integrity.md`. After the first picture
//! of a size nothing is allocated.

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

//! Reads just enough of coded pictures to know where decoding can begin, and what depends on what.
//!
//! A [`UnitReader`] is fed the access units of one stream, in decoding order, and says of each one
//! whether a decoder can begin there, whether other pictures need it, and whether a part of it is
//! missing. Nothing here panics, whatever the bytes. The work is linear in the size of a unit, and the
//! state has a fixed bound.
//!
//! # What is missed, and what is not
//!
//! | missing | said |
//! | --- | --- |
//! | the first slice of a picture, H.264 and H.265 | yes |
//! | another slice | where every picture has the same number of slices; else only a decoder knows |
//! | the end of a slice | no, unless its length is written before it or its header is cut |
//! | a picture that a later one refers to, H.264 and H.265 | yes, at the next picture, unless that one is a random access |
//! | a picture that none refers to | no |
//! | a picture of the other codecs | no |
//! | parameter sets that never came | yes |
//! | a partition of VP8, a frame in a superframe of VP9, an OBU of AV1 | yes, by their sizes; not the end of the last partition or frame |
//! | all slices of an MPEG-2 picture | yes |
//! | the end of a JPEG | yes, unless the camera never writes one |
//!
//! Encoders that number their pictures in a way of their own are recognised, and then nothing is said of
//! missing pictures. H.264 streams that allow gaps say nothing about them.
//!
//! # Why the parameter sets are read here
//!
//! `h264-reader` reads a sequence parameter set to its end or not at all, and cameras write wrong usability
//! information after everything that matters here.

mod av1;
mod bits;
mod h264;
mod h265;
mod jpeg;
mod mpeg2;
mod mpeg4;
mod nal;
mod reader;
mod slices;
mod trust;
mod unit;
mod vp8;
mod vp9;

pub use nal::annex_b_nals;
pub use reader::UnitReader;
pub use unit::{Codec, Framing, Unit, UnitKind};

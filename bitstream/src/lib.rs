//! Reads just enough of coded pictures to know where decoding can begin, and what depends on what.
//!
//! A [`UnitReader`] is fed the access units of one stream, in decoding order, and says of each one
//! whether a decoder can begin there, whether other pictures need it, and whether a part of it is
//! missing. It looks at headers only: what it does not report may still be damaged.
//!
//! Nothing here panics, whatever the bytes. The work is linear in the size of a unit and the state is of
//! a fixed size.
//!
//! The parameter sets are read by code of this crate rather than by `h264-reader`: that one reads a
//! sequence parameter set to its end or not at all, and cameras write wrong usability information after
//! everything that matters here.

mod av1;
mod bits;
mod h264;
mod h265;
mod jpeg;
mod mpeg2;
mod mpeg4;
mod nal;
mod reader;
mod trust;
mod unit;
mod vp8;
mod vp9;

pub use nal::annex_b_nals;
pub use reader::UnitReader;
pub use unit::{Codec, Framing, Unit, UnitKind};

//! Still pictures: JPEG and PNG in and out, colour conversion, drawing of detections.
//!
//! In: the bytes of a snapshot, or the [`Pixels`] of a camera's frame. Out: [`Pixels`], tightly
//! packed RGB, a JPEG or a PNG, and pictures with boxes and names drawn over them.
//!
//! Bytes come from outside: reading them allocates nothing beyond the declared limits, never
//! panics, and a picture that did not arrive whole is refused, not shown half grey.
//!
//! [`Pixels`]: detector_components::frame::Pixels

mod annotate;
mod content;
mod decode;
mod encode;
mod error;
mod jpeg;
mod markers;
mod matrix;
mod palette;
mod planes;
mod rgb;
mod shrink;

pub use annotate::{Label, annotate, labels};
pub use content::Content;
pub use decode::{MAX_PIXELS, decode};
pub use encode::{encode_jpeg, encode_png};
pub use error::PictureError;
pub use markers::{Ending, JpegEnd, is_jpeg};
pub use matrix::ToRgb;
pub use palette::color_of;
pub use planes::{PLANES_SHADER, ShaderPlanes, planes};
pub use rgb::{RgbPicture, rgb};

//! What can go wrong with a still picture.

use std::error::Error;

use detector_components::frame::Pixels;

use crate::MAX_PIXELS;

/// Why a picture could not be read or written.
#[derive(Debug, thiserror::Error)]
pub enum PictureError {
    /// The bytes are of no kind that is read here: often a web page that says what is wrong.
    #[error("this is no picture: it begins with {start:?}, expected JPEG, PNG, BMP or WebP")]
    Unknown {
        /// Its first bytes, with what is not printable escaped.
        start: String,
    },
    /// Larger than what is accepted. Known from the header: nothing was allocated.
    #[error(
        "the picture has {width} x {height} pixels, expected 1 to {} a side and at most {MAX_PIXELS} in all",
        Pixels::MAX_SIDE
    )]
    TooLarge {
        /// Columns.
        width: u64,
        /// Rows.
        height: u64,
    },
    /// More passes over the picture than any encoder writes: made to keep the reader busy.
    #[error("the JPEG picture has {scans} scans, expected at most {most}")]
    TooManyScans {
        /// How many.
        scans: usize,
        /// What is accepted.
        most: usize,
    },
    /// It ends early or its data contradicts itself.
    #[error("the {format} picture is broken")]
    Broken {
        /// Its kind.
        format: &'static str,
        /// What the decoder says.
        #[source]
        source: Box<dyn Error + Send + Sync>,
    },
    /// The region shares no pixel with the picture.
    #[error("the region shows nothing of the picture")]
    Empty,
    /// The encoder refused.
    #[error("encoding a {format} picture failed")]
    Encode {
        /// The kind that was asked for.
        format: &'static str,
        /// What the encoder says.
        #[source]
        source: Box<dyn Error + Send + Sync>,
    },
}

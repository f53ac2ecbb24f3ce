//! What can go wrong with a still picture.

use std::error::Error;

use detector_components::frame::Pixels;
use detector_components::integrity::PictureFault;

use crate::MAX_PIXELS;
use crate::content::Content;

/// Why a picture could not be read or written.
#[derive(Debug, thiserror::Error)]
pub enum PictureError {
    /// The bytes are of no kind that is read here: often a web page that says what is wrong.
    #[error("this is {found}, expected a JPEG, PNG, BMP or WebP picture")]
    Unknown {
        /// What they are.
        found: Content,
    },
    /// It ends early. Decoders fill in what is missing, so it is not shown.
    #[error("the {format} picture is incomplete")]
    Incomplete {
        /// Its kind.
        format: &'static str,
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
    /// Its data contradicts itself.
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

impl PictureError {
    /// What is wrong with the picture, for whoever counts.
    pub fn fault(&self) -> PictureFault {
        match self {
            Self::Incomplete { .. } => PictureFault::Truncated,
            _ => PictureFault::DecoderError,
        }
    }
}

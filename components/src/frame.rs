//! One picture of a camera: its pixels, shared and never copied between stages.

use std::fmt;
use std::sync::Arc;

use bevy_ecs::prelude::*;

use jiff::Timestamp;

use crate::clock::Moment;
use crate::geometry::Size;
use crate::integrity::Integrity;

/// One picture of a camera. Cheap to clone: the pixels are shared.
#[derive(Clone, Debug, Component)]
pub struct Frame {
    /// Counts the frames of its camera, across reconnections. Gaps are frames that were overwritten.
    pub sequence: u64,
    /// When the picture was taken, as well as can be known: the moment it arrived, before decoding.
    pub captured: Moment,
    /// What it shows.
    pub pixels: Arc<Pixels>,
    /// Whether it can be trusted.
    pub integrity: Integrity,
    /// When the camera says that the picture was taken, by the camera's own clock. None when it does
    /// not say.
    pub camera_time: Option<Timestamp>,
}

impl Frame {
    /// A frame with nothing known to be wrong, of a camera without a clock.
    pub fn new(sequence: u64, captured: Moment, pixels: Arc<Pixels>) -> Self {
        Self { sequence, captured, pixels, integrity: Integrity::Good, camera_time: None }
    }
}

/// How the samples of a picture lie in memory. All samples have eight bits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum PixelFormat {
    /// A luma plane; a plane of interleaved U and V at half size, rounded up.
    Nv12,
    /// A luma plane; a U and a V plane at half size, rounded up.
    I420,
    /// One plane of interleaved red, green, blue.
    Rgb,
}

impl PixelFormat {
    /// Bytes that carry samples in a row of each plane, and its rows.
    pub fn plane_sizes(self, size: Size) -> Vec<(usize, usize)> {
        let (width, height) = (size.width as usize, size.height as usize);
        let (half_width, half_height) = (width.div_ceil(2), height.div_ceil(2));
        match self {
            Self::Nv12 => vec![(width, height), (half_width * 2, half_height)],
            Self::I420 => {
                vec![(width, height), (half_width, half_height), (half_width, half_height)]
            }
            Self::Rgb => vec![(width * 3, height)],
        }
    }
}

/// How luma and chroma become red, green and blue.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct ColorSpace {
    /// Which primaries' weights.
    pub matrix: ColorMatrix,
    /// Whether luma uses 0-255 (JPEG) rather than 16-235 (video).
    pub full_range: bool,
}

impl ColorSpace {
    /// What JPEG files use.
    pub const JPEG: Self = Self { matrix: ColorMatrix::Bt601, full_range: true };
}

/// The weights between luma and chroma.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ColorMatrix {
    /// ITU-R BT.601: standard definition, JPEG.
    Bt601,
    /// ITU-R BT.709: high definition.
    Bt709,
}

/// Memory that holds the planes of a picture: a decoder's buffer, a vector.
pub trait Planes: Send + Sync {
    /// The bytes of one plane, from its first sample on.
    fn plane(&self, index: usize) -> &[u8];
}

impl Planes for Vec<Vec<u8>> {
    fn plane(&self, index: usize) -> &[u8] {
        &self[index]
    }
}

/// The samples of a picture.
pub struct Pixels {
    size: Size,
    format: PixelFormat,
    color: ColorSpace,
    strides: Vec<usize>,
    planes: Box<dyn Planes>,
}

/// Planes that do not hold the picture that they are said to hold.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum PixelsError {
    /// A side is zero or beyond [`Pixels::MAX_SIDE`].
    #[error("a picture of {width} x {height} pixels, expected 1 to {} a side", Pixels::MAX_SIDE)]
    Size {
        /// Columns.
        width: u32,
        /// Rows.
        height: u32,
    },
    /// A plane's rows overlap, or it ends too early.
    #[error(
        "plane {plane} has {bytes} bytes at a stride of {stride}, expected at least {expected}"
    )]
    Plane {
        /// Which.
        plane: usize,
        /// Its length.
        bytes: usize,
        /// Its stride.
        stride: usize,
        /// What the picture needs.
        expected: usize,
    },
    /// The number of strides is not the number of planes.
    #[error("{strides} strides for {planes} planes")]
    Strides {
        /// How many were given.
        strides: usize,
        /// How many the format has.
        planes: usize,
    },
}

impl Pixels {
    /// The longest side that is accepted, in pixels.
    pub const MAX_SIDE: u32 = 16_384;

    /// Takes planes, one stride (bytes from row to row) each. For RGB the colour space is not used.
    ///
    /// # Errors
    /// When a plane is too short for the size and its stride.
    pub fn new(
        format: PixelFormat,
        size: Size,
        strides: Vec<usize>,
        color: ColorSpace,
        planes: impl Planes + 'static,
    ) -> Result<Self, PixelsError> {
        let Size { width, height } = size;
        if !(1..=Self::MAX_SIDE).contains(&width) || !(1..=Self::MAX_SIDE).contains(&height) {
            return Err(PixelsError::Size { width, height });
        }
        let sizes = format.plane_sizes(size);
        if strides.len() != sizes.len() {
            return Err(PixelsError::Strides { strides: strides.len(), planes: sizes.len() });
        }
        for (plane, ((row, rows), &stride)) in sizes.into_iter().zip(&strides).enumerate() {
            let bytes = planes.plane(plane).len();
            // The last row need not be padded.
            let expected = stride.saturating_mul(rows - 1).saturating_add(row);
            if stride < row || bytes < expected {
                return Err(PixelsError::Plane { plane, bytes, stride, expected });
            }
        }
        Ok(Self { size, format, color, strides, planes: Box::new(planes) })
    }

    /// Tightly packed RGB.
    ///
    /// # Errors
    /// When `rgb` is shorter than `width * height * 3`.
    pub fn rgb(size: Size, rgb: Vec<u8>) -> Result<Self, PixelsError> {
        let stride = size.width as usize * 3;
        Self::new(PixelFormat::Rgb, size, vec![stride], ColorSpace::JPEG, vec![rgb])
    }

    /// Columns and rows.
    pub fn size(&self) -> Size {
        self.size
    }

    /// How the samples lie.
    pub fn format(&self) -> PixelFormat {
        self.format
    }

    /// What the samples mean.
    pub fn color(&self) -> ColorSpace {
        self.color
    }

    /// Bytes from row to row, for each plane.
    pub fn strides(&self) -> &[usize] {
        &self.strides
    }

    /// The bytes of one plane. At least `stride * (rows - 1)` and one row.
    pub fn plane(&self, index: usize) -> &[u8] {
        self.planes.plane(index)
    }
}

impl fmt::Debug for Pixels {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?} {}x{}", self.format, self.size.width, self.size.height)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SIZE: Size = Size { width: 5, height: 3 };

    #[test]
    fn odd_sizes_round_chroma_up() {
        assert_eq!(PixelFormat::Nv12.plane_sizes(SIZE), [(5, 3), (6, 2)]);
        assert_eq!(PixelFormat::I420.plane_sizes(SIZE), [(5, 3), (3, 2), (3, 2)]);
    }

    #[test]
    fn the_last_row_need_not_be_padded() {
        let planes = vec![vec![0; 8 * 2 + 5], vec![0; 8 + 6]];
        assert!(Pixels::new(PixelFormat::Nv12, SIZE, vec![8, 8], ColorSpace::JPEG, planes).is_ok());
    }

    #[test]
    fn a_short_plane_is_refused() {
        let error = Pixels::rgb(SIZE, vec![0; 44]).unwrap_err();
        assert_eq!(error, PixelsError::Plane { plane: 0, bytes: 44, stride: 15, expected: 45 });
    }

    #[test]
    fn an_empty_picture_is_refused() {
        assert!(Pixels::rgb(Size { width: 0, height: 3 }, vec![]).is_err());
    }
}

//! A decoder's buffer as pixels, without copying it.

use detector_components::frame::{
    ColorMatrix, ColorSpace, PixelFormat, Pixels, PixelsError, Planes,
};
use detector_components::geometry::Size;
use gstreamer as gst;
use gstreamer_video::prelude::*;
use gstreamer_video::{VideoColorMatrix, VideoColorRange, VideoFormat, VideoFrame, VideoInfo};

/// Why a sample is not a picture.
#[derive(Debug, thiserror::Error)]
pub enum SampleError {
    /// The stream did not say what its samples are.
    #[error("the decoder gave a picture without a format")]
    NoFormat,
    /// It was not asked for.
    #[error("the decoder gave {0:?}, expected NV12 or I420")]
    Format(VideoFormat),
    /// The memory cannot be read.
    #[error("the decoder's picture cannot be read")]
    Unreadable,
    /// The planes do not hold the picture.
    #[error(transparent)]
    Pixels(#[from] PixelsError),
}

struct Mapped(VideoFrame<gstreamer_video::video_frame::Readable>);

impl Planes for Mapped {
    fn plane(&self, index: usize) -> &[u8] {
        // The format was checked to have as many planes.
        u32::try_from(index).ok().and_then(|index| self.0.plane_data(index).ok()).unwrap_or(&[])
    }
}

/// The picture of a sample. Its memory stays the decoder's, mapped while the pixels live.
pub fn pixels(sample: &gst::Sample) -> Result<Pixels, SampleError> {
    let caps = sample.caps().ok_or(SampleError::NoFormat)?;
    let info = VideoInfo::from_caps(caps).map_err(|_| SampleError::NoFormat)?;
    let format = match info.format() {
        VideoFormat::Nv12 => PixelFormat::Nv12,
        VideoFormat::I420 => PixelFormat::I420,
        other => return Err(SampleError::Format(other)),
    };
    let buffer = sample.buffer_owned().ok_or(SampleError::NoFormat)?;
    let color = color_space(&info);
    let frame =
        VideoFrame::from_buffer_readable(buffer, &info).map_err(|_| SampleError::Unreadable)?;
    let size = Size { width: frame.width(), height: frame.height() };
    let strides = frame
        .plane_stride()
        .iter()
        .map(|stride| usize::try_from(*stride).map_err(|_| SampleError::Unreadable))
        .collect::<Result<_, _>>()?;
    Ok(Pixels::new(format, size, strides, color, Mapped(frame))?)
}

fn color_space(info: &VideoInfo) -> ColorSpace {
    let colorimetry = info.colorimetry();
    let matrix = match colorimetry.matrix() {
        VideoColorMatrix::Bt709 => ColorMatrix::Bt709,
        VideoColorMatrix::Bt601 | VideoColorMatrix::Fcc | VideoColorMatrix::Smpte240m => {
            ColorMatrix::Bt601
        }
        // Not said: as television has it.
        _ if info.height() >= 720 => ColorMatrix::Bt709,
        _ => ColorMatrix::Bt601,
    };
    ColorSpace { matrix, full_range: colorimetry.range() == VideoColorRange::Range0_255 }
}

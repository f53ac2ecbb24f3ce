//! Compressed footage as a camera keeps it before it is packed: one access unit a picture.

mod encode;
mod nal;

use std::path::Path;
use std::sync::Arc;

use bytes::Bytes;
use detector_components::geometry::Size;
use gstreamer as gst;

use crate::clip::Clip;
use crate::error::SimulatorError;

pub use encode::Encoding;

/// How a camera's pictures are compressed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Codec {
    /// H.264, RFC 6184.
    H264,
    /// H.265, RFC 7798.
    H265,
    /// Baseline JPEG, RFC 2435.
    Jpeg,
    /// MPEG-4 part 2, RFC 6416.
    Mpeg4,
    /// VP8, RFC 7741.
    Vp8,
}

impl Codec {
    /// All of them.
    pub const ALL: [Self; 5] = [Self::H264, Self::H265, Self::Jpeg, Self::Mpeg4, Self::Vp8];

    /// As it is called on the command line.
    pub fn name(self) -> &'static str {
        match self {
            Self::H264 => "h264",
            Self::H265 => "h265",
            Self::Jpeg => "jpeg",
            Self::Mpeg4 => "mpeg4",
            Self::Vp8 => "vp8",
        }
    }

    fn is_parameter_set(self, nal: &[u8]) -> bool {
        match self {
            Self::H264 => matches!(nal::h264_type(nal), 7 | 8),
            Self::H265 => matches!(nal::h265_type(nal), 32..=34),
            Self::Jpeg | Self::Mpeg4 | Self::Vp8 => false,
        }
    }

    pub(crate) fn is_slice(self, nal: &[u8]) -> bool {
        match self {
            Self::H264 => matches!(nal::h264_type(nal), 1..=5),
            Self::H265 => nal::h265_type(nal) < 32,
            Self::Jpeg | Self::Mpeg4 | Self::Vp8 => true,
        }
    }

    /// Whether decoding can begin with a picture that contains this.
    fn is_key(self, nal: &[u8]) -> bool {
        match self {
            Self::H264 => nal::h264_type(nal) == 5,
            // BLA, IDR and CRA.
            Self::H265 => matches!(nal::h265_type(nal), 16..=21),
            Self::Jpeg => true,
            // The VOP's start code, then two bits of coding type: 0 is intra.
            Self::Mpeg4 => nal
                .windows(5)
                .find(|bytes| bytes[..4] == [0, 0, 1, 0xb6])
                .is_some_and(|bytes| bytes[4] >> 6 == 0),
            Self::Vp8 => nal.first().is_some_and(|first| first & 1 == 0),
        }
    }
}

/// One picture as it is sent.
#[derive(Clone, Debug)]
pub struct AccessUnit {
    /// NAL units without start codes; of other codecs the whole picture as one piece. Those of a key
    /// picture begin with the parameter sets.
    pub nals: Vec<Bytes>,
    /// Its place in the order of display, from 0 on. That of the drawn picture it shows.
    pub number: u64,
    /// Whether decoding can begin here.
    pub key: bool,
}

/// A compressed video in memory.
#[derive(Clone, Debug)]
pub struct Elementary {
    /// How it is compressed.
    pub codec: Codec,
    /// Columns and rows.
    pub size: Size,
    /// Pictures a second.
    pub fps: f64,
    /// In the order of decoding. The first one is a key picture. Never empty.
    pub units: Vec<AccessUnit>,
    /// What a decoder needs before the first picture: SPS and PPS of H.264; VPS, SPS and PPS of H.265;
    /// the headers of MPEG-4 as one piece.
    pub parameter_sets: Vec<Bytes>,
}

impl Elementary {
    /// Reads a video file. H.264 without B-frames is taken as it is; anything else is encoded as
    /// that, which takes a while.
    ///
    /// # Errors
    /// When it is no video, or too large to be kept in memory.
    pub fn read(path: &Path) -> Result<Arc<Self>, SimulatorError> {
        gst::init().map_err(SimulatorError::GStreamer)?;
        let clip = Clip::read(path)?;
        let failed = |reason: &str| SimulatorError::File {
            path: path.to_owned(),
            reason: reason.to_owned(),
        };
        let side = |name| {
            let structure = clip.caps.structure(0)?;
            structure.get::<i32>(name).ok().and_then(|side| u32::try_from(side).ok())
        };
        let size = side("width").zip(side("height"));
        let (width, height) = size.ok_or_else(|| failed("its size is not known"))?;
        let mut units = Vec::with_capacity(clip.pictures.len());
        for picture in &clip.pictures {
            let map = picture.map_readable().map_err(|error| failed(&error.to_string()))?;
            units.push(Bytes::copy_from_slice(&map));
        }
        let fps = clip.pictures.len() as f64 * 1e9 / clip.length.nseconds() as f64;
        let numbers: Vec<u64> = (0..units.len() as u64).collect();
        Self::new(Codec::H264, Size { width, height }, fps, units, &numbers)
            .map(Arc::new)
            .ok_or_else(|| failed("there is no key picture in it"))
    }

    /// Of pictures as an encoder gives them, in the order of decoding, and their numbers. None when
    /// there is no key picture.
    fn new(
        codec: Codec,
        size: Size,
        fps: f64,
        pictures: Vec<Bytes>,
        numbers: &[u64],
    ) -> Option<Self> {
        let mut units = Vec::with_capacity(pictures.len());
        for (picture, &number) in pictures.into_iter().zip(numbers) {
            let mut nals = match codec {
                Codec::H264 | Codec::H265 => nal::split(&picture),
                Codec::Jpeg | Codec::Mpeg4 | Codec::Vp8 => vec![picture],
            };
            // An encoder's first picture may have all parameter sets twice.
            let mut seen: Vec<Bytes> = Vec::new();
            nals.retain(|nal| {
                let again = codec.is_parameter_set(nal) && seen.contains(nal);
                seen.push(nal.clone());
                !again
            });
            let key = nals.iter().any(|nal| codec.is_key(nal));
            units.push(AccessUnit { nals, number, key });
        }
        let first = units.iter().position(|unit| unit.key)?;
        units.drain(..first);
        let first = &units[0];
        let parameter_sets = match codec {
            Codec::Mpeg4 => {
                // What is before the picture, or the group of pictures, is the configuration.
                let picture = &first.nals[0];
                let end = picture
                    .windows(4)
                    .position(|bytes| matches!(bytes, [0, 0, 1, 0xb3 | 0xb6]))
                    .unwrap_or(0);
                vec![picture.slice(..end)]
            }
            _ => {
                let is_set = |nal: &&Bytes| codec.is_parameter_set(nal);
                first.nals.iter().filter(is_set).cloned().collect()
            }
        };
        Some(Self { codec, size, fps, units, parameter_sets })
    }

    /// The places of the key pictures in [`units`](Self::units).
    pub fn keys(&self) -> impl Iterator<Item = usize> {
        self.units.iter().enumerate().filter(|(_, unit)| unit.key).map(|(at, _)| at)
    }
}

impl AccessUnit {
    /// Without parameter sets.
    pub(crate) fn without_parameter_sets(&self, codec: Codec) -> Vec<Bytes> {
        self.nals.iter().filter(|nal| !codec.is_parameter_set(nal)).cloned().collect()
    }

    /// Its length in bytes.
    pub fn bytes(&self) -> usize {
        self.nals.iter().map(Bytes::len).sum()
    }
}

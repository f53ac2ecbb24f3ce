//! One reader for all codecs.

use crate::unit::{Codec, Framing, Unit};
use crate::{av1, h264, h265, jpeg, mpeg2, mpeg4, vp8, vp9};

/// Reads the units of one stream, in decoding order. A stream that changes its codec or its header gets
/// a new one.
#[derive(Debug)]
pub struct UnitReader {
    stream: Stream,
    framing: Framing,
}

#[derive(Debug)]
enum Stream {
    H264(h264::Stream),
    H265(h265::Stream),
    Mpeg4(mpeg4::Stream),
    Mpeg2(mpeg2::Stream),
    Vp8(vp8::Stream),
    Vp9(vp9::Stream),
    Av1(av1::Stream),
    Jpeg(jpeg::Stream),
}

impl UnitReader {
    /// A reader that knows no parameter sets yet.
    pub fn new(codec: Codec, framing: Framing) -> Self {
        let stream = match codec {
            Codec::H264 => Stream::H264(h264::Stream::new()),
            Codec::H265 => Stream::H265(h265::Stream::new()),
            Codec::Mpeg4 => Stream::Mpeg4(mpeg4::Stream::default()),
            Codec::Mpeg2 => Stream::Mpeg2(mpeg2::Stream::default()),
            Codec::Vp8 => Stream::Vp8(vp8::Stream::default()),
            Codec::Vp9 => Stream::Vp9(vp9::Stream::default()),
            Codec::Av1 => Stream::Av1(av1::Stream::default()),
            Codec::Jpeg => Stream::Jpeg(jpeg::Stream::default()),
        };
        Self { stream, framing }
    }

    /// With what is known out of band, `codec_data` in GStreamer's words: `avcC`, `hvcC`, `av1C`, the
    /// headers of an MPEG-2 or MPEG-4 stream, or parameter sets as a byte stream. `avcC` and `hvcC` say
    /// how long lengths are too.
    ///
    /// What is malformed in it is left out: a picture that needs it is then
    /// [`RandomAccessWithoutHeaders`](crate::UnitKind::RandomAccessWithoutHeaders).
    pub fn with_header(mut self, codec_data: &[u8]) -> Self {
        let length = match &mut self.stream {
            Stream::H264(stream) => stream.read_header(codec_data),
            Stream::H265(stream) => stream.read_header(codec_data),
            Stream::Mpeg4(stream) => {
                stream.read(codec_data);
                None
            }
            Stream::Mpeg2(stream) => {
                stream.read(codec_data);
                None
            }
            Stream::Av1(stream) => {
                stream.read_header(codec_data);
                None
            }
            Stream::Vp8(_) | Stream::Vp9(_) | Stream::Jpeg(_) => None,
        };
        if let (Framing::LengthPrefixed { bytes }, Some(length)) = (&mut self.framing, length) {
            *bytes = length;
        }
        self
    }

    /// Reads one access unit: all that belongs to one picture, or to its two fields.
    pub fn read(&mut self, unit: &[u8]) -> Unit {
        match &mut self.stream {
            Stream::H264(stream) => stream.read(unit, self.framing),
            Stream::H265(stream) => stream.read(unit, self.framing),
            Stream::Mpeg4(stream) => stream.read(unit),
            Stream::Mpeg2(stream) => stream.read(unit),
            Stream::Vp8(stream) => stream.read(unit),
            Stream::Vp9(stream) => stream.read(unit),
            Stream::Av1(stream) => stream.read(unit),
            Stream::Jpeg(stream) => stream.read(unit),
        }
    }

    /// Columns and rows that a decoder allocates: those of the newest sequence parameter set, VOL, key
    /// frame or JPEG, cropping not subtracted. `None` until there was one. Hostile numbers saturate.
    pub fn size(&self) -> Option<(u32, u32)> {
        self.allocation().map(|(columns, rows, _)| (columns, rows))
    }

    /// How many frames of that [`size`](Self::size) a decoder is asked to keep, beside the one that it
    /// decodes. Not checked: what the parameter set says, or what the codec has.
    pub fn references(&self) -> Option<u32> {
        self.allocation().map(|(_, _, references)| references)
    }

    fn allocation(&self) -> Option<(u32, u32, u32)> {
        match &self.stream {
            Stream::H264(stream) => stream.size(),
            Stream::H265(stream) => stream.size(),
            Stream::Mpeg4(stream) => stream.size().map(|(columns, rows)| (columns, rows, 2)),
            Stream::Mpeg2(stream) => stream.size().map(|(columns, rows)| (columns, rows, 2)),
            Stream::Vp8(stream) => stream.size().map(|(columns, rows)| (columns, rows, 3)),
            Stream::Vp9(stream) => stream.size().map(|(columns, rows)| (columns, rows, 8)),
            Stream::Av1(stream) => stream.size().map(|(columns, rows)| (columns, rows, 8)),
            Stream::Jpeg(stream) => stream.size().map(|(columns, rows)| (columns, rows, 0)),
        }
    }
}

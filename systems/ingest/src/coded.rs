//! What a decoder is given, read as GStreamer describes it.

use detector_bitstream::{Codec, Framing, Unit, UnitReader};
use gstreamer as gst;

/// The coded pictures of one stream.
#[derive(Debug)]
pub struct CodedStream {
    name: &'static str,
    /// What changes when the stream does.
    identity: (String, Option<gst::Buffer>),
    reader: UnitReader,
}

impl CodedStream {
    /// Of a stream that is described so. None for encodings that nothing is known of.
    pub fn of(caps: &gst::CapsRef) -> Option<Self> {
        let format = caps.structure(0)?;
        let (codec, name) = match format.name().as_str() {
            "video/x-h264" => (Codec::H264, "H.264"),
            "video/x-h265" => (Codec::H265, "H.265"),
            "video/x-vp8" => (Codec::Vp8, "VP8"),
            "video/x-vp9" => (Codec::Vp9, "VP9"),
            "video/x-av1" => (Codec::Av1, "AV1"),
            "image/jpeg" => (Codec::Jpeg, "JPEG"),
            "video/mpeg" => match format.get::<i32>("mpegversion").ok()? {
                4 => (Codec::Mpeg4, "MPEG-4"),
                _ => (Codec::Mpeg2, "MPEG-2"),
            },
            _ => return None,
        };
        let framing = match format.get::<&str>("stream-format") {
            Ok("byte-stream") => Framing::AnnexB,
            Ok(_) => Framing::LengthPrefixed { bytes: 4 },
            Err(_) => Framing::Raw,
        };
        let header = format.get::<gst::Buffer>("codec_data").ok();
        let mut reader = UnitReader::new(codec, framing);
        if let Some(bytes) = header.as_ref().and_then(|header| header.map_readable().ok()) {
            reader = reader.with_header(&bytes);
        }
        Some(Self { name, identity: (format.name().to_string(), header), reader })
    }

    /// Whether this is the stream that is described so.
    pub fn is_of(&self, caps: &gst::CapsRef) -> bool {
        let Some(format) = caps.structure(0) else { return false };
        let header = format.get::<gst::Buffer>("codec_data").ok();
        let (name, known) = &self.identity;
        let same = match (known, &header) {
            (Some(known), Some(header)) => {
                known == header
                    || known.map_readable().ok().map(|bytes| bytes.to_vec())
                        == header.map_readable().ok().map(|bytes| bytes.to_vec())
            }
            (None, None) => true,
            _ => false,
        };
        format.name() == name.as_str() && same
    }

    /// The encoding's name, for people.
    pub fn name(&self) -> &'static str {
        self.name
    }

    /// Reads the next coded picture.
    pub fn read(&mut self, bytes: &[u8]) -> Unit {
        self.reader.read(bytes)
    }

    /// Columns and rows that its decoder allocates.
    pub fn size(&self) -> Option<(u32, u32)> {
        self.reader.size()
    }
}

//! What is said of a unit.

/// How the pictures of a stream are coded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Codec {
    /// ITU-T H.264, MPEG-4 part 10.
    H264,
    /// ITU-T H.265.
    H265,
    /// MPEG-4 part 2.
    Mpeg4,
    /// VP8 (RFC 6386).
    Vp8,
    /// VP9.
    Vp9,
    /// AV1, as open bitstream units (OBUs) with their sizes.
    Av1,
    /// JPEG, one file a unit.
    Jpeg,
    /// MPEG-1 and MPEG-2 video.
    Mpeg2,
}

/// How the NAL units of H.264 and H.265 lie in a unit. The other codecs do not look at it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Framing {
    /// Each after a start code, `00 00 01`.
    AnnexB,
    /// Each after its length, big-endian.
    LengthPrefixed {
        /// Bytes of a length, 1 to 4. An `avcC` or `hvcC` header overrides it.
        bytes: u8,
    },
    /// The codec has no framing of its own. H.264 and H.265 are read as [`AnnexB`](Self::AnnexB).
    Raw,
}

/// What the headers of one access unit say.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Unit {
    /// Whether a decoder can begin here.
    pub kind: UnitKind,
    /// No other picture refers to it: it may be left out.
    ///
    /// Only what is certain: `nal_ref_idc` 0 of H.264; of H.265 a sub-layer non-reference picture of the
    /// highest temporal layer that the sequence parameter set allows; B pictures of MPEG-2 and MPEG-4;
    /// frames of VP8, VP9 and AV1 that leave nothing behind, probabilities included.
    pub disposable: bool,
    /// Why the unit, or what came before it, is visibly not whole. `None` does not mean that it is whole.
    ///
    /// It is [`REFERENCES_MISSING`](Self::REFERENCES_MISSING) when all of the unit may be there. That one
    /// is never said of a random access; a recovery point of which it is said is one nevertheless.
    pub incomplete: Option<&'static str>,
}

impl Unit {
    /// Pictures before this one are missing that it refers to, or may refer to: by `frame_num` in H.264,
    /// by the reference picture sets in H.265. Each gap is said once, of the first picture after it.
    pub const REFERENCES_MISSING: &'static str = "reference pictures are missing before it";
}

/// What a decoder can do with a unit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum UnitKind {
    /// A decoder can begin here, and every picture from here on is right, [`Leading`](Self::Leading)
    /// ones aside.
    ///
    /// Nothing of that holds for an incomplete one.
    ///
    /// IDR of H.264; IDR, BLA and CRA of H.265; I pictures of MPEG-2 and MPEG-4; key frames of VP8, VP9
    /// and AV1; every JPEG. The parameter sets that it needs came before it, or with it.
    RandomAccess,
    /// The same, but parameter sets that it needs never came.
    RandomAccessWithoutHeaders,
    /// A decoder can begin here; its pictures are right from the `frames`th after this one. A recovery
    /// point SEI of H.264 or H.265, with its parameter sets known.
    ///
    /// Not every decoder can: after a gap in `frame_num` GStreamer 1.22's `avdec_h264` loses the picture
    /// when it has one thread and the stream has B pictures, and what follows is wrong until the next
    /// random access. With two threads it is right.
    RecoveryPoint {
        /// H.264: frames in decoding order, up to 65535. H.265: the distance in picture order count,
        /// never negative; nearly all encoders count 1 a picture.
        frames: u32,
    },
    /// Refers to pictures from before the last random access or recovery point, and is shown before it:
    /// right only when decoding did not begin there. It is said whether or not decoding did.
    ///
    /// RASL pictures of H.265; after an open I picture, the B pictures of H.264, MPEG-2 and MPEG-4.
    Leading,
    /// Any other picture.
    Picture,
    /// No picture: parameter sets, supplemental information, delimiters, or nothing at all.
    Headers,
}

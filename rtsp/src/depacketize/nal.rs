//! NAL units: what H.264 and H.265 have in common.

use bytes::{BufMut, Bytes, BytesMut};

use super::{h264, h265};

const START_CODE: &[u8] = &[0, 0, 0, 1];

/// NAL units with start codes, and what is among them.
#[derive(Clone, Debug, Default)]
pub struct Nals {
    bytes: BytesMut,
    has_picture: bool,
    has_parameter_sets: bool,
    /// Whether a decoder may begin here, and then needs parameter sets.
    wants_parameter_sets: bool,
    /// Whether the unit that was begun is left out.
    skips: bool,
}

/// What a NAL unit is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct NalKind {
    /// A slice of a picture.
    pub is_picture: bool,
    /// The first slice of a picture, or what comes before it.
    pub starts_picture: bool,
    /// A sequence or picture parameter set.
    pub is_parameter_set: bool,
    /// A slice that a decoder can begin with, or a message that may say so.
    pub may_begin: bool,
}

impl Nals {
    /// Whether slices are among them.
    pub fn has_picture(&self) -> bool {
        self.has_picture
    }

    /// Adds a unit.
    pub fn push(&mut self, kind: NalKind, nal: &[u8]) {
        self.begin(kind);
        self.extend(nal);
    }

    /// Begins a unit. What comes before a picture and is repeated within it (some cameras repeat
    /// parameter sets before each slice) is left out: parsers take it for the next picture.
    pub fn begin(&mut self, kind: NalKind) {
        self.skips = self.has_picture && kind.starts_picture && !kind.is_picture;
        if self.skips {
            return;
        }
        self.has_picture |= kind.is_picture;
        self.has_parameter_sets |= kind.is_parameter_set;
        self.wants_parameter_sets |= kind.may_begin;
        self.bytes.put_slice(START_CODE);
    }

    /// Goes on with the unit that was begun.
    pub fn extend(&mut self, bytes: &[u8]) {
        if !self.skips {
            self.bytes.put_slice(bytes);
        }
    }

    /// Adds other units behind these. Those before are dropped when both are larger than `limit`.
    pub fn append(&mut self, other: Self, limit: usize) {
        if self.bytes.is_empty() || self.bytes.len() + other.bytes.len() > limit {
            *self = other;
            return;
        }
        self.bytes.put_slice(&other.bytes);
        self.has_picture |= other.has_picture;
        self.has_parameter_sets |= other.has_parameter_sets;
        self.wants_parameter_sets |= other.wants_parameter_sets;
    }
}

/// Reads NAL units out of RTP payloads.
pub struct NalReader {
    codec: NalCodec,
    /// Those of the description, with start codes, until the stream has some itself.
    parameter_sets: Option<Bytes>,
    /// Whether a fragmented unit is not complete yet.
    fragment: bool,
}

#[derive(Clone, Copy)]
enum NalCodec {
    H264,
    H265,
}

/// What an RTP payload carries.
pub enum Payload<'a> {
    /// One unit.
    Single(&'a [u8]),
    /// Several, each behind two bytes of length.
    Aggregate(&'a [u8]),
    /// A part of one.
    Fragment {
        /// The unit's own header, restored.
        header: [u8; 2],
        /// How many bytes of it count.
        header_length: usize,
        /// Its first part.
        start: bool,
        /// Its last part.
        end: bool,
        /// The part.
        part: &'a [u8],
    },
    /// Nothing that is known.
    Unknown,
}

impl NalReader {
    /// For H.264, with the parameter sets of the description.
    pub fn h264(parameter_sets: Vec<Vec<u8>>) -> Self {
        Self::new(NalCodec::H264, parameter_sets)
    }

    /// For H.265, with the parameter sets of the description.
    pub fn h265(parameter_sets: Vec<Vec<u8>>) -> Self {
        Self::new(NalCodec::H265, parameter_sets)
    }

    fn new(codec: NalCodec, parameter_sets: Vec<Vec<u8>>) -> Self {
        let mut bytes = BytesMut::new();
        for set in parameter_sets {
            bytes.put_slice(START_CODE);
            bytes.put_slice(&set);
        }
        let parameter_sets = Some(bytes.freeze()).filter(|bytes| !bytes.is_empty());
        Self { codec, parameter_sets, fragment: false }
    }

    fn payload<'a>(&self, payload: &'a [u8]) -> Payload<'a> {
        match self.codec {
            NalCodec::H264 => h264::payload(payload),
            NalCodec::H265 => h265::payload(payload),
        }
    }

    fn kind(&self, nal: &[u8]) -> NalKind {
        match self.codec {
            NalCodec::H264 => h264::kind(nal),
            NalCodec::H265 => h265::kind(nal),
        }
    }

    /// Whether a payload is the first of a picture. None when it cannot be told.
    pub fn starts_picture(&self, payload: &[u8]) -> Option<bool> {
        match self.payload(payload) {
            Payload::Single(nal) => Some(self.kind(nal).starts_picture),
            Payload::Aggregate(units) => {
                let nal = aggregated(units).next()??;
                Some(self.kind(nal).starts_picture)
            }
            Payload::Fragment { start: false, .. } => Some(false),
            Payload::Fragment { header, header_length, part, .. } => {
                let mut nal = header[..header_length].to_vec();
                nal.extend_from_slice(&part[..part.len().min(4)]);
                Some(self.kind(&nal).starts_picture)
            }
            Payload::Unknown => None,
        }
    }

    /// Adds the units of a payload. False when the picture is broken: a part of a unit is missing.
    pub fn read(&mut self, payload: &[u8], after_gap: bool, nals: &mut Nals) -> bool {
        let open = std::mem::take(&mut self.fragment);
        match self.payload(payload) {
            Payload::Single(nal) => {
                nals.push(self.kind(nal), nal);
                !open
            }
            Payload::Aggregate(units) => {
                let mut whole = !open;
                for nal in aggregated(units) {
                    match nal {
                        Some(nal) => nals.push(self.kind(nal), nal),
                        None => whole = false,
                    }
                }
                whole
            }
            Payload::Fragment { header, header_length, start, end, part } => {
                self.fragment = !end;
                if start {
                    let mut beginning = header[..header_length].to_vec();
                    beginning.extend_from_slice(&part[..part.len().min(4)]);
                    nals.begin(self.kind(&beginning));
                    nals.extend(&header[..header_length]);
                }
                nals.extend(part);
                if start { !open } else { open && !after_gap }
            }
            // Kinds of packets that nobody sends: interleaved aggregation, PACI.
            Payload::Unknown => false,
        }
    }

    /// Whether a payload is the rest of the unit that is not complete.
    pub fn goes_on(&self, payload: &[u8]) -> bool {
        self.fragment && matches!(self.payload(payload), Payload::Fragment { start: false, .. })
    }

    /// Whether a unit is not complete.
    pub fn is_open(&self) -> bool {
        self.fragment
    }

    /// Forgets a unit that is not complete.
    pub fn reset(&mut self) {
        self.fragment = false;
    }

    /// The bytes of a picture, with the description's parameter sets where a decoder may begin and
    /// the stream has sent none itself.
    pub fn complete(&mut self, nals: Nals) -> Bytes {
        if nals.has_parameter_sets {
            self.parameter_sets = None;
        }
        match &self.parameter_sets {
            Some(sets) if nals.wants_parameter_sets => {
                let mut whole = BytesMut::with_capacity(sets.len() + nals.bytes.len());
                whole.put_slice(sets);
                whole.put_slice(&nals.bytes);
                whole.freeze()
            }
            _ => nals.bytes.freeze(),
        }
    }
}

/// The units of an aggregate; None for one whose length is wrong, after which there are no more.
fn aggregated(mut units: &[u8]) -> impl Iterator<Item = Option<&[u8]>> {
    std::iter::from_fn(move || {
        let (length, rest) = units.split_at_checked(2)?;
        let length = usize::from(u16::from_be_bytes([length[0], length[1]]));
        let unit = rest.split_at_checked(length).filter(|(unit, _)| !unit.is_empty());
        units = unit.map_or(&[], |(_, rest)| rest);
        Some(unit.map(|(unit, _)| unit))
    })
}

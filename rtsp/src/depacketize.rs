//! RTP packets become whole coded pictures.
//!
//! A picture with a missing packet is never given out. Where its first packet cannot be told from a
//! later one, a picture after a gap counts as broken too: late rather than wrong.

mod h264;
mod h265;
mod jpeg;
mod nal;

use std::time::Instant;

use bytes::Bytes;

use crate::connection::Limits;
use crate::error::RtspError;
use crate::reorder::Ordered;
use crate::sdp::{Codec, Format};
use jpeg::JpegReader;
use nal::{NalReader, Nals};

/// A coded picture.
#[derive(Clone, Debug)]
pub struct Coded {
    /// Its bytes.
    pub data: PictureData,
    /// Its RTP timestamp.
    pub timestamp: u32,
    /// When its last packet came.
    pub arrived: Instant,
    /// Whether something is missing between the picture given before and this one.
    pub after_gap: bool,
}

/// The bytes of a coded picture.
#[derive(Clone, Debug)]
pub enum PictureData {
    /// NAL units with start codes.
    AnnexB(Bytes),
    /// A JPEG file.
    Jpeg(Bytes),
    /// RTP packets, for a depayloader.
    Packets(Vec<Bytes>),
}

impl PictureData {
    /// How many bytes it has.
    pub fn len(&self) -> usize {
        match self {
            Self::AnnexB(bytes) | Self::Jpeg(bytes) => bytes.len(),
            Self::Packets(packets) => packets.iter().map(Bytes::len).sum(),
        }
    }

    /// Whether it has none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// What came of a packet: pictures that are complete, and how many were found broken.
#[derive(Debug, Default)]
pub struct Assembled {
    /// Complete pictures, in order.
    pub pictures: Vec<Coded>,
    /// Pictures that were left out because packets of them are missing.
    pub broken: u64,
}

/// Puts pictures together.
pub struct Assembler {
    reader: Reader,
    current: Current,
    /// Parameter sets and the like that came as a picture of their own: they belong to the next one.
    headers: Nals,
    after_gap: bool,
    /// Whether the end of a picture is where the timestamp changes: the camera sets the marker on
    /// packets that end no picture.
    markers_lie: bool,
    last_timestamp: Option<u32>,
    limit: usize,
}

/// What reads the packets.
enum Reader {
    Nals(NalReader),
    Jpeg(JpegReader),
    /// Nothing: they are given as they are.
    Packets {
        /// Packets are not grouped: neither timestamps nor markers say where a picture ends.
        is_continuous: bool,
    },
}

impl Reader {
    /// Whether a payload is the first of a picture. None when it cannot be told.
    fn starts_picture(&self, payload: &[u8]) -> Option<bool> {
        match self {
            Self::Nals(reader) => reader.starts_picture(payload),
            Self::Jpeg(reader) => reader.starts_picture(payload),
            Self::Packets { .. } => None,
        }
    }
}

/// The picture that is being put together.
#[derive(Default)]
struct Current {
    nals: Nals,
    packets: Vec<Bytes>,
    bytes: usize,
    timestamp: Option<u32>,
    arrived: Option<Instant>,
    broken: bool,
}

impl Assembler {
    /// For pictures of a format.
    pub fn new(format: &Format, limits: &Limits) -> Self {
        let reader = match format.codec() {
            Some(Codec::H264) => Reader::Nals(NalReader::h264(format.parameter_sets())),
            Some(Codec::H265) => Reader::Nals(NalReader::h265(format.parameter_sets())),
            Some(Codec::Jpeg) => Reader::Jpeg(JpegReader::new(format.dimensions)),
            codec => Reader::Packets { is_continuous: codec == Some(Codec::TransportStream) },
        };
        Self {
            reader,
            current: Current::default(),
            headers: Nals::default(),
            after_gap: false,
            markers_lie: false,
            last_timestamp: None,
            limit: limits.picture,
        }
    }

    /// Takes the next packet.
    ///
    /// # Errors
    /// When a picture grows beyond the limit, or the stream is of a kind that cannot be decoded.
    pub fn push(&mut self, ordered: Ordered) -> Result<Assembled, RtspError> {
        let mut assembled = Assembled::default();
        let Ordered { packet, missing, restarted } = ordered;
        let gap = missing > 0 || restarted;
        let starts = self.reader.starts_picture(&packet.payload);
        // The first fragment of a JPEG is known for certain, whatever timestamps and markers say.
        let is_another = matches!(self.reader, Reader::Jpeg(_)) && starts == Some(true);
        // Some servers (live555, when another viewer joins) set their clock in the middle of a unit: what
        // follows without a gap is its rest, whatever its timestamp.
        let is_rest =
            !gap && matches!(&self.reader, Reader::Nals(reader) if reader.goes_on(&packet.payload));
        let is_same = self.current.timestamp == Some(packet.timestamp);
        let goes_on = is_rest || (is_same && !is_another);
        if gap {
            self.after_gap = true;
            self.current.broken |= self.current.timestamp.is_some();
        }
        if self.current.timestamp.is_some() && (!goes_on || restarted) {
            self.finish(&mut assembled);
        }
        if packet.payload.is_empty() {
            return Ok(assembled);
        }
        self.current.bytes += packet.bytes.len();
        if self.current.bytes > self.limit {
            return Err(RtspError::TooLarge { what: "a coded picture", limit: self.limit });
        }
        let begins = self.current.timestamp.is_none();
        self.current.timestamp = Some(packet.timestamp);
        self.current.arrived = Some(packet.arrived);
        if begins && !gap && self.last_timestamp == Some(packet.timestamp) && starts == Some(false)
        {
            // The picture before had a marker, and was not over.
            self.markers_lie = true;
            self.current.broken = true;
        }
        let marker = packet.marker && !self.markers_lie;
        let ends = match &mut self.reader {
            Reader::Nals(reader) => {
                let is_whole = reader.read(&packet.payload, gap, &mut self.current.nals);
                self.current.broken |= !is_whole || gap && starts != Some(true);
                marker
            }
            Reader::Jpeg(reader) => {
                let is_whole = reader.read(&packet);
                self.current.broken |= !is_whole || gap && starts != Some(true);
                marker
            }
            Reader::Packets { is_continuous } => {
                self.current.broken |= gap && !*is_continuous;
                self.current.packets.push(packet.bytes);
                marker || *is_continuous
            }
        };
        if ends {
            self.finish(&mut assembled);
        }
        if let Reader::Jpeg(reader) = &self.reader
            && let Some(reason) = reader.refusal()
        {
            return Err(RtspError::Undecodable(reason.to_owned()));
        }
        Ok(assembled)
    }

    /// Ends the picture that is being put together.
    fn finish(&mut self, assembled: &mut Assembled) {
        let mut current = std::mem::take(&mut self.current);
        let Some((timestamp, arrived)) = current.timestamp.zip(current.arrived) else { return };
        self.last_timestamp = Some(timestamp);
        let data = match &mut self.reader {
            Reader::Nals(reader) => {
                current.broken |= reader.is_open();
                reader.reset();
                if current.broken {
                    None
                } else if !current.nals.has_picture() {
                    self.headers.append(current.nals, self.limit);
                    return;
                } else {
                    let mut whole = std::mem::take(&mut self.headers);
                    whole.append(current.nals, usize::MAX);
                    Some(PictureData::AnnexB(reader.complete(whole)))
                }
            }
            Reader::Jpeg(reader) if current.broken => {
                reader.reset();
                None
            }
            Reader::Jpeg(reader) => reader.complete().map(PictureData::Jpeg),
            Reader::Packets { .. } => {
                (!current.broken).then_some(PictureData::Packets(current.packets))
            }
        };
        match data {
            Some(data) => {
                let after_gap = std::mem::take(&mut self.after_gap);
                assembled.pictures.push(Coded { data, timestamp, arrived, after_gap });
            }
            None => {
                self.after_gap = true;
                assembled.broken += 1;
            }
        }
    }
}

#[cfg(test)]
mod tests;

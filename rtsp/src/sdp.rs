//! What a camera offers, as its session description (SDP) says.
//!
//! Only the lines that matter here are read, and a line that cannot be read is skipped: cameras write
//! odd origins, times and sizes, and a parser that insists on the grammar of RFC 4566 refuses streams
//! that every player shows.

use std::collections::BTreeMap;
use std::net::IpAddr;

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD};

/// What is offered.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Description {
    /// Where the whole session is controlled.
    pub control: Option<String>,
    /// Every medium, in order.
    pub media: Vec<Media>,
}

/// One medium.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Media {
    /// `video`, `audio`, `application`.
    pub kind: String,
    /// Where it is controlled.
    pub control: Option<String>,
    /// What it is encoded as, by payload type.
    pub formats: Vec<Format>,
    /// Whether it flows to the camera (a loudspeaker).
    pub is_back_channel: bool,
    /// The group that it is sent to, from `c=`.
    pub group: Option<IpAddr>,
    /// The port of `m=`; 0 where the client chooses.
    pub port: u16,
    /// Pixels, as `a=x-dimensions` says.
    pub dimensions: Option<(u32, u32)>,
}

/// What a payload type stands for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Format {
    /// The payload type.
    pub payload_type: u8,
    /// The encoding's name, in upper case: `H264`.
    pub encoding: String,
    /// Ticks of its timestamps a second.
    pub clock_rate: u32,
    /// The parameters of `a=fmtp`, their names in lower case.
    pub parameters: BTreeMap<String, String>,
    /// Pixels, as the description says.
    pub dimensions: Option<(u32, u32)>,
}

/// Encodings of video that are known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Codec {
    /// H.264 (RFC 6184).
    H264,
    /// H.265 (RFC 7798).
    H265,
    /// JPEG (RFC 2435).
    Jpeg,
    /// MPEG-4 part 2 (RFC 6416).
    Mpeg4,
    /// VP8 (RFC 7741).
    Vp8,
    /// VP9 (RFC 9628).
    Vp9,
    /// MPEG-1 and 2 (RFC 2250).
    Mpeg2,
    /// An MPEG transport stream (RFC 2250).
    TransportStream,
}

impl Format {
    /// Its codec, when that is known.
    pub fn codec(&self) -> Option<Codec> {
        Some(match &*self.encoding {
            "H264" => Codec::H264,
            "H265" | "HEVC" => Codec::H265,
            "JPEG" => Codec::Jpeg,
            "MP4V-ES" => Codec::Mpeg4,
            "VP8" => Codec::Vp8,
            "VP9" => Codec::Vp9,
            "MPV" => Codec::Mpeg2,
            "MP2T" => Codec::TransportStream,
            _ => return None,
        })
    }

    /// Parameter sets that the description carries, without start codes. What cannot be read is left
    /// out.
    pub fn parameter_sets(&self) -> Vec<Vec<u8>> {
        let names: &[&str] = match self.codec() {
            Some(Codec::H264) => &["sprop-parameter-sets"],
            Some(Codec::H265) => &["sprop-vps", "sprop-sps", "sprop-pps"],
            _ => &[],
        };
        let lists = names.iter().filter_map(|name| self.parameters.get(*name));
        lists.flat_map(|list| list.split(',')).filter_map(parameter_set).collect()
    }
}

fn parameter_set(text: &str) -> Option<Vec<u8>> {
    let text = text.trim().trim_end_matches('=');
    let bytes = STANDARD_NO_PAD.decode(text).or_else(|_| STANDARD.decode(text)).ok()?;
    // Some cameras leave start codes in them.
    let start = bytes.iter().position(|byte| *byte != 0)?;
    let start = match (start >= 2, bytes.get(start)) {
        (true, Some(1)) => start + 1,
        _ => 0,
    };
    Some(bytes[start..].to_vec()).filter(|bytes| bytes.len() > 1)
}

impl Description {
    /// Reads a description. Never fails: what is not understood is not there.
    pub fn parse(text: &[u8]) -> Self {
        let text = String::from_utf8_lossy(text);
        let mut description = Self::default();
        let mut session_group = None;
        for line in text.lines().map(str::trim) {
            let Some((key, value)) = line.split_once('=') else { continue };
            let value = value.trim();
            match (key.trim(), description.media.last_mut()) {
                ("m", _) => description.media.extend(Media::parse(value, session_group)),
                ("c", Some(media)) => media.group = group(value).or(media.group),
                ("c", None) => session_group = group(value),
                ("a", Some(media)) => media.attribute(value),
                ("a", None) => {
                    if let Some(control) = value.strip_prefix("control:") {
                        description.control = Some(control.trim().to_owned());
                    }
                }
                _ => {}
            }
        }
        description
    }

    /// The video tracks that flow from the camera, with their places among the media.
    pub fn video(&self) -> impl Iterator<Item = (usize, &Media)> {
        self.media
            .iter()
            .enumerate()
            .filter(|(_, media)| media.kind == "video" && !media.is_back_channel)
    }
}

/// `IN IP4 239.0.0.1/16`, when that is a group.
fn group(value: &str) -> Option<IpAddr> {
    let address = value.split_ascii_whitespace().nth(2)?.split('/').next()?;
    address.parse::<IpAddr>().ok().filter(IpAddr::is_multicast)
}

impl Media {
    /// `video 0 RTP/AVP 96 97`
    fn parse(value: &str, session_group: Option<IpAddr>) -> Option<Self> {
        let mut words = value.split_ascii_whitespace();
        let kind = words.next()?.to_ascii_lowercase();
        let port = words.next().and_then(|port| port.split('/').next()?.parse().ok()).unwrap_or(0);
        let formats = words.skip(1).filter_map(|payload_type| {
            let payload_type = payload_type.parse().ok()?;
            Some(Format {
                payload_type,
                encoding: static_encoding(payload_type).to_owned(),
                clock_rate: 90_000,
                parameters: BTreeMap::new(),
                dimensions: None,
            })
        });
        let formats = formats.collect();
        Some(Self {
            kind,
            control: None,
            formats,
            is_back_channel: false,
            group: session_group,
            port,
            dimensions: None,
        })
    }

    fn attribute(&mut self, value: &str) {
        let (name, value) = value.split_once(':').unwrap_or((value, ""));
        let value = value.trim();
        match &*name.trim().to_ascii_lowercase() {
            "control" => self.control = Some(value.to_owned()),
            "sendonly" => self.is_back_channel = true,
            "rtpmap" => self.map(value),
            "fmtp" => self.parameters(value),
            "x-dimensions" | "cliprect" | "framesize" => self.size(value),
            _ => {}
        }
    }

    /// `96 H264/90000`
    fn map(&mut self, value: &str) {
        let Some((payload_type, map)) = value.split_once(|c: char| c.is_ascii_whitespace()) else {
            return;
        };
        let Ok(payload_type) = payload_type.parse::<u8>() else { return };
        let mut parts = map.trim().split('/');
        let encoding = parts.next().unwrap_or_default().trim().to_ascii_uppercase();
        let clock_rate = parts.next().and_then(|rate| rate.trim().parse().ok()).unwrap_or(90_000);
        match self.format(payload_type) {
            Some(format) => {
                format.encoding = encoding;
                format.clock_rate = clock_rate;
            }
            None => self.formats.push(Format {
                payload_type,
                encoding,
                clock_rate,
                parameters: BTreeMap::new(),
                dimensions: self.dimensions,
            }),
        }
    }

    /// `96 packetization-mode=1; sprop-parameter-sets=...`
    fn parameters(&mut self, value: &str) {
        let Some((payload_type, parameters)) = value.split_once(|c: char| c.is_ascii_whitespace())
        else {
            return;
        };
        let payload_type = payload_type.parse().unwrap_or(u8::MAX);
        let Some(format) = self.format(payload_type) else { return };
        for parameter in parameters.split(';') {
            let (name, value) = parameter.split_once('=').unwrap_or((parameter, ""));
            let name = name.trim().to_ascii_lowercase();
            if !name.is_empty() {
                format.parameters.insert(name, value.trim().to_owned());
            }
        }
    }

    /// `1920,1080`, or `96 1920-1080`, or `0,0,1080,1920`
    fn size(&mut self, value: &str) {
        let numbers: Vec<u32> = value
            .split(|c: char| !c.is_ascii_digit())
            .filter_map(|number| number.parse().ok())
            .collect();
        let size = match numbers[..] {
            [width, height] => Some((width, height)),
            [0, 0, height, width] => Some((width, height)),
            [_, width, height] => Some((width, height)),
            _ => None,
        };
        self.dimensions = size.or(self.dimensions);
        for format in &mut self.formats {
            format.dimensions = self.dimensions;
        }
    }

    fn format(&mut self, payload_type: u8) -> Option<&mut Format> {
        self.formats.iter_mut().find(|format| format.payload_type == payload_type)
    }
}

/// Payload types that stand for one encoding (RFC 3551).
fn static_encoding(payload_type: u8) -> &'static str {
    match payload_type {
        26 => "JPEG",
        32 => "MPV",
        33 => "MP2T",
        _ => "",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const CAMERA: &str = "v=0\r\no=- x y IN IP4 bad\r\ns=\r\nt=0 0\r\na=control:*\r\n\
        m=audio 0 RTP/AVP 8\r\na=control:track1\r\na=sendonly\r\n\
        m=video 0 RTP/AVP 96\r\na=rtpmap:96 H264/90000\r\n\
        a=fmtp:96 packetization-mode=1; sprop-parameter-sets=Z0IAKeKQFAe2AtwEBAaQeJEV,aM48gA==,!!!\r\n\
        a=control:rtsp://h/track2\r\nm=application 0 RTP/AVP 107\r\n";

    #[test]
    fn a_camera_is_read() {
        let description = Description::parse(CAMERA.as_bytes());
        let kinds: Vec<_> = description.media.iter().map(|media| &*media.kind).collect();
        assert_eq!(kinds, ["audio", "video", "application"]);
        assert!(description.media[0].is_back_channel);
        let (place, video) = description.video().next().unwrap();
        assert_eq!((place, video.control.as_deref()), (1, Some("rtsp://h/track2")));
        let format = &video.formats[0];
        assert_eq!(format.codec(), Some(Codec::H264));
        let sets = format.parameter_sets();
        assert_eq!(sets.iter().map(|set| set[0] & 31).collect::<Vec<_>>(), [7, 8]);
    }

    #[test]
    fn line_feeds_alone_and_blanks_are_accepted() {
        let odd = CAMERA.replace("\r\n", "\n").replace("a=rtpmap", " a = rtpmap");
        let description = Description::parse(odd.as_bytes());
        assert_eq!(description.video().next().unwrap().1.formats[0].codec(), Some(Codec::H264));
    }

    #[test]
    fn start_codes_in_parameter_sets_are_removed() {
        let with = STANDARD.encode([0, 0, 0, 1, 0x67, 1, 2]);
        assert_eq!(parameter_set(&with), Some(vec![0x67, 1, 2]));
        assert_eq!(parameter_set(""), None);
    }

    #[test]
    fn payload_types_have_encodings_without_a_map() {
        let description = Description::parse(b"m=video 0 RTP/AVP 26\na=x-dimensions:2560,1920\n");
        let format = &description.media[0].formats[0];
        assert_eq!(format.codec(), Some(Codec::Jpeg));
        assert_eq!(format.dimensions, Some((2560, 1920)));
    }
}

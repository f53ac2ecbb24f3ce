//! Choosing a track and how its packets travel.

use std::net::IpAddr;

use url::Url;

use crate::error::RtspError;
use crate::sdp::{Description, Media};

/// How packets travel.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Transport {
    /// Over the RTSP connection; over UDP where the camera refuses that.
    #[default]
    Auto,
    /// Over the RTSP connection.
    Tcp,
    /// Over UDP, from the camera to this host.
    Udp,
    /// Over UDP, from the camera to a group.
    Multicast,
    /// Over the RTSP connection, which is tunnelled through HTTP.
    Http,
}

/// One way that is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    /// Interleaved with the messages.
    Interleaved,
    /// To two ports of this host.
    Ports,
    /// To a group.
    Group,
}

impl Transport {
    /// The ways to ask for, in order.
    pub fn ways(self) -> &'static [Way] {
        match self {
            Self::Auto => &[Way::Interleaved, Way::Ports],
            Self::Tcp | Self::Http => &[Way::Interleaved],
            Self::Udp => &[Way::Ports],
            Self::Multicast => &[Way::Group],
        }
    }
}

impl Way {
    /// The value of `Transport` that asks for it.
    pub fn wanted(self, ports: (u16, u16)) -> String {
        match self {
            Self::Interleaved => "RTP/AVP/TCP;unicast;interleaved=0-1".to_owned(),
            Self::Ports => format!("RTP/AVP;unicast;client_port={}-{}", ports.0, ports.1),
            Self::Group => "RTP/AVP;multicast".to_owned(),
        }
    }

    /// Its name, for people.
    pub fn name(self, transport: Transport) -> &'static str {
        match (self, transport) {
            (Self::Interleaved, Transport::Http) => "http",
            (Self::Interleaved, _) => "tcp",
            (Self::Ports, _) => "udp",
            (Self::Group, _) => "multicast",
        }
    }
}

/// What a camera answers to a `Transport`. Everything may be left out.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Granted {
    /// The channels of RTP and RTCP.
    pub interleaved: Option<(u8, u8)>,
    /// The camera's ports.
    pub server_port: Option<(u16, u16)>,
    /// The ports of a group.
    pub port: Option<(u16, u16)>,
    /// The group.
    pub destination: Option<IpAddr>,
    /// Who sends.
    pub source: Option<IpAddr>,
    /// Whether packets come over UDP.
    pub is_udp: bool,
}

impl Granted {
    /// Reads the field.
    pub fn parse(value: &str) -> Self {
        let mut granted = Self::default();
        // Only the first of several.
        let first = value.split(',').next().unwrap_or_default();
        for (place, part) in first.split(';').map(str::trim).enumerate() {
            let (name, value) = part.split_once('=').unwrap_or((part, ""));
            match &*name.trim().to_ascii_lowercase() {
                profile if place == 0 => granted.is_udp = !profile.ends_with("/tcp"),
                "interleaved" => granted.interleaved = pair(value),
                "server_port" => granted.server_port = pair(value),
                "port" => granted.port = pair(value),
                "destination" => granted.destination = value.trim().parse().ok(),
                "source" => granted.source = value.trim().parse().ok(),
                _ => {}
            }
        }
        granted
    }
}

/// `4-5`, or `4` for it and the next.
fn pair<T: std::str::FromStr + Copy + Into<u32> + TryFrom<u32>>(text: &str) -> Option<(T, T)> {
    let (first, second) = text.split_once('-').unwrap_or((text, ""));
    let first: T = first.trim().parse().ok()?;
    let second = second.trim().parse().ok().or_else(|| T::try_from(first.into() + 1).ok())?;
    Some((first, second))
}

/// The video track to watch: the `track`th, or the first that can be decoded.
///
/// # Errors
/// When there is none.
pub fn choose(description: &Description, track: Option<u8>) -> Result<(usize, &Media), RtspError> {
    let video: Vec<_> = description.video().collect();
    let decodable = |media: &Media| media.formats.iter().any(|format| format.codec().is_some());
    let found = match track {
        Some(track) => video.get(usize::from(track)),
        None => video.iter().find(|(_, media)| decodable(media)),
    };
    match found {
        Some((place, media)) if decodable(media) => Ok((*place, media)),
        Some((_, media)) => Err(RtspError::Undecodable(encodings([*media]))),
        None if video.is_empty() => Err(RtspError::NoVideo(kinds(description))),
        None => Err(match track {
            Some(track) => RtspError::NoTrack { track, tracks: video.len() },
            None => RtspError::Undecodable(encodings(video.iter().map(|(_, media)| *media))),
        }),
    }
}

fn encodings<'a>(media: impl IntoIterator<Item = &'a Media>) -> String {
    let names =
        media.into_iter().flat_map(|media| &media.formats).map(|format| match &*format.encoding {
            "" => format!("payload type {}", format.payload_type),
            name => printable(name),
        });
    let names: Vec<_> = names.take(8).collect();
    if names.is_empty() { "it has no format".to_owned() } else { names.join(", ") }
}

fn kinds(description: &Description) -> String {
    let kinds: Vec<_> =
        description.media.iter().map(|media| printable(&media.kind)).take(8).collect();
    if kinds.is_empty() { "an empty description".to_owned() } else { kinds.join(", ") }
}

/// A word of the camera's, fit to be shown.
fn printable(word: &str) -> String {
    word.chars().filter(|c| c.is_ascii_alphanumeric() || "-_.+".contains(*c)).take(24).collect()
}

/// Where requests about a medium go: the likeliest first. Cameras differ in what a relative `control`
/// is relative to.
pub fn control_urls(request: &str, base: Option<&str>, control: Option<&str>) -> Vec<String> {
    let base = base.filter(|base| is_absolute(base));
    let mut urls = Vec::new();
    let mut add = |url: String| {
        if !urls.contains(&url) {
            urls.push(url);
        }
    };
    let control = control.unwrap_or_default().trim();
    if is_absolute(control) {
        add(control.to_owned());
    }
    for base in [base, Some(request)].into_iter().flatten() {
        match control {
            "" | "*" => add(base.to_owned()),
            relative if !is_absolute(relative) => {
                let slash = if base.ends_with('/') || relative.starts_with('/') { "" } else { "/" };
                add(format!("{base}{slash}{relative}"));
                // Before the query rather than behind it.
                if let Some((path, query)) = base.split_once('?') {
                    let (path, query) = (path.trim_end_matches('/'), query.trim_end_matches('/'));
                    add(format!("{path}/{relative}?{query}"));
                }
            }
            _ => {}
        }
    }
    urls
}

fn is_absolute(url: &str) -> bool {
    let scheme = url.split_once("://").map(|(scheme, _)| scheme.to_ascii_lowercase());
    matches!(scheme.as_deref(), Some("rtsp" | "rtsps" | "rtspu")) && Url::parse(url).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn transports_are_read_with_what_is_left_out() {
        let tcp = Granted::parse("RTP/AVP/TCP;unicast;interleaved=4-5;ssrc=1234ABCD;mode=\"PLAY\"");
        assert_eq!((tcp.interleaved, tcp.is_udp), (Some((4, 5)), false));
        assert_eq!(Granted::parse("RTP/AVP/TCP;unicast").interleaved, None);
        let udp =
            Granted::parse("RTP/AVP;unicast;source=127.0.0.1;client_port=1-2;server_port=6000");
        assert_eq!((udp.server_port, udp.is_udp), (Some((6000, 6001)), true));
        let group = Granted::parse("RTP/AVP;multicast;destination=239.1.1.1;port=5000-5001;ttl=1");
        assert_eq!((group.destination, group.port), ("239.1.1.1".parse().ok(), Some((5000, 5001))));
    }

    #[track_caller]
    fn check_control(base: Option<&str>, control: Option<&str>, expected: &[&str]) {
        assert_eq!(control_urls("rtsp://h/cam?channel=1", base, control), expected);
    }

    #[test]
    fn controls_are_relative_to_many_things() {
        check_control(
            Some("rtsp://h/cam?channel=1/"),
            Some("trackID=0"),
            &["rtsp://h/cam?channel=1/trackID=0", "rtsp://h/cam/trackID=0?channel=1"],
        );
        check_control(None, Some("rtsp://nat/t0"), &["rtsp://nat/t0"]);
        check_control(None, None, &["rtsp://h/cam?channel=1"]);
        check_control(Some("/"), Some("*"), &["rtsp://h/cam?channel=1"]);
        check_control(
            Some("h/cam/"),
            Some("t0"),
            &["rtsp://h/cam?channel=1/t0", "rtsp://h/cam/t0?channel=1"],
        );
    }

    #[track_caller]
    fn check_choice(sdp: &str, track: Option<u8>, expected: Result<usize, &str>) {
        let description = Description::parse(sdp.as_bytes());
        let chosen = choose(&description, track).map(|(place, _)| place);
        let chosen = chosen.map_err(|error| error.to_string());
        assert_eq!(chosen, expected.map_err(str::to_owned));
    }

    #[test]
    fn the_first_track_that_can_be_decoded_is_chosen() {
        let two = "m=video 0 RTP/AVP 112\na=rtpmap:112 X-VENDOR/90000\nm=video 0 RTP/AVP 26\n\
            m=video 0 RTP/AVP 96\na=rtpmap:96 H264/90000\n";
        check_choice(two, None, Ok(1));
        check_choice(two, Some(2), Ok(2));
        check_choice(two, Some(0), Err("the camera's video cannot be decoded here: X-VENDOR"));
        check_choice(two, Some(9), Err("the camera has 3 video tracks, so there is no track 9"));
        check_choice("m=audio 0 RTP/AVP 0\n", None, Err("the camera offers no video, only audio"));
        check_choice("", None, Err("the camera offers no video, only an empty description"));
    }
}

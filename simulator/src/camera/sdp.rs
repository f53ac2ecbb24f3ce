//! The description that DESCRIBE gives: RFC 8866, in the ways in which cameras write it.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;

use super::route::GROUP;
use crate::elementary::{Codec, Elementary};
use crate::fault::{ControlForm, ParameterSets, SdpForm, SpropForm, Track, TransportForm};
use crate::script::Behaviour;

/// The payload type of the pictures.
pub fn payload_type(codec: Codec) -> u8 {
    if codec == Codec::Jpeg { 26 } else { 96 }
}

/// The one after [`Fault::NewPayloadType`](crate::Fault::NewPayloadType).
pub const OTHER_PAYLOAD_TYPE: u8 = 97;
/// The one after [`Fault::NewCodec`](crate::Fault::NewCodec).
pub const LATER_PAYLOAD_TYPE: u8 = 98;

/// Describes what is at `url`, which has no slash at its end.
pub fn describe(
    url: &str,
    host: &str,
    shown: &Elementary,
    later: Option<&Elementary>,
    behaviour: &Behaviour,
) -> String {
    let mut lines: Vec<String> = Vec::new();
    if behaviour.sdp != SdpForm::Bare {
        lines.extend(
            [
                "v=0",
                "o=- 1109162014219182 0 IN IP4 0.0.0.0",
                "s=Media Presentation",
                "c=IN IP4 0.0.0.0",
                "t=0 0",
            ]
            .map(str::to_owned),
        );
        if !matches!(behaviour.control, ControlForm::NoSession | ControlForm::None) {
            lines.push("a=control:*".to_owned());
        }
        lines.push("a=range:npt=now-".to_owned());
    }
    for (index, track) in behaviour.tracks.iter().enumerate() {
        match track {
            Track::Video => lines.extend(video(shown, later, behaviour)),
            other => lines.extend(extra(*other).iter().map(|&line| line.to_owned())),
        }
        lines.extend(control(behaviour.control, url, host, index));
    }
    let end = match behaviour.sdp {
        SdpForm::Full => "\r\n",
        SdpForm::Blanks => " \r\n",
        SdpForm::Lf | SdpForm::Bare => "\n",
    };
    lines.iter().flat_map(|line| [line.as_str(), end]).collect()
}

fn control(form: ControlForm, url: &str, host: &str, index: usize) -> Option<String> {
    let track = format!("trackID={index}");
    let value = match form {
        ControlForm::Relative | ControlForm::NoSession => track,
        ControlForm::Absolute => format!("{url}/{track}"),
        ControlForm::Query if url.contains('?') => format!("{url}&{track}"),
        ControlForm::Query => format!("{url}?{track}"),
        ControlForm::Slash => format!("/{track}"),
        ControlForm::Root => format!("rtsp://{host}/{track}"),
        ControlForm::OtherHost => format!("rtsp://192.0.2.10:554/stream0/{track}"),
        ControlForm::None => return None,
    };
    Some(format!("a=control:{value}"))
}

fn encoding_name(codec: Codec) -> &'static str {
    match codec {
        Codec::H264 => "H264",
        Codec::H265 => "H265",
        Codec::Jpeg => "JPEG",
        Codec::Mpeg4 => "MP4V-ES",
        Codec::Vp8 => "VP8",
    }
}

fn video(shown: &Elementary, later: Option<&Elementary>, behaviour: &Behaviour) -> Vec<String> {
    let main = payload_type(shown.codec);
    let mut types = vec![(main, shown)];
    if behaviour.new_payload_type.is_some() {
        types.push((OTHER_PAYLOAD_TYPE, shown));
    }
    if let Some(later) = later.filter(|later| later.codec != shown.codec) {
        types.push((LATER_PAYLOAD_TYPE, later));
    }
    let numbers: String = types.iter().map(|(number, _)| format!(" {number}")).collect();
    let mut lines = vec![format!("m=video 0 RTP/AVP{numbers}"), "b=AS:4000".to_owned()];
    if behaviour.transport == TransportForm::Multicast {
        lines.insert(1, format!("c=IN IP4 {GROUP}/1"));
    }
    for (number, elementary) in types {
        lines.push(format!("a=rtpmap:{number} {}/90000", encoding_name(elementary.codec)));
        let parameters = format_parameters(elementary, behaviour);
        if !parameters.is_empty() {
            lines.push(format!("a=fmtp:{number} {parameters}"));
        }
    }
    lines.push(format!("a=framerate:{}", shown.fps));
    // RFC 2435 has no room for larger sides.
    if shown.codec == Codec::Jpeg && shown.size.width.max(shown.size.height) > 2_040 {
        lines.push(format!("a=x-dimensions:{},{}", shown.size.width, shown.size.height));
    }
    lines
}

fn format_parameters(elementary: &Elementary, behaviour: &Behaviour) -> String {
    let said = matches!(behaviour.parameter_sets, ParameterSets::Both | ParameterSets::Sdp);
    let sets = &elementary.parameter_sets;
    match elementary.codec {
        Codec::H264 => {
            let profile = sets.first().and_then(|sps| sps.get(1..4)).unwrap_or(&[0x42, 0, 0x1e]);
            let profile: String = profile.iter().map(|byte| format!("{byte:02x}")).collect();
            let mut text = format!("packetization-mode=1;profile-level-id={profile}");
            if said {
                text += ";sprop-parameter-sets=";
                text += &sprop(sets, behaviour.sprop);
            }
            text
        }
        Codec::H265 if said => {
            let names = ["sprop-vps", "sprop-sps", "sprop-pps"];
            let parts = names.iter().zip(sets).map(|(name, set)| {
                format!("{name}={}", sprop(std::slice::from_ref(set), behaviour.sprop))
            });
            parts.collect::<Vec<_>>().join(";")
        }
        Codec::Mpeg4 if said => {
            let config = sets.iter().flatten().map(|byte| format!("{byte:02X}"));
            format!("profile-level-id=1;config={}", config.collect::<String>())
        }
        _ => String::new(),
    }
}

fn sprop(sets: &[Bytes], form: SpropForm) -> String {
    let mut parts: Vec<String> = sets
        .iter()
        .map(|set| match form {
            SpropForm::StartCodes => STANDARD.encode([&[0, 0, 0, 1], &set[..]].concat()),
            SpropForm::Empty => String::new(),
            SpropForm::Broken => "?%&".to_owned(),
            SpropForm::Right | SpropForm::Garbage => STANDARD.encode(set),
        })
        .collect();
    match form {
        // Seen in the wild: a third set whose type is none.
        SpropForm::Garbage => parts.push(STANDARD.encode([0xe9, 0x00, 0x2a, 0x11])),
        SpropForm::Empty => return String::new(),
        _ => {}
    }
    parts.join(",")
}

fn extra(track: Track) -> &'static [&'static str] {
    match track {
        Track::Video => &[],
        Track::Aac => &[
            "m=audio 0 RTP/AVP 104",
            "a=rtpmap:104 MPEG4-GENERIC/16000/1",
            "a=fmtp:104 streamtype=5;profile-level-id=15;mode=AAC-hbr;config=1408;SizeLength=13;\
             IndexLength=3;IndexDeltaLength=3",
        ],
        Track::Pcma => &["m=audio 0 RTP/AVP 8", "a=rtpmap:8 PCMA/8000"],
        Track::Pcmu => &["m=audio 0 RTP/AVP 0"],
        Track::G726 => &["m=audio 0 RTP/AVP 105", "a=rtpmap:105 G726-32/8000"],
        Track::Backchannel => &["m=audio 0 RTP/AVP 0", "a=rtpmap:0 PCMU/8000", "a=sendonly"],
        Track::Metadata => &[
            "m=application 0 RTP/AVP 107",
            "a=rtpmap:107 vnd.onvif.metadata/90000",
            "a=fmtp:107 DecoderTag=h3c-v3 RTCP=0",
        ],
        Track::Jpeg => &["m=video 0 RTP/AVP 26", "a=rtpmap:26 JPEG/90000"],
        Track::Private => &["m=video 0 RTP/AVP 112", "a=rtpmap:112 H264-DVR-PRIVATE/90000"],
        Track::Av1 => &["m=video 0 RTP/AVP 113", "a=rtpmap:113 AV1/90000"],
    }
}

/// The payload type of a track without pictures.
pub fn extra_payload_type(track: Track) -> u8 {
    match track {
        Track::Video => 96,
        Track::Aac => 104,
        Track::Pcma => 8,
        Track::Pcmu | Track::Backchannel => 0,
        Track::G726 => 105,
        Track::Metadata => 107,
        Track::Jpeg => 26,
        Track::Private => 112,
        Track::Av1 => 113,
    }
}

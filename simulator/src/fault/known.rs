//! The faults by name.

use std::time::Duration;

use url::Url;

use super::parse::{KnownFault, Values, number};
use super::*;

/// Rows of a table: name, value, what it does, and how the value is read.
macro_rules! known {
    ($($name:literal $value:literal $about:literal $parse:expr;)*) => {
        &[$(KnownFault { name: $name, value: $value, about: $about, parse: $parse }),*]
    };
}

/// All faults, in groups.
pub const KNOWN: &[KnownFault] = known! {
    // How pictures are encoded.
    "key-interval" "SECS"
        "time from one key picture to the next"
        |v| v.seconds().map(Fault::KeyInterval);
    "b-frames" "N"
        "B-frames between two other pictures"
        |v| v.number(1, 8).map(Fault::BFrames);
    "slices" "N"
        "slices per picture"
        |v| v.number(1, 16).map(Fault::Slices);
    "intra-refresh" ""
        "columns of intra blocks instead of key pictures (H.264)"
        |_| Ok(Fault::IntraRefresh);
    "open-gop" ""
        "CRA key pictures with leading pictures (H.265)"
        |_| Ok(Fault::OpenGop);
    "one-table" ""
        "RFC 2435 JPEG with one quantisation table"
        |_| Ok(Fault::OneTable);
    "size" "WIDTHxHEIGHT"
        "picture size"
        size;
    "fps" "N"
        "pictures per second"
        |v| v.number(1, 120).map(Fault::Fps);

    // Which pictures are sent, and when.
    "loss" "P[,RUN]"
        "leaves packets out with probability P, RUN of them in a row"
        |v| {
            let probability = v.probability()?;
            Ok(Fault::Loss { probability, run: v.optional_number(1, 1_000)?.unwrap_or(1) })
        };
    "lose-packet" "N"
        "leaves out one packet of picture N, each time it is sent"
        |v| v.number(0, u64::MAX).map(Fault::LosePacket);
    "cut" "N"
        "leaves out the second half of every N-th picture, with no gap in the sequence numbers"
        |v| v.number(1, u64::MAX).map(Fault::Cut);
    "burst" "SECS[,PERIOD]"
        "pauses for SECS in every PERIOD (default: twice SECS), then sends everything at once"
        burst;
    "gop-cache" "[N]"
        "sends a whole group of pictures, or N, at once after PLAY"
        |v| v.optional_number(1, 10_000).map(Fault::GopCache);
    "join" "N|live"
        "starts with the N-th picture, or with the current one, instead of a key picture"
        |v| match v.required()? {
            "live" => Ok(Fault::Join(Join::Live)),
            text => number(text, 0, 1_000_000).map(|at| Fault::Join(Join::At(at))),
        };
    "no-key-frame" ""
        "never sends a key picture"
        |_| Ok(Fault::NoKeyFrame);
    "freeze" "SECS[,silent|reports|repeat|key[,FOR]]"
        "sends from SECS on: nothing, reports and other tracks, the last picture, the last key picture"
        freeze;
    "pause" "SECS"
        "waits before the first picture"
        |v| v.seconds().map(Fault::Pause);
    "reorder" "P"
        "swaps UDP packets with probability P"
        |v| v.probability().map(Fault::Reorder);
    "duplicate" "P"
        "sends UDP packets twice with probability P"
        |v| v.probability().map(Fault::Duplicate);

    // The session.
    "timeout" "SECS[,any|get-parameter|options]"
        "ends a session after SECS without requests of this kind"
        |v| {
            let after = v.seconds()?;
            let counts = v.optional_one_of(KEEP_ALIVES)?.unwrap_or(KeepAlive::Any);
            Ok(Fault::Timeout { after, counts })
        };
    "options" "CODE|ignore|close"
        "answers OPTIONS with this status, not at all, or by closing the connection"
        |v| answer("OPTIONS", v);
    "describe" "CODE|ignore|close"
        "the same for DESCRIBE"
        |v| answer("DESCRIBE", v);
    "setup" "CODE|ignore|close"
        "the same for SETUP"
        |v| answer("SETUP", v);
    "play" "CODE|ignore|close"
        "the same for PLAY"
        |v| answer("PLAY", v);
    "get-parameter" "CODE|ignore|close"
        "the same for GET_PARAMETER"
        |v| answer("GET_PARAMETER", v);
    "auth" "SCHEME[,SCHEME...]"
        "requires a login: basic, md5, md5-unnamed, md5-qop, md5-sess, sha256, sha256-qop, sha256-sess"
        |v| v.many(SCHEMES).map(Fault::Auth);
    "digest" "SCHEME"
        "the same as auth"
        |v| v.many(SCHEMES).map(Fault::Auth);
    "auth-options" ""
        "requires the login for OPTIONS, too"
        |_| Ok(Fault::AuthOptions);
    "nonce-life" "N"
        "accepts a nonce for N requests, then sends a new one with stale=TRUE"
        |v| v.number(1, u64::MAX).map(Fault::NonceLife);
    "refuse-login" ""
        "refuses every login"
        |_| Ok(Fault::RefuseLogin);
    "lock-after" "N"
        "refuses every login after N wrong ones"
        |v| v.number(1, u64::MAX).map(Fault::LockAfter);
    "viewers" "N"
        "answers DESCRIBE with 453 while N clients are playing"
        |v| v.number(0, 100_000).map(Fault::Viewers);
    "max-connections" "N"
        "closes connections beyond N at once"
        |v| v.number(0, 100_000).map(Fault::MaxConnections);
    "redirect" "self|URL[,CODE]"
        "redirects DESCRIBE to itself or to URL, with CODE (default: 302)"
        redirect;
    "slow" "SECS[,METHOD]"
        "delays the reply to METHOD (default: DESCRIBE)"
        |v| {
            let delay = v.seconds()?;
            Ok(Fault::Slow { delay, method: v.optional().unwrap_or("DESCRIBE").to_uppercase() })
        };
    "end" "SECS[,close|reset|bye|bye-only]"
        "ends the stream at SECS"
        |v| {
            let after = v.seconds()?;
            Ok(Fault::End { after, how: v.optional_one_of(ENDS)?.unwrap_or(End::Close) })
        };

    // The description.
    "control" "FORM"
        "how tracks are addressed: relative, absolute, query, slash, root, other-host, no-session, none"
        |v| v.one_of(CONTROLS).map(Fault::Control);
    "content-base" "FORM"
        "Content-Base header: slash, no-slash, missing, empty, relative, no-scheme, other-host"
        |v| v.one_of(BASES).map(Fault::ContentBase);
    "tracks" "TRACK[,TRACK...]"
        "in order: video, aac, pcma, pcmu, g726, backchannel, metadata, jpeg, private, av1; or none"
        |v| if v.is("none") {
            Ok(Fault::Tracks(Vec::new()))
        } else {
            v.many(TRACKS).map(Fault::Tracks)
        };
    "sdp" "lf|bare|blanks"
        "writes the description with LF line ends, media lines only, or trailing blanks"
        |v| v.one_of(SDPS).map(Fault::Sdp);
    "parameter-sets" "both|sdp|in-band|none"
        "where SPS and PPS are sent"
        |v| v.one_of(PARAMETER_SETS).map(Fault::ParameterSets);
    "sprop" "start-codes|garbage|empty|broken"
        "how SPS and PPS are written in the description"
        |v| v.one_of(SPROPS).map(Fault::Sprop);

    // SETUP and PLAY.
    "transport" "both|tcp|udp|udp406|multicast"
        "accepts only these transports, and refuses others with 461 (udp406: 406)"
        |v| v.one_of(TRANSPORTS).map(Fault::Transport);
    "http-tunnel" "[only]"
        "accepts RTSP over HTTP, too or only"
        |v| {
            let only = v.optional_one_of(&[("only", true)])?;
            Ok(Fault::HttpTunnel { only: only.unwrap_or(false) })
        };
    "tls" "[self-signed|expired|other-name]"
        "speaks RTSP over TLS with this kind of certificate"
        |v| {
            let certificate = v.optional_one_of(CERTIFICATES)?;
            Ok(Fault::Tls(certificate.unwrap_or(Certificate::SelfSigned)))
        };
    "no-interleaved" ""
        "names no channels in the reply to SETUP"
        |_| Ok(Fault::NoInterleaved);
    "channel" "N"
        "names channel N in the reply to SETUP, whatever was requested"
        |v| v.number(0, 254).map(Fault::Channel);
    "data-channel" "N"
        "sends pictures on channel N, whatever was agreed"
        |v| v.number(0, 254).map(Fault::DataChannel);
    "early-rtp" ""
        "sends packets before the reply to PLAY"
        |_| Ok(Fault::EarlyRtp);
    "rtp-info" "missing|zero|wrong|ahead|behind"
        "what RTP-Info says about the first packet"
        |v| v.one_of(RTP_INFOS).map(Fault::RtpInfo);

    // RTP and RTCP.
    "wrong-ssrc" ""
        "names an SSRC in the reply to SETUP that packets do not have"
        |_| Ok(Fault::WrongSsrc);
    "new-ssrc" "SECS"
        "changes SSRC, sequence numbers and timestamps at SECS"
        |v| v.seconds().map(Fault::NewSsrc);
    "new-payload-type" "SECS"
        "changes the payload type at SECS"
        |v| v.seconds().map(Fault::NewPayloadType);
    "new-size" "SECS"
        "halves the picture size at SECS"
        |v| v.seconds().map(Fault::NewSize);
    "new-codec" "SECS"
        "changes from H.264 to H.265, or back, at SECS"
        |v| v.seconds().map(Fault::NewCodec);
    "no-marker" ""
        "never sets the marker bit"
        |_| Ok(Fault::NoMarker);
    "timestamps" "FORM"
        "constant, zero, back[,BY[,EVERY]], forward[,BY[,EVERY]], wrap, random, jitter, saw, speed,FACTOR"
        timestamps;
    "sender-reports" "missing|zero|jump|OFFSET"
        "what RTCP says about the time; OFFSET seconds are added to it"
        |v| Ok(Fault::SenderReports(match v.required()? {
            "right" => Reports::Right,
            "missing" => Reports::Missing,
            "zero" => Reports::Zero,
            "jump" => Reports::Jump,
            text => Reports::Offset(number(text, -1e9, 1e9)?),
        }));
    "aggregate" ""
        "puts small NAL units into one packet"
        |_| Ok(Fault::Aggregate);
    "packet-size" "BYTES"
        "largest RTP payload"
        |v| v.number(64, 60_000).map(Fault::PacketSize);
    "extension" ""
        "adds a header extension and padding to packets"
        |_| Ok(Fault::Extension);

    // What no camera should send.
    "junk" "P"
        "sends line ends between packets with probability P"
        |v| v.probability().map(Fault::Junk);
    "broken-frame" "SECS"
        "sends half of an interleaved packet at SECS"
        |v| v.seconds().map(Fault::BrokenFrame);
    "lf-only" ""
        "ends header lines with LF only"
        |_| Ok(Fault::LfOnly);
    "endless-header" ""
        "answers DESCRIBE with headers that never end"
        |_| Ok(Fault::EndlessHeader);
    "endless-body" ""
        "answers DESCRIBE with a body that never ends"
        |_| Ok(Fault::EndlessBody);
    "huge-length" "BYTES"
        "answers DESCRIBE with a Content-Length of BYTES and no body"
        |v| v.number(0, u64::MAX).map(Fault::HugeLength);
    "endless-fragment" ""
        "sends a picture in fragments that never end"
        |_| Ok(Fault::EndlessFragment);
};

const FREEZES: &[(&str, Freeze)] = &[
    ("silent", Freeze::Silent),
    ("reports", Freeze::Reports),
    ("repeat", Freeze::Repeat),
    ("key", Freeze::Key),
];

const KEEP_ALIVES: &[(&str, KeepAlive)] = &[
    ("any", KeepAlive::Any),
    ("get-parameter", KeepAlive::GetParameter),
    ("options", KeepAlive::Options),
];

const SCHEMES: &[(&str, Scheme)] = &[
    ("basic", Scheme::Basic),
    ("md5", digest(DigestHash::Md5, false, false, true)),
    ("md5-unnamed", digest(DigestHash::Md5, false, false, false)),
    ("md5-qop", digest(DigestHash::Md5, false, true, true)),
    ("md5-sess", digest(DigestHash::Md5, true, true, true)),
    ("sha256", digest(DigestHash::Sha256, false, false, true)),
    ("sha256-qop", digest(DigestHash::Sha256, false, true, true)),
    ("sha256-sess", digest(DigestHash::Sha256, true, true, true)),
];

const ENDS: &[(&str, End)] =
    &[("close", End::Close), ("reset", End::Reset), ("bye", End::Bye), ("bye-only", End::ByeOnly)];

const CONTROLS: &[(&str, ControlForm)] = &[
    ("relative", ControlForm::Relative),
    ("absolute", ControlForm::Absolute),
    ("query", ControlForm::Query),
    ("slash", ControlForm::Slash),
    ("root", ControlForm::Root),
    ("other-host", ControlForm::OtherHost),
    ("no-session", ControlForm::NoSession),
    ("none", ControlForm::None),
];

const BASES: &[(&str, BaseForm)] = &[
    ("slash", BaseForm::Slash),
    ("no-slash", BaseForm::NoSlash),
    ("missing", BaseForm::Missing),
    ("empty", BaseForm::Empty),
    ("relative", BaseForm::Relative),
    ("no-scheme", BaseForm::NoScheme),
    ("other-host", BaseForm::OtherHost),
];

const TRACKS: &[(&str, Track)] = &[
    ("video", Track::Video),
    ("aac", Track::Aac),
    ("pcma", Track::Pcma),
    ("pcmu", Track::Pcmu),
    ("g726", Track::G726),
    ("backchannel", Track::Backchannel),
    ("metadata", Track::Metadata),
    ("jpeg", Track::Jpeg),
    ("private", Track::Private),
    ("av1", Track::Av1),
];

const SDPS: &[(&str, SdpForm)] = &[
    ("full", SdpForm::Full),
    ("lf", SdpForm::Lf),
    ("bare", SdpForm::Bare),
    ("blanks", SdpForm::Blanks),
];

const PARAMETER_SETS: &[(&str, ParameterSets)] = &[
    ("both", ParameterSets::Both),
    ("sdp", ParameterSets::Sdp),
    ("in-band", ParameterSets::InBand),
    ("none", ParameterSets::None),
];

const SPROPS: &[(&str, SpropForm)] = &[
    ("right", SpropForm::Right),
    ("start-codes", SpropForm::StartCodes),
    ("garbage", SpropForm::Garbage),
    ("empty", SpropForm::Empty),
    ("broken", SpropForm::Broken),
];

const TRANSPORTS: &[(&str, TransportForm)] = &[
    ("both", TransportForm::Both),
    ("tcp", TransportForm::Tcp),
    ("udp", TransportForm::Udp),
    ("udp406", TransportForm::Udp406),
    ("multicast", TransportForm::Multicast),
];

const CERTIFICATES: &[(&str, Certificate)] = &[
    ("self-signed", Certificate::SelfSigned),
    ("expired", Certificate::Expired),
    ("other-name", Certificate::OtherName),
];

const RTP_INFOS: &[(&str, RtpInfoForm)] = &[
    ("right", RtpInfoForm::Right),
    ("missing", RtpInfoForm::Missing),
    ("zero", RtpInfoForm::Zero),
    ("wrong", RtpInfoForm::Wrong),
    ("ahead", RtpInfoForm::Ahead),
    ("behind", RtpInfoForm::Behind),
];

const fn digest(hash: DigestHash, session: bool, qop: bool, named: bool) -> Scheme {
    Scheme::Digest { hash, session, qop, named }
}

fn size(values: &mut Values) -> Result<Fault, String> {
    let (width, height) = values.required()?.split_once('x').ok_or("expected WIDTHxHEIGHT")?;
    Ok(Fault::Size(number(width, 64, 4_096)?, number(height, 48, 4_096)?))
}

fn burst(values: &mut Values) -> Result<Fault, String> {
    let pause = values.seconds()?;
    let period = values.optional_seconds()?.unwrap_or(pause * 2);
    if pause.is_zero() || period <= pause {
        return Err("the period must be longer than the pause".to_owned());
    }
    Ok(Fault::Burst { pause, period })
}

fn freeze(values: &mut Values) -> Result<Fault, String> {
    let after = values.seconds()?;
    let how = values.optional_one_of(FREEZES)?.unwrap_or(Freeze::Silent);
    Ok(Fault::Freeze { after, how, length: values.optional_seconds()? })
}

fn answer(method: &str, values: &mut Values) -> Result<Fault, String> {
    let answer = match values.required()? {
        "ignore" => Answer::Ignore,
        "close" => Answer::Close,
        code => {
            let status = number(code, 100, 599);
            Answer::Status(status.map_err(|_| format!("{code:?} is no status code"))?)
        }
    };
    Ok(Fault::Answer { method: method.to_owned(), answer })
}

fn redirect(values: &mut Values) -> Result<Fault, String> {
    let to = match values.required()? {
        "self" => None,
        text => Some(Url::parse(text).map_err(|error| format!("{text:?}: {error}"))?),
    };
    Ok(Fault::Redirect { to, code: values.optional_number(300, 399)?.unwrap_or(302) })
}

fn timestamps(values: &mut Values) -> Result<Fault, String> {
    let jump = |values: &mut Values, by: u64| -> Result<(Duration, Duration), String> {
        let by = values.optional_seconds()?.unwrap_or(Duration::from_secs(by));
        let every = values.optional_seconds()?.unwrap_or(Duration::from_secs(5));
        if every.is_zero() { Err("EVERY is 0".to_owned()) } else { Ok((by, every)) }
    };
    Ok(Fault::Timestamps(match values.required()? {
        "right" => Clock::Right,
        "constant" => Clock::Constant,
        "zero" => Clock::Zero,
        "back" => jump(values, 5).map(|(by, every)| Clock::Back(by, every))?,
        "forward" => jump(values, 3_600).map(|(by, every)| Clock::Forward(by, every))?,
        "wrap" => Clock::Wrap,
        "random" => Clock::Random,
        "jitter" => Clock::Jitter,
        "saw" => Clock::Saw,
        "speed" => Clock::Speed(values.number(0.01, 100.0)?),
        other => return Err(format!("{other:?} is none of them")),
    }))
}

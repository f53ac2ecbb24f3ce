//! Faults as they are written: `NAME` or `NAME=VALUE`.

use std::str::FromStr;
use std::time::Duration;

use url::Url;

use super::*;

/// The longest time that is accepted: a day.
const LONGEST: f64 = 86_400.0;

/// Why a text is no fault.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum FaultError {
    /// There is none of this name.
    #[error("there is no fault {name:?}{}", did_you_mean(.nearest))]
    Unknown {
        /// What was written.
        name: String,
        /// A name that looks like it.
        nearest: Option<&'static str>,
    },
    /// It is written otherwise.
    #[error("the fault {name} is written {form}: {reason}")]
    Value {
        /// Which.
        name: &'static str,
        /// Its form.
        form: String,
        /// What is wrong.
        reason: String,
    },
}

fn did_you_mean(nearest: &Option<&'static str>) -> String {
    nearest.map_or_else(String::new, |nearest| format!(": did you mean {nearest:?}?"))
}

/// A fault's name and what it does.
#[derive(Clone, Copy, Debug)]
pub struct KnownFault {
    /// Its name.
    pub name: &'static str,
    /// What may follow after `=`; empty when nothing does. In brackets what may be left out.
    pub value: &'static str,
    /// In a line.
    pub about: &'static str,
    parse: fn(&mut Values) -> Result<Fault, String>,
}

impl KnownFault {
    /// As it is written: `loss=P[,RUN]`.
    pub fn form(&self) -> String {
        match self.value.strip_prefix('[') {
            _ if self.value.is_empty() => self.name.to_owned(),
            // All of it may be left out, the sign too.
            Some(rest) if self.value.ends_with(']') => format!("{}[={rest}", self.name),
            _ => format!("{}={}", self.name, self.value),
        }
    }
}

impl Fault {
    /// All faults by name, in groups.
    pub const KNOWN: &'static [KnownFault] = KNOWN;
}

impl FromStr for Fault {
    type Err = FaultError;

    fn from_str(text: &str) -> Result<Self, FaultError> {
        let (name, value) = match text.split_once('=') {
            Some((name, value)) => (name.trim(), Some(value.trim())),
            None => (text.trim(), None),
        };
        let Some(known) = KNOWN.iter().find(|known| known.name.eq_ignore_ascii_case(name)) else {
            let nearest = KNOWN
                .iter()
                .map(|known| (strsim::jaro_winkler(known.name, &name.to_lowercase()), known.name))
                .filter(|&(likeness, _)| likeness > 0.7)
                .max_by(|a, b| a.0.total_cmp(&b.0));
            let nearest = nearest.map(|(_, name)| name);
            return Err(FaultError::Unknown { name: name.to_owned(), nearest });
        };
        let mut values = Values::new(value);
        (known.parse)(&mut values)
            .and_then(|fault| values.end().map(|()| fault))
            .map_err(|reason| FaultError::Value { name: known.name, form: known.form(), reason })
    }
}

/// What is written after `=`, separated by commas.
struct Values<'a> {
    rest: Option<&'a str>,
}

impl<'a> Values<'a> {
    fn new(value: Option<&'a str>) -> Self {
        Self { rest: value }
    }

    fn optional(&mut self) -> Option<&'a str> {
        let rest = self.rest?;
        let (value, rest) = match rest.split_once(',') {
            Some((value, rest)) => (value, Some(rest)),
            None => (rest, None),
        };
        self.rest = rest;
        Some(value.trim())
    }

    fn required(&mut self) -> Result<&'a str, String> {
        self.optional().filter(|value| !value.is_empty()).ok_or_else(|| "a value is missing".into())
    }

    fn end(&self) -> Result<(), String> {
        self.rest.map_or(Ok(()), |rest| Err(format!("{rest:?} is too much")))
    }

    fn number<T: FromStr + PartialOrd + std::fmt::Display>(
        &mut self,
        least: T,
        most: T,
    ) -> Result<T, String> {
        number(self.required()?, least, most)
    }

    fn optional_number<T: FromStr + PartialOrd + std::fmt::Display>(
        &mut self,
        least: T,
        most: T,
    ) -> Result<Option<T>, String> {
        self.optional().map(|value| number(value, least, most)).transpose()
    }

    fn probability(&mut self) -> Result<f64, String> {
        self.number(0.0, 1.0)
    }

    fn seconds(&mut self) -> Result<Duration, String> {
        seconds(self.required()?)
    }

    fn optional_seconds(&mut self) -> Result<Option<Duration>, String> {
        self.optional().map(seconds).transpose()
    }

    fn one_of<T: Copy>(&mut self, known: &[(&str, T)]) -> Result<T, String> {
        one_of(self.required()?, known)
    }

    fn optional_one_of<T: Copy>(&mut self, known: &[(&str, T)]) -> Result<Option<T>, String> {
        self.optional().map(|value| one_of(value, known)).transpose()
    }

    fn many<T: Copy>(&mut self, known: &[(&str, T)]) -> Result<Vec<T>, String> {
        let mut found = vec![self.one_of(known)?];
        while let Some(value) = self.optional() {
            found.push(one_of(value, known)?);
        }
        Ok(found)
    }
}

fn number<T: FromStr + PartialOrd + std::fmt::Display>(
    text: &str,
    least: T,
    most: T,
) -> Result<T, String> {
    match text.parse::<T>() {
        Ok(number) if least <= number && number <= most => Ok(number),
        _ => Err(format!("{text:?} is no number of {least} to {most}")),
    }
}

fn seconds(text: &str) -> Result<Duration, String> {
    number(text.strip_suffix('s').unwrap_or(text), 0.0, LONGEST).map(Duration::from_secs_f64)
}

fn one_of<T: Copy>(text: &str, known: &[(&str, T)]) -> Result<T, String> {
    known
        .iter()
        .find(|(name, _)| name.eq_ignore_ascii_case(text))
        .map(|&(_, value)| value)
        .ok_or_else(|| {
            let names: Vec<&str> = known.iter().map(|&(name, _)| name).collect();
            format!("{text:?} is none of {}", names.join(", "))
        })
}

fn answer(method: &str, values: &mut Values) -> Result<Fault, String> {
    let value = values.required()?;
    let answer = match value {
        "ignore" => Answer::Ignore,
        "close" => Answer::Close,
        code => Answer::Status(
            number(code, 100, 599).map_err(|_| format!("{code:?} is no status code"))?,
        ),
    };
    Ok(Fault::Answer { method: method.to_owned(), answer })
}

const fn digest(hash: DigestHash, session: bool, qop: bool, named: bool) -> Scheme {
    Scheme::Digest { hash, session, qop, named }
}

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

/// A table's row.
macro_rules! known {
    ($($name:literal $value:literal $about:literal $parse:expr;)*) => {
        &[$(KnownFault { name: $name, value: $value, about: $about, parse: $parse }),*]
    };
}

#[rustfmt::skip]
const KNOWN: &[KnownFault] = known! {
    "key-interval" "SECS" "time from one key picture to the next"
        |v| v.seconds().map(Fault::KeyInterval);
    "b-frames" "N" "B-frames between two other pictures"
        |v| v.number(1, 8).map(Fault::BFrames);
    "slices" "N" "slices per picture"
        |v| v.number(1, 16).map(Fault::Slices);
    "intra-refresh" "" "columns of intra blocks instead of key pictures (H.264)"
        |_| Ok(Fault::IntraRefresh);
    "open-gop" "" "CRA key pictures with leading pictures (H.265)"
        |_| Ok(Fault::OpenGop);
    "one-table" "" "RFC 2435 JPEG with one quantisation table"
        |_| Ok(Fault::OneTable);
    "size" "WIDTHxHEIGHT" "picture size"
        |v| {
            let (width, height) = v.required()?.split_once('x').ok_or("expected WIDTHxHEIGHT")?;
            Ok(Fault::Size(number(width, 64, 4096)?, number(height, 48, 4096)?))
        };
    "fps" "N" "pictures per second"
        |v| v.number(1, 120).map(Fault::Fps);

    "loss" "P[,RUN]" "leaves packets out with probability P, RUN of them in a row"
        |v| Ok(Fault::Loss { probability: v.probability()?, run: v.optional_number(1, 1000)?.unwrap_or(1) });
    "lose-packet" "N" "leaves out one packet of picture N, each time it is sent"
        |v| v.number(0, u64::MAX).map(Fault::LosePacket);
    "cut" "N" "leaves out the second half of every N-th picture, with no gap in the sequence numbers"
        |v| v.number(1, u64::MAX).map(Fault::Cut);
    "burst" "SECS[,PERIOD]" "pauses for SECS in every PERIOD (default: twice SECS), then sends everything at once"
        |v| {
            let pause = v.seconds()?;
            let period = v.optional_seconds()?.unwrap_or(pause * 2);
            if pause.is_zero() || period <= pause {
                return Err("the period must be longer than the pause".to_owned());
            }
            Ok(Fault::Burst { pause, period })
        };
    "gop-cache" "[N]" "sends a whole group of pictures, or N, at once after PLAY"
        |v| v.optional_number(1, 10_000).map(Fault::GopCache);
    "join" "N|live" "starts with the N-th picture, or with the current one, instead of a key picture"
        |v| match v.required()? {
            "live" => Ok(Fault::Join(Join::Live)),
            text => number(text, 0, 1_000_000).map(|at| Fault::Join(Join::At(at))),
        };
    "no-key-frame" "" "never sends a key picture"
        |_| Ok(Fault::NoKeyFrame);
    "freeze" "SECS[,silent|reports|repeat|key[,FOR]]" "sends no new pictures from SECS on: nothing, only reports, the last picture, or the last key picture"
        |v| Ok(Fault::Freeze {
            after: v.seconds()?,
            how: v.optional_one_of(&[("silent", Freeze::Silent), ("reports", Freeze::Reports), ("repeat", Freeze::Repeat), ("key", Freeze::Key)])?
                .unwrap_or(Freeze::Silent),
            length: v.optional_seconds()?,
        });
    "pause" "SECS" "waits before the first picture"
        |v| v.seconds().map(Fault::Pause);
    "reorder" "P" "swaps UDP packets with probability P"
        |v| v.probability().map(Fault::Reorder);
    "duplicate" "P" "sends UDP packets twice with probability P"
        |v| v.probability().map(Fault::Duplicate);

    "timeout" "SECS[,any|get-parameter|options]" "ends a session after SECS without requests of this kind"
        |v| Ok(Fault::Timeout {
            after: v.seconds()?,
            counts: v.optional_one_of(&[("any", KeepAlive::Any), ("get-parameter", KeepAlive::GetParameter), ("options", KeepAlive::Options)])?
                .unwrap_or(KeepAlive::Any),
        });
    "options" "CODE|ignore|close" "answers OPTIONS with this status, not at all, or by closing the connection"
        |v| answer("OPTIONS", v);
    "describe" "CODE|ignore|close" "the same for DESCRIBE"
        |v| answer("DESCRIBE", v);
    "setup" "CODE|ignore|close" "the same for SETUP"
        |v| answer("SETUP", v);
    "play" "CODE|ignore|close" "the same for PLAY"
        |v| answer("PLAY", v);
    "get-parameter" "CODE|ignore|close" "the same for GET_PARAMETER"
        |v| answer("GET_PARAMETER", v);
    "auth" "SCHEME[,SCHEME...]" "requires a login: basic, md5, md5-unnamed, md5-qop, md5-sess, sha256, sha256-qop, sha256-sess"
        |v| v.many(SCHEMES).map(Fault::Auth);
    "digest" "SCHEME" "the same as auth"
        |v| v.many(SCHEMES).map(Fault::Auth);
    "auth-options" "" "requires the login for OPTIONS, too"
        |_| Ok(Fault::AuthOptions);
    "nonce-life" "N" "accepts a nonce for N requests, then sends a new one with stale=TRUE"
        |v| v.number(1, u64::MAX).map(Fault::NonceLife);
    "refuse-login" "" "refuses every login"
        |_| Ok(Fault::RefuseLogin);
    "lock-after" "N" "refuses every login after N wrong ones"
        |v| v.number(1, u64::MAX).map(Fault::LockAfter);
    "viewers" "N" "answers DESCRIBE with 453 while N clients are playing"
        |v| v.number(0, 100_000).map(Fault::Viewers);
    "max-connections" "N" "closes connections beyond N at once"
        |v| v.number(0, 100_000).map(Fault::MaxConnections);
    "redirect" "self|URL[,CODE]" "redirects DESCRIBE to itself or to URL, with CODE (default: 302)"
        |v| Ok(Fault::Redirect {
            to: match v.required()? {
                "self" => None,
                text => Some(Url::parse(text).map_err(|error| format!("{text:?}: {error}"))?),
            },
            code: v.optional_number(300, 399)?.unwrap_or(302),
        });
    "slow" "SECS[,METHOD]" "delays the reply to METHOD (default: DESCRIBE)"
        |v| Ok(Fault::Slow { delay: v.seconds()?, method: v.optional().unwrap_or("DESCRIBE").to_uppercase() });
    "end" "SECS[,close|reset|bye|bye-only]" "ends the stream at SECS"
        |v| Ok(Fault::End {
            after: v.seconds()?,
            how: v.optional_one_of(&[("close", End::Close), ("reset", End::Reset), ("bye", End::Bye), ("bye-only", End::ByeOnly)])?
                .unwrap_or(End::Close),
        });

    "control" "FORM" "how tracks are addressed: relative, absolute, query, slash, root, other-host, no-session, none"
        |v| v.one_of(&[
            ("relative", ControlForm::Relative), ("absolute", ControlForm::Absolute), ("query", ControlForm::Query), ("slash", ControlForm::Slash),
            ("root", ControlForm::Root), ("other-host", ControlForm::OtherHost), ("no-session", ControlForm::NoSession), ("none", ControlForm::None),
        ]).map(Fault::Control);
    "content-base" "FORM" "Content-Base header: slash, no-slash, missing, empty, relative, no-scheme, other-host"
        |v| v.one_of(&[
            ("slash", BaseForm::Slash), ("no-slash", BaseForm::NoSlash), ("missing", BaseForm::Missing), ("empty", BaseForm::Empty),
            ("relative", BaseForm::Relative), ("no-scheme", BaseForm::NoScheme), ("other-host", BaseForm::OtherHost),
        ]).map(Fault::ContentBase);
    "tracks" "TRACK[,TRACK...]" "tracks in order: video, aac, pcma, pcmu, g726, backchannel, metadata, jpeg, private, av1; or none"
        |v| if v.rest == Some("none") { v.rest = None; Ok(Fault::Tracks(Vec::new())) } else { v.many(TRACKS).map(Fault::Tracks) };
    "sdp" "lf|bare|blanks" "writes the description with LF line ends, media lines only, or trailing blanks"
        |v| v.one_of(&[("full", SdpForm::Full), ("lf", SdpForm::Lf), ("bare", SdpForm::Bare), ("blanks", SdpForm::Blanks)]).map(Fault::Sdp);
    "parameter-sets" "both|sdp|in-band|none" "where SPS and PPS are sent"
        |v| v.one_of(&[("both", ParameterSets::Both), ("sdp", ParameterSets::Sdp), ("in-band", ParameterSets::InBand), ("none", ParameterSets::None)])
            .map(Fault::ParameterSets);
    "sprop" "start-codes|garbage|empty|broken" "how SPS and PPS are written in the description"
        |v| v.one_of(&[
            ("right", SpropForm::Right), ("start-codes", SpropForm::StartCodes), ("garbage", SpropForm::Garbage),
            ("empty", SpropForm::Empty), ("broken", SpropForm::Broken),
        ]).map(Fault::Sprop);

    "transport" "both|tcp|udp|udp406|multicast" "accepts only these transports, and refuses others with 461 (udp406: 406)"
        |v| v.one_of(&[
            ("both", TransportForm::Both), ("tcp", TransportForm::Tcp), ("udp", TransportForm::Udp),
            ("udp406", TransportForm::Udp406), ("multicast", TransportForm::Multicast),
        ]).map(Fault::Transport);
    "http-tunnel" "[only]" "accepts RTSP over HTTP, too or only"
        |v| v.optional_one_of(&[("only", true)]).map(|only| Fault::HttpTunnel { only: only.unwrap_or(false) });
    "tls" "[self-signed|expired|other-name]" "speaks RTSP over TLS with this kind of certificate"
        |v| v.optional_one_of(&[("self-signed", Certificate::SelfSigned), ("expired", Certificate::Expired), ("other-name", Certificate::OtherName)])
            .map(|certificate| Fault::Tls(certificate.unwrap_or(Certificate::SelfSigned)));
    "no-interleaved" "" "names no channels in the reply to SETUP"
        |_| Ok(Fault::NoInterleaved);
    "channel" "N" "names channel N in the reply to SETUP, whatever was requested"
        |v| v.number(0, 254).map(Fault::Channel);
    "data-channel" "N" "sends pictures on channel N, whatever was agreed"
        |v| v.number(0, 254).map(Fault::DataChannel);
    "early-rtp" "" "sends packets before the reply to PLAY"
        |_| Ok(Fault::EarlyRtp);
    "rtp-info" "missing|zero|wrong|ahead|behind" "what RTP-Info says about the first packet"
        |v| v.one_of(&[
            ("right", RtpInfoForm::Right), ("missing", RtpInfoForm::Missing), ("zero", RtpInfoForm::Zero), ("wrong", RtpInfoForm::Wrong),
            ("ahead", RtpInfoForm::Ahead), ("behind", RtpInfoForm::Behind),
        ]).map(Fault::RtpInfo);

    "wrong-ssrc" "" "names an SSRC in the reply to SETUP that packets do not have"
        |_| Ok(Fault::WrongSsrc);
    "new-ssrc" "SECS" "changes SSRC, sequence numbers and timestamps at SECS"
        |v| v.seconds().map(Fault::NewSsrc);
    "new-payload-type" "SECS" "changes the payload type at SECS"
        |v| v.seconds().map(Fault::NewPayloadType);
    "new-size" "SECS" "halves the picture size at SECS"
        |v| v.seconds().map(Fault::NewSize);
    "new-codec" "SECS" "changes from H.264 to H.265, or back, at SECS"
        |v| v.seconds().map(Fault::NewCodec);
    "no-marker" "" "never sets the marker bit"
        |_| Ok(Fault::NoMarker);
    "timestamps" "FORM" "constant, zero, back[,BY[,EVERY]], forward[,BY[,EVERY]], wrap, random, jitter, saw, speed,FACTOR"
        |v| {
            let form = v.required()?;
            let jump = |v: &mut Values, by: u64| -> Result<(Duration, Duration), String> {
                let by = v.optional_seconds()?.unwrap_or(Duration::from_secs(by));
                let every = v.optional_seconds()?.unwrap_or(Duration::from_secs(5));
                if every.is_zero() { Err("EVERY is 0".to_owned()) } else { Ok((by, every)) }
            };
            Ok(Fault::Timestamps(match form {
                "right" => Clock::Right,
                "constant" => Clock::Constant,
                "zero" => Clock::Zero,
                "back" => jump(v, 5).map(|(by, every)| Clock::Back(by, every))?,
                "forward" => jump(v, 3600).map(|(by, every)| Clock::Forward(by, every))?,
                "wrap" => Clock::Wrap,
                "random" => Clock::Random,
                "jitter" => Clock::Jitter,
                "saw" => Clock::Saw,
                "speed" => Clock::Speed(v.number(0.01, 100.0)?),
                other => return Err(format!("{other:?} is none of them")),
            }))
        };
    "sender-reports" "missing|zero|jump|OFFSET" "what RTCP says about the time; OFFSET seconds are added to it"
        |v| Ok(Fault::SenderReports(match v.required()? {
            "right" => Reports::Right,
            "missing" => Reports::Missing,
            "zero" => Reports::Zero,
            "jump" => Reports::Jump,
            text => Reports::Offset(number(text, -1e9, 1e9)?),
        }));
    "aggregate" "" "puts small NAL units into one packet"
        |_| Ok(Fault::Aggregate);
    "packet-size" "BYTES" "largest RTP payload"
        |v| v.number(64, 60_000).map(Fault::PacketSize);
    "extension" "" "adds a header extension and padding to packets"
        |_| Ok(Fault::Extension);

    "junk" "P" "sends line ends between packets with probability P"
        |v| v.probability().map(Fault::Junk);
    "broken-frame" "SECS" "sends half of an interleaved packet at SECS"
        |v| v.seconds().map(Fault::BrokenFrame);
    "lf-only" "" "ends header lines with LF only"
        |_| Ok(Fault::LfOnly);
    "endless-header" "" "answers DESCRIBE with headers that never end"
        |_| Ok(Fault::EndlessHeader);
    "endless-body" "" "answers DESCRIBE with a body that never ends"
        |_| Ok(Fault::EndlessBody);
    "huge-length" "BYTES" "answers DESCRIBE with a Content-Length of BYTES and no body"
        |v| v.number(0, u64::MAX).map(Fault::HugeLength);
    "endless-fragment" "" "sends a picture in fragments that never end"
        |_| Ok(Fault::EndlessFragment);
};

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, expected: Fault) {
        assert_eq!(text.parse::<Fault>(), Ok(expected), "{text}");
    }

    #[track_caller]
    fn check_error(text: &str, expected: &str) {
        assert_eq!(text.parse::<Fault>().unwrap_err().to_string(), expected, "{text}");
    }

    #[test]
    fn faults_are_read() {
        check("loss=0.01", Fault::Loss { probability: 0.01, run: 1 });
        check("loss=0.5,3", Fault::Loss { probability: 0.5, run: 3 });
        check("no-key-frame", Fault::NoKeyFrame);
        check("gop-cache", Fault::GopCache(None));
        check("gop-cache=15", Fault::GopCache(Some(15)));
        check("Key-Interval = 10s", Fault::KeyInterval(Duration::from_secs(10)));
        let (pause, period) = (Duration::from_millis(200), Duration::from_secs(2));
        check("burst=0.2,2", Fault::Burst { pause, period });
        check("size=640x360", Fault::Size(640, 360));
        check("tracks=none", Fault::Tracks(vec![]));
        check("tracks=pcma,video", Fault::Tracks(vec![Track::Pcma, Track::Video]));
        check("digest=sha256", Fault::Auth(vec![digest(DigestHash::Sha256, false, false, true)]));
        check("timestamps=back,3", {
            Fault::Timestamps(Clock::Back(Duration::from_secs(3), Duration::from_secs(5)))
        });
        let url = Url::parse("rtsp://127.0.0.1/a").unwrap();
        check("redirect=rtsp://127.0.0.1/a,301", Fault::Redirect { to: Some(url), code: 301 });
        let method = "GET_PARAMETER".to_owned();
        check("get-parameter=501", Fault::Answer { method, answer: Answer::Status(501) });
    }

    #[test]
    fn errors_say_what_is_known() {
        check_error("los", "there is no fault \"los\": did you mean \"loss\"?");
        check_error("gopcache=3", "there is no fault \"gopcache\": did you mean \"gop-cache\"?");
        check_error("", "there is no fault \"\"");
        check_error("xyzzy", "there is no fault \"xyzzy\"");
        check_error("loss", "the fault loss is written loss=P[,RUN]: a value is missing");
        check_error(
            "loss=2",
            "the fault loss is written loss=P[,RUN]: \"2\" is no number of 0 to 1",
        );
        check_error(
            "loss=nan",
            "the fault loss is written loss=P[,RUN]: \"nan\" is no number of 0 to 1",
        );
        check_error("no-marker=1", "the fault no-marker is written no-marker: \"1\" is too much");
        check_error(
            "gop-cache=x",
            "the fault gop-cache is written gop-cache[=N]: \"x\" is no number of 1 to 10000",
        );
        check_error(
            "transport=tpc",
            "the fault transport is written transport=both|tcp|udp|udp406|multicast: \"tpc\" is \
             none of both, tcp, udp, udp406, multicast",
        );
    }

    #[test]
    fn names_are_unique_and_lines_are_short() {
        for (at, known) in KNOWN.iter().enumerate() {
            assert!(KNOWN[..at].iter().all(|other| other.name != known.name), "{}", known.name);
            assert!(!known.about.is_empty() && known.about.len() <= 120, "{}", known.name);
        }
    }
}

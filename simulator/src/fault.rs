//! What a scripted camera does wrong, or unlike most cameras.

mod known;
mod parse;

use std::time::Duration;

use url::Url;

pub use parse::{FaultError, KnownFault};

/// One way in which a camera misbehaves. Several make a camera.
///
/// Written as `NAME` or `NAME=VALUE`: [`Fault::KNOWN`] lists them. Times count from PLAY. Most are
/// described by public bug reports.
#[derive(Clone, Debug, PartialEq)]
pub enum Fault {
    // What is encoded. These change the footage of the script.
    /// The time from one key picture to the next.
    KeyInterval(Duration),
    /// B-frames between two other pictures.
    BFrames(u32),
    /// Slices per picture.
    Slices(u32),
    /// Columns of intra blocks instead of key pictures.
    IntraRefresh,
    /// CRA key pictures with leading pictures, which need what was before them.
    OpenGop,
    /// RFC 2435 JPEG with one quantisation table for all components.
    OneTable,
    /// Columns and rows.
    Size(u32, u32),
    /// Pictures per second.
    Fps(u32),

    // Which pictures are sent, and when.
    /// Packets are left out at random.
    Loss {
        /// Of each packet.
        probability: f64,
        /// How many in a row.
        run: u32,
    },
    /// One packet of the picture with this number is left out, whenever it is sent.
    LosePacket(u64),
    /// The second half of every N-th picture is not sent, with no gap in the sequence numbers.
    Cut(u64),
    /// The connection pauses, then everything comes at once. Nothing is lost.
    Burst {
        /// How long.
        pause: Duration,
        /// From the end of one pause to the end of the next.
        period: Duration,
    },
    /// After PLAY a whole group of pictures, or this many, at once.
    GopCache(Option<u32>),
    /// Which picture comes first.
    Join(Join),
    /// Key pictures are not sent.
    NoKeyFrame,
    /// No new pictures from some time on.
    Freeze {
        /// From when on.
        after: Duration,
        /// What is sent instead.
        how: Freeze,
        /// For how long; for ever if not given.
        length: Option<Duration>,
    },
    /// A wait before the first picture.
    Pause(Duration),
    /// With UDP, a packet is swapped with the next one with this probability.
    Reorder(f64),
    /// With UDP, a packet is sent twice with this probability.
    Duplicate(f64),

    // The session.
    /// A session without requests ends.
    Timeout {
        /// After how long.
        after: Duration,
        /// Which requests keep it alive.
        counts: KeepAlive,
    },
    /// Another answer to a method than the right one.
    Answer {
        /// To which, in capitals.
        method: String,
        /// What is done.
        answer: Answer,
    },
    /// A login is required, by one of these schemes. The challenges come in this order.
    Auth(Vec<Scheme>),
    /// OPTIONS requires the login, too.
    AuthOptions,
    /// A nonce is accepted for this many requests, then a new one is sent with `stale=TRUE`.
    NonceLife(u64),
    /// Even the right login is refused.
    RefuseLogin,
    /// After this many wrong logins the right one is refused, too.
    LockAfter(u64),
    /// DESCRIBE is answered with 453 while this many clients are playing.
    Viewers(usize),
    /// Connections beyond this many are closed at once.
    MaxConnections(usize),
    /// DESCRIBE is redirected.
    Redirect {
        /// Where to. None: to the address that was requested.
        to: Option<Url>,
        /// 301, 302, ...
        code: u16,
    },
    /// An answer comes late.
    Slow {
        /// By how much.
        delay: Duration,
        /// To which method, in capitals.
        method: String,
    },
    /// The end of the stream.
    End {
        /// When.
        after: Duration,
        /// By what.
        how: End,
    },

    // The description.
    /// How tracks are addressed.
    Control(ControlForm),
    /// The header `Content-Base`.
    ContentBase(BaseForm),
    /// The tracks, in order.
    Tracks(Vec<Track>),
    /// How the description is written.
    Sdp(SdpForm),
    /// Where the parameter sets are.
    ParameterSets(ParameterSets),
    /// How parameter sets are written in the description.
    Sprop(SpropForm),

    // SETUP and PLAY.
    /// Which transports there are.
    Transport(TransportForm),
    /// RTSP over HTTP, and nothing else if `only`.
    HttpTunnel {
        /// Whether RTSP without HTTP is refused.
        only: bool,
    },
    /// RTSP over TLS.
    Tls(Certificate),
    /// The reply to SETUP does not name channels.
    NoInterleaved,
    /// The reply to SETUP names this channel, whatever was requested.
    Channel(u8),
    /// Pictures come on this channel, whatever was agreed.
    DataChannel(u8),
    /// Packets come before the reply to PLAY.
    EarlyRtp,
    /// The header `RTP-Info`.
    RtpInfo(RtpInfoForm),

    // RTP and RTCP.
    /// The reply to SETUP names an SSRC that packets do not have.
    WrongSsrc,
    /// Another SSRC, with other sequence numbers and timestamps, from some time on.
    NewSsrc(Duration),
    /// Another payload type from some time on. The description names both.
    NewPayloadType(Duration),
    /// Half the width and height from some time on.
    NewSize(Duration),
    /// H.265 instead of H.264, or the reverse, from some time on, with another payload type. The
    /// description names both.
    NewCodec(Duration),
    /// The last packet of a picture is not marked.
    NoMarker,
    /// RTP timestamps.
    Timestamps(Clock),
    /// RTCP sender reports.
    SenderReports(Reports),
    /// Small NAL units share a packet.
    Aggregate,
    /// The largest RTP payload, in bytes.
    PacketSize(usize),
    /// Packets have a header extension and padding.
    Extension,

    // What no camera should send.
    /// A line end between packets, with this probability.
    Junk(f64),
    /// Half of an interleaved packet, once, at some time.
    BrokenFrame(Duration),
    /// Lines of headers end in LF alone.
    LfOnly,
    /// A reply to DESCRIBE whose headers never end.
    EndlessHeader,
    /// A reply to DESCRIBE whose body never ends.
    EndlessBody,
    /// A reply to DESCRIBE with this `Content-Length` and no body.
    HugeLength(u64),
    /// A picture in fragments of which none is the last.
    EndlessFragment,
}

/// Which picture a session begins with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Join {
    /// With this picture, in the order of sending.
    At(u64),
    /// With the one that is due: the camera's clock runs from its start on, for all clients.
    Live,
}

/// What a frozen camera sends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Freeze {
    /// Nothing; the connection stays.
    Silent,
    /// Sender reports and the other tracks.
    Reports,
    /// The last picture's bytes again and again.
    Repeat,
    /// The last key picture again and again.
    Key,
}

/// Which requests keep a session alive.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeepAlive {
    /// All that name the session.
    Any,
    /// `GET_PARAMETER` alone.
    GetParameter,
    /// `OPTIONS` alone.
    Options,
}

/// An answer to a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answer {
    /// This status code.
    Status(u16),
    /// None.
    Ignore,
    /// The connection is closed.
    Close,
}

/// A challenge.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scheme {
    /// RFC 7617.
    Basic,
    /// RFC 7616.
    Digest {
        /// The hash.
        hash: DigestHash,
        /// Whether `algorithm` ends in `-sess`.
        session: bool,
        /// Whether `qop=auth` is asked for.
        qop: bool,
        /// Whether `algorithm` is named.
        named: bool,
    },
}

/// The hash of a digest login.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DigestHash {
    /// MD5.
    Md5,
    /// SHA-256.
    Sha256,
}

/// How a stream ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// The connection is closed.
    Close,
    /// The connection is reset.
    Reset,
    /// An RTCP BYE, then the connection is closed.
    Bye,
    /// An RTCP BYE, and the connection stays.
    ByeOnly,
}

/// How the description addresses a track.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ControlForm {
    /// `trackID=0`.
    Relative,
    /// The whole address.
    Absolute,
    /// The whole address with the track in the query.
    Query,
    /// `/trackID=0`.
    Slash,
    /// An address with the host's root, without the camera's path.
    Root,
    /// An address with another host.
    OtherHost,
    /// As `Relative`, without a `a=control` of the session.
    NoSession,
    /// None at all.
    None,
}

/// How a reply to DESCRIBE gives its base.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BaseForm {
    /// The address with a slash at its end.
    Slash,
    /// The address as it was asked for.
    NoSlash,
    /// No header.
    Missing,
    /// An empty header.
    Empty,
    /// `/`.
    Relative,
    /// Without `rtsp://`.
    NoScheme,
    /// An address of another host.
    OtherHost,
}

/// A track of the description. Only [`Track::Video`] carries pictures; others send a little.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Track {
    /// The pictures.
    Video,
    /// AAC.
    Aac,
    /// G.711 A-law.
    Pcma,
    /// G.711 mu-law.
    Pcmu,
    /// G.726.
    G726,
    /// A loudspeaker: `sendonly`.
    Backchannel,
    /// ONVIF metadata.
    Metadata,
    /// A second video track: JPEG.
    Jpeg,
    /// A second video track in a form that nobody knows.
    Private,
    /// A second video track: AV1.
    Av1,
}

/// How a description is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SdpForm {
    /// As RFC 8866 has it.
    Full,
    /// Lines end in LF.
    Lf,
    /// Media lines alone, which end in LF.
    Bare,
    /// Blanks at the ends of lines.
    Blanks,
}

/// Where parameter sets are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ParameterSets {
    /// In the description and in the stream.
    Both,
    /// In the description only.
    Sdp,
    /// In the stream only.
    InBand,
    /// Nowhere.
    None,
}

/// How parameter sets are written in the description.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SpropForm {
    /// As RFC 6184 and 7798 have it.
    Right,
    /// With start codes before each.
    StartCodes,
    /// With something after them that is none.
    Garbage,
    /// The attribute is there and empty.
    Empty,
    /// What is no Base64.
    Broken,
}

/// Which transports a camera has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TransportForm {
    /// TCP and UDP.
    Both,
    /// TCP only: UDP is answered with 461.
    Tcp,
    /// UDP only: TCP is answered with 461.
    Udp,
    /// UDP only: TCP is answered with 406.
    Udp406,
    /// UDP to a multicast group only.
    Multicast,
}

/// What is wrong with a certificate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Certificate {
    /// It is signed by itself, for the address.
    SelfSigned,
    /// It is signed by itself, and over.
    Expired,
    /// It is signed by itself, for another name.
    OtherName,
}

/// What `RTP-Info` says of the first packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RtpInfoForm {
    /// The truth.
    Right,
    /// The header is missing.
    Missing,
    /// Sequence number and timestamp are 0.
    Zero,
    /// Another sequence number, by thousands, and timestamp.
    Wrong,
    /// A sequence number that comes ten packets later.
    Ahead,
    /// A sequence number of ten packets earlier.
    Behind,
}

/// How RTP timestamps go on.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Clock {
    /// As time does.
    Right,
    /// They do not.
    Constant,
    /// They are 0.
    Zero,
    /// Back by the first, after each of the second.
    Back(Duration, Duration),
    /// Forward by the first, after each of the second.
    Forward(Duration, Duration),
    /// Past 2^32 three seconds after the beginning.
    Wrap,
    /// Random.
    Random,
    /// Off by up to 0.1 s.
    Jitter,
    /// They begin anew every 20 pictures.
    Saw,
    /// Faster than time by this factor.
    Speed(f64),
}

/// What sender reports say.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Reports {
    /// The time.
    Right,
    /// There are none.
    Missing,
    /// Midnight of 1900.
    Zero,
    /// From the second report on five hours less.
    Jump,
    /// The time plus this many seconds.
    Offset(f64),
}

//! What a scripted camera shows, and how it behaves.

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use crate::elementary::{Codec, Elementary, Encoding};
use crate::error::SimulatorError;
use crate::fault::*;

/// What a [`ScriptedCamera`](crate::ScriptedCamera) shows, and how it behaves.
#[derive(Clone, Debug)]
pub struct Script {
    /// Where it listens; port 0 is a free one.
    pub listen: SocketAddr,
    /// What is shown at every path that is not in [`footage`](Self::footage).
    pub encoding: Encoding,
    /// What is shown at some paths, such as `/gate`.
    pub footage: BTreeMap<String, Arc<Elementary>>,
    /// The right user; for [`Fault::Auth`].
    pub user: String,
    /// The right password.
    pub password: String,
    /// The realm of the login.
    pub realm: String,
    /// Decides what happens by chance. The same seed leaves out the same packets.
    pub seed: u64,
    /// How it misbehaves. Of two that say the same, the later counts.
    pub faults: Vec<Fault>,
}

impl Script {
    /// A camera without faults on a free port of 127.0.0.1. User and password, where a fault asks for
    /// them, are `admin` and `pw`.
    pub fn new(codec: Codec) -> Self {
        Self {
            listen: (Ipv4Addr::LOCALHOST, 0).into(),
            encoding: Encoding::new(codec),
            footage: BTreeMap::new(),
            user: "admin".to_owned(),
            password: "pw".to_owned(),
            realm: "IP Camera(C2345)".to_owned(),
            seed: 1,
            faults: Vec::new(),
        }
    }

    /// A camera with these faults, as they are written on the command line.
    ///
    /// # Errors
    /// When one of them is none.
    pub fn parse(codec: Codec, faults: &[&str]) -> Result<Self, FaultError> {
        let faults = faults.iter().map(|text| text.parse()).collect::<Result<_, _>>()?;
        Ok(Self { faults, ..Self::new(codec) })
    }

    /// One more fault.
    pub fn with(mut self, fault: Fault) -> Self {
        self.faults.push(fault);
        self
    }

    /// The encoding with what faults change of it.
    pub fn changed_encoding(&self) -> Encoding {
        let mut encoding = self.encoding.clone();
        let mut key_interval = None;
        for fault in &self.faults {
            match *fault {
                Fault::KeyInterval(interval) => key_interval = Some(interval),
                Fault::BFrames(count) => encoding.b_frames = count,
                Fault::Slices(count) => encoding.slices = count,
                Fault::IntraRefresh => encoding.intra_refresh = true,
                Fault::OpenGop => {
                    encoding.open_gop = true;
                    encoding.b_frames = encoding.b_frames.max(2);
                }
                Fault::OneTable => encoding.jpeg_quality = 100,
                Fault::Size(width, height) => {
                    encoding.scene = encoding.scene.with_size(width, height);
                }
                Fault::Fps(fps) => encoding.fps = fps,
                _ => {}
            }
        }
        if let Some(interval) = key_interval {
            let gop = (interval.as_secs_f64() * f64::from(encoding.fps)).round() as u32;
            encoding = encoding.gop(gop);
        }
        encoding
    }

    /// What is shown after a change in mid-session, if there is one.
    fn later_encoding(&self) -> Option<Encoding> {
        let mut encoding = self.changed_encoding();
        let mut changed = false;
        for fault in &self.faults {
            match fault {
                Fault::NewSize(_) => {
                    let half = |side: u32, least: u32| (side / 4 * 2).max(least);
                    let size = encoding.scene.size;
                    encoding.scene =
                        encoding.scene.with_size(half(size.width, 64), half(size.height, 48));
                    changed = true;
                }
                Fault::NewCodec(_) => {
                    encoding.codec = match encoding.codec {
                        Codec::H265 => Codec::H264,
                        _ => Codec::H265,
                    };
                    changed = true;
                }
                _ => {}
            }
        }
        changed.then_some(encoding)
    }

    /// Encodes what is shown.
    pub(crate) fn shown(&self) -> Result<Shown, SimulatorError> {
        let later = self.later_encoding().map(|encoding| encoding.encode()).transpose()?;
        Ok(Shown {
            everywhere: self.changed_encoding().encode()?,
            paths: self.footage.clone(),
            later,
        })
    }
}

/// The footage of a script.
#[derive(Debug)]
pub(crate) struct Shown {
    everywhere: Arc<Elementary>,
    paths: BTreeMap<String, Arc<Elementary>>,
    /// After a change in mid-session.
    pub later: Option<Arc<Elementary>>,
}

impl Shown {
    /// What is at a path, also of one of its tracks.
    pub fn at(&self, path: &str) -> Arc<Elementary> {
        let path = path.split('?').next().unwrap_or(path);
        let at = |camera: &str| {
            path.strip_prefix(camera).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
        };
        self.paths
            .iter()
            .find(|(camera, _)| at(camera))
            .map_or_else(|| self.everywhere.clone(), |(_, elementary)| elementary.clone())
    }
}

/// All that faults say, in the form in which the camera asks for it.
#[derive(Clone, Debug)]
pub(crate) struct Behaviour {
    pub loss: Option<(f64, u32)>,
    pub lose_packet: Option<u64>,
    pub cut: Option<u64>,
    pub burst: Option<(Duration, Duration)>,
    pub gop_cache: Option<Option<u32>>,
    pub join: Join,
    pub no_key_frame: bool,
    pub freeze: Option<(Duration, Freeze, Option<Duration>)>,
    pub pause: Duration,
    pub reorder: f64,
    pub duplicate: f64,
    pub timeout: Option<(Duration, KeepAlive)>,
    pub answers: Vec<(String, Answer)>,
    pub auth: Vec<Scheme>,
    pub auth_options: bool,
    pub nonce_life: Option<u64>,
    pub refuse_login: bool,
    pub lock_after: Option<u64>,
    pub viewers: Option<usize>,
    pub max_connections: Option<usize>,
    pub redirect: Option<(Option<url::Url>, u16)>,
    pub slow: Vec<(String, Duration)>,
    pub end: Option<(Duration, End)>,
    pub control: ControlForm,
    pub content_base: BaseForm,
    pub tracks: Vec<Track>,
    pub sdp: SdpForm,
    pub parameter_sets: ParameterSets,
    pub sprop: SpropForm,
    pub transport: TransportForm,
    /// Whether RTSP over HTTP is spoken, and whether nothing else is.
    pub http_tunnel: Option<bool>,
    pub tls: Option<Certificate>,
    pub no_interleaved: bool,
    pub channel: Option<u8>,
    pub data_channel: Option<u8>,
    pub early_rtp: bool,
    pub rtp_info: RtpInfoForm,
    pub wrong_ssrc: bool,
    pub new_ssrc: Option<Duration>,
    pub new_payload_type: Option<Duration>,
    /// When the later footage begins.
    pub later: Option<Duration>,
    pub no_marker: bool,
    pub clock: Clock,
    pub reports: Reports,
    pub aggregate: bool,
    pub packet_size: usize,
    pub extension: bool,
    pub junk: f64,
    pub broken_frame: Option<Duration>,
    pub lf_only: bool,
    pub endless_header: bool,
    pub endless_body: bool,
    pub huge_length: Option<u64>,
    pub endless_fragment: bool,
}

impl Default for Behaviour {
    fn default() -> Self {
        Self {
            loss: None,
            lose_packet: None,
            cut: None,
            burst: None,
            gop_cache: None,
            join: Join::At(0),
            no_key_frame: false,
            freeze: None,
            pause: Duration::ZERO,
            reorder: 0.0,
            duplicate: 0.0,
            timeout: None,
            answers: Vec::new(),
            auth: Vec::new(),
            auth_options: false,
            nonce_life: None,
            refuse_login: false,
            lock_after: None,
            viewers: None,
            max_connections: None,
            redirect: None,
            slow: Vec::new(),
            end: None,
            control: ControlForm::Relative,
            content_base: BaseForm::Slash,
            tracks: vec![Track::Video],
            sdp: SdpForm::Full,
            parameter_sets: ParameterSets::Both,
            sprop: SpropForm::Right,
            transport: TransportForm::Both,
            http_tunnel: None,
            tls: None,
            no_interleaved: false,
            channel: None,
            data_channel: None,
            early_rtp: false,
            rtp_info: RtpInfoForm::Right,
            wrong_ssrc: false,
            new_ssrc: None,
            new_payload_type: None,
            later: None,
            no_marker: false,
            clock: Clock::Right,
            reports: Reports::Right,
            aggregate: false,
            packet_size: 1_400,
            extension: false,
            junk: 0.0,
            broken_frame: None,
            lf_only: false,
            endless_header: false,
            endless_body: false,
            huge_length: None,
            endless_fragment: false,
        }
    }
}

impl Behaviour {
    pub fn of(faults: &[Fault]) -> Self {
        let mut behaviour = Self::default();
        for fault in faults {
            behaviour.add(fault.clone());
        }
        behaviour
    }

    fn add(&mut self, fault: Fault) {
        match fault {
            // They are part of what is encoded.
            Fault::KeyInterval(_)
            | Fault::BFrames(_)
            | Fault::Slices(_)
            | Fault::IntraRefresh
            | Fault::OpenGop
            | Fault::OneTable
            | Fault::Size(..)
            | Fault::Fps(_) => {}
            Fault::Loss { probability, run } => self.loss = Some((probability, run)),
            Fault::LosePacket(number) => self.lose_packet = Some(number),
            Fault::Cut(every) => self.cut = Some(every),
            Fault::Burst { pause, period } => self.burst = Some((pause, period)),
            Fault::GopCache(count) => self.gop_cache = Some(count),
            Fault::Join(join) => self.join = join,
            Fault::NoKeyFrame => self.no_key_frame = true,
            Fault::Freeze { after, how, length } => self.freeze = Some((after, how, length)),
            Fault::Pause(pause) => self.pause = pause,
            Fault::Reorder(probability) => self.reorder = probability,
            Fault::Duplicate(probability) => self.duplicate = probability,
            Fault::Timeout { after, counts } => self.timeout = Some((after, counts)),
            Fault::Answer { method, answer } => self.answers.push((method, answer)),
            Fault::Auth(schemes) => self.auth = schemes,
            Fault::AuthOptions => self.auth_options = true,
            Fault::NonceLife(requests) => self.nonce_life = Some(requests),
            Fault::RefuseLogin => self.refuse_login = true,
            Fault::LockAfter(count) => self.lock_after = Some(count),
            Fault::Viewers(count) => self.viewers = Some(count),
            Fault::MaxConnections(count) => self.max_connections = Some(count),
            Fault::Redirect { to, code } => self.redirect = Some((to, code)),
            Fault::Slow { delay, method } => self.slow.push((method, delay)),
            Fault::End { after, how } => self.end = Some((after, how)),
            Fault::Control(form) => self.control = form,
            Fault::ContentBase(form) => self.content_base = form,
            Fault::Tracks(tracks) => self.tracks = tracks,
            Fault::Sdp(form) => self.sdp = form,
            Fault::ParameterSets(place) => self.parameter_sets = place,
            Fault::Sprop(form) => self.sprop = form,
            Fault::Transport(form) => self.transport = form,
            Fault::HttpTunnel { only } => self.http_tunnel = Some(only),
            Fault::Tls(certificate) => self.tls = Some(certificate),
            Fault::NoInterleaved => self.no_interleaved = true,
            Fault::Channel(channel) => self.channel = Some(channel),
            Fault::DataChannel(channel) => self.data_channel = Some(channel),
            Fault::EarlyRtp => self.early_rtp = true,
            Fault::RtpInfo(form) => self.rtp_info = form,
            Fault::WrongSsrc => self.wrong_ssrc = true,
            Fault::NewSsrc(at) => self.new_ssrc = Some(at),
            Fault::NewPayloadType(at) => self.new_payload_type = Some(at),
            Fault::NewSize(at) | Fault::NewCodec(at) => self.later = Some(at),
            Fault::NoMarker => self.no_marker = true,
            Fault::Timestamps(clock) => self.clock = clock,
            Fault::SenderReports(reports) => self.reports = reports,
            Fault::Aggregate => self.aggregate = true,
            Fault::PacketSize(bytes) => self.packet_size = bytes,
            Fault::Extension => self.extension = true,
            Fault::Junk(probability) => self.junk = probability,
            Fault::BrokenFrame(at) => self.broken_frame = Some(at),
            Fault::LfOnly => self.lf_only = true,
            Fault::EndlessHeader => self.endless_header = true,
            Fault::EndlessBody => self.endless_body = true,
            Fault::HugeLength(bytes) => self.huge_length = Some(bytes),
            Fault::EndlessFragment => self.endless_fragment = true,
        }
    }

    /// What is to be done instead of answering, if anything.
    pub fn answer(&self, method: &str) -> Option<Answer> {
        self.answers.iter().rev().find(|(of, _)| of == method).map(|&(_, answer)| answer)
    }

    pub fn delay(&self, method: &str) -> Option<Duration> {
        self.slow.iter().rev().find(|(of, _)| of == method).map(|&(_, delay)| delay)
    }
}

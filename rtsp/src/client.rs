//! One session with a camera: one video track, from DESCRIBE to TEARDOWN.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use bytes::Bytes;
use jiff::Timestamp;
use tokio::time::{Interval, MissedTickBehavior, interval_at, sleep_until, timeout};
use url::Url;

use crate::auth::{Answer, Login};
use crate::clock::CameraClock;
use crate::connection::{Connection, Limits, Received};
use crate::depacketize::{Assembled, Assembler};
use crate::error::{Phase, RtspError};
use crate::keep_alive::KeepAlive;
use crate::message::{Request, Response, request_url};
use crate::reorder::{Ordered, Packet, Reorder};
use crate::rtcp::{self, Report};
use crate::sdp::{Description, Format, Media};
use crate::setup::{Granted, Transport, Way, choose, control_urls};
use crate::stream::Server;
use crate::tunnel;
use crate::udp::{Datagram, Udp};

pub use crate::depacketize::PictureData;

/// How to watch a camera.
pub struct Options {
    /// Its address, with user and password if it wants them.
    pub url: Url,
    /// Where it is.
    pub server: Server,
    /// Whether user and password may be given to it.
    pub login: bool,
    /// How packets travel.
    pub transport: Transport,
    /// Which of its video tracks, from 0. None: the first that can be decoded.
    pub track: Option<u8>,
    /// How much it may send.
    pub limits: Limits,
    /// How long a packet over UDP waits for those that it overtook.
    pub udp_wait: Duration,
    /// How long it may take to connect, and to answer a request.
    pub patience: Duration,
}

/// What comes of a stream.
#[derive(Debug)]
pub enum Event {
    /// A whole coded picture.
    Picture(Picture),
    /// Packets are missing; the pictures that they belonged to are left out.
    Lost {
        /// How many packets. 0 when that is not known.
        packets: u64,
        /// How many pictures are left out.
        pictures: u64,
    },
    /// From here on pictures have another format.
    Format(Format),
}

/// A coded picture.
#[derive(Debug)]
pub struct Picture {
    /// Its bytes.
    pub data: PictureData,
    /// When its last packet came.
    pub arrived: Instant,
    /// When the camera took it, by the camera's clock.
    pub camera_time: Option<Timestamp>,
    /// Whether something is missing between the picture before and this one.
    pub after_gap: bool,
}

/// A session.
pub struct Client {
    session: Session,
    keep_alive: KeepAlive,
    formats: Vec<Format>,
    format: Format,
    way: &'static str,
    udp: Option<Udp>,
    channels: (u8, u8),
    /// Whether RTP came over the channel that was agreed on.
    has_channel: bool,
    reorder: Reorder,
    ordered: VecDeque<Ordered>,
    assembler: Assembler,
    events: VecDeque<Event>,
    clock: CameraClock,
    ssrc: Option<u32>,
    ticks: Interval,
    reports: Interval,
    play_url: String,
    limits: Limits,
}

/// Time between two receiver reports.
const REPORT_INTERVAL: Duration = Duration::from_secs(5);
/// The longest that saying goodbye may take.
const TEARDOWN: Duration = Duration::from_millis(200);
/// Payload types that are RTCP's, where both share a channel (RFC 5761).
const RTCP_TYPES: std::ops::RangeInclusive<u8> = 72..=76;

impl Client {
    /// Opens a session and starts the stream.
    ///
    /// # Errors
    /// When the camera cannot be reached, refuses, sends elsewhere, or has no such video.
    pub async fn open(options: Options) -> Result<Self, RtspError> {
        let mut session = Session::connect(&options).await?;
        // Who answers with an error says no more than who does not answer.
        let url = session.url.clone();
        let options_answer = session.ask(Request::new("OPTIONS", &url), Phase::Describe).await;
        let public = match options_answer {
            Ok(answer) => answer.head.field("Public").map(str::to_owned),
            Err(RtspError::Status { .. }) => None,
            Err(error) => return Err(error),
        };
        let describe = Request::new("DESCRIBE", &url).with("Accept", "application/sdp");
        let answer = session.ask(describe, Phase::Describe).await?;
        let description = Description::parse(&answer.body);
        let (_, media) = choose(&description, options.track)?;
        let base = answer
            .head
            .field("Content-Base")
            .or_else(|| answer.head.field("Content-Location"))
            .map(str::to_owned);
        let mut opened = None;
        for way in options.transport.ways() {
            match session.set_up(*way, media, base.as_deref()).await {
                Ok(set_up) => {
                    opened = Some((*way, set_up));
                    break;
                }
                // 461: this transport is not supported; some say that it is not acceptable, or bad.
                Err(RtspError::Status { status: 400 | 406 | 461, .. })
                    if Some(way) != options.transport.ways().last() => {}
                Err(error) => return Err(error),
            }
        }
        let Some((way, SetUp { answer, granted, udp, url: media_url })) = opened else {
            return Err(RtspError::Status { phase: Phase::Setup, status: 461 });
        };
        let keep_alive =
            KeepAlive::new(answer.head.field("Session").unwrap_or(""), public.as_deref());
        session.id = keep_alive.session.clone();
        let all = control_urls(&url, base.as_deref(), description.control.as_deref());
        let play_url = session.play(all.first().unwrap_or(&url), &media_url).await?;
        let formats: Vec<_> =
            media.formats.iter().filter(|format| format.codec().is_some()).cloned().collect();
        let format = formats[0].clone();
        let is_udp = udp.is_some();
        let now = tokio::time::Instant::now();
        let mut ticks = interval_at(now + keep_alive.interval, keep_alive.interval);
        let mut reports = interval_at(now + REPORT_INTERVAL, REPORT_INTERVAL);
        for timer in [&mut ticks, &mut reports] {
            timer.set_missed_tick_behavior(MissedTickBehavior::Delay);
        }
        Ok(Self {
            session,
            keep_alive,
            way: way.name(options.transport),
            udp,
            channels: granted.interleaved.unwrap_or((0, 1)),
            has_channel: false,
            reorder: Reorder::new(if is_udp { options.udp_wait } else { Duration::ZERO }),
            ordered: VecDeque::new(),
            assembler: Assembler::new(&format, &options.limits),
            events: VecDeque::new(),
            clock: CameraClock::new(format.clock_rate),
            ssrc: None,
            ticks,
            reports,
            play_url,
            limits: options.limits,
            formats,
            format,
        })
    }

    /// What pictures are encoded as, at first.
    pub fn format(&self) -> &Format {
        &self.format
    }

    /// How packets travel: `tcp`, `udp`, `multicast`, `http`.
    pub fn transport(&self) -> &'static str {
        self.way
    }

    /// The next event. Cancelling loses nothing. Who waits decides for how long.
    ///
    /// # Errors
    /// When the stream ends or fails, or a picture is larger than allowed.
    pub async fn next(&mut self) -> Result<Event, RtspError> {
        loop {
            if let Some(event) = self.events.pop_front() {
                return Ok(event);
            }
            if let Some((channel, bytes)) = self.session.early.pop_front() {
                self.take(channel, bytes)?;
                continue;
            }
            let deadline = self.reorder.deadline();
            let expired = async {
                match deadline {
                    Some(deadline) => sleep_until(deadline.into()).await,
                    None => std::future::pending().await,
                }
            };
            let datagram = async {
                match &mut self.udp {
                    Some(udp) => udp.receive().await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                received = self.session.connection.receive(Phase::Receive) => {
                    match received? {
                        Received::Packet { channel, bytes } => self.take(channel, bytes)?,
                        Received::Response(response) => self.answered(&response).await?,
                        Received::Request(number) => self.session.acknowledge(number).await?,
                    }
                }
                datagram = datagram => {
                    match datagram.map_err(|error| RtspError::Io { phase: Phase::Receive, error })? {
                        Datagram::Rtp(bytes) => self.take_rtp(bytes)?,
                        Datagram::Rtcp(bytes) => self.take_rtcp(&bytes)?,
                    }
                }
                () = expired => {
                    self.reorder.expire(Instant::now(), &mut self.ordered);
                    self.assemble()?;
                }
                _ = self.ticks.tick() => {
                    let method = self.keep_alive.next();
                    self.session.send(Request::new(method, &self.play_url)).await?;
                }
                _ = self.reports.tick() => self.report().await?,
            }
        }
    }

    /// Ends the session. Whoever drops a client instead leaves that to the camera's time-out.
    pub async fn close(mut self) {
        let teardown = Request::new("TEARDOWN", &self.play_url);
        // The camera notices either way.
        let _ = timeout(TEARDOWN, self.session.send(teardown)).await;
    }

    /// An answer while the stream flows: to a request that keeps it alive.
    async fn answered(&mut self, response: &Response) -> Result<(), RtspError> {
        self.keep_alive.answered(response.status());
        if response.status() == 401 {
            let challenges = response.head.fields("WWW-Authenticate");
            if self.session.login.challenged(challenges) == Answer::Retry {
                let method = self.keep_alive.next();
                self.session.send(Request::new(method, &self.play_url)).await?;
            }
        } else {
            self.session.login.accepted();
        }
        Ok(())
    }

    async fn report(&mut self) -> Result<(), RtspError> {
        let report = rtcp::receiver_report(self.session.ssrc);
        if let Some(udp) = &self.udp {
            udp.report(&report).await;
            return Ok(());
        }
        let Ok(length) = u16::try_from(report.len()) else { return Ok(()) };
        let mut frame = vec![b'$', self.channels.1];
        frame.extend_from_slice(&length.to_be_bytes());
        frame.extend_from_slice(&report);
        self.session.connection.send(&frame, Phase::Receive).await
    }

    /// A packet of a channel.
    fn take(&mut self, channel: u8, bytes: Bytes) -> Result<(), RtspError> {
        if channel == self.channels.1 && channel != self.channels.0 {
            return self.take_rtcp(&bytes);
        }
        if channel == self.channels.0 {
            return self.take_rtp(bytes);
        }
        // Some cameras use other channels than they agreed to: what looks like this track's is.
        let ours = !self.has_channel
            && bytes.len() > 12
            && self.formats.iter().any(|format| format.payload_type == bytes[1] & 0x7f);
        if ours {
            self.channels = (channel, channel.saturating_add(1));
            return self.take_rtp(bytes);
        }
        Ok(())
    }

    fn take_rtp(&mut self, bytes: Bytes) -> Result<(), RtspError> {
        let is_rtcp = bytes.get(1).is_some_and(|byte| RTCP_TYPES.contains(&(byte & 0x7f)));
        if is_rtcp {
            return self.take_rtcp(&bytes);
        }
        let Some(packet) = Packet::parse(bytes, Instant::now()) else { return Ok(()) };
        self.has_channel = true;
        self.reorder.push(packet, &mut self.ordered);
        self.assemble()
    }

    fn take_rtcp(&mut self, bytes: &[u8]) -> Result<(), RtspError> {
        for report in rtcp::read(bytes) {
            match report {
                Report::Sender { ssrc, ntp, rtp }
                    if self.ssrc.is_none_or(|known| known == ssrc) =>
                {
                    self.clock.report(ntp, rtp);
                }
                Report::Sender { .. } => {}
                Report::Bye => return Err(RtspError::Ended),
            }
        }
        Ok(())
    }

    fn assemble(&mut self) -> Result<(), RtspError> {
        while let Some(ordered) = self.ordered.pop_front() {
            if self.ssrc != Some(ordered.packet.ssrc) {
                self.ssrc = Some(ordered.packet.ssrc);
                self.clock.reset();
            }
            self.follow_format(ordered.packet.payload_type);
            let lost = (ordered.missing > 0 || ordered.restarted).then_some(ordered.missing);
            let Assembled { pictures, broken } = self.assembler.push(ordered)?;
            if lost.is_some() || broken > 0 {
                let packets = lost.unwrap_or(0);
                self.events.push_back(Event::Lost { packets, pictures: broken });
            }
            self.events.extend(pictures.into_iter().map(|coded| {
                Event::Picture(Picture {
                    camera_time: self.clock.at(coded.timestamp),
                    data: coded.data,
                    arrived: coded.arrived,
                    after_gap: coded.after_gap,
                })
            }));
        }
        Ok(())
    }

    /// Follows a camera that changes to another of the formats that it offered. A payload type that it
    /// did not offer is taken for the format in use.
    fn follow_format(&mut self, payload_type: u8) {
        if payload_type == self.format.payload_type {
            return;
        }
        let other = self.formats.iter().find(|format| format.payload_type == payload_type);
        if let Some(other) = other.cloned() {
            self.assembler = Assembler::new(&other, &self.limits);
            self.clock = CameraClock::new(other.clock_rate);
            self.format = other.clone();
            self.events.push_back(Event::Format(other));
        }
    }
}

/// A connection, and what requests need.
struct Session {
    connection: Connection,
    url: String,
    login: Login,
    sequence: u32,
    id: String,
    patience: Duration,
    local: SocketAddr,
    peer: SocketAddr,
    /// Packets that came before they were asked for.
    early: VecDeque<(u8, Bytes)>,
    early_bytes: usize,
    limit: usize,
    /// This end, in its reports.
    ssrc: u32,
}

/// A track that is set up.
struct SetUp {
    answer: Response,
    granted: Granted,
    udp: Option<Udp>,
    url: String,
}

impl Session {
    async fn connect(options: &Options) -> Result<Self, RtspError> {
        let mut login = match options.login {
            true => Login::of(&options.url),
            false => Login::new(String::new(), String::new()),
        };
        let stream = match options.transport {
            Transport::Http => {
                let Options { server, url, patience, limits, .. } = options;
                tunnel::open(server, url, &mut login, *patience, limits).await?
            }
            _ => options.server.connect(options.patience).await?,
        };
        Ok(Self {
            connection: Connection::new(stream.reader, stream.writer, options.limits),
            url: request_url(&options.url),
            login,
            sequence: 0,
            id: String::new(),
            patience: options.patience,
            local: stream.local,
            peer: stream.peer,
            early: VecDeque::new(),
            early_bytes: 0,
            limit: options.limits.picture,
            ssrc: u32::from_be_bytes(
                *uuid::Uuid::new_v4().as_bytes().first_chunk().unwrap_or(&[1; 4]),
            ),
        })
    }

    /// Sends a request whose answer comes with the stream.
    async fn send(&mut self, mut request: Request<'_>) -> Result<(), RtspError> {
        if !self.id.is_empty() {
            request = request.with("Session", self.id.clone());
        }
        self.sequence += 1;
        let authorization = self.login.authorization(request.method, request.url);
        let bytes = request.write(self.sequence, authorization.as_deref());
        self.connection.send(&bytes, Phase::Receive).await
    }

    /// Sends a request and waits for its answer; logs in when the camera wants that.
    async fn ask(&mut self, request: Request<'_>, phase: Phase) -> Result<Response, RtspError> {
        let mut request = request;
        if !self.id.is_empty() {
            request = request.with("Session", self.id.clone());
        }
        loop {
            self.sequence += 1;
            let authorization = self.login.authorization(request.method, request.url);
            let bytes = request.write(self.sequence, authorization.as_deref());
            self.connection.send(&bytes, phase).await?;
            let answer = timeout(self.patience, self.answer(phase))
                .await
                .map_err(|_| RtspError::TimedOut { phase, after: self.patience })??;
            match answer.status() {
                200..=299 => {
                    self.login.accepted();
                    return Ok(answer);
                }
                401 => match self.login.challenged(answer.head.fields("WWW-Authenticate")) {
                    Answer::Retry => {}
                    refused => return Err(refused.into()),
                },
                301..=308 => {
                    let location = answer.head.field("Location").unwrap_or_default();
                    let base = Url::parse(&self.url).ok();
                    let target = Url::options().base_url(base.as_ref()).parse(location);
                    return Err(match target {
                        Ok(target) => RtspError::Redirect(Box::new(target)),
                        Err(_) => {
                            RtspError::Malformed { phase, what: "it redirects to no address" }
                        }
                    });
                }
                status => return Err(RtspError::Status { phase, status }),
            }
        }
    }

    /// The answer to the newest request. Packets that come meanwhile are kept.
    async fn answer(&mut self, phase: Phase) -> Result<Response, RtspError> {
        loop {
            match self.connection.receive(phase).await? {
                // Cameras that leave the number out answer one request at a time.
                Received::Response(response)
                    if response.head.sequence().is_none_or(|number| number == self.sequence) =>
                {
                    return Ok(response);
                }
                Received::Response(_) => {}
                Received::Request(number) => self.acknowledge(number).await?,
                Received::Packet { channel, bytes } => {
                    self.early_bytes += bytes.len();
                    if self.early_bytes > self.limit {
                        let what = "packets before PLAY";
                        return Err(RtspError::TooLarge { what, limit: self.limit });
                    }
                    self.early.push_back((channel, bytes));
                }
            }
        }
    }

    /// Answers a request of the camera's, so that it does not take this end for dead.
    async fn acknowledge(&mut self, number: Option<u32>) -> Result<(), RtspError> {
        let number = number.unwrap_or(0);
        let answer = format!("RTSP/1.0 200 OK\r\nCSeq: {number}\r\n\r\n");
        self.connection.send(answer.as_bytes(), Phase::Receive).await
    }

    async fn set_up(
        &mut self,
        way: Way,
        media: &Media,
        base: Option<&str>,
    ) -> Result<SetUp, RtspError> {
        let io = |error| RtspError::Io { phase: Phase::Setup, error };
        let mut udp = match way {
            Way::Ports => Some(Udp::pair(self.local.ip()).map_err(io)?),
            Way::Interleaved | Way::Group => None,
        };
        let ports = udp.as_ref().map_or(Ok((0, 0)), Udp::ports).map_err(io)?;
        let urls = control_urls(&self.url, base, media.control.as_deref());
        let mut answer = Err(RtspError::Status { phase: Phase::Setup, status: 404 });
        let mut used = String::new();
        for url in &urls {
            let request = Request::new("SETUP", url).with("Transport", way.wanted(ports));
            answer = self.ask(request, Phase::Setup).await;
            used.clone_from(url);
            // Only what the address may be wrong for is asked at another one.
            if !matches!(answer, Err(RtspError::Status { status: 400 | 404 | 451 | 454, .. })) {
                break;
            }
        }
        let answer = answer?;
        let granted = Granted::parse(answer.head.field("Transport").unwrap_or_default());
        match (way, &mut udp) {
            (Way::Ports, Some(udp)) => {
                udp.expect_from(granted.source.unwrap_or(self.peer.ip()), granted.server_port)
                    .await;
            }
            (Way::Group, udp) => {
                let group = granted.destination.or(media.group);
                let port = granted.port.map(|(port, _)| port).or(Some(media.port));
                let group = group.zip(port.filter(|port| *port > 0));
                let (group, port) = group.ok_or(RtspError::Malformed {
                    phase: Phase::Setup,
                    what: "it names no multicast group",
                })?;
                *udp = Some(Udp::group(group, port, self.local.ip()).map_err(io)?);
            }
            _ => {}
        }
        Ok(SetUp { answer, granted, udp, url: used })
    }

    /// Starts the stream: the whole session, or where that is refused the one track. Returns what
    /// later requests are about.
    async fn play(&mut self, all: &str, media: &str) -> Result<String, RtspError> {
        let range = "npt=0.000-";
        let request = Request::new("PLAY", all).with("Range", range);
        match self.ask(request, Phase::Play).await {
            Ok(_) => Ok(all.to_owned()),
            Err(RtspError::Status { status: 404 | 454 | 457 | 459, .. }) if media != all => {
                self.ask(Request::new("PLAY", media), Phase::Play).await?;
                Ok(media.to_owned())
            }
            Err(error) => Err(error),
        }
    }
}

impl From<Answer> for RtspError {
    fn from(answer: Answer) -> Self {
        match answer {
            Answer::Needed => Self::LoginNeeded,
            Answer::Unknown => Self::LoginUnknown("neither Basic nor Digest".to_owned()),
            Answer::Refused | Answer::Retry => Self::LoginRefused,
        }
    }
}

//! RTSP cameras: a session of the project's own client, decoded by GStreamer.

use std::sync::Arc;
use std::time::Instant;

use detector_components::camera::{StreamOptions, Transport};
use detector_components::integrity::PictureFault;
use detector_components::secret::SecretUrl;
use detector_rtsp as client;
use detector_rtsp::{
    Client, Codec, Event, Format, Options, Picture, PictureData, RtspError, Server,
};
use gstreamer as gst;
use gstreamer::prelude::*;
use gstreamer_app::{AppSrc, AppStreamType};
use tokio::runtime::{Builder, Runtime};
use tokio::time::{MissedTickBehavior, interval, sleep};
use url::Url;

use crate::accounts::Leave;
use crate::attempt::{End, Stream};
use crate::config::IngestConfig;
use crate::element::make;
use crate::failure::{Failure, FailureKind};
use crate::flow::Flow;
use crate::governor::Turn;
use crate::pipeline;
use crate::status::Report;
use crate::watch::{LOOK_INTERVAL, Watch};

/// How often a camera may redirect in one attempt.
const MAX_REDIRECTS: usize = 5;
/// Coded bytes that wait for the decoder at most; more are left out until the next key picture.
const MAX_BACKLOG: u64 = 32 << 20;

/// Opens an RTSP camera and hands its frames on until it ends.
pub fn play(
    stream: &Stream,
    url: &SecretUrl,
    options: StreamOptions,
    turn: Turn,
    flow: &Arc<Flow>,
    report: &Report,
) -> End {
    // A reactor of its own: no camera waits for what others receive.
    let runtime = match Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return End::Failed(Failure::other(format!("no sockets: {error}"))),
    };
    let mut client = match open(&runtime, stream, url, options, report) {
        Ok(Some(client)) => client,
        Ok(None) => return End::Unwanted,
        Err(failure) => return End::Failed(failure),
    };
    flow.know(|facts| facts.transport = Some(client.transport()));
    let mut turn = Some(turn);
    let end = loop {
        let format = client.format().clone();
        let played = Feed::new(stream, flow, &format);
        let feed = match played {
            Ok(feed) => feed,
            Err(failure) => break End::Failed(failure),
        };
        let outcome = match Watch::start(&feed.pipeline, stream, flow, report) {
            Ok(watch) => runtime.block_on(feed.play(&mut client, watch, flow, &mut turn)),
            Err(end) => Some(end),
        };
        let deadline = stream.outside.settings.get().teardown_deadline;
        pipeline::close(feed.pipeline, &stream.source, deadline);
        if let Some(end) = outcome {
            break end;
        }
    };
    runtime.block_on(client.close());
    end
}

/// Opens a session, wherever the camera redirects to. None: nobody wants it any more.
fn open(
    runtime: &Runtime,
    stream: &Stream,
    url: &SecretUrl,
    options: StreamOptions,
    report: &Report,
) -> Result<Option<Client>, Failure> {
    let config = stream.outside.settings.get();
    let own = url.expose();
    let mut target = own.clone();
    for _ in 0..=MAX_REDIRECTS {
        let options = session_options(own, &target, options, &config)?;
        let opened = runtime.block_on(async {
            tokio::select! {
                opened = log_in(stream, own, options) => Some(opened),
                () = unwanted(report) => None,
            }
        });
        match opened {
            None => return Ok(None),
            Some(Ok(client)) => return Ok(Some(client)),
            Some(Err(RtspError::Redirect(next))) => {
                if !matches!(next.scheme(), "rtsp" | "rtsps") {
                    return Err(Failure::other("the camera redirects to what is no RTSP address"));
                }
                target = *next;
            }
            Some(Err(error)) => return Err(failure(&error)),
        }
    }
    Err(Failure::other(format!("more than {MAX_REDIRECTS} redirects")))
}

/// Opens a session. A login that nobody has tried is tried by one camera of its host; the others wait
/// for what becomes of it.
async fn log_in(stream: &Stream, own: &Url, options: Options) -> Result<Client, RtspError> {
    if own.username().is_empty() || !options.login {
        return Client::open(options).await;
    }
    let accounts = &stream.outside.accounts;
    let account = accounts.of(own);
    loop {
        match accounts.ask(&account) {
            Leave::Granted => break,
            Leave::Refused => return Err(RtspError::LoginRefused),
            Leave::Wait => sleep(LOOK_INTERVAL).await,
        }
    }
    let opened = Client::open(options).await;
    let right = match &opened {
        Ok(_) => Some(true),
        Err(RtspError::LoginRefused) => Some(false),
        Err(_) => None,
    };
    accounts.settle(&account, right);
    opened
}

async fn unwanted(report: &Report) {
    while !report.has_ended() {
        sleep(LOOK_INTERVAL).await;
    }
}

/// How to open a session with `target`, which is the camera's `own` address or one it redirects to.
fn session_options(
    own: &Url,
    target: &Url,
    options: StreamOptions,
    config: &IngestConfig,
) -> Result<Options, Failure> {
    let transport = match options.transport {
        Transport::Auto => config.transport,
        wanted => wanted,
    };
    let tunnelled = transport == Transport::Http;
    let mut place = target.clone();
    if tunnelled && place.port().is_none() {
        let port = if place.scheme() == "rtsps" { 443 } else { 80 };
        // An address with a host has a port.
        let _ = place.set_port(Some(port));
    }
    let addresses =
        config.reach.look_up(&place).map_err(|error| Failure::other(error.to_string()))?;
    let is_secure = target.scheme() == "rtsps";
    // Whoever the camera redirects to is told no password, unless it is the camera itself.
    let same = (own.host_str(), own.port(), own.scheme())
        == (target.host_str(), target.port(), target.scheme());
    let mut url = target.clone();
    if same {
        // Both cannot fail on an address with a host.
        let _ = url.set_username(own.username());
        let _ = url.set_password(own.password());
    }
    Ok(Options {
        url,
        server: Server {
            addresses,
            name: target.host_str().unwrap_or_default().trim_matches(['[', ']']).to_owned(),
            tls: is_secure.then(|| config.reach.tls()),
        },
        login: same,
        transport: match transport {
            Transport::Auto => client::Transport::Auto,
            Transport::Tcp => client::Transport::Tcp,
            Transport::Udp => client::Transport::Udp,
            Transport::Multicast => client::Transport::Multicast,
            Transport::Http => client::Transport::Http,
        },
        track: options.track,
        limits: client::Limits { picture: config.max_picture_bytes, ..client::Limits::default() },
        udp_wait: config.latency,
        patience: config.first_frame_timeout,
    })
}

/// Coded pictures on their way to a decoder.
struct Feed {
    pipeline: gst::Pipeline,
    source: AppSrc,
    /// The time of the last one: times lead back to pictures, so no two are equal.
    last: u64,
    /// Whether something is missing before the next one.
    gap: bool,
}

impl Feed {
    fn new(stream: &Stream, flow: &Arc<Flow>, format: &Format) -> Result<Self, Failure> {
        let (pipeline, convert) = pipeline::with_frames_to(flow, false)?;
        let source = AppSrc::builder()
            .caps(&caps(format)?)
            .format(gst::Format::Time)
            .is_live(true)
            .stream_type(AppStreamType::Stream)
            // Bounded by whoever pushes.
            .max_bytes(0)
            .block(false)
            .build();
        let decoder = make("decodebin")?;
        pipeline
            .add_many([source.upcast_ref(), &decoder])
            .and_then(|()| source.link(&decoder))
            .map_err(|error| Failure::other(error.to_string()))?;
        pipeline::link_video(&decoder, &convert, stream.source.clone());
        pipeline::prepare_elements(&pipeline, flow);
        Ok(Self { pipeline, source, last: 0, gap: false })
    }

    /// Feeds the decoder until the stream is over. None: it goes on with another format.
    async fn play(
        &self,
        client: &mut Client,
        mut watch: Watch<'_>,
        flow: &Flow,
        turn: &mut Option<Turn>,
    ) -> Option<End> {
        let mut feeding = Feeding { feed: self, last: self.last, gap: self.gap };
        let mut looks = interval(LOOK_INTERVAL);
        looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                event = client.next() => match event {
                    Ok(Event::Picture(picture)) => feeding.push(picture, flow),
                    Ok(Event::Lost { pictures, .. }) => {
                        // Of the picture that was under way at PLAY only the end comes.
                        let fault = match feeding.last {
                            0 => PictureFault::NoKeyFrame,
                            _ => PictureFault::PacketsLost,
                        };
                        flow.lost(fault, pictures);
                    }
                    Ok(Event::Format(_)) => return None,
                    Err(error) => return Some(End::Failed(failure(&error))),
                },
                _ = looks.tick() => {
                    if let Some(end) = watch.look_now() {
                        return Some(end);
                    }
                    if turn.is_some() && flow.pictures() > 0 {
                        // Others may connect now.
                        *turn = None;
                    }
                }
            }
        }
    }
}

/// The state of feeding.
struct Feeding<'a> {
    feed: &'a Feed,
    last: u64,
    gap: bool,
}

impl Feeding<'_> {
    fn push(&mut self, picture: Picture, flow: &Flow) {
        let Picture { data, arrived, camera_time, after_gap } = picture;
        self.gap |= after_gap;
        if let Some(gauge) = flow.gauge() {
            gauge.packet();
        }
        if self.feed.source.current_level_bytes() > MAX_BACKLOG {
            self.gap = true;
            flow.lost(PictureFault::Skipped, 1);
            return;
        }
        let at = flow.moment_of(arrived);
        self.last = at.nanos.max(self.last + 1);
        let pts = gst::ClockTime::from_nseconds(self.last);
        flow.received(pts, at, camera_time, std::mem::take(&mut self.gap));
        // Only a pipeline that ends refuses them; why it ends, its bus says.
        let _ = match data {
            PictureData::AnnexB(bytes) | PictureData::Jpeg(bytes) => {
                self.feed.source.push_buffer(buffer(bytes, pts))
            }
            PictureData::Packets(packets) => {
                let packets: gst::BufferList =
                    packets.into_iter().map(|packet| buffer(packet, pts)).collect();
                self.feed.source.push_buffer_list(packets)
            }
        };
    }
}

fn buffer(bytes: bytes::Bytes, pts: gst::ClockTime) -> gst::Buffer {
    let mut buffer = gst::Buffer::from_slice(bytes);
    if let Some(buffer) = buffer.get_mut() {
        buffer.set_pts(pts);
    }
    buffer
}

/// A format as GStreamer describes it.
fn caps(format: &Format) -> Result<gst::Caps, Failure> {
    let annex_b = |name: &str| {
        gst::Caps::builder(name)
            .field("stream-format", "byte-stream")
            .field("alignment", "au")
            .build()
    };
    Ok(match format.codec() {
        Some(Codec::H264) => annex_b("video/x-h264"),
        Some(Codec::H265) => annex_b("video/x-h265"),
        Some(Codec::Jpeg) => gst::Caps::builder("image/jpeg").build(),
        Some(_) => {
            let mut caps = gst::Caps::builder("application/x-rtp")
                .field("media", "video")
                .field("payload", i32::from(format.payload_type))
                .field("clock-rate", i32::try_from(format.clock_rate).unwrap_or(90_000))
                .field("encoding-name", &*format.encoding);
            for (name, value) in &format.parameters {
                // Names of the camera's: only those that can be names.
                let is_name = name.chars().all(|c| c.is_ascii_alphanumeric() || c == '-');
                if is_name
                    && !["media", "payload", "clock-rate", "encoding-name"].contains(&&**name)
                {
                    caps = caps.field(name, &**value);
                }
            }
            if let Some((width, height)) = format.dimensions {
                caps = caps.field("x-dimensions", format!("{width},{height}"));
            }
            caps.build()
        }
        None => {
            let text = format!("video of an unknown kind: {}", format.encoding);
            return Err(Failure::new(FailureKind::Undecodable, text));
        }
    })
}

/// A failure of the client's, for operators.
fn failure(error: &RtspError) -> Failure {
    let kind = match error {
        RtspError::Connect(_) => FailureKind::Unreachable,
        RtspError::Tls(_) => FailureKind::Certificate,
        RtspError::LoginNeeded | RtspError::LoginRefused | RtspError::LoginUnknown(_) => {
            FailureKind::Login
        }
        RtspError::Status { status: 404, .. } => FailureKind::NotFound,
        RtspError::Status { status: 453 | 503, .. } => FailureKind::TooManyViewers,
        RtspError::Status { .. } | RtspError::NoTrack { .. } => FailureKind::Refused,
        RtspError::NoVideo(_) | RtspError::Undecodable(_) => FailureKind::Undecodable,
        RtspError::TimedOut { .. } => FailureKind::Silent,
        RtspError::Closed(_) | RtspError::Ended => FailureKind::Ended,
        RtspError::TooLarge { .. } => FailureKind::TooLarge,
        RtspError::Redirect(_) | RtspError::Malformed { .. } | RtspError::Io { .. } => {
            FailureKind::Other
        }
    };
    Failure::new(kind, error.to_string())
}

impl Flow {
    /// A time of the system's clock as one of the engine's.
    fn moment_of(&self, at: Instant) -> detector_components::clock::Moment {
        let now = self.now();
        let ago = at.elapsed().as_nanos();
        let nanos = now.nanos.saturating_sub(u64::try_from(ago).unwrap_or(u64::MAX));
        detector_components::clock::Moment { nanos }
    }
}

//! One attempt at a stream: a pipeline of its own, from opening to its end.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use crossbeam_channel::bounded;
use detector_components::camera::{CameraSource, StreamState};
use detector_components::clock::{Moment, Timepiece};
use detector_components::frame::Frame;
use detector_components::integrity::FaultCounter;
use detector_components::slot::FrameSlot;
use detector_components::timing::{Step, Timings};
use gstreamer as gst;
use gstreamer::prelude::*;
use gstreamer_app::{AppSink, AppSinkCallbacks};
use gstreamer_base::prelude::*;
use tracing::{debug, warn};
use url::Url;

use crate::config::IngestConfig;
use crate::device;
use crate::element::make;
use crate::failure::{Failure, FailureKind};
use crate::gauge::Gauge;
use crate::login::login;
use crate::mjpeg;
use crate::picture::pixels;
use crate::plugin::Outside;
use crate::status::Report;
use crate::way::{self, Redirect};
use crate::web::{self, Segments, WebSource};

/// Between two looks at whether the camera is still wanted and still gives frames.
const LOOK_INTERVAL: Duration = Duration::from_millis(50);
/// Encoded pictures whose arrival is remembered until they are decoded. Decoders hold back a few.
const MAX_ARRIVALS: usize = 64;
/// Threads of a decoder. More would add a frame of delay each, and cameras are many.
const DECODER_THREADS: i32 = 1;

/// Why an attempt ended.
#[derive(Debug, PartialEq, Eq)]
pub enum End {
    /// Nobody wants the camera any more.
    Unwanted,
    /// The file was played to its end.
    Finished,
    /// It failed.
    Failed(Failure),
}

/// What outlives the attempts of a camera.
pub struct Stream {
    /// What to open.
    pub source: CameraSource,
    /// Where frames go.
    pub slot: FrameSlot,
    /// Frames that were handed on, across attempts.
    pub sequence: Arc<AtomicU64>,
    /// Tells when frames arrive.
    pub timepiece: Timepiece,
    /// How long decoding takes.
    pub timings: Timings,
    /// Counts pictures that were left out.
    pub faults: FaultCounter,
    /// How to open and watch it, as it is now; and what asks over HTTP.
    pub outside: Outside,
    /// Measures what flows, for who looks closely.
    pub gauge: Option<Arc<Gauge>>,
}

/// Opens the stream and hands its frames on until it ends. Returns why, and whether frames flowed.
pub fn run(stream: &Stream, report: &Report) -> (End, bool) {
    if let CameraSource::Stream { url, .. } = &stream.source
        && matches!(url.scheme(), "http" | "https")
        && let Some(ended) = mjpeg::run(stream, url, report)
    {
        return ended;
    }
    let flow = Arc::new(Flow::new(stream));
    let mut moved = None;
    for _ in 0..=way::MAX_REDIRECTS {
        let redirect = Redirect::default();
        let pipeline = match build(stream, &flow, moved.as_ref(), &redirect) {
            Ok(pipeline) => pipeline,
            Err(failure) => return (End::Failed(failure), false),
        };
        let end = watch(&pipeline, stream, &flow, report);
        close(pipeline, &stream.source, stream.outside.settings.get().teardown_deadline);
        moved = redirect.take();
        if moved.is_none() || end == End::Unwanted {
            let flowed = flow.frames() > 0;
            return (if flowed { end } else { explained(end, stream) }, flowed);
        }
    }
    let text = format!("more than {} redirects", way::MAX_REDIRECTS);
    (End::Failed(Failure::other(text)), flow.frames() > 0)
}

/// Why a camera that gave nothing cannot be reached, if that is the reason. GStreamer does not tell: where
/// nobody answers it waits, as it does for a camera that sends nothing.
fn explained(end: End, stream: &Stream) -> End {
    let CameraSource::Stream { url, .. } = &stream.source else { return end };
    let End::Failed(Failure { kind: FailureKind::Unreachable | FailureKind::Silent, .. }) = &end
    else {
        return end;
    };
    if !matches!(url.scheme(), "rtsp" | "rtsps") {
        return end;
    }
    let obstacle = way::obstacle(url.expose(), &stream.outside.settings.get().reach);
    obstacle.map_or(end, |obstacle| {
        let text = format!("the camera cannot be reached: {obstacle}");
        End::Failed(Failure::new(FailureKind::Unreachable, text))
    })
}

/// What flows through a pipeline.
struct Flow {
    arrivals: Mutex<VecDeque<(Option<gst::ClockTime>, Moment)>>,
    frames: AtomicU64,
    slot: FrameSlot,
    sequence: Arc<AtomicU64>,
    timepiece: Timepiece,
    timings: Timings,
    gauge: Option<Arc<Gauge>>,
    /// How long the segments are that the stream comes in.
    segments: Segments,
    /// For lines of the log.
    camera: CameraSource,
}

impl Flow {
    fn new(stream: &Stream) -> Self {
        Self {
            arrivals: Mutex::new(VecDeque::new()),
            frames: AtomicU64::new(0),
            slot: stream.slot.clone(),
            sequence: stream.sequence.clone(),
            timepiece: stream.timepiece.clone(),
            timings: stream.timings.clone(),
            gauge: stream.gauge.clone(),
            segments: Segments::default(),
            camera: stream.source.clone(),
        }
    }

    fn frames(&self) -> u64 {
        self.frames.load(Ordering::Relaxed)
    }

    /// An encoded picture has arrived, before it is decoded.
    fn arrived(&self, pts: Option<gst::ClockTime>) {
        let now = self.timepiece.now();
        let mut arrivals = self.arrivals.lock().expect("never held across a panic");
        if arrivals.len() == MAX_ARRIVALS {
            arrivals.pop_front();
        }
        arrivals.push_back((pts, now));
    }

    /// A picture was decoded.
    fn decoded(&self, sample: &gst::Sample) {
        let Some(buffer) = sample.buffer() else { return };
        let captured = {
            let mut arrivals = self.arrivals.lock().expect("never held across a panic");
            let place = arrivals.iter().position(|(pts, _)| *pts == buffer.pts());
            // What was decoded before it is not asked for any more.
            place.and_then(|place| arrivals.drain(..=place).next_back()).map(|(_, moment)| moment)
        };
        if let Some(arrived) = captured {
            self.timings.record(Step::Decode, self.timepiece.now().since(arrived));
        }
        if buffer.flags().contains(gst::BufferFlags::CORRUPTED) {
            debug!(camera = %self.camera, "a damaged picture was left out");
            if let Some(gauge) = &self.gauge {
                gauge.damaged();
            }
            return;
        }
        match pixels(sample) {
            Ok(pixels) => {
                self.frames.fetch_add(1, Ordering::Relaxed);
                let frame = Frame::new(
                    self.sequence.fetch_add(1, Ordering::Relaxed) + 1,
                    captured.unwrap_or_else(|| self.timepiece.now()),
                    Arc::new(pixels),
                );
                if let Some(gauge) = &self.gauge {
                    gauge.frame(&frame);
                }
                self.slot.put(frame);
            }
            Err(error) => warn!(camera = %self.camera, %error, "a picture was left out"),
        }
    }
}

/// A pipeline that opens the camera's address, or the one that the camera has `moved` to.
fn build(
    stream: &Stream,
    flow: &Arc<Flow>,
    moved: Option<&Url>,
    redirect: &Redirect,
) -> Result<gst::Pipeline, Failure> {
    let pipeline = gst::Pipeline::new();
    // Passes what is right through; some encodings, MJPEG's 4:2:2 for one, are not.
    let convert = make("videoconvert")?;
    let real_time = is_ahead_of_time(&stream.source);
    let caps =
        gst::Caps::builder("video/x-raw").field("format", gst::List::new(["NV12", "I420"])).build();
    let sink = AppSink::builder()
        .caps(&caps)
        .max_buffers(1)
        .drop(true)
        .sync(real_time)
        .qos(false)
        .enable_last_sample(false)
        .wait_on_eos(false)
        .build();
    let arriving = flow.clone();
    sink.set_callbacks(
        AppSinkCallbacks::builder()
            .new_sample(move |sink| {
                let sample = sink.pull_sample().map_err(|_| gst::FlowError::Eos)?;
                arriving.decoded(&sample);
                Ok(gst::FlowSuccess::Ok)
            })
            .build(),
    );
    pipeline
        .add_many([&convert, sink.upcast_ref()])
        .and_then(|()| convert.link(&sink))
        .map_err(|error| Failure::other(error.to_string()))?;
    let source = add_source(&pipeline, stream, flow, moved, redirect)?;
    way::keep_within(&pipeline, &source);
    link_video(&source, &convert, stream.source.clone());
    prepare_decoders(&pipeline, flow, matches!(stream.source, CameraSource::Device(_)));
    Ok(pipeline)
}

/// Whether pictures may come before they are to be seen, and wait for their time then. Over HTTP they
/// come as fast as the network is: segments (HLS), files. What has no end there comes late rather than
/// early, and waits for nothing.
pub fn is_ahead_of_time(source: &CameraSource) -> bool {
    match source {
        CameraSource::File { real_time, .. } => *real_time,
        CameraSource::Stream { url, .. } => matches!(url.scheme(), "http" | "https"),
        CameraSource::Snapshot { .. } | CameraSource::Device(_) => false,
    }
}

/// Adds what opens the camera and decodes what it sends.
fn add_source(
    pipeline: &gst::Pipeline,
    stream: &Stream,
    flow: &Arc<Flow>,
    moved: Option<&Url>,
    redirect: &Redirect,
) -> Result<gst::Element, Failure> {
    let settings = stream.outside.settings.get();
    Ok(match &stream.source {
        CameraSource::File { path, .. } => {
            let path = path.canonicalize().map_err(|error| Failure::other(error.to_string()))?;
            let url = Url::from_file_path(path)
                .map_err(|()| Failure::other("the path is not absolute"))?;
            open(pipeline, &url)?
        }
        CameraSource::Device(path) => {
            let (decoder, pictures) = device::open(pipeline, path)?;
            note_pictures(&pictures, flow);
            decoder
        }
        CameraSource::Stream { url, .. } | CameraSource::Snapshot { url, .. } => {
            web::give_access(pipeline, url, &stream.outside, &flow.segments);
            let url = url.expose();
            let mut bare = moved.unwrap_or(url).clone();
            // Whoever the camera sends on to is told no password.
            let same = bare.host_str() == url.host_str();
            let login = (same && !url.username().is_empty()).then(|| login(url));
            // Credentials are given as properties: addresses end up in messages.
            let _ = bare.set_username("");
            let _ = bare.set_password(None);
            let source =
                open(pipeline, &way::find(bare, &settings.reach).map_err(Failure::other)?)?;
            prepare_source(&source, login, &settings, redirect);
            source
        }
    })
}

/// Adds what opens an address, and decodes what comes from there.
fn open(pipeline: &gst::Pipeline, address: &Url) -> Result<gst::Element, Failure> {
    let decoder = make("uridecodebin")?;
    decoder.set_property("uri", address.as_str());
    decoder.set_property("use-buffering", false);
    pipeline.add(&decoder).map_err(|error| Failure::other(error.to_string()))?;
    Ok(decoder)
}

/// Sets up the element that opens the address, once it is known which it is.
fn prepare_source(
    decoder: &gst::Element,
    login: Option<(String, String)>,
    config: &IngestConfig,
    redirect: &Redirect,
) {
    let latency = u32::try_from(config.latency.as_millis()).unwrap_or(u32::MAX);
    let redirect = redirect.clone();
    decoder.connect("source-setup", false, move |values| {
        let source = values.get(1)?.get::<gst::Element>().ok()?;
        if let Some(web) = source.downcast_ref::<WebSource>() {
            web.set_live(true);
        }
        if source.factory().is_none_or(|factory| factory.name() != "rtspsrc") {
            return None;
        }
        source.set_property_from_str("protocols", "tcp");
        source.set_property("latency", latency);
        source.set_property("drop-on-latency", true);
        source.set_property_from_str("teardown-timeout", "200000000");
        // Sound and metadata are not even asked for.
        source.connect("select-stream", false, |values| {
            let caps = values.get(2)?.get::<gst::Caps>().ok()?;
            let media = caps.structure(0).and_then(|media| media.get::<String>("media").ok());
            Some(media.is_none_or(|media| media == "video").to_value())
        });
        if let Some((user, password)) = &login {
            source.set_property("user-id", user);
            source.set_property("user-pw", password);
        }
        way::note_redirects(&source, &redirect);
        None
    });
}

/// Links the first video that appears. Everything else is left alone.
fn link_video(decoder: &gst::Element, convert: &gst::Element, camera: CameraSource) {
    let convert = convert.downgrade();
    decoder.connect_pad_added(move |_, pad| {
        let Some(sink) = convert.upgrade().and_then(|convert| convert.static_pad("sink")) else {
            return;
        };
        let caps = pad.current_caps().unwrap_or_else(|| pad.query_caps(None));
        let video = caps.structure(0).is_some_and(|caps| caps.name() == "video/x-raw");
        if video
            && !sink.is_linked()
            && let Err(error) = pad.link(&sink)
        {
            warn!(%camera, %error, "a video stream was not linked");
        }
    });
}

/// Notes what arrives at the decoder and when, unless that is `noted` before; and keeps it to few
/// threads.
fn prepare_decoders(pipeline: &gst::Pipeline, flow: &Arc<Flow>, noted: bool) {
    let flow = flow.clone();
    pipeline.connect_deep_element_added(move |_, _, element| {
        // Motion JPEG over HTTP: one stream, and pads are shown when no more can come. Else decodebin
        // holds the pictures back until its queues are full, which small ones never manage.
        if element.find_property("single-stream").is_some() {
            element.set_property("single-stream", true);
        }
        let factory = element.factory();
        let class = factory.as_ref().and_then(|factory| factory.metadata("klass"));
        let is = |word| class.is_some_and(|class| class.contains(word));
        if is("Depayloader")
            && let Some(gauge) = flow.gauge.clone()
            && let Some(pad) = element.static_pad("sink")
        {
            let packets = gst::PadProbeType::BUFFER | gst::PadProbeType::BUFFER_LIST;
            pad.add_probe(packets, move |_, _| {
                gauge.packet();
                gst::PadProbeReturn::Ok
            });
        }
        // JPEG is decoded by what calls itself a decoder of images.
        if !(is("Decoder") && (is("Video") || is("Image"))) {
            return;
        }
        if element
            .find_property("max-threads")
            .is_some_and(|property| property.value_type() == i32::static_type())
        {
            element.set_property("max-threads", DECODER_THREADS);
        }
        if !noted && let Some(pad) = element.static_pad("sink") {
            note_pictures(&pad, &flow);
        }
    });
}

/// Notes each picture that comes through a pad, and when.
fn note_pictures(pad: &gst::Pad, flow: &Arc<Flow>) {
    let flow = flow.clone();
    pad.add_probe(gst::PadProbeType::BUFFER, move |pad, info| {
        if let Some(buffer) = info.buffer() {
            flow.arrived(buffer.pts());
            if let Some(gauge) = &flow.gauge {
                gauge.picture(buffer, pad.current_caps().as_ref());
            }
        }
        gst::PadProbeReturn::Ok
    });
}

/// Lets the pipeline run until it ends, fails, stalls or is not wanted any more.
fn watch(pipeline: &gst::Pipeline, stream: &Stream, flow: &Flow, report: &Report) -> End {
    let Some(bus) = pipeline.bus() else { return End::Failed(Failure::other("no bus")) };
    if pipeline.set_state(gst::State::Playing).is_err() {
        let failure =
            bus.timed_pop_filtered(gst::ClockTime::ZERO, &[gst::MessageType::Error]).map_or_else(
                || Failure::other("it cannot be opened"),
                |message| Failure::of_message(&message),
            );
        return End::Failed(failure);
    }
    let look = gst::ClockTime::from_nseconds(LOOK_INTERVAL.as_nanos() as u64);
    let wanted = [gst::MessageType::Error, gst::MessageType::Eos];
    let mut frames = 0;
    let mut last_frame = Instant::now();
    loop {
        let message = bus.timed_pop_filtered(look, &wanted);
        if report.has_ended() {
            return End::Unwanted;
        }
        if flow.frames() != frames {
            frames = flow.frames();
            last_frame = Instant::now();
            report.tell(StreamState::Running);
        }
        match message.as_ref().map(|message| message.type_()) {
            Some(gst::MessageType::Eos) => match &stream.source {
                CameraSource::File { looped: true, .. } if frames > 0 => {
                    let start = gst::ClockTime::ZERO;
                    if pipeline.seek_simple(gst::SeekFlags::FLUSH, start).is_err() {
                        return End::Failed(Failure::other("the file cannot be played again"));
                    }
                }
                CameraSource::File { .. } if frames > 0 => return End::Finished,
                _ => {
                    let text = "the camera ended the stream";
                    return End::Failed(Failure::new(FailureKind::Ended, text));
                }
            },
            Some(_) => {
                let failure = message.map(|message| Failure::of_message(&message));
                return End::Failed(failure.unwrap_or_else(|| Failure::other("")));
            }
            None => {}
        }
        let silent = last_frame.elapsed();
        let config = stream.outside.settings.get();
        // A segment comes when it is over.
        let first_frame_timeout = config.first_frame_timeout.max(flow.segments.patience());
        let stall_timeout = config.stall_timeout.max(flow.segments.patience());
        if frames == 0 && silent > first_frame_timeout {
            let after = first_frame_timeout.as_secs_f64();
            let text = format!("no frame came within {after} s");
            return End::Failed(Failure::new(FailureKind::Silent, text));
        }
        if frames > 0 && silent > stall_timeout {
            let after = stall_timeout.as_secs_f64();
            let text = format!("no frame came for {after} s");
            return End::Failed(Failure::new(FailureKind::Silent, text));
        }
    }
}

/// Stops a pipeline, in a thread of its own: one that hangs is left behind after the deadline.
fn close(pipeline: gst::Pipeline, camera: &CameraSource, deadline: Duration) {
    let (done, closed) = bounded::<()>(1);
    let closing = camera.clone();
    let work = move || {
        if pipeline.set_state(gst::State::Null).is_err() {
            debug!(camera = %closing, "a stream did not close cleanly");
        }
        // Nobody waits any more when this fails.
        let _ = done.send(());
    };
    match thread::Builder::new().name("teardown".to_owned()).spawn(work) {
        Ok(_) if closed.recv_timeout(deadline).is_err() => {
            warn!(%camera, "a stream did not close in time and was left behind");
        }
        Ok(_) => {}
        Err(error) => warn!(%camera, %error, "a stream was not closed"),
    }
}

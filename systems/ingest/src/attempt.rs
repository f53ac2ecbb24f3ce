//! One attempt at a stream, from opening to its end.

use std::sync::Arc;
use std::sync::atomic::AtomicU64;

use detector_components::camera::{CameraSource, StreamState};
use detector_components::clock::Timepiece;
use detector_components::integrity::FaultCounter;
use detector_components::secret::SecretUrl;
use detector_components::slot::FrameSlot;
use detector_components::timing::Timings;
use gstreamer as gst;
use gstreamer::prelude::*;
use gstreamer_base::prelude::BaseSrcExt;
use url::Url;

use crate::device;
use crate::element::make;
use crate::failure::Failure;
use crate::flow::Flow;
use crate::gauge::Gauge;
use crate::governor::{ConnectLimits, Turn};
use crate::pipeline;
use crate::plugin::Outside;
use crate::rtsp;
use crate::status::Report;
use crate::watch::Watch;
use crate::web::{self, WebSource};

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
    /// What was wrong with pictures, across attempts.
    pub faults: FaultCounter,
    /// How to open and watch it, as it is now; and what asks over HTTP.
    pub outside: Outside,
    /// Measures what flows, for who looks closely.
    pub gauge: Option<Arc<Gauge>>,
}

/// Opens the stream and hands its frames on until it ends. Returns why, and whether frames flowed.
pub fn run(stream: &Stream, report: &Report) -> (End, bool) {
    let Some(turn) = turn(stream, report) else { return (End::Unwanted, false) };
    let flow = Arc::new(Flow::new(stream));
    let end = match &stream.source {
        CameraSource::Stream { url, options } if is_rtsp(url) => {
            rtsp::play(stream, url, *options, turn, &flow, report)
        }
        _ => play(stream, &flow, report),
    };
    (end, flow.frames() > 0)
}

/// Waits for a turn to connect. None: nobody wants the camera any more.
fn turn(stream: &Stream, report: &Report) -> Option<Turn> {
    let host = match &stream.source {
        CameraSource::Stream { url, .. } | CameraSource::Snapshot { url, .. } => {
            url.expose().host_str().unwrap_or_default().to_owned()
        }
        // Nothing to wait for.
        CameraSource::File { path, .. } | CameraSource::Device(path) => path.display().to_string(),
    };
    let config = stream.outside.settings.get();
    let limits = ConnectLimits { all: config.connects, host: config.connects_per_host };
    let mut queued = false;
    let turn = stream.outside.governor.turn(&host, limits, |ahead| {
        queued = true;
        report.tell(StreamState::Queued { ahead: u32::try_from(ahead).unwrap_or(u32::MAX) });
        !report.has_ended()
    });
    if queued && turn.is_some() {
        report.tell(StreamState::Connecting);
    }
    turn
}

fn is_rtsp(url: &SecretUrl) -> bool {
    matches!(url.scheme(), "rtsp" | "rtsps")
}

/// Plays what GStreamer opens: files, devices, what comes over HTTP.
fn play(stream: &Stream, flow: &Arc<Flow>, report: &Report) -> End {
    let pipeline = match build(stream, flow) {
        Ok(pipeline) => pipeline,
        Err(failure) => return End::Failed(failure),
    };
    let end = match Watch::start(&pipeline, stream, flow, report) {
        Ok(watch) => watch.until_end(),
        Err(end) => end,
    };
    pipeline::close(pipeline, &stream.source, stream.outside.settings.get().teardown_deadline);
    end
}

/// A pipeline that opens the camera's address.
fn build(stream: &Stream, flow: &Arc<Flow>) -> Result<gst::Pipeline, Failure> {
    let real_time = matches!(stream.source, CameraSource::File { real_time: true, .. });
    let (pipeline, convert) = pipeline::with_frames_to(flow, real_time)?;
    let source = add_source(&pipeline, stream)?;
    pipeline::link_video(&source, &convert, stream.source.clone());
    pipeline::prepare_elements(&pipeline, flow);
    Ok(pipeline)
}

/// Adds what opens the camera and decodes what it sends.
fn add_source(pipeline: &gst::Pipeline, stream: &Stream) -> Result<gst::Element, Failure> {
    match &stream.source {
        CameraSource::File { path, .. } => {
            let path = path.canonicalize().map_err(|error| Failure::other(error.to_string()))?;
            let text = path.to_str().ok_or_else(|| Failure::other("the path is not UTF-8"))?;
            let (source, decoder) = (make("filesrc")?, make("decodebin")?);
            source.set_property("location", text);
            pipeline
                .add_many([&source, &decoder])
                .and_then(|()| source.link(&decoder))
                .map_err(|error| Failure::other(error.to_string()))?;
            Ok(decoder)
        }
        CameraSource::Device(path) => device::open(pipeline, path),
        CameraSource::Stream { url, .. } | CameraSource::Snapshot { url, .. } => {
            web::give_access(pipeline, url, &stream.outside);
            let mut bare = url.expose().clone();
            // Credentials come with the access: addresses end up in messages.
            let _ = bare.set_username("");
            let _ = bare.set_password(None);
            let reach = stream.outside.settings.get().reach;
            reach.check(&bare).map_err(|forbidden| Failure::other(forbidden.to_string()))?;
            let source = open(pipeline, &bare)?;
            source.connect("source-setup", false, |values| {
                let source = values.get(1)?.get::<gst::Element>().ok()?;
                if let Some(web) = source.downcast_ref::<WebSource>() {
                    web.set_live(true);
                }
                None
            });
            Ok(source)
        }
    }
}

/// Adds what opens an address, and decodes what comes from there.
fn open(pipeline: &gst::Pipeline, address: &Url) -> Result<gst::Element, Failure> {
    let decoder = make("uridecodebin")?;
    decoder.set_property("uri", address.as_str());
    decoder.set_property("use-buffering", false);
    pipeline.add(&decoder).map_err(|error| Failure::other(error.to_string()))?;
    Ok(decoder)
}

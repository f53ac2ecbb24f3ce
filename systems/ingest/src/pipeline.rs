//! GStreamer pipelines: whatever gives coded pictures, a decoder, and the end where frames come out.

use std::sync::Arc;
use std::thread;
use std::time::Duration;

use crossbeam_channel::bounded;
use detector_components::camera::CameraSource;
use gstreamer as gst;
use gstreamer::prelude::*;
use gstreamer_app::{AppSink, AppSinkCallbacks};
use tracing::{debug, warn};

use crate::element::make;
use crate::failure::Failure;
use crate::flow::Flow;

/// Threads of a decoder. More would add a frame of delay each, and cameras are many. It is also what
/// lets a decoder's complaints be told apart ([`decoder_log`](crate::decoder_log)).
const DECODER_THREADS: i32 = 1;

/// The end of every pipeline: frames in a format that is understood go to `flow`.
///
/// `real_time` gives them out at the speed they were taken, for sources that run ahead.
pub fn with_frames_to(
    flow: &Arc<Flow>,
    real_time: bool,
) -> Result<(gst::Pipeline, gst::Element), Failure> {
    let pipeline = gst::Pipeline::new();
    // Passes what is right through; some encodings, MJPEG's 4:2:2 for one, are not.
    let convert = make("videoconvert")?;
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
    let receiving = flow.clone();
    sink.set_callbacks(
        AppSinkCallbacks::builder()
            .new_sample(move |sink| {
                let sample = sink.pull_sample().map_err(|_| gst::FlowError::Eos)?;
                receiving.decoded(&sample);
                Ok(gst::FlowSuccess::Ok)
            })
            .build(),
    );
    pipeline
        .add_many([&convert, sink.upcast_ref()])
        .and_then(|()| convert.link(&sink))
        .map_err(|error| Failure::other(error.to_string()))?;
    Ok((pipeline, convert))
}

/// Links the first video that appears at `source`. Everything else is left alone.
pub fn link_video(source: &gst::Element, convert: &gst::Element, camera: CameraSource) {
    let convert = convert.downgrade();
    source.connect_pad_added(move |_, pad| {
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

/// Sets up each element that a pipeline makes for itself: whatever comes to a decoder passes `flow`
/// first.
pub fn prepare_elements(pipeline: &gst::Pipeline, flow: &Arc<Flow>) {
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
        // A decoder may begin at every key picture, so each needs its parameter sets with it.
        if is("Parser") && element.find_property("config-interval").is_some() {
            element.set_property_from_str("config-interval", "-1");
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
        if let Some(pad) = element.static_pad("sink") {
            guard(&pad, &flow);
        }
    });
}

/// Lets only those coded pictures through a pad that `flow` allows.
pub fn guard(pad: &gst::Pad, flow: &Arc<Flow>) {
    let flow = flow.clone();
    pad.add_probe(gst::PadProbeType::BUFFER, move |pad, info| {
        let Some(gst::PadProbeData::Buffer(buffer)) = &mut info.data else {
            return gst::PadProbeReturn::Ok;
        };
        match flow.coded(buffer, pad.current_caps().as_deref()) {
            true => gst::PadProbeReturn::Ok,
            // Consumed: what is dropped here is not passed on.
            false => gst::PadProbeReturn::Handled,
        }
    });
}

/// Stops a pipeline, in a thread of its own: one that hangs is left behind after the deadline.
pub fn close(pipeline: gst::Pipeline, camera: &CameraSource, deadline: Duration) {
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

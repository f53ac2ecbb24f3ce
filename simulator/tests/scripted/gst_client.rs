//! GStreamer's RTSP source and FFmpeg's decoders: a client that nobody here wrote.

use std::time::Instant;

use detector_components::frame::{ColorMatrix, ColorSpace, PixelFormat, Pixels};
use detector_components::geometry::Size;
use detector_simulator::{Codec, NumberedScene};
use gstreamer as gst;
use gstreamer::prelude::*;
use gstreamer_app::AppSink;

use super::PATIENCE;

/// Watches a camera and decodes what it sends.
pub struct GstClient {
    pipeline: gst::Pipeline,
    sink: AppSink,
}

impl GstClient {
    /// Over TCP.
    pub fn watch(url: &url::Url, codec: Codec) -> Self {
        Self::watch_with(url, codec, "protocols=tcp latency=0")
    }

    /// With other properties of `rtspsrc`.
    pub fn watch_with(url: &url::Url, codec: Codec, properties: &str) -> Self {
        gst::init().unwrap();
        let decode = match codec {
            Codec::H264 => "rtph264depay ! avdec_h264 max-threads=1",
            Codec::H265 => "rtph265depay ! avdec_h265 max-threads=1",
            Codec::Jpeg => "rtpjpegdepay ! jpegdec",
            Codec::Mpeg4 => "rtpmp4vdepay ! avdec_mpeg4",
            Codec::Vp8 => "rtpvp8depay ! vp8dec",
        };
        let pipeline = gst::parse::launch(&format!(
            "rtspsrc name=camera {properties} tcp-timeout=5000000 ! {decode} ! videoconvert ! \
             video/x-raw,format=I420 ! appsink name=pictures sync=false max-buffers=500"
        ))
        .unwrap()
        .downcast::<gst::Pipeline>()
        .unwrap();
        pipeline.by_name("camera").unwrap().set_property("location", url.as_str());
        let sink = pipeline.by_name("pictures").unwrap().downcast::<AppSink>().unwrap();
        // A refusal is found on the bus.
        let _ = pipeline.set_state(gst::State::Playing);
        Self { pipeline, sink }
    }

    /// The next picture, or why there is none.
    pub fn next(&self) -> Result<Pixels, String> {
        let deadline = Instant::now() + PATIENCE;
        let bus = self.pipeline.bus().unwrap();
        loop {
            if let Some(sample) = self.sink.try_pull_sample(gst::ClockTime::from_mseconds(20)) {
                return Ok(pixels(&sample));
            }
            let message = bus.pop_filtered(&[gst::MessageType::Error]);
            if let Some(gst::MessageView::Error(error)) = message.as_ref().map(|m| m.view()) {
                return Err(format!("{} ({:?})", error.error(), error.debug()));
            }
            if self.sink.is_eos() {
                return Err("the stream ended".to_owned());
            }
            if deadline < Instant::now() {
                return Err("no picture in time".to_owned());
            }
        }
    }

    /// The numbers of the next pictures, each of which must be right.
    #[track_caller]
    pub fn right_numbers(&self, scene: &NumberedScene, count: usize) -> Vec<u64> {
        let mut numbers = Vec::new();
        for _ in 0..count {
            let picture = self.next().unwrap();
            let number = NumberedScene::identify(&picture).expect("a picture with its number");
            let (all, worst) = (scene.psnr(&picture, number), scene.worst_psnr(&picture, number));
            assert!(all >= NumberedScene::RIGHT_PSNR, "picture {number} has {all:.1} dB");
            assert!(worst >= NumberedScene::UNDAMAGED_PSNR, "a part of {number} has {worst:.1} dB");
            numbers.push(number);
        }
        numbers
    }
}

impl Drop for GstClient {
    fn drop(&mut self) {
        let _ = self.pipeline.set_state(gst::State::Null);
    }
}

fn pixels(sample: &gst::Sample) -> Pixels {
    let caps = sample.caps().unwrap().structure(0).unwrap();
    let side = |name| caps.get::<i32>(name).unwrap() as u32;
    let size = Size { width: side("width"), height: side("height") };
    let map = sample.buffer().unwrap().map_readable().unwrap();
    let strides: Vec<usize> = PixelFormat::I420
        .plane_sizes(size)
        .iter()
        .map(|&(row, _)| row.next_multiple_of(4))
        .collect();
    let mut rest = &map[..];
    let mut planes = Vec::new();
    for (stride, (_, rows)) in strides.iter().zip(PixelFormat::I420.plane_sizes(size)) {
        let (plane, after) = rest.split_at(stride * rows.next_multiple_of(2).min(rest.len()));
        planes.push(plane.to_vec());
        rest = after;
    }
    let color = ColorSpace { matrix: ColorMatrix::Bt601, full_range: false };
    Pixels::new(PixelFormat::I420, size, strides, color, planes).unwrap()
}

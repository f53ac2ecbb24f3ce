//! A video in memory, ready to be sent over and over.

use std::path::Path;

use gstreamer as gst;
use gstreamer::prelude::*;
use gstreamer_app::AppSink;

use crate::error::SimulatorError;

/// What is kept in memory of one video: about an hour of a camera's usual stream.
const MAX_BYTES: usize = 1 << 30;

/// The compressed pictures of a video. The first one is a key frame.
#[derive(Clone, Debug)]
pub struct Clip {
    pub caps: gst::Caps,
    /// In the order in which they are sent, with timestamps from zero on that never fall.
    pub pictures: Vec<gst::Buffer>,
    /// From the first picture to the end of the last.
    pub length: gst::ClockTime,
}

/// How one picture per buffer leaves the reader.
const H264: &str = "h264parse config-interval=-1 ! \
                    video/x-h264,stream-format=byte-stream,alignment=au ! \
                    appsink name=pictures sync=false max-buffers=64";

impl Clip {
    /// Reads a video. What cannot be sent as it is is encoded, which takes a while.
    pub fn read(path: &Path) -> Result<Self, SimulatorError> {
        match Self::read_through(path, &format!("parsebin name=streams ! {H264}")) {
            Ok(clip) if clip.can_be_sent() => Ok(clip),
            Err(error @ SimulatorError::FileTooLarge { .. }) => Err(error),
            // Another codec, or B-frames: RTP cameras send pictures in the order of their display.
            Ok(_) | Err(_) => Self::read_through(
                path,
                &format!(
                    "decodebin ! videoconvert ! video/x-raw,format=I420 ! \
                     x264enc tune=zerolatency speed-preset=veryfast pass=qual quantizer=23 \
                     key-int-max=50 ! {H264}"
                ),
            ),
        }
    }

    fn read_through(path: &Path, description: &str) -> Result<Self, SimulatorError> {
        let failed = |reason: String| SimulatorError::File { path: path.to_owned(), reason };
        let pipeline = gst::parse::launch(&format!("filesrc name=file ! {description}"))
            .map_err(|error| failed(error.to_string()))?
            .downcast::<gst::Pipeline>()
            .expect("several elements make a pipeline");
        let pipeline = Running(pipeline);
        pipeline
            .0
            .by_name("file")
            .expect("it is in the description")
            .set_property("location", path);
        let sink = pipeline.0.by_name("pictures").expect("it is in the description");
        let sink = sink.downcast::<AppSink>().expect("it is an appsink in the description");
        if let Some(streams) = pipeline.0.by_name("streams") {
            streams.connect_pad_added(refuse_other_codecs);
        }
        // A refused state says why on the bus, which is read below.
        let _ = pipeline.0.set_state(gst::State::Playing);

        let mut caps = None;
        let mut pictures: Vec<gst::Buffer> = Vec::new();
        let (mut bytes, mut first, mut end) = (0, None, gst::ClockTime::ZERO);
        let bus = pipeline.0.bus().expect("every pipeline has one");
        loop {
            // An error before the first picture does not reach the sink: both are looked at.
            let Some(sample) = sink.try_pull_sample(gst::ClockTime::from_mseconds(100)) else {
                let ended = sink.is_eos();
                match bus.pop_filtered(&[gst::MessageType::Error]).as_ref().map(|m| m.view()) {
                    Some(gst::MessageView::Error(error)) => {
                        return Err(failed(error.error().to_string()));
                    }
                    _ if ended => break,
                    _ => continue,
                }
            };
            let (Some(buffer), Some(sample_caps)) = (sample.buffer(), sample.caps()) else {
                continue;
            };
            let key = !buffer.flags().contains(gst::BufferFlags::DELTA_UNIT);
            let Some(pts) = buffer.pts() else {
                return Err(failed("a picture has no timestamp".to_owned()));
            };
            if pictures.is_empty() && !key {
                continue;
            }
            caps.get_or_insert_with(|| sample_caps.to_owned());
            bytes += buffer.size();
            if bytes > MAX_BYTES {
                return Err(SimulatorError::FileTooLarge {
                    path: path.to_owned(),
                    limit: MAX_BYTES,
                });
            }
            let first = *first.get_or_insert(pts);
            // The last picture's length is not always said: that of the one before is as good.
            let step = buffer.duration().unwrap_or_else(|| pts.saturating_sub(first + end));
            let mut picture = buffer.copy_deep().map_err(|error| failed(error.to_string()))?;
            {
                let picture = picture.get_mut().expect("a new copy has one owner");
                picture.set_pts(pts.checked_sub(first));
                picture.set_dts(gst::ClockTime::NONE);
            }
            pictures.push(picture);
            end = end.max(pts.saturating_sub(first) + step);
        }
        let (Some(caps), false) = (caps, pictures.is_empty()) else {
            return Err(failed("there is no picture in it".to_owned()));
        };
        let length = end.max(gst::ClockTime::from_mseconds(1));
        Ok(Self { caps, pictures, length })
    }

    /// Whether timestamps never fall, as they do where B-frames are.
    fn can_be_sent(&self) -> bool {
        self.pictures.iter().all(|picture| picture.pts().is_some())
            && self.pictures.is_sorted_by_key(|picture| picture.pts())
    }

    /// A picture by its number, which goes on after the end of the clip.
    pub fn picture(&self, number: u64) -> gst::Buffer {
        let count = self.pictures.len() as u64;
        let start = self.length.nseconds().saturating_mul(number / count);
        // The bytes are shared: only the timestamps are copied.
        let mut picture = self.pictures[(number % count) as usize].copy();
        let shown = picture.make_mut();
        let pts = shown.pts().map_or(0, gst::ClockTime::nseconds).saturating_add(start);
        shown.set_pts(gst::ClockTime::from_nseconds(pts));
        if number > 0 && number.is_multiple_of(count) {
            shown.set_flags(gst::BufferFlags::RESYNC);
        }
        picture
    }
}

/// Says that a video cannot be linked. Without this nobody would: the demuxer's own complaint is lost
/// when it comes before `parsebin` has shown all of its pads, and reading would never end.
fn refuse_other_codecs(streams: &gst::Element, pad: &gst::Pad) {
    let caps = pad.current_caps().unwrap_or_else(|| pad.query_caps(None));
    let Some(name) = caps.structure(0).map(|structure| structure.name()) else { return };
    let picture = name.starts_with("video/") || name.starts_with("image/");
    if picture && name != "video/x-h264" {
        gst::element_error!(streams, gst::StreamError::WrongType, ("{name} is not video/x-h264"));
    }
}

/// A pipeline that is stopped when it goes out of scope.
struct Running(gst::Pipeline);

impl Drop for Running {
    fn drop(&mut self) {
        // Stopping a file reader cannot fail in a way that matters.
        let _ = self.0.set_state(gst::State::Null);
    }
}

//! Numbered pictures through GStreamer's encoders.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, OnceLock};
use std::thread;

use bytes::Bytes;
use gstreamer as gst;
use gstreamer::prelude::*;
use gstreamer_app::{AppSink, AppSrc};

use super::{Codec, Elementary};
use crate::error::SimulatorError;
use crate::numbered::NumberedScene;

/// How a [`NumberedScene`] is compressed.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Encoding {
    /// By which codec.
    pub codec: Codec,
    /// What is shown.
    pub scene: NumberedScene,
    /// How many pictures there are before the first one comes again.
    pub pictures: u32,
    /// Pictures a second.
    pub fps: u32,
    /// From key picture to key picture, in pictures. Each is a key picture with JPEG.
    pub gop: u32,
    /// Pictures between two that are predicted from one side only. H.264 and H.265.
    pub b_frames: u32,
    /// Pieces of a picture that are decoded by themselves. H.264 and H.265.
    pub slices: u32,
    /// Instead of key pictures, columns of intra blocks that wander through the picture within a
    /// group: the first picture alone is a key picture. H.264.
    pub intra_refresh: bool,
    /// Key pictures are CRA pictures with leading pictures (RASL) after them. H.265 with B-frames.
    pub open_gop: bool,
    /// The quality of JPEG, 1 to 100. At 100 both quantisation tables are the same.
    pub jpeg_quality: u32,
}

impl Encoding {
    /// 120 pictures of 320 x 240 pixels at 10 a second, a key picture every 20, one slice each.
    pub fn new(codec: Codec) -> Self {
        Self {
            codec,
            scene: NumberedScene::default(),
            pictures: 120,
            fps: 10,
            gop: 20,
            b_frames: 0,
            slices: 1,
            intra_refresh: false,
            open_gop: false,
            jpeg_quality: 85,
        }
    }

    /// With a key picture every `gop` pictures, and at least one whole group.
    pub fn gop(self, gop: u32) -> Self {
        let gop = gop.max(1);
        Self { gop, pictures: self.pictures.div_ceil(gop).max(1) * gop, ..self }
    }

    /// At so many pictures a second.
    pub fn fps(self, fps: u32) -> Self {
        Self { fps, ..self }
    }

    /// The compressed pictures. They are made once for each process.
    ///
    /// # Errors
    /// When the size or the rate is none of a video, or the encoder is not installed.
    pub fn encode(&self) -> Result<Arc<Elementary>, SimulatorError> {
        static MADE: OnceLock<Mutex<HashMap<Encoding, Arc<Elementary>>>> = OnceLock::new();
        let made = MADE.get_or_init(Mutex::default);
        // Held while encoding: two that want the same wait for one.
        let mut made = made.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
        if let Some(elementary) = made.get(self) {
            return Ok(elementary.clone());
        }
        let elementary = Arc::new(self.run()?);
        made.insert(self.clone(), elementary.clone());
        Ok(elementary)
    }

    fn check(&self) -> Result<(), SimulatorError> {
        let size = self.scene.size;
        let good =
            |side: u32, least: u32| (least..=4_096).contains(&side) && side.is_multiple_of(2);
        let wanted = good(size.width, 64) && good(size.height, 48) && (1..=120).contains(&self.fps);
        if !wanted {
            return Err(SimulatorError::Format { size, fps: self.fps });
        }
        if !(1..=20_000).contains(&self.pictures) || self.gop == 0 {
            return Err(SimulatorError::Encoding {
                reason: format!("{} pictures in groups of {}", self.pictures, self.gop),
            });
        }
        Ok(())
    }

    /// The encoder with its options, and the caps that it is to give.
    fn encoder(&self) -> (&'static str, &'static str, String) {
        let Self { gop, b_frames, slices, .. } = self;
        match self.codec {
            Codec::H264 => (
                "x264enc",
                "gstreamer1.0-plugins-ugly",
                format!(
                    "x264enc speed-preset=superfast pass=qual quantizer=22 key-int-max={gop} \
                     bframes={b_frames} b-adapt=false intra-refresh={} rc-lookahead=0 \
                     mb-tree=false threads=1 option-string=\"scenecut=0:min-keyint={gop}:\
                     slices={slices}:sliced-threads=0:open-gop=0:weightp=0\" ! \
                     video/x-h264,stream-format=byte-stream,alignment=au",
                    self.intra_refresh
                ),
            ),
            Codec::H265 => {
                // Threads that wait for each other are slow where there are more threads than cores.
                // Only slices need them.
                let threads = match slices {
                    1 => "pools=none:wpp=0:frame-threads=1".to_owned(),
                    _ => format!("slices={slices}:frame-threads=1"),
                };
                (
                    "x265enc",
                    "gstreamer1.0-plugins-bad",
                    format!(
                        "x265enc speed-preset=ultrafast key-int-max={gop} option-string=\"crf=24:\
                     min-keyint={gop}:scenecut=0:bframes={b_frames}:b-adapt=0:repeat-headers=1:\
                     open-gop={}:{threads}:log-level=error\" ! \
                     video/x-h265,stream-format=byte-stream,alignment=au",
                        u8::from(self.open_gop)
                    ),
                )
            }
            Codec::Jpeg => (
                "jpegenc",
                "gstreamer1.0-plugins-good",
                format!("jpegenc quality={}", self.jpeg_quality),
            ),
            Codec::Mpeg4 => (
                "avenc_mpeg4",
                "gstreamer1.0-libav",
                format!("avenc_mpeg4 gop-size={gop} bitrate=8000000 qmax=4 max-bframes=0"),
            ),
            Codec::Vp8 => (
                "vp8enc",
                "gstreamer1.0-plugins-good",
                format!(
                    "vp8enc deadline=1 cpu-used=8 keyframe-max-dist={gop} end-usage=cq cq-level=10 \
                     target-bitrate=4000000 lag-in-frames=0"
                ),
            ),
        }
    }

    fn run(&self) -> Result<Elementary, SimulatorError> {
        self.check()?;
        gst::init().map_err(SimulatorError::GStreamer)?;
        let (element, package, encoder) = self.encoder();
        if gst::ElementFactory::find(element).is_none() {
            return Err(SimulatorError::MissingElement { element, package });
        }
        let failed = |reason: String| SimulatorError::Encoding { reason };
        let pipeline = gst::parse::launch(&format!(
            "appsrc name=pictures format=time block=true max-bytes=16000000 ! {encoder} ! \
             appsink name=units sync=false"
        ))
        .map_err(|error| failed(error.to_string()))?
        .downcast::<gst::Pipeline>()
        .expect("several elements make a pipeline");
        let named = |name| pipeline.by_name(name).expect("it is in the description");
        let source = named("pictures").downcast::<AppSrc>().expect("it is an appsrc");
        let sink = named("units").downcast::<AppSink>().expect("it is an appsink");
        let size = self.scene.size;
        source.set_caps(Some(
            &gst::Caps::builder("video/x-raw")
                .field("format", "I420")
                .field("width", size.width as i32)
                .field("height", size.height as i32)
                .field("framerate", gst::Fraction::new(self.fps as i32, 1))
                .build(),
        ));
        // A refused state says why on the bus, which is read below.
        let _ = pipeline.set_state(gst::State::Playing);
        let pictures = thread::scope(|scope| {
            scope.spawn(|| self.push(&source));
            let pictures = pull(&pipeline, &sink);
            // Also ends the thread above, if it still waits for room.
            let _ = pipeline.set_state(gst::State::Null);
            pictures
        })
        .map_err(failed)?;
        if pictures.len() != self.pictures as usize {
            let reason = format!("{} of {} pictures came out", pictures.len(), self.pictures);
            return Err(failed(reason));
        }
        // Encoders may move all timestamps, and some do not set them: what counts is their order, and
        // that only where it is not the order of coding.
        let mut order: Vec<gst::ClockTime> = pictures.iter().map(|&(pts, _)| pts).collect();
        order.sort_unstable();
        let rank = |pts| order.partition_point(|&other| other < pts) as u64;
        let numbers: Vec<u64> = if self.b_frames == 0 {
            (0..).take(pictures.len()).collect()
        } else {
            pictures.iter().map(|&(pts, _)| rank(pts)).collect()
        };
        let pictures = pictures.into_iter().map(|(_, bytes)| bytes).collect();
        Elementary::new(self.codec, size, f64::from(self.fps), pictures, &numbers)
            .ok_or_else(|| failed("there is no key picture".to_owned()))
    }

    fn push(&self, source: &AppSrc) {
        // Also if drawing panics: whoever waits for pictures must not wait for ever.
        let _end = EndOfStream(source);
        let duration = gst::ClockTime::SECOND / u64::from(self.fps);
        for number in 0..u64::from(self.pictures) {
            let picture = self.scene.draw(number);
            let mut bytes = Vec::new();
            let planes = picture.format().plane_sizes(picture.size());
            for (plane, (row, rows)) in planes.into_iter().enumerate() {
                // GStreamer's rows begin at multiples of four bytes, and chroma's rows are even.
                let stride = row.next_multiple_of(4);
                for line in picture.plane(plane).chunks(picture.strides()[plane]).take(rows) {
                    bytes.extend_from_slice(&line[..row]);
                    bytes.resize(bytes.len() + stride - row, 0);
                }
            }
            let mut buffer = gst::Buffer::from_mut_slice(bytes);
            if let Some(buffer) = buffer.get_mut() {
                buffer.set_pts(duration * number);
                buffer.set_duration(duration);
            }
            // Refused when the encoder has failed: the bus says why.
            if source.push_buffer(buffer).is_err() {
                return;
            }
        }
    }
}

/// Ends a stream when it is dropped.
struct EndOfStream<'a>(&'a AppSrc);

impl Drop for EndOfStream<'_> {
    fn drop(&mut self) {
        // Refused when the encoder has failed: the bus says why.
        let _ = self.0.end_of_stream();
    }
}

/// What comes out, with its timestamps, or why nothing does.
fn pull(pipeline: &gst::Pipeline, sink: &AppSink) -> Result<Vec<(gst::ClockTime, Bytes)>, String> {
    let bus = pipeline.bus().expect("every pipeline has one");
    let mut pictures = Vec::new();
    loop {
        if let Some(sample) = sink.try_pull_sample(gst::ClockTime::from_mseconds(100)) {
            let Some((buffer, pts)) = sample.buffer().and_then(|b| b.pts().map(|pts| (b, pts)))
            else {
                return Err("a picture has no timestamp".to_owned());
            };
            let map = buffer.map_readable().map_err(|error| error.to_string())?;
            pictures.push((pts, Bytes::copy_from_slice(&map)));
            continue;
        }
        let ended = sink.is_eos();
        let message = bus.pop_filtered(&[gst::MessageType::Error]);
        match message.as_ref().map(|message| message.view()) {
            Some(gst::MessageView::Error(error)) => return Err(error.error().to_string()),
            _ if ended => return Ok(pictures),
            _ => {}
        }
    }
}

//! Pictures to coded pictures and back, with GStreamer's encoders and the decoders that cameras' streams meet.

use std::thread;

use detector_components::frame::{ColorMatrix, ColorSpace, PixelFormat, Pixels};
use detector_components::geometry::Size;
use gstreamer as gst;
use gstreamer::prelude::*;
use gstreamer_app::{AppSink, AppSrc};
use gstreamer_video::prelude::*;
use gstreamer_video::{VideoFrame, VideoInfo};

/// Video's usual colours.
const VIDEO: ColorSpace = ColorSpace { matrix: ColorMatrix::Bt709, full_range: false };

/// A picture: the planes of I420 one after the other, of even sides.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Picture {
    /// Columns and rows.
    pub size: Size,
    /// Luma, U, V.
    pub samples: Vec<u8>,
}

impl Picture {
    /// One colour.
    pub fn filled(size: Size, [y, u, v]: [u8; 3]) -> Self {
        let luma = (size.width * size.height) as usize;
        let mut samples = vec![y; luma];
        samples.resize(luma + luma / 4, u);
        samples.resize(luma + luma / 2, v);
        Self { size, samples }
    }

    /// Luma.
    pub fn luma(&self) -> &[u8] {
        &self.samples[..(self.size.width * self.size.height) as usize]
    }

    /// All planes.
    pub fn planes(&self) -> [&[u8]; 3] {
        let (y, chroma) = self.samples.split_at(self.luma().len());
        let (u, v) = chroma.split_at(y.len() / 4);
        [y, u, v]
    }

    /// All planes, to draw on.
    pub fn planes_mut(&mut self) -> [&mut [u8]; 3] {
        let luma = (self.size.width * self.size.height) as usize;
        let (y, chroma) = self.samples.split_at_mut(luma);
        let (u, v) = chroma.split_at_mut(luma / 4);
        [y, u, v]
    }

    /// As the check takes it.
    pub fn pixels(&self) -> Pixels {
        let width = self.size.width as usize;
        let planes = self.planes().map(<[u8]>::to_vec).to_vec();
        let strides = vec![width, width / 2, width / 2];
        Pixels::new(PixelFormat::I420, self.size, strides, VIDEO, planes)
            .expect("the planes have this size")
    }

    /// Peak signal-to-noise ratio of luma in dB; 99 for equal pictures.
    pub fn psnr(&self, other: &Self) -> f64 {
        let pairs = self.luma().iter().zip(other.luma());
        let squares: u64 = pairs.map(|(a, b)| u64::from(a.abs_diff(*b)).pow(2)).sum();
        if squares == 0 {
            return 99.0;
        }
        10.0 * (255.0 * 255.0 * self.luma().len() as f64 / squares as f64).log10()
    }
}

/// A way of coding.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Codec {
    /// x264, decoded by libavcodec.
    H264,
    /// x265, decoded by libavcodec.
    H265,
    /// libjpeg.
    Jpeg,
}

impl Codec {
    fn encoder(self) -> &'static str {
        match self {
            Self::H264 => "x264enc tune=zerolatency speed-preset=veryfast threads=1",
            Self::H265 => "x265enc tune=zerolatency speed-preset=ultrafast",
            Self::Jpeg => "jpegenc",
        }
    }

    fn parser(self) -> &'static str {
        match self {
            Self::H264 => {
                "h264parse config-interval=-1 ! video/x-h264,stream-format=byte-stream,alignment=au"
            }
            Self::H265 => {
                "h265parse config-interval=-1 ! video/x-h265,stream-format=byte-stream,alignment=au"
            }
            Self::Jpeg => "identity",
        }
    }

    fn decoder(self) -> &'static str {
        match self {
            // One thread: the same damage looks the same each time.
            Self::H264 => "avdec_h264 max-threads=1",
            Self::H265 => "avdec_h265 max-threads=1",
            Self::Jpeg => "jpegdec",
        }
    }
}

/// A coded picture.
#[derive(Clone)]
pub struct Coded {
    /// An access unit in byte-stream format, or a JPEG.
    pub bytes: Vec<u8>,
    /// Which picture it is.
    pub number: u64,
}

/// Coded pictures of one stream, and what they are.
#[derive(Clone)]
pub struct Stream {
    /// How they are coded.
    pub codec: Codec,
    /// In coding order, which is that of their display.
    pub pictures: Vec<Coded>,
    caps: gst::Caps,
}

/// Codes pictures, of one size.
pub fn encode(
    codec: Codec,
    options: &str,
    size: Size,
    pictures: impl Iterator<Item = Picture> + Send + 'static,
) -> Stream {
    let mut stream = Stream { codec, pictures: Vec::new(), caps: raw_caps(size) };
    let description = format!("{} {options} ! {}", codec.encoder(), codec.parser());
    let raw = pictures.map(|picture| picture.samples);
    run(&description, &raw_caps(size), raw.enumerate(), |_, sample| {
        stream.caps = sample.caps().expect("a sample has caps").to_owned();
        // There are no B-frames, and encoders may begin with another time than zero.
        let number = stream.pictures.len() as u64;
        stream.pictures.push(Coded { bytes: bytes(sample), number });
    });
    stream
}

/// Decodes what a camera's stream gave, and shows each picture with its number.
pub fn decode(stream: &Stream, mut show: impl FnMut(u64, Picture)) {
    let description =
        format!("{} ! videoconvert ! video/x-raw,format=I420", stream.codec.decoder());
    let coded: Vec<_> = stream
        .pictures
        .iter()
        .filter(|coded| !coded.bytes.is_empty())
        .map(|coded| (coded.number as usize, coded.bytes.clone()))
        .collect();
    run(&description, &stream.caps, coded.into_iter(), |number, sample| {
        show(number, picture(sample));
    });
}

/// Codes and decodes in one go, without keeping anything.
pub fn pass(
    codec: Codec,
    options: &str,
    size: Size,
    pictures: impl Iterator<Item = Picture> + Send + 'static,
    mut show: impl FnMut(u64, Picture),
) {
    let description = format!(
        "{} {options} ! {} ! {} ! videoconvert ! video/x-raw,format=I420",
        codec.encoder(),
        codec.parser(),
        codec.decoder()
    );
    let raw = pictures.map(|picture| picture.samples);
    let mut number = 0;
    run(&description, &raw_caps(size), raw.enumerate(), |_, sample| {
        show(number, picture(sample));
        number += 1;
    });
}

/// Decodes a file, scaled to a size without regard to its shape.
pub fn read(path: &std::path::Path, size: Size) -> Vec<Picture> {
    let pipeline = launch(&format!(
        "filesrc name=file ! decodebin ! videoconvert ! videoscale add-borders=false ! \
         video/x-raw,format=I420,width={},height={},pixel-aspect-ratio=1/1 ! \
         appsink name=sink sync=false max-buffers=4",
        size.width, size.height
    ));
    pipeline.by_name("file").expect("it is named").set_property("location", path);
    let mut pictures = Vec::new();
    pull(&pipeline, |_, sample| pictures.push(picture(sample)));
    pictures
}

/// One second has this many numbers: timestamps carry them through encoder and decoder.
const RATE: u64 = 10;

fn run(
    description: &str,
    caps: &gst::Caps,
    buffers: impl Iterator<Item = (usize, Vec<u8>)> + Send + 'static,
    show: impl FnMut(u64, &gst::Sample),
) {
    let pipeline = launch(&format!(
        "appsrc name=src format=time block=true max-buffers=4 ! {description} ! \
         appsink name=sink sync=false max-buffers=4"
    ));
    let source = pipeline.by_name("src").and_downcast::<AppSrc>().expect("it is an appsrc");
    source.set_caps(Some(caps));
    let feeder = thread::spawn(move || {
        for (number, bytes) in buffers {
            let mut buffer = gst::Buffer::from_mut_slice(bytes);
            let step = gst::ClockTime::SECOND / RATE;
            let made = buffer.get_mut().expect("it is new");
            made.set_pts(step * number as u64);
            made.set_duration(step);
            if source.push_buffer(buffer).is_err() {
                return;
            }
        }
        // When it does not flow any more, nobody waits for the end.
        let _ = source.end_of_stream();
    });
    pull(&pipeline, show);
    feeder.join().expect("it only pushes");
}

fn pull(pipeline: &gst::Pipeline, mut show: impl FnMut(u64, &gst::Sample)) {
    let sink = pipeline.by_name("sink").and_downcast::<AppSink>().expect("it is an appsink");
    pipeline.set_state(gst::State::Playing).expect("the elements are installed");
    let bus = pipeline.bus().expect("every pipeline has one");
    loop {
        match sink.try_pull_sample(gst::ClockTime::from_mseconds(200)) {
            Some(sample) => {
                let pts = sample.buffer().and_then(|buffer| buffer.pts()).unwrap_or_default();
                let step = gst::ClockTime::SECOND / RATE;
                show((pts + step / 2) / step, &sample);
            }
            None if sink.is_eos() => break,
            None => {
                if let Some(message) = bus.pop_filtered(&[gst::MessageType::Error]) {
                    eprintln!("{message:?}");
                    break;
                }
            }
        }
    }
    pipeline.set_state(gst::State::Null).expect("stopping works");
}

fn launch(description: &str) -> gst::Pipeline {
    init();
    gst::parse::launch(description)
        .unwrap_or_else(|error| panic!("{description}: {error}"))
        .downcast()
        .expect("several elements make a pipeline")
}

fn init() {
    gst::init().expect("GStreamer is installed");
}

fn raw_caps(size: Size) -> gst::Caps {
    init();
    gst::Caps::builder("video/x-raw")
        .field("format", "I420")
        .field("width", size.width as i32)
        .field("height", size.height as i32)
        .field("framerate", gst::Fraction::new(RATE as i32, 1))
        .build()
}

fn bytes(sample: &gst::Sample) -> Vec<u8> {
    let buffer = sample.buffer().expect("a sample has a buffer");
    buffer.map_readable().expect("it can be read").to_vec()
}

/// The picture of a sample of I420, its rows packed.
fn picture(sample: &gst::Sample) -> Picture {
    let info = VideoInfo::from_caps(sample.caps().expect("a sample has caps")).expect("of video");
    let buffer = sample.buffer_owned().expect("a sample has a buffer");
    let frame = VideoFrame::from_buffer_readable(buffer, &info).expect("it can be read");
    let size = Size { width: frame.width(), height: frame.height() };
    let mut samples = Vec::with_capacity((size.width * size.height * 3 / 2) as usize);
    for plane in 0..3 {
        let (width, height) = match plane {
            0 => (size.width as usize, size.height as usize),
            _ => (size.width as usize / 2, size.height as usize / 2),
        };
        let stride = frame.plane_stride()[plane as usize] as usize;
        let data = frame.plane_data(plane).expect("I420 has three planes");
        samples.extend((0..height).flat_map(|row| &data[row * stride..][..width]));
    }
    Picture { size, samples }
}

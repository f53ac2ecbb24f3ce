//! What a stream is made of, for who looks closely.

use std::sync::{Mutex, MutexGuard};
use std::time::Instant;

use detector_components::camera::StreamFacts;
use detector_components::frame::Frame;
use detector_components::geometry::Size;
use detector_components::integrity::{FaultCounter, FaultCounts, PictureFault};
use gstreamer as gst;

/// Measures a stream while it flows. One place: read when it is over.
#[derive(Default)]
pub struct Gauge {
    measured: Mutex<Measured>,
    counter: FaultCounter,
}

/// What was measured of a stream.
#[derive(Clone, Default)]
pub struct Measured {
    /// When the first packet came: over RTP, or what the decoder was given first.
    pub first_packet: Option<Instant>,
    /// What the pictures are encoded as, for people: `H.264, profile high, level 4`.
    pub codec: Option<String>,
    /// Columns and rows, as the stream says.
    pub size: Option<Size>,
    /// Pictures a second, as the stream says.
    pub declared_fps: Option<f64>,
    /// When each encoded picture came; the newest ones, where there were very many.
    pub pictures: Vec<Instant>,
    /// Encoded pictures that need none before them.
    pub key_pictures: u64,
    /// Bytes of encoded pictures.
    pub bytes: u64,
    /// What is known of the stream.
    pub facts: StreamFacts,
    /// Decoded pictures.
    pub frames: u64,
    /// Pictures before the first key picture, which nothing can be decoded from.
    pub before_key: u64,
    /// Pictures that were left out because they are damaged, or depend on ones that are.
    pub damaged: u64,
    /// What was wrong with pictures, and with how many.
    pub faults: FaultCounts,
    /// The first decoded picture, and when it was there.
    pub first_frame: Option<(Instant, Frame)>,
}

/// Arrivals that are remembered: an hour at 30 a second. Later ones are only counted in bytes.
const MAX_PICTURES: usize = 108_000;

impl Gauge {
    /// What was measured so far.
    pub fn measured(&self) -> Measured {
        let faults = self.counter.counts();
        let before_key = faults[PictureFault::NoKeyFrame];
        let damaged = faults.total() - before_key - faults[PictureFault::Skipped];
        Measured { faults, before_key, damaged, ..self.lock().clone() }
    }

    /// Whether a picture was decoded.
    pub fn has_frame(&self) -> bool {
        self.lock().first_frame.is_some()
    }

    /// Something came that belongs to the pictures.
    pub(crate) fn packet(&self) {
        self.lock().first_packet.get_or_insert_with(Instant::now);
    }

    /// A whole encoded picture came.
    pub(crate) fn picture(&self, buffer: &gst::BufferRef, caps: Option<&gst::CapsRef>) {
        let mut measured = self.lock();
        let now = Instant::now();
        measured.first_packet.get_or_insert(now);
        if measured.pictures.len() < MAX_PICTURES {
            measured.pictures.push(now);
        }
        measured.bytes += buffer.size() as u64;
        if !buffer.flags().contains(gst::BufferFlags::DELTA_UNIT) {
            measured.key_pictures += 1;
        }
        if let Some(format) = caps.and_then(|caps| caps.structure(0))
            && measured.codec.is_none()
        {
            measured.codec = Some(described(format));
            let side =
                |name| format.get::<i32>(name).ok().and_then(|side| u32::try_from(side).ok());
            measured.size =
                side("width").zip(side("height")).map(|(width, height)| Size { width, height });
            measured.declared_fps = format
                .get::<gst::Fraction>("framerate")
                .ok()
                .filter(|rate| rate.numer() > 0)
                .map(|rate| f64::from(rate.numer()) / f64::from(rate.denom()));
        }
    }

    /// A picture of a snapshot camera came whole.
    pub(crate) fn snapshot(&self, codec: &str, bytes: usize, frame: &Frame) {
        {
            let mut measured = self.lock();
            let now = Instant::now();
            measured.first_packet.get_or_insert(now);
            measured.codec.get_or_insert_with(|| codec.to_owned());
            if measured.pictures.len() < MAX_PICTURES {
                measured.pictures.push(now);
            }
            measured.key_pictures += 1;
            measured.bytes += bytes as u64;
        }
        self.frame(frame);
    }

    /// A picture was decoded.
    pub(crate) fn frame(&self, frame: &Frame) {
        let mut measured = self.lock();
        measured.frames += 1;
        measured.first_frame.get_or_insert_with(|| (Instant::now(), frame.clone()));
    }

    /// Something is wrong with a picture.
    pub(crate) fn fault(&self, fault: PictureFault) {
        self.counter.count(fault);
    }

    fn lock(&self) -> MutexGuard<'_, Measured> {
        self.measured.lock().expect("never held across a panic")
    }
}

/// The name that people have for an encoding.
fn described(format: &gst::StructureRef) -> String {
    let name = match format.name().as_str() {
        "video/x-h264" => "H.264",
        "video/x-h265" => "H.265",
        "video/x-av1" => "AV1",
        "video/x-vp8" => "VP8",
        "video/x-vp9" => "VP9",
        "image/jpeg" => "JPEG",
        "video/mpeg" => "MPEG",
        "video/x-raw" => "none: raw pictures",
        other => other,
    };
    let detail = |key: &str| format.get::<String>(key).map(|value| format!(", {key} {value}"));
    let details = ["profile", "level"].map(|key| detail(key).unwrap_or_default());
    format!("{name}{}", details.concat())
}

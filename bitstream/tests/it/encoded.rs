//! Streams made by the encoders of GStreamer.

use detector_bitstream::{Codec, Framing, Unit, UnitKind, UnitReader};
use gstreamer::prelude::*;
use gstreamer_app::AppSink;

/// The units of a stream, in decoding order.
#[derive(Clone)]
pub struct Encoded {
    pub codec: Codec,
    pub framing: Framing,
    pub header: Option<Vec<u8>>,
    pub units: Vec<Vec<u8>>,
    /// When each one is shown.
    pub shown: Vec<gstreamer::ClockTime>,
    pub caps: gstreamer::Caps,
}

/// A moving picture of 320 by 240 at 25 a second, encoded. `None` where the machine has no such encoder.
pub fn encode(codec: Codec, pictures: u32, encoder: &str) -> Option<Encoded> {
    gstreamer::init().unwrap();
    let name = encoder.split_whitespace().next().unwrap();
    if gstreamer::ElementFactory::find(name).is_none() {
        eprintln!("{name} is not installed: what depends on it is not tested");
        return None;
    }
    let source =
        "pattern=ball motion=sweep ! video/x-raw,format=I420,width=320,height=240,framerate=25/1";
    Some(units(codec, &format!("videotestsrc num-buffers={pictures} {source} ! {encoder}")))
}

/// What a pipeline makes.
pub fn units(codec: Codec, pipeline: &str) -> Encoded {
    gstreamer::init().unwrap();
    let line = format!("{pipeline} ! appsink name=sink sync=false");
    let pipeline =
        gstreamer::parse::launch(&line).unwrap().downcast::<gstreamer::Pipeline>().unwrap();
    let sink = pipeline.by_name("sink").unwrap().downcast::<AppSink>().unwrap();
    pipeline.set_state(gstreamer::State::Playing).unwrap();
    let mut encoded = Encoded {
        codec,
        framing: Framing::Raw,
        header: None,
        units: Vec::new(),
        shown: Vec::new(),
        caps: gstreamer::Caps::new_any(),
    };
    while let Ok(sample) = sink.pull_sample() {
        encoded.caps = sample.caps().unwrap().to_owned();
        let caps = encoded.caps.structure(0).unwrap();
        encoded.framing = match caps.get::<&str>("stream-format") {
            Ok("byte-stream") => Framing::AnnexB,
            // The header says how many.
            Ok("avc" | "hvc1") => Framing::LengthPrefixed { bytes: 1 },
            _ => Framing::Raw,
        };
        if let Ok(data) = caps.get::<gstreamer::Buffer>("codec_data") {
            encoded.header = Some(data.map_readable().unwrap().to_vec());
        }
        let buffer = sample.buffer().unwrap();
        encoded.units.push(buffer.map_readable().unwrap().to_vec());
        encoded.shown.push(buffer.pts().unwrap_or_default());
    }
    if let Some(message) = pipeline.bus().unwrap().pop_filtered(&[gstreamer::MessageType::Error]) {
        panic!("{line}: {message:?}");
    }
    pipeline.set_state(gstreamer::State::Null).unwrap();
    assert!(!encoded.units.is_empty(), "{line} made nothing");
    encoded
}

impl Encoded {
    pub fn reader(&self) -> UnitReader {
        let reader = UnitReader::new(self.codec, self.framing);
        match &self.header {
            Some(header) => reader.with_header(header),
            None => reader,
        }
    }

    /// What is read of each unit.
    pub fn read(&self) -> Vec<Unit> {
        let mut reader = self.reader();
        self.units.iter().map(|unit| reader.read(unit)).collect()
    }

    /// One letter for each unit, none of which is incomplete: `K` for a random access, `R` for a recovery
    /// point, `L` for a leading picture, `p` for another one that is referred to, `b` for one that is not,
    /// `-` for what is none of these.
    pub fn letters(&self) -> String {
        let letter = |unit: &Unit| match unit.kind {
            UnitKind::RandomAccess => 'K',
            UnitKind::RecoveryPoint { .. } => 'R',
            UnitKind::Leading => 'L',
            UnitKind::Picture if unit.disposable => 'b',
            UnitKind::Picture => 'p',
            UnitKind::RandomAccessWithoutHeaders | UnitKind::Headers => '-',
        };
        let units = self.read();
        assert!(units.iter().all(|unit| unit.incomplete.is_none()), "{units:?}");
        units.iter().map(letter).collect()
    }
}

/// An encoder makes a picture whose units read as `letters`.
#[track_caller]
pub fn check(codec: Codec, encoder: &str, letters: &str) {
    let Some(encoded) = encode(codec, letters.len() as u32, encoder) else { return };
    assert_eq!(encoded.letters(), letters, "{encoder}");
    let mut reader = encoded.reader();
    for unit in &encoded.units {
        reader.read(unit);
    }
    assert_eq!(reader.size(), Some((320, 240)));
}

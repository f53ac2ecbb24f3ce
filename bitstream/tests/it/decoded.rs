//! What is said of units holds for a decoder: it shows the same pictures when it begins where it may,
//! and without the pictures that may be left out.

use std::collections::BTreeMap;
use std::hash::{DefaultHasher, Hash, Hasher};

use detector_bitstream::{Codec, Framing, Unit, UnitKind, annex_b_nals};
use gstreamer::prelude::*;
use gstreamer_app::{AppSink, AppSrc};

use crate::encoded::{Encoded, encode};

/// The pictures, by when they are shown.
type Pictures = BTreeMap<gstreamer::ClockTime, u64>;

/// Decodes some of the units.
fn decode(encoded: &Encoded, decoder: &str, units: impl Iterator<Item = usize>) -> Pictures {
    let line = format!("appsrc name=source format=time ! {decoder} ! appsink name=sink sync=false");
    let pipeline =
        gstreamer::parse::launch(&line).unwrap().downcast::<gstreamer::Pipeline>().unwrap();
    let source = pipeline.by_name("source").unwrap().downcast::<AppSrc>().unwrap();
    let sink = pipeline.by_name("sink").unwrap().downcast::<AppSink>().unwrap();
    source.set_caps(Some(&encoded.caps));
    pipeline.set_state(gstreamer::State::Playing).unwrap();
    for unit in units {
        let mut buffer = gstreamer::Buffer::from_slice(encoded.units[unit].clone());
        buffer.get_mut().unwrap().set_pts(encoded.shown[unit]);
        source.push_buffer(buffer).unwrap();
    }
    source.end_of_stream().unwrap();
    let mut pictures = Pictures::new();
    while let Ok(sample) = sink.pull_sample() {
        let buffer = sample.buffer().unwrap();
        let mut hasher = DefaultHasher::new();
        buffer.map_readable().unwrap().hash(&mut hasher);
        pictures.insert(buffer.pts().unwrap(), hasher.finish());
    }
    pipeline.set_state(gstreamer::State::Null).unwrap();
    pictures
}

/// What is said holds for 30 pictures: there are `begins` places to begin, and so many disposable units.
#[track_caller]
fn check(codec: Codec, encoder: &str, decoder: &str, begins: usize, disposable: usize) {
    let Some(mut encoded) = encode(codec, 30, encoder) else { return };
    if gstreamer::ElementFactory::find(decoder.split_whitespace().next().unwrap()).is_none() {
        eprintln!("{decoder} is not installed: what depends on it is not tested");
        return;
    }
    let (said, count) = (encoded.read(), encoded.units.len());
    if encoded.framing == Framing::AnnexB {
        // Encoders write parameter sets once; a decoder that begins anywhere needs them there.
        let headers = parameter_sets(codec, &encoded.units[0]);
        encoded.units[1..].iter_mut().for_each(|unit| *unit = [&headers[..], unit].concat());
    }
    if matches!(codec, Codec::Mpeg2 | Codec::Mpeg4) {
        encoded.shown = b_pictures_first(&said);
    }
    let whole = decode(&encoded, decoder, 0..count);
    assert_eq!(whole.len(), 30, "{encoder}");

    let kept: Vec<_> = (0..count).filter(|unit| !said[*unit].disposable).collect();
    assert_eq!(count - kept.len(), disposable, "{encoder}");
    let pictures = decode(&encoded, decoder, kept.iter().copied());
    let shown = kept.iter().map(|unit| encoded.shown[*unit]);
    let expected: Pictures = shown.map(|time| (time, whole[&time])).collect();
    assert_eq!(pictures, expected, "{encoder}, without what is disposable");

    let mut found = 0;
    for begin in 1..count {
        let wait = match said[begin].kind {
            UnitKind::RandomAccess => 0,
            UnitKind::RecoveryPoint { frames } => u64::from(frames),
            _ => continue,
        };
        found += 1;
        let from = encoded.shown[begin] + wait * gstreamer::ClockTime::from_mseconds(40);
        let expected: Pictures =
            whole.range(from..).map(|(time, picture)| (*time, *picture)).collect();
        // Leading pictures come before any other one.
        let after = begin + 1..count;
        let after = after.skip_while(|unit| said[*unit].kind == UnitKind::Leading);
        // With nothing before it, and after a gap.
        for gap in [0, begin / 2] {
            let units = (0..gap).chain([begin]).chain(after.clone());
            let pictures = decode(&encoded, decoder, units).split_off(&from);
            assert_eq!(pictures, expected, "{encoder}, from {begin} on, after {gap}");
        }
    }
    assert_eq!(found, begins, "{encoder}");
}

/// When pictures are shown, where encoders do not say it: B pictures at once, others before the next other
/// one.
fn b_pictures_first(said: &[Unit]) -> Vec<gstreamer::ClockTime> {
    let mut order = Vec::new();
    let mut held = None;
    for (unit, said) in said.iter().enumerate() {
        order.extend(if said.disposable { Some(unit) } else { held.replace(unit) });
    }
    order.extend(held);
    let mut shown = vec![gstreamer::ClockTime::ZERO; said.len()];
    for (place, unit) in order.into_iter().enumerate() {
        shown[unit] = place as u64 * gstreamer::ClockTime::from_mseconds(40);
    }
    shown
}

/// Those of a unit, as a byte stream.
fn parameter_sets(codec: Codec, unit: &[u8]) -> Vec<u8> {
    let is_one = |nal: &&[u8]| match codec {
        Codec::H264 => matches!(nal[0] & 0x1f, 7 | 8),
        _ => matches!(nal[0] >> 1, 32..=34),
    };
    annex_b_nals(unit).filter(is_one).flat_map(|nal| [&[0, 0, 1], nal].concat()).collect()
}

#[test]
fn h264() {
    let caps = "video/x-h264,stream-format=byte-stream,alignment=au";
    // With one thread GStreamer 1.22 has no room for the pictures that libav makes up to fill a gap, and
    // the picture after them is lost.
    let decoder = "avdec_h264 max-threads=2";
    for (options, begins, disposable) in [
        ("bframes=0 option-string=scenecut=0", 2, 0),
        ("bframes=3 b-pyramid=true option-string=scenecut=0", 2, 12),
        ("bframes=3 option-string=scenecut=0:open-gop=1", 2, 14),
        ("bframes=0 intra-refresh=true option-string=scenecut=0", 2, 0),
        ("bframes=3 interlaced=true option-string=scenecut=0:open-gop=1", 2, 14),
    ] {
        let encoder = format!("x264enc key-int-max=10 b-adapt=false {options} ! {caps}");
        check(Codec::H264, &encoder, decoder, begins, disposable);
    }
}

#[test]
fn h265() {
    let caps = "video/x-h265,stream-format=byte-stream,alignment=au";
    for (options, begins, disposable) in [
        ("bframes=0", 2, 0),
        ("bframes=3:open-gop=0", 2, 12),
        ("bframes=3:open-gop=1", 2, 14),
        // Leading pictures are of the lower layer.
        ("bframes=3:open-gop=1:temporal-layers=1", 2, 12),
    ] {
        let encoder =
            format!("x265enc key-int-max=10 option-string=scenecut=0:b-adapt=0:{options} ! {caps}");
        check(Codec::H265, &encoder, "avdec_h265 max-threads=1", begins, disposable);
    }
}

#[test]
fn mpeg4() {
    check(Codec::Mpeg4, "avenc_mpeg4 gop-size=10", "avdec_mpeg4", 2, 0);
    check(Codec::Mpeg4, "avenc_mpeg4 gop-size=10 max-bframes=2", "avdec_mpeg4", 3, 19);
}

#[test]
fn mpeg2() {
    for (options, disposable) in
        [("", 0), ("b-per-refframe=2", 18), ("b-per-refframe=2 closed-gop=true", 18)]
    {
        let encoder =
            format!("mpeg2enc min-gop-size=10 max-gop-size=10 {options} ! mpegvideoparse");
        check(Codec::Mpeg2, &encoder, "avdec_mpeg2video", 2, disposable);
    }
}

#[test]
fn vp8_vp9_av1() {
    check(Codec::Vp8, "vp8enc keyframe-max-dist=10", "vp8dec", 2, 0);
    check(Codec::Vp9, "vp9enc keyframe-max-dist=10", "vp9dec", 2, 0);
    check(Codec::Av1, "av1enc keyframe-max-dist=10 cpu-used=8 lag-in-frames=0", "av1dec", 2, 0);
}

//! Whatever the bytes, nothing panics, and the time is that of reading them once.

use std::time::{Duration, Instant};

use detector_bitstream::{Codec, Framing, UnitReader, annex_b_nals};
use proptest::prelude::*;

use crate::encoded::{Encoded, encode};

const CODECS: [Codec; 8] = [
    Codec::H264,
    Codec::H265,
    Codec::Mpeg4,
    Codec::Vp8,
    Codec::Vp9,
    Codec::Av1,
    Codec::Jpeg,
    Codec::Mpeg2,
];

const FRAMINGS: [Framing; 6] = [
    Framing::AnnexB,
    Framing::Raw,
    Framing::LengthPrefixed { bytes: 0 },
    Framing::LengthPrefixed { bytes: 1 },
    Framing::LengthPrefixed { bytes: 4 },
    Framing::LengthPrefixed { bytes: 255 },
];

fn read_all(codec: Codec, framing: Framing, header: &[u8], units: &[Vec<u8>]) {
    let mut reader = UnitReader::new(codec, framing).with_header(header);
    for unit in units {
        reader.read(unit);
        let _ = (reader.size(), reader.references(), annex_b_nals(unit).count());
    }
}

/// Zeros, ones and start codes are what parsers wait for.
fn bytes() -> impl Strategy<Value = Vec<u8>> {
    let part = prop_oneof![
        proptest::collection::vec(any::<u8>(), 0..32),
        (0..40_usize).prop_map(|length| vec![0; length]),
        (0..40_usize).prop_map(|length| vec![0xff; length]),
        any::<u8>().prop_map(|kind| vec![0, 0, 1, kind]),
    ];
    proptest::collection::vec(part, 0..12).prop_map(|parts| parts.concat())
}

/// A short stream of each codec, as far as this machine has encoders.
fn real() -> Vec<Encoded> {
    let caps = "stream-format=byte-stream,alignment=au";
    let encoders = [
        (Codec::H264, format!("x264enc bframes=2 option-string=slices=2 ! video/x-h264,{caps}")),
        (Codec::H264, "x264enc ! video/x-h264,stream-format=avc,alignment=au".into()),
        (Codec::H265, format!("x265enc ! video/x-h265,{caps}")),
        (Codec::Mpeg4, "avenc_mpeg4 max-bframes=2".into()),
        (Codec::Mpeg2, "mpeg2enc b-per-refframe=2 ! mpegvideoparse".into()),
        (Codec::Vp8, "vp8enc".into()),
        (Codec::Vp9, "vp9enc auto-alt-ref=true lag-in-frames=8".into()),
        (Codec::Av1, "av1enc cpu-used=8 lag-in-frames=0".into()),
        (Codec::Jpeg, "jpegenc".into()),
    ];
    encoders.iter().filter_map(|(codec, encoder)| encode(*codec, 6, encoder)).collect()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 20_000, ..ProptestConfig::default() })]

    #[test]
    fn bytes_that_nobody_wrote(
        codec in proptest::sample::select(&CODECS[..]),
        framing in proptest::sample::select(&FRAMINGS[..]),
        header in bytes(),
        units in proptest::collection::vec(bytes(), 1..4),
    ) {
        read_all(codec, framing, &header, &units);
    }
}

/// Changes are made at the front: what is read is there.
#[test]
fn real_units_that_were_changed() {
    let streams = real();
    let change = (any::<prop::sample::Index>(), 0..200_usize, any::<Option<u8>>(), any::<bool>());
    let changes = proptest::collection::vec(change, 1..6);
    let strategy = (any::<prop::sample::Index>(), changes);
    let config = ProptestConfig { cases: 20_000, ..ProptestConfig::default() };
    let mut runner = proptest::test_runner::TestRunner::new(config);
    runner
        .run(&strategy, |(which, changes)| {
            let stream = which.get(&streams);
            let mut units = stream.units.clone();
            let mut header = stream.header.clone().unwrap_or_default();
            for (unit, place, value, of_header) in changes {
                let bytes = if of_header { &mut header } else { unit.get_mut(&mut units) };
                match value {
                    Some(value) if place < bytes.len() => bytes[place] = value,
                    _ => bytes.truncate(place),
                }
            }
            read_all(stream.codec, stream.framing, &header, &units);
            Ok(())
        })
        .unwrap();
}

/// Quadratic time would be hours.
#[test]
fn units_that_are_all_work_take_little_time() {
    let patterns: [&[u8]; 14] = [
        &[0],
        &[0xff],
        &[0, 0, 1],
        &[0, 0, 3],
        &[0, 0, 1, 0x67],
        &[0, 0, 1, 0x68, 0xce, 0x38, 0x80],
        &[0, 0, 1, 0x65, 0x88, 0x84],
        &[0, 0, 1, 0x06, 0x05, 0x00],
        &[0, 0, 1, 0x42, 0x01, 0x01],
        &[0, 0, 1, 0xb6, 0x10],
        &[0, 0, 1, 0x20],
        &[0xff, 0xd0],
        &[0x12, 0x00],
        &[0x0a, 0x01, 0x00],
    ];
    for pattern in patterns {
        for beginning in [&[][..], &[0, 0, 1, 6], &[0xff, 0xd8], &[0, 0, 1, 0x42, 1]] {
            let unit: Vec<_> =
                beginning.iter().chain(pattern.iter().cycle()).take(1 << 18).copied().collect();
            for codec in CODECS {
                for framing in FRAMINGS {
                    let start = Instant::now();
                    read_all(codec, framing, &unit, std::slice::from_ref(&unit));
                    let took = start.elapsed();
                    assert!(
                        took < Duration::from_secs(2),
                        "{codec:?} {framing:?} {pattern:?}: {took:?}"
                    );
                }
            }
        }
    }
}

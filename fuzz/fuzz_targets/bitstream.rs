//! Units that no encoder made: they are read, in time that their size allows.
#![no_main]

use detector_bitstream::{Codec, Framing, UnitKind, UnitReader, annex_b_nals};
use libfuzzer_sys::fuzz_target;

const CODECS: [Codec; 8] = [
    Codec::H264,
    Codec::H265,
    Codec::Mpeg4,
    Codec::Mpeg2,
    Codec::Vp8,
    Codec::Vp9,
    Codec::Av1,
    Codec::Jpeg,
];

// The codec, the bytes of a NAL unit's length (0: start codes), then a header and units, each after its
// length in two bytes. `bitstream/examples/seeds.rs` writes the same.
fuzz_target!(|data: &[u8]| {
    let Some((&[codec, bytes], mut data)) = data.split_first_chunk::<2>() else { return };
    let codec = CODECS[usize::from(codec) % CODECS.len()];
    let framing = match bytes {
        0 => Framing::AnnexB,
        bytes => Framing::LengthPrefixed { bytes },
    };
    let mut next = || {
        let (length, rest) = data.split_first_chunk::<2>()?;
        let length = usize::from(u16::from_be_bytes(*length)).min(rest.len());
        let (part, rest) = rest.split_at(length);
        data = rest;
        Some(part)
    };
    let mut reader = UnitReader::new(codec, framing).with_header(next().unwrap_or_default());
    while let Some(unit) = next() {
        let said = reader.read(unit);
        assert!(!said.disposable || matches!(said.kind, UnitKind::Leading | UnitKind::Picture));
        let _ = (reader.size(), reader.references());
        assert!(annex_b_nals(unit).all(|nal| nal.last() != Some(&0)));
    }
});

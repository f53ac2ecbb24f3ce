//! Compressed numbered pictures have the structure that was asked for.

use std::path::Path;

use detector_simulator::{AccessUnit, Codec, Elementary, Encoding, SimulatorError};

fn encode(encoding: Encoding) -> std::sync::Arc<Elementary> {
    Encoding { pictures: 40, ..encoding }.encode().unwrap()
}

/// How many NAL units of a picture have one of these types.
fn count(codec: Codec, unit: &AccessUnit, types: &[u8]) -> usize {
    let type_of = |nal: &[u8]| match codec {
        Codec::H264 => nal[0] & 0x1f,
        _ => nal[0] >> 1 & 0x3f,
    };
    unit.nals.iter().filter(|nal| types.contains(&type_of(nal))).count()
}

#[test]
fn groups_are_as_long_as_wanted() {
    for codec in Codec::ALL {
        let elementary = encode(Encoding::new(codec));
        let keys: Vec<usize> = elementary.keys().collect();
        let expected: Vec<usize> = match codec {
            Codec::Jpeg => (0..40).collect(),
            _ => vec![0, 20],
        };
        assert_eq!(keys, expected, "{}", codec.name());
        assert_eq!(elementary.units.len(), 40);
        assert!(elementary.units.iter().zip(0..).all(|(unit, number)| unit.number == number));
    }
    assert_eq!(Encoding::new(Codec::H264).gop(100).pictures, 200);
    assert_eq!(Encoding::new(Codec::H264).gop(20).pictures, 120);
}

#[test]
fn key_pictures_begin_with_parameter_sets() {
    let elementary = encode(Encoding::new(Codec::H264));
    assert_eq!(elementary.parameter_sets.len(), 2);
    assert!(elementary.keys().all(|at| count(Codec::H264, &elementary.units[at], &[7, 8]) == 2));
    let elementary = encode(Encoding::new(Codec::H265));
    assert_eq!(elementary.parameter_sets.len(), 3);
    let sets = |at: usize| count(Codec::H265, &elementary.units[at], &[32, 33, 34]);
    assert!(elementary.keys().all(|at| sets(at) == 3));
    let elementary = encode(Encoding::new(Codec::Mpeg4));
    assert!(elementary.parameter_sets[0].starts_with(&[0, 0, 1, 0xb0]));
}

#[test]
fn b_frames_are_sent_out_of_order() {
    for codec in [Codec::H264, Codec::H265] {
        let elementary = encode(Encoding { b_frames: 2, ..Encoding::new(codec) });
        let numbers: Vec<u64> = elementary.units.iter().map(|unit| unit.number).collect();
        let mut sorted = numbers.clone();
        sorted.sort_unstable();
        assert_eq!(sorted, (0..40).collect::<Vec<_>>());
        assert_ne!(sorted, numbers, "{}", codec.name());
    }
}

#[test]
fn pictures_have_as_many_slices_as_wanted() {
    let h264 = encode(Encoding { slices: 4, ..Encoding::new(Codec::H264) });
    assert!(h264.units.iter().all(|unit| count(Codec::H264, unit, &[1, 5]) == 4));
    let types: Vec<u8> = (0..32).collect();
    let h265 = encode(Encoding { slices: 2, ..Encoding::new(Codec::H265) });
    assert!(h265.units.iter().all(|unit| count(Codec::H265, unit, &types) == 2));
}

#[test]
fn intra_refresh_has_one_key_picture_and_recovery_points() {
    let elementary = encode(Encoding { intra_refresh: true, ..Encoding::new(Codec::H264) });
    assert_eq!(elementary.keys().collect::<Vec<_>>(), [0]);
    // H.264, D.1.8: an SEI message of type 6.
    let is_recovery = |nal: &&bytes::Bytes| nal[0] & 0x1f == 6 && nal[1] == 6;
    let recoveries = elementary.units.iter().flat_map(|unit| &unit.nals).filter(is_recovery);
    assert!(recoveries.count() >= 1);
}

#[test]
fn open_groups_have_leading_pictures() {
    let encoding = Encoding { open_gop: true, b_frames: 2, ..Encoding::new(Codec::H265) };
    let elementary = encode(encoding);
    let total = |types| -> usize {
        elementary.units.iter().map(|unit| count(Codec::H265, unit, types)).sum()
    };
    // CRA; RASL.
    assert!(total(&[21]) >= 1 && total(&[8, 9]) >= 1);
}

#[test]
fn what_cannot_be_encoded_is_refused() {
    let odd = Encoding::new(Codec::H264);
    let odd = Encoding { scene: odd.scene.with_size(321, 240), ..odd };
    assert!(matches!(odd.encode(), Err(SimulatorError::Format { .. })));
    let none = Encoding { pictures: 0, ..Encoding::new(Codec::H264) };
    assert!(matches!(none.encode(), Err(SimulatorError::Encoding { .. })));
    assert!(matches!(Elementary::read(Path::new("nowhere.mp4")), Err(SimulatorError::File { .. })));
}

#[test]
fn a_file_is_read() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("clip.h264");
    let made = encode(Encoding::new(Codec::H264));
    let nals = made.units.iter().flat_map(|unit| &unit.nals);
    let stream: Vec<u8> = nals.flat_map(|nal| [&[0, 0, 0, 1], &nal[..]].concat()).collect();
    std::fs::write(&path, stream).unwrap();
    let read = Elementary::read(&path).unwrap();
    assert_eq!((read.codec, read.size), (Codec::H264, made.size));
    // Without timestamps it is not sent as it is.
    assert_eq!(read.keys().collect::<Vec<_>>(), [0]);
    assert_eq!(read.units.len(), 40);
}

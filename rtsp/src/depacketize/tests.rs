use std::time::Instant;

use super::*;
use crate::reorder::Packet;

const KEY: u8 = 0x65;
const DELTA: u8 = 0x41;

pub(super) fn format(encoding: &str, parameters: &[(&str, &str)]) -> Format {
    Format {
        payload_type: 96,
        encoding: encoding.to_owned(),
        clock_rate: 90_000,
        parameters: parameters
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
            .collect(),
        dimensions: None,
    }
}

pub(super) fn packet(sequence: u16, timestamp: u32, marker: bool, payload: &[u8]) -> Packet {
    let mut bytes = vec![0; 12];
    bytes.extend_from_slice(payload);
    let bytes = Bytes::from(bytes);
    Packet {
        payload: bytes.slice(12..),
        bytes,
        sequence,
        timestamp,
        marker,
        payload_type: 96,
        ssrc: 1,
        arrived: Instant::now(),
    }
}

/// A single unit: the first slice of a picture.
fn slice(header: u8, length: usize) -> Vec<u8> {
    let mut unit = vec![header, 0x88];
    unit.resize(length, 1);
    unit
}

/// A unit in parts.
fn fragments(unit: &[u8], parts: usize) -> Vec<Vec<u8>> {
    let (header, body) = unit.split_first().unwrap();
    let chunks: Vec<_> = body.chunks(body.len().div_ceil(parts)).collect();
    let last = chunks.len() - 1;
    let fragment = |(place, part): (usize, &&[u8])| {
        let flags = u8::from(place == 0) << 7 | u8::from(place == last) << 6;
        let mut fragment = vec![header & 0xe0 | 28, flags | header & 31];
        fragment.extend_from_slice(part);
        fragment
    };
    chunks.iter().enumerate().map(fragment).collect()
}

/// What comes out for packets of `(missing before it, timestamp, marker, payload)`: each picture's
/// timestamp, with `+` when it comes after a gap, and `!` for each broken one.
#[track_caller]
fn check(packets: &[(u64, u32, bool, Vec<u8>)], expected: &str) -> Vec<Coded> {
    let mut assembler = Assembler::new(&format("H264", &[]), &Limits::default());
    let (mut told, mut pictures, mut sequence) = (Vec::new(), Vec::new(), 0);
    for (missing, timestamp, marker, payload) in packets {
        sequence += 1 + *missing as u16;
        let packet = packet(sequence, *timestamp, *marker, payload);
        let ordered = Ordered { packet, missing: *missing, restarted: false };
        let assembled = assembler.push(ordered).unwrap();
        told.extend((0..assembled.broken).map(|_| "!".to_owned()));
        for picture in assembled.pictures {
            let gap = if picture.after_gap { "+" } else { "" };
            told.push(format!("{gap}{}", picture.timestamp));
            pictures.push(picture);
        }
    }
    assert_eq!(told.join(" "), expected);
    pictures
}

#[test]
fn a_fragmented_picture_is_put_together() {
    let unit = slice(KEY, 3000);
    let parts = fragments(&unit, 3);
    let packets: Vec<_> =
        parts.into_iter().enumerate().map(|(place, part)| (0, 7, place == 2, part)).collect();
    let pictures = check(&packets, "7");
    let PictureData::AnnexB(bytes) = &pictures[0].data else { panic!("no NAL units") };
    assert_eq!(bytes[..4], [0, 0, 0, 1]);
    assert_eq!(bytes[4..], unit);
}

#[test]
fn a_picture_with_a_missing_part_is_left_out() {
    for lost in 0..3 {
        let mut packets = vec![(0, 1, true, slice(KEY, 20))];
        for (place, part) in fragments(&slice(DELTA, 3000), 3).into_iter().enumerate() {
            if place != lost {
                let missing = u64::from(lost + 1 == place);
                packets.push((missing, 2, place == 2, part));
            }
        }
        packets.push((u64::from(lost == 2), 3, true, slice(DELTA, 20)));
        check(&packets, "1 ! +3");
    }
}

#[test]
fn a_whole_picture_that_is_missing_is_a_gap() {
    check(&[(0, 1, true, slice(KEY, 20)), (2, 5, true, slice(DELTA, 20))], "1 +5");
}

#[test]
fn after_a_gap_a_later_slice_is_no_beginning() {
    let later = vec![DELTA, 0x40, 1, 1];
    check(&[(0, 1, true, slice(KEY, 20)), (1, 5, true, later)], "1 !");
}

#[test]
fn a_clock_that_is_set_within_a_unit_does_not_end_the_picture() {
    let [first, second, third] = fragments(&slice(DELTA, 300), 3).try_into().unwrap();
    check(
        &[
            (0, 1, true, slice(KEY, 9)),
            (0, 2, false, first.clone()),
            (0, 5, false, second),
            (0, 5, true, third.clone()),
            (0, 8, true, slice(DELTA, 9)),
            // The end of a unit that began before a gap is none of the unit before it.
            (0, 9, false, first),
            (1, 10, true, third),
        ],
        "1 5 8 ! !",
    );
}

#[test]
fn without_markers_the_timestamp_ends_a_picture() {
    let packets: Vec<_> = (1..4).map(|time| (0, time, false, slice(DELTA, 20))).collect();
    check(&packets, "1 2");
}

#[test]
fn markers_on_every_slice_are_seen_through() {
    let later = vec![DELTA, 0x40, 1, 1];
    let picture = |time| [(0, time, true, slice(DELTA, 20)), (0, time, true, later.clone())];
    // The first picture is given out too early, which cannot be known.
    check(&[picture(1), picture(2), picture(3), picture(4)].concat(), "1 ! +2 3");
}

#[test]
fn parameter_sets_with_a_marker_belong_to_the_next_picture() {
    let pictures = check(
        &[(0, 1, true, vec![0x67, 1, 2]), (0, 1, true, vec![0x68, 1]), (0, 1, true, slice(KEY, 9))],
        "1",
    );
    let PictureData::AnnexB(bytes) = &pictures[0].data else { panic!("no NAL units") };
    assert_eq!(bytes.len(), 7 + 6 + 13);
}

#[test]
fn parameter_sets_of_the_description_go_before_key_pictures() {
    let format = format("H264", &[("sprop-parameter-sets", "Z0IAKQ==,aM48gA==")]);
    let mut assembler = Assembler::new(&format, &Limits::default());
    let lengths = [DELTA, KEY, KEY].map(|header| {
        let packet = packet(1, header.into(), true, &slice(header, 10));
        let ordered = Ordered { packet, missing: 0, restarted: false };
        assembler.push(ordered).unwrap().pictures.remove(0).data.len()
    });
    assert_eq!(lengths, [14, 14 + 16, 14 + 16]);
}

#[test]
fn an_endless_picture_is_refused() {
    let limits = Limits { picture: 10_000, ..Limits::default() };
    let mut assembler = Assembler::new(&format("H264", &[]), &limits);
    let endless = (0..100).try_for_each(|sequence| {
        let mut part = vec![0x7c, 0x05];
        part.resize(1000, 0);
        let packet = packet(sequence, 1, false, &part);
        assembler.push(Ordered { packet, missing: 0, restarted: false }).map(drop)
    });
    assert!(matches!(endless, Err(RtspError::TooLarge { .. })));
}

#[test]
fn aggregates_are_taken_apart() {
    let mut aggregate = vec![0x78];
    for unit in [&[0x67, 1, 2][..], &[0x68, 1], &slice(KEY, 5)] {
        aggregate.extend_from_slice(&u16::try_from(unit.len()).unwrap().to_be_bytes());
        aggregate.extend_from_slice(unit);
    }
    let pictures = check(&[(0, 1, true, aggregate)], "1");
    assert_eq!(pictures[0].data.len(), 7 + 6 + 9);
}

#[test]
fn other_formats_are_given_as_packets() {
    let mut assembler = Assembler::new(&format("VP8", &[]), &Limits::default());
    let push = |assembler: &mut Assembler, missing, marker| {
        let packet = packet(1, 1, marker, &[1, 2, 3]);
        assembler.push(Ordered { packet, missing, restarted: false }).unwrap()
    };
    push(&mut assembler, 0, false);
    let whole = push(&mut assembler, 0, true);
    assert_eq!((whole.pictures.len(), whole.pictures[0].data.len()), (1, 30));
    assert_eq!(push(&mut assembler, 1, true).broken, 1);
}

#[test]
fn parameter_sets_between_slices_are_left_out() {
    let later = vec![KEY, 0x40, 1, 1];
    let sps = vec![0x67, 1, 2];
    let pictures = check(
        &[
            (0, 1, false, sps.clone()),
            (0, 1, false, slice(KEY, 20)),
            (0, 1, false, sps),
            (0, 1, true, later),
        ],
        "1",
    );
    assert_eq!(pictures[0].data.len(), 7 + 24 + 8);
}

use proptest::collection::vec;
use proptest::prelude::*;

use super::*;
use crate::connection::Limits;
use crate::depacketize::tests::{format, packet};
use crate::depacketize::{Assembler, PictureData};
use crate::error::RtspError;
use crate::reorder::Ordered;
use crate::sdp::Format;

/// The fields of a fragment's header.
#[derive(Clone, Copy)]
struct Head {
    kind: u8,
    q: u8,
    blocks: [u8; 2],
}

const HEAD: Head = Head { kind: 1, q: 50, blocks: [40, 30] };

impl Head {
    fn at(self, offset: usize, rest: &[u8]) -> Vec<u8> {
        let [_, o2, o1, o0] = (offset as u32).to_be_bytes();
        let [width, height] = self.blocks;
        [&[0, o2, o1, o0, self.kind, self.q, width, height], rest].concat()
    }

    /// A first fragment with tables.
    fn with_tables(self, precision: u8, tables: &[u8]) -> Vec<u8> {
        let [l1, l0] = (tables.len() as u16).to_be_bytes();
        self.at(0, &[&[0, precision, l1, l0], tables, &SAMPLES].concat())
    }
}

const SAMPLES: [u8; 6] = [1, 2, 3, 4, 5, 6];

/// Tables of bytes, the first full of ones, the second of twos.
fn tables(count: u8) -> Vec<u8> {
    (1..=count).flat_map(|value| [value; ENTRIES]).collect()
}

/// What comes of packets of `(missing before it, timestamp, marker, payload)`: files, `None` for each
/// broken picture, or why the stream was refused.
fn assemble(
    assembler: &mut Assembler,
    packets: &[(u64, u32, bool, Vec<u8>)],
) -> Result<Vec<Option<Bytes>>, RtspError> {
    let mut pictures = Vec::new();
    for (missing, timestamp, marker, payload) in packets {
        let packet = packet(1, *timestamp, *marker, payload);
        let assembled = assembler.push(Ordered { packet, missing: *missing, restarted: false })?;
        pictures.extend((0..assembled.broken).map(|_| None));
        pictures.extend(assembled.pictures.into_iter().map(|picture| match picture.data {
            PictureData::Jpeg(file) => Some(file),
            other => panic!("{other:?}"),
        }));
    }
    Ok(pictures)
}

fn assembler() -> Assembler {
    Assembler::new(&format("JPEG", &[]), &Limits::default())
}

/// The segments of a file, and its coded samples with what ends them.
fn parts(file: &[u8]) -> (Vec<(u8, Vec<u8>)>, Vec<u8>) {
    let mut rest = file.strip_prefix(&[0xff, 0xd8]).expect("a start of image");
    let mut segments = Vec::new();
    loop {
        let [0xff, kind, l1, l0] = *rest.first_chunk().unwrap() else { panic!("no segment") };
        let (segment, after) = rest[2..].split_at(u16::from_be_bytes([l1, l0]).into());
        segments.push((kind, segment[2..].to_vec()));
        rest = after;
        if kind == 0xda {
            return (segments, rest.to_vec());
        }
    }
}

/// One picture of one packet.
#[track_caller]
fn one(payload: Vec<u8>) -> Bytes {
    let mut pictures = assemble(&mut assembler(), &[(0, 1, true, payload)]).unwrap();
    assert_eq!(pictures.len(), 1);
    pictures.remove(0).expect("it is whole")
}

/// The quantisation tables of a file: number and length; and the table of each component.
fn quantisation(file: &[u8]) -> (Vec<(u8, usize)>, Vec<u8>) {
    let (segments, _) = parts(file);
    let body = |wanted: &[u8]| {
        segments.iter().filter(|(kind, _)| wanted.contains(kind)).map(|(_, body)| body).collect()
    };
    let tables: Vec<&Vec<u8>> = body(&[0xdb]);
    let frames: Vec<&Vec<u8>> = body(&[0xc0, 0xc1]);
    let tables = tables.iter().map(|table| (table[0], table.len() - 1)).collect();
    (tables, frames[0][6..].chunks(3).map(|component| component[2]).collect())
}

#[track_caller]
fn check_refused(assembler: &mut Assembler, payload: &[u8], reason: &str) {
    let packets: Vec<_> = (1..=3).map(|time| (0, time, true, payload.to_vec())).collect();
    assert_eq!(assemble(assembler, &packets[..2]).unwrap(), [None, None]);
    let refused = assemble(assembler, &packets[2..]).unwrap_err();
    assert!(matches!(&refused, RtspError::Undecodable(text) if text.contains(reason)), "{refused}");
}

#[test]
fn a_file_is_made_of_what_packets_say() {
    let first = HEAD.at(0, &SAMPLES);
    let second = HEAD.at(SAMPLES.len(), &[7, 8]);
    let packets = [(0, 1, false, first), (0, 1, true, second)];
    let file = assemble(&mut assembler(), &packets).unwrap().remove(0).unwrap();
    let (segments, samples) = parts(&file);
    let kinds: Vec<_> = segments.iter().map(|(kind, _)| *kind).collect();
    assert_eq!(kinds, [0xdb, 0xdb, 0xc0, 0xc4, 0xda]);
    // 240 rows, 320 columns, three components; the first has twice the samples of the others each way.
    let frame = [8, 0, 240, 1, 64, 3, 1, 0x22, 0, 2, 0x11, 1, 3, 0x11, 1];
    assert_eq!(segments[2].1, frame);
    assert_eq!(segments[4].1, [3, 1, 0, 2, 0x11, 3, 0x11, 0, 63, 0]);
    assert_eq!(samples, [1, 2, 3, 4, 5, 6, 7, 8, 0xff, 0xd9]);
}

#[test]
fn types_say_how_chroma_is_sampled() {
    for (kind, sampling) in [(0, 0x21), (1, 0x22), (64, 0x21), (65, 0x22)] {
        let rest = if kind < RESTART { SAMPLES.to_vec() } else { [&[0; 4], &SAMPLES[..]].concat() };
        let (segments, _) = parts(&one(Head { kind, ..HEAD }.at(0, &rest)));
        let frame = segments.iter().find(|(kind, _)| *kind == 0xc0).unwrap();
        assert_eq!(frame.1[7], sampling, "{kind}");
    }
}

#[test]
fn tables_are_scaled_as_the_rfc_has_it() {
    let [luma, chroma] = tables::quantisation(50);
    assert_eq!(
        (luma[..4].to_vec(), chroma[..4].to_vec()),
        (vec![16, 11, 12, 14], vec![17, 18, 18, 24])
    );
    // 5000 % and 2 % of 16; 5000 % of 11.
    assert_eq!((tables::quantisation(1)[0][0], tables::quantisation(99)[0][0]), (255, 1));
    assert_eq!(tables::quantisation(25)[0][..2], [32, 22]);
}

#[test]
fn one_table_is_for_all_components() {
    let head = Head { q: 255, ..HEAD };
    for (count, length, components) in [(1, 64, [0, 0, 0]), (2, 64, [0, 1, 1]), (3, 64, [0, 1, 2])]
    {
        let (found, used) = quantisation(&one(head.with_tables(0, &tables(count))));
        let expected: Vec<_> = (0..count).map(|number| (number, length)).collect();
        assert_eq!((found, used), (expected, components.to_vec()));
    }
}

#[test]
fn tables_of_words_are_told_by_their_bits() {
    let words: Vec<u8> = [0, 9].repeat(ENTRIES);
    let file = one(Head { q: 255, ..HEAD }.with_tables(0b01, &[&words[..], &tables(1)].concat()));
    assert_eq!(quantisation(&file).0, [(0x10, 128), (1, 64)]);
    assert!(parts(&file).0.iter().any(|(kind, _)| *kind == 0xc1), "baseline has no words");
}

#[test]
fn tables_that_were_sent_are_remembered() {
    let mut assembler = assembler();
    let head = |q| Head { q, ..HEAD };
    let packets = [
        (0, 1, true, head(200).with_tables(0, &tables(2))),
        (0, 2, true, head(201).with_tables(0, &tables(1))),
        (0, 3, true, head(200).with_tables(0, &[])),
        (0, 4, true, head(201).with_tables(0, &[])),
    ];
    let pictures = assemble(&mut assembler, &packets).unwrap();
    let counts: Vec<_> = pictures.iter().flatten().map(|file| quantisation(file).0.len()).collect();
    assert_eq!(counts, [2, 1, 2, 1]);
    check_refused(&mut assembler, &head(202).with_tables(0, &[]), "never came");
}

#[test]
fn tables_of_each_picture_are_not_remembered() {
    let head = Head { q: 255, ..HEAD };
    let mut assembler = assembler();
    assemble(&mut assembler, &[(0, 9, true, head.with_tables(0, &tables(2)))]).unwrap();
    check_refused(&mut assembler, &head.with_tables(0, &[]), "never came");
}

#[test]
fn what_the_rfc_does_not_define_is_refused() {
    let sent = Head { q: 255, ..HEAD };
    for (payload, reason) in [
        (Head { kind: 2, ..HEAD }.at(0, &SAMPLES), "type"),
        (Head { kind: 66, ..HEAD }.at(0, &[0; 9]), "type"),
        (Head { kind: 129, ..HEAD }.at(0, &SAMPLES), "type"),
        (Head { q: 0, ..HEAD }.at(0, &SAMPLES), "quality"),
        (Head { q: 100, ..HEAD }.at(0, &SAMPLES), "quality"),
        (Head { q: 127, ..HEAD }.at(0, &SAMPLES), "quality"),
        (Head { blocks: [0, 30], ..HEAD }.at(0, &SAMPLES), "size"),
        (sent.with_tables(0, &[1; 65]), "odd length"),
        (sent.with_tables(1, &[1; 64]), "odd length"),
        (sent.with_tables(0, &[1; 256]), "odd length"),
        (sent.with_tables(0, &[0; 64]), "zeros"),
        (sent.at(0, &[0, 0, 0, 128, 1]), "cut"),
    ] {
        check_refused(&mut assembler(), &payload, reason);
    }
}

#[test]
fn restart_markers_have_an_interval() {
    let head = Head { kind: 65, ..HEAD };
    let first = head.at(0, &[&[0, 20, 0xff, 0xff], &SAMPLES[..]].concat());
    let second = head.at(SAMPLES.len(), &[0, 20, 0xff, 0xff, 9]);
    let packets = [(0, 1, false, first), (0, 1, true, second)];
    let file = assemble(&mut assembler(), &packets).unwrap().remove(0).unwrap();
    let (segments, samples) = parts(&file);
    assert!(segments.contains(&(0xdd, vec![0, 20])));
    assert_eq!(samples, [1, 2, 3, 4, 5, 6, 9, 0xff, 0xd9]);
}

#[test]
fn sizes_that_do_not_fit_are_taken_from_the_description() {
    for (blocks, described, expected) in [
        (240, None, Some(1920)),
        (255, None, Some(2040)),
        (0, None, None),
        (0, Some(2592), Some(2592)),
        (0, Some(0), None),
        (0, Some(70_000), None),
        // The lower bits of 320 blocks.
        (64, Some(2560), Some(2560)),
        // Rounded up to whole blocks.
        (23, Some(180), Some(180)),
        // The description is of something else.
        (80, Some(1920), Some(640)),
    ] {
        assert_eq!(side(blocks, described), expected, "{blocks} {described:?}");
    }
    let described = Format { dimensions: Some((2560, 1920)), ..format("JPEG", &[]) };
    let mut assembler = Assembler::new(&described, &Limits::default());
    let payload = Head { blocks: [0, 240], ..HEAD }.at(0, &SAMPLES);
    let file = assemble(&mut assembler, &[(0, 1, true, payload)]).unwrap().remove(0).unwrap();
    let (segments, _) = parts(&file);
    assert_eq!(segments[2].1[1..5], [7, 128, 10, 0]);
}

#[test]
fn a_missing_fragment_breaks_its_picture() {
    let fragment = |place: usize| HEAD.at(place * SAMPLES.len(), &SAMPLES);
    for lost in 0..3 {
        for seen in [true, false] {
            let mut packets: Vec<_> =
                (0..3).map(|place| (0, 1, place == 2, fragment(place))).collect();
            packets.extend([(0, 2, true, fragment(0)), (0, 3, true, fragment(0))]);
            packets.remove(lost);
            packets[lost].0 = u64::from(seen);
            let pictures = assemble(&mut assembler(), &packets).unwrap();
            let whole: Vec<_> = pictures.iter().map(Option::is_some).collect();
            // What ends early is not seen here without a gap: its decoder does.
            assert_eq!(whole, [lost == 2 && !seen, true, true], "{lost} {seen}");
        }
    }
}

#[test]
fn fragments_that_overlap_break_their_picture() {
    let packets = [(0, 1, false, HEAD.at(0, &SAMPLES)), (0, 1, true, HEAD.at(3, &SAMPLES))];
    assert_eq!(assemble(&mut assembler(), &packets).unwrap(), [None]);
}

#[test]
fn a_first_fragment_begins_a_picture_whatever_else_is_said() {
    let (first, second) = (HEAD.at(0, &SAMPLES), HEAD.at(SAMPLES.len(), &SAMPLES));
    for timestamps in [[1, 1, 1, 1, 1, 1], [1, 1, 2, 2, 3, 3]] {
        let packets: Vec<_> = (0..6)
            .map(|place| {
                let payload = if place % 2 == 0 { &first } else { &second };
                (0, timestamps[place], false, payload.clone())
            })
            .collect();
        let pictures = assemble(&mut assembler(), &packets).unwrap();
        assert_eq!(pictures.iter().flatten().count(), 2);
        assert_eq!(pictures.len(), 2);
    }
}

#[test]
fn an_end_of_image_is_added_where_the_camera_writes_none() {
    let picture = |samples: &[u8]| HEAD.at(0, samples);
    let with = [&SAMPLES[..], &END_OF_IMAGE].concat();
    let mut assembler = assembler();
    let ends: Vec<_> = assemble(
        &mut assembler,
        &[
            (0, 1, true, picture(&SAMPLES)),
            (0, 2, true, picture(&with)),
            // Cut: the decoder is to see it.
            (0, 3, true, picture(&SAMPLES)),
        ],
    )
    .unwrap()
    .into_iter()
    .map(|file| parts(&file.unwrap()).1.ends_with(&END_OF_IMAGE))
    .collect();
    assert_eq!(ends, [true, true, false]);
}

/// A packet with a header extension.
fn extended(profile: [u8; 2], mut data: Vec<u8>, payload: &[u8]) -> Packet {
    data.resize(data.len().next_multiple_of(4), 0xff);
    let [l1, l0] = (data.len() as u16 / 4).to_be_bytes();
    let mut packet = packet(1, 1, true, payload);
    let head = [&[0x90; 1], &[0; 11][..], &profile, &[l1, l0], &data].concat();
    packet.bytes = [&head, payload].concat().into();
    packet
}

#[test]
fn segments_of_a_header_extension_are_used() {
    let frame = [8, 0x0f, 0, 0x0a, 0, 3, 4, 0x22, 0, 5, 0x11, 2, 6, 0x11, 2];
    let segment = |kind: u8, body: &[u8]| [&[0xff, kind, 0, body.len() as u8 + 2], body].concat();
    let data = [
        segment(0xc0, &frame),
        vec![0xff],
        segment(0xdb, &[&[0][..], &[7; 64]].concat()),
        segment(0xdb, &[&[2][..], &[8; 64]].concat()),
        segment(0xdd, &[0, 5]),
    ]
    .concat();
    let payload = Head { q: 255, blocks: [0, 0], ..HEAD }.with_tables(0, &[]);
    let words = data.len().next_multiple_of(4) as u8 / 4;
    let replay = [&[0; 12], &SEGMENTS_PROFILE[..], &[0, words], &data].concat();
    for packet in
        [extended(SEGMENTS_PROFILE, data, &payload), extended([0xab, 0xac], replay, &payload)]
    {
        let mut reader = JpegReader::new(None);
        assert!(reader.read(&packet));
        let file = reader.complete().unwrap();
        assert_eq!(quantisation(&file), (vec![(0, 64), (2, 64)], vec![0, 2, 2]));
        let (segments, samples) = parts(&file);
        assert!(segments.contains(&(0xc0, frame.to_vec())));
        assert!(segments.contains(&(0xdd, vec![0, 5])));
        assert_eq!(segments.last().unwrap().1, [3, 4, 0, 5, 0x11, 6, 0x11, 0, 63, 0]);
        assert_eq!(samples[..6], SAMPLES);
    }
}

const SEGMENTS_PROFILE: [u8; 2] = [0xff, 0xd8];

proptest! {
    #[test]
    fn no_packet_is_too_odd(
        packets in vec((vec(any::<u8>(), 0..300), 0..3_usize, 0..2_u8, any::<bool>()), 1..8),
        extension in vec(any::<u8>(), 0..200),
    ) {
        let mut reader = JpegReader::new(None);
        for (mut payload, offset, kind, whole) in packets {
            // Most are near enough to the real thing to be read further.
            if payload.len() > 8 && whole {
                payload[..5].copy_from_slice(&[0, 0, 0, offset as u8 * 6, kind | kind << 6]);
            }
            let mut packet = extended(SEGMENTS_PROFILE, extension.clone(), &payload);
            packet.marker = false;
            let _ = reader.read(&packet);
            if let Some(file) = reader.complete() {
                prop_assert!(file.starts_with(&[0xff, 0xd8]));
            }
        }
    }
}

//! What is said when one NAL unit of a stream is missing.

use std::collections::BTreeMap;

use detector_bitstream::{Codec, Framing, Unit, UnitKind, annex_b_nals};

use crate::encoded::{Encoded, encode};

/// How a removal shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Shows {
    /// A unit is incomplete: this one or the one after it.
    Incomplete,
    /// The picture, or one after it, is of another kind.
    Kind,
    Not,
}
use Shows::{Incomplete, Kind, Not};

/// For each type of NAL unit and each way to show, how many of those in the stream show so when they
/// are removed.
fn removals(encoded: &Encoded) -> BTreeMap<(u8, Shows), usize> {
    assert_eq!(encoded.framing, Framing::AnnexB);
    let whole = encoded.read();
    let mut counts = BTreeMap::new();
    for (at, unit) in encoded.units.iter().enumerate() {
        let nals: Vec<_> = annex_b_nals(unit).collect();
        for (removed, nal) in nals.iter().enumerate() {
            let mut damaged = encoded.clone();
            damaged.units[at] = nals
                .iter()
                .enumerate()
                .filter(|(index, _)| *index != removed)
                .flat_map(|(_, nal)| [&[0, 0, 1], *nal].concat())
                .collect();
            let is_gone = damaged.units[at].is_empty();
            if is_gone {
                damaged.units.remove(at);
            }
            let read = damaged.read();
            let same = |(whole, read): (&Unit, &Unit)| {
                whole.kind == read.kind || read.kind == UnitKind::Headers
            };
            let after = at + usize::from(is_gone);
            let shows = if let Some(first) = read.iter().position(|unit| unit.incomplete.is_some())
            {
                assert!(first == at || first == at + 1, "removed in {at}, said in {first}");
                Incomplete
            } else if whole[after..].iter().zip(&read[at..]).all(same) {
                Not
            } else {
                Kind
            };
            let kind = match encoded.codec {
                Codec::H264 => nal[0] & 0x1f,
                _ => nal[0] >> 1 & 0x3f,
            };
            *counts.entry((kind, shows)).or_default() += 1;
        }
    }
    counts
}

/// What is there besides slices: parameter sets with each IDR picture, of which only the first ones are
/// missed; delimiters and information about the encoder, which nobody misses.
const H264_HEADERS: [((u8, Shows), usize); 6] =
    [((6, Not), 1), ((7, Kind), 1), ((7, Not), 1), ((8, Kind), 1), ((8, Not), 1), ((9, Not), 20)];
const H265_HEADERS: [((u8, Shows), usize); 4] =
    [((32, Kind), 1), ((33, Kind), 1), ((34, Kind), 1), ((39, Not), 1)];

#[track_caller]
fn check(codec: Codec, encoder: &str, slices: &[((u8, Shows), usize)]) {
    let Some(encoded) = encode(codec, 20, encoder) else { return };
    let headers = if codec == Codec::H264 { H264_HEADERS.to_vec() } else { H265_HEADERS.to_vec() };
    assert_eq!(removals(&encoded), slices.iter().copied().chain(headers).collect());
}

#[track_caller]
fn x264(options: &str, slices: &[((u8, Shows), usize)]) {
    let caps = "video/x-h264,stream-format=byte-stream,alignment=au";
    let encoder =
        format!("x264enc key-int-max=10 b-adapt=false {options} option-string=scenecut=0 ! {caps}");
    check(Codec::H264, &encoder, slices);
}

#[track_caller]
fn x265(options: &str, slices: &[((u8, Shows), usize)]) {
    let caps = "video/x-h265,stream-format=byte-stream,alignment=au";
    let options = format!("option-string=scenecut=0:b-adapt=0:{options}");
    check(Codec::H265, &format!("x265enc key-int-max=10 {options} ! {caps}"), slices);
}

/// Two groups of ten. The last picture of each is needed by none, and before the first IDR picture there
/// was nothing to be missed.
#[test]
fn h264_pictures_of_one_slice() {
    x264("bframes=0", &[((1, Incomplete), 16), ((1, Not), 2), ((5, Incomplete), 1), ((5, Not), 1)]);
}

/// Eight B pictures are needed by none, and so are the last P pictures of the groups.
#[test]
fn h264_b_pictures() {
    x264(
        "bframes=3 b-pyramid=true",
        &[((1, Incomplete), 8), ((1, Not), 10), ((5, Incomplete), 1), ((5, Not), 1)],
    );
}

/// Which slices a picture has, besides the first one, is known once some pictures have come.
#[test]
fn h264_slices_but_the_first_are_missed_later() {
    x264(
        "bframes=0 sliced-threads=true threads=4",
        &[((1, Incomplete), 38), ((1, Not), 16), ((5, Incomplete), 2), ((5, Not), 4)],
    );
}

#[test]
fn h265_pictures_of_one_slice() {
    x265(
        "bframes=0:ref=3",
        &[((1, Incomplete), 16), ((1, Not), 2), ((20, Not), 1), ((21, Incomplete), 1)],
    );
}

#[test]
fn h265_b_pictures_in_closed_groups() {
    x265(
        "bframes=3:open-gop=0:ref=3",
        &[
            ((0, Not), 8),
            ((1, Incomplete), 8),
            ((1, Not), 2),
            ((20, Incomplete), 1),
            ((20, Not), 1),
        ],
    );
}

/// A leading picture is needed by none.
#[test]
fn h265_b_pictures_in_open_groups() {
    x265(
        "bframes=3:open-gop=1:ref=3",
        &[
            ((0, Not), 8),
            ((1, Incomplete), 8),
            ((1, Not), 1),
            ((8, Not), 1),
            ((20, Not), 1),
            ((21, Incomplete), 1),
        ],
    );
}

#[test]
fn h265_slices_but_the_first_are_missed_later() {
    x265(
        "bframes=0:slices=3",
        &[
            ((1, Incomplete), 38),
            ((1, Not), 16),
            ((20, Incomplete), 1),
            ((20, Not), 2),
            ((21, Incomplete), 1),
            ((21, Not), 2),
        ],
    );
}

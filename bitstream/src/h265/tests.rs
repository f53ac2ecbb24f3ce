use super::*;
use crate::bits::Writer;

/// Orders of output modulo 16, 320 by 240, two temporal layers; sets `-1` and `-2, -1`.
fn sps() -> Vec<u8> {
    profile(1)
        .ue([0, 1, 320, 240])
        .bits(1, 1)
        .ue([0, 0, 0, 8, 0, 0, 0])
        .bits(1, 0)
        .ue([5, 2, 0])
        .ue([0, 3, 0, 3, 0, 0])
        .bits(1, 0)
        .bits(3, 0)
        .ue([2])
        .ue([1, 0, 0])
        .bits(1, 1)
        // The second one is written as changes of the first one: -1 goes to -2, the picture to -1.
        .bits(2, 3)
        .ue([0])
        .bits(2, 3)
        .nal(&[0x42, 1])
}

/// Up to `profile_tier_level`, with `layers` above the first one.
fn profile(layers: u32) -> Writer {
    let mut bits = Writer::default().bits(4, 2).bits(3, layers).bits(1, 1);
    bits = (0..12).fold(bits, |bits, _| bits.bits(8, 0x20));
    if layers > 0 {
        // The first one has a profile and a level of its own.
        bits = bits.bits(2, 3).bits(2 * (layers - 1), 0).bits(2 * (8 - layers), 0);
        bits = (0..12).fold(bits, |bits, _| bits.bits(8, 0x20));
    }
    bits
}

fn headers() -> [Vec<u8>; 3] {
    let pps = Writer::default().ue([0, 0]).bits(5, 0).nal(&[0x44, 1]);
    [Writer::default().bits(8, 0x2f).nal(&[0x40, 1]), sps(), pps]
}

fn unit(nals: &[Vec<u8>]) -> Vec<u8> {
    nals.iter().flat_map(|nal| [&[0, 0, 1], &nal[..]].concat()).collect()
}

/// A slice of type `kind`, in temporal layer `layer`, that chooses set 0 or 1.
fn slice(kind: u8, layer: u8, order: u32, set: u32) -> Vec<u8> {
    let mut bits = Writer::default().bits(1, 1);
    if (16..24).contains(&kind) {
        bits = bits.bits(1, 0);
    }
    bits = bits.ue([0, 1]);
    if kind != 19 && kind != 20 {
        bits = bits.bits(4, order);
        bits = match kind {
            // What is shown before it and after it.
            8 | 9 => bits.bits(2, 0).ue([1, 1, 0]).bits(1, 1).ue([0]).bits(1, 1),
            ..16 => bits.bits(2, 2 | set),
            // A random access refers to nothing, which is a set of its own.
            _ => bits.bits(2, 0).ue([0, 0]),
        };
    }
    bits.bits(32, 0xaaaa_aaaa).nal(&[kind << 1, layer + 1])
}

fn begun() -> Stream {
    let mut stream = Stream::new();
    let [vps, sps, pps] = headers();
    let first = stream.read(&unit(&[vps, sps, pps, slice(19, 0, 0, 0)]), Framing::AnnexB);
    assert_eq!(first, Unit { kind: UnitKind::RandomAccess, disposable: false, incomplete: None });
    stream
}

#[test]
fn kinds_follow_the_types() {
    use UnitKind::{Leading, Picture, RandomAccess};
    let mut stream = begun();
    assert_eq!(stream.size(), Some((320, 240, 5)));
    for (kind, layer, order, expected, disposable) in [
        (1, 0, 1, Picture, false),
        // Not of the highest layer: those above may refer to it.
        (0, 0, 2, Picture, false),
        (0, 1, 3, Picture, true),
        (1, 1, 3, Picture, false),
        (21, 0, 8, RandomAccess, false),
        (9, 0, 6, Leading, false),
        (8, 1, 7, Leading, true),
        (6, 1, 7, Picture, true),
        (16, 0, 0, RandomAccess, false),
        (20, 0, 0, RandomAccess, false),
    ] {
        let said = stream.read(&unit(&[slice(kind, layer, order, 0)]), Framing::AnnexB);
        assert_eq!((said.kind, said.disposable), (expected, disposable), "type {kind}");
    }
}

/// For each picture after an IDR picture, whether something is missing before it.
#[track_caller]
fn check_gaps<const N: usize>(pictures: [(u8, u32, u32); N], expected: [bool; N]) {
    let mut stream = begun();
    let found = pictures.map(|(kind, order, set)| {
        let said =
            stream.read(&unit(&[slice(kind, 0, order % 16, set)]), Framing::AnnexB).incomplete;
        assert!(
            matches!(said, None | Some("reference pictures are missing before it")),
            "{said:?}"
        );
        said.is_some()
    });
    assert_eq!(found, expected);
}

#[test]
fn a_gap_is_said_once() {
    check_gaps([(1, 1, 0), (1, 2, 1), (1, 3, 1), (1, 4, 1)], [false; 4]);
    check_gaps([(1, 1, 0), (1, 3, 1), (1, 4, 1), (1, 5, 1)], [false, true, false, false]);
    // Modulo 16.
    check_gaps(std::array::from_fn::<_, 40, _>(|at| (1, at as u32 + 1, 0)), [false; 40]);
    // What is missing before a random access is not needed after it.
    check_gaps([(1, 1, 0), (19, 0, 0), (1, 1, 0)], [false; 3]);
    check_gaps(
        [(1, 1, 0), (21, 9, 0), (9, 8, 0), (1, 10, 0), (1, 12, 0)],
        [false, false, false, false, true],
    );
}

#[test]
fn what_lies_before_a_random_access_is_not_missed() {
    // Set 1 is -2, -1: of the first picture after it one lies before.
    check_gaps([(1, 1, 1), (1, 2, 1)], [false; 2]);
}

#[test]
fn encoders_that_count_in_their_own_way_are_let_be() {
    check_gaps(
        std::array::from_fn::<_, 20, _>(|at| (1, 2 * (at as u32 + 1), 0)),
        std::array::from_fn(|at| at < 2),
    );
}

#[test]
fn parameter_sets_are_needed() {
    let [vps, sps, pps] = headers();
    let idr = slice(19, 0, 0, 0);
    let mut stream = Stream::new();
    let mut kind = |nals: &[Vec<u8>]| stream.read(&unit(nals), Framing::AnnexB).kind;
    assert_eq!(
        kind(&[sps.clone(), pps.clone(), idr.clone()]),
        UnitKind::RandomAccessWithoutHeaders
    );
    assert_eq!(kind(std::slice::from_ref(&vps)), UnitKind::Headers);
    assert_eq!(kind(&[idr]), UnitKind::RandomAccess);
    let mut config = vec![0; 21];
    config.extend([3, 3]);
    for nal in [vps, sps, pps] {
        config.extend([0xa0 | nal[0] >> 1, 0, 1, 0, nal.len() as u8]);
        config.extend(nal);
    }
    let mut stream = Stream::new();
    assert_eq!(stream.read_header(&config), Some(4));
    let idr = slice(20, 0, 0, 0);
    let framed = [&[0, 0, 0, idr.len() as u8], &idr[..]].concat();
    let said = stream.read(&framed, Framing::LengthPrefixed { bytes: 4 });
    assert_eq!(said, Unit { kind: UnitKind::RandomAccess, disposable: false, incomplete: None });
    for end in 0..config.len() {
        Stream::new().read_header(&config[..end]);
    }
}

#[test]
fn what_is_malformed_is_said() {
    let mut stream = begun();
    let mut said = |nal: &[u8]| stream.read(&unit(&[nal.to_vec()]), Framing::AnnexB).incomplete;
    assert_eq!(said(&[0x82, 1, 0xff]), Some("the forbidden bit is set"));
    assert_eq!(said(&[0x02]), Some("a NAL unit is cut off in its header"));
    assert_eq!(said(&[0x02, 0x80, 0xff]), Some("a NAL unit's header is malformed"));
    assert_eq!(said(&[0x02, 0x01]), Some("a slice is cut off in its header"));
    // Slices but the first one.
    assert_eq!(said(&[0x02, 0x01, 0x5f, 0xff]), Some("the first slice is missing"));
    // Another layer.
    assert_eq!(said(&[0x02, 0x09]), None);
}

#[test]
fn a_recovery_point_is_said() {
    let message = |code| Writer::default().bits(16, 0x0604).ue([code]).bits(6, 0).nal(&[0x4e, 1]);
    let mut stream = begun();
    // Codes of signed numbers: 9 is 5, 8 is -4.
    for (order, code, frames) in [(1, 9, 5), (2, 8, 0), (3, 0, 0)] {
        let said = stream.read(&unit(&[message(code), slice(1, 0, order, 0)]), Framing::AnnexB);
        assert_eq!(said.kind, UnitKind::RecoveryPoint { frames });
        assert_eq!(said.incomplete, None);
    }
    let said = stream.read(&unit(&[message(0x2_0000), slice(1, 0, 4, 0)]), Framing::AnnexB);
    assert_eq!(said.kind, UnitKind::Picture);
}

#[test]
fn hostile_numbers_are_passed_on_or_refused() {
    let bits = profile(0).ue([3, 3]).bits(1, 1).ue([u32::MAX - 1, u32::MAX - 1]).bits(1, 0);
    let bits = bits.ue([0, 0, 12]).bits(1, 1).ue([u32::MAX - 1, 0, 0]);
    let (id, sps) = Sps::read(&bits.nal(&[])).unwrap();
    assert_eq!(
        (id, sps.columns, sps.rows, sps.references),
        (3, u32::MAX - 1, u32::MAX - 1, u32::MAX - 1)
    );
    assert!(sps.separate_colour_planes);
    assert_eq!(sps.sets, None);
    // More temporal layers than there may be.
    assert_eq!(Sps::read(&Writer::default().bits(8, 0x2f).bits(32, 0).nal(&[])), None);
    // A set of more pictures than any buffer has.
    let set = Writer::default().ue([16, 16]).bits(32, u32::MAX).bits(32, u32::MAX).nal(&[]);
    assert_eq!(ReferenceSet::read(&mut Bits::escaped(&set), &[], false), None);
}

#[test]
fn scaling_lists_and_pcm_are_passed_over() {
    let mut bits = profile(0).ue([0, 1, 64, 64]).bits(1, 0).ue([0, 0, 0]).bits(1, 1).ue([4, 0, 0]);
    bits = bits.ue([0; 6]).bits(2, 3);
    for size in 0..4 {
        for list in 0..if size == 3 { 2 } else { 6 } {
            if list == 1 {
                bits = bits.bits(1, 0).ue([1]);
                continue;
            }
            bits = bits.bits(1, 1);
            bits = (0..if size == 0 { 16 } else { 64 } + i32::from(size > 1))
                .fold(bits, |bits, _| bits.ue([2]));
        }
    }
    bits = bits
        .bits(3, 1)
        .bits(8, 0x77)
        .ue([0, 0])
        .bits(1, 0)
        .ue([1, 1, 1, 1])
        .bits(1, 1)
        .ue([2])
        .bits(1, 0);
    let (_, sps) = Sps::read(&bits.nal(&[])).unwrap();
    assert_eq!(sps.sets.unwrap().len(), 1);
}

use super::parameters::OrderType;
use super::*;
use crate::bits::Writer;

/// What the parameter sets of a test's stream say.
#[derive(Clone, Copy)]
struct Setup {
    gaps_allowed: bool,
    frames_only: bool,
    redundant: bool,
}

const PLAIN: Setup = Setup { gaps_allowed: false, frames_only: true, redundant: false };

/// Frame numbers modulo 16, orders of output modulo 16, 320 by 240.
fn sps(setup: Setup) -> Vec<u8> {
    Writer::default()
        .bits(24, 66 << 16 | 30)
        .ue([0, 0, 0, 0, 4])
        .bits(1, setup.gaps_allowed.into())
        .ue([19, if setup.frames_only { 14 } else { 7 }])
        .bits(1, setup.frames_only.into())
        .nal(&[0x67])
}

fn pps(setup: Setup) -> Vec<u8> {
    let bits = Writer::default().ue([0, 0]).bits(2, 0).ue([0, 0, 0]).bits(3, 0).ue([0, 0, 0]);
    bits.bits(3, setup.redundant.into()).nal(&[0x68])
}

/// The first slice of a picture.
#[derive(Clone, Copy)]
struct Picture {
    head: u8,
    kind: u32,
    number: u32,
    order: u32,
    field: Option<bool>,
    resets: bool,
}

const IDR: Picture =
    Picture { head: 0x65, kind: 7, number: 0, order: 0, field: None, resets: false };
const P: Picture = Picture { head: 0x41, kind: 5, ..IDR };
const B: Picture = Picture { head: 0x01, kind: 6, ..IDR };

impl Picture {
    fn nal(self, setup: Setup) -> Vec<u8> {
        self.slice(setup, 0, 0)
    }

    fn slice(self, setup: Setup, first_mb: u32, redundant: u32) -> Vec<u8> {
        let mut bits = Writer::default().ue([first_mb, self.kind, 0]).bits(4, self.number);
        if !setup.frames_only {
            bits = bits.bits(1, self.field.is_some().into());
            if let Some(bottom) = self.field {
                bits = bits.bits(1, bottom.into());
            }
        }
        if self.head & 0x1f == 5 {
            bits = bits.ue([0]);
        }
        bits = bits.bits(4, self.order);
        if setup.redundant {
            bits = bits.ue([redundant]);
        }
        match self.kind {
            6 => bits = bits.bits(4, 0),
            5 => bits = bits.bits(2, 0),
            _ => {}
        }
        if self.head & 0x1f == 5 {
            bits = bits.bits(2, 0);
        } else if self.resets {
            bits = bits.bits(1, 1).ue([1, 0, 5, 0]);
        } else if self.head & 0x60 != 0 {
            bits = bits.bits(1, 0);
        }
        bits.bits(32, 0xaaaa_aaaa).nal(&[self.head])
    }
}

fn unit(nals: &[Vec<u8>]) -> Vec<u8> {
    nals.iter().flat_map(|nal| [&[0, 0, 1], &nal[..]].concat()).collect()
}

fn begun(setup: Setup) -> Stream {
    let mut stream = Stream::new();
    let first =
        stream.read(&unit(&[sps(setup), pps(setup), IDR.slice(setup, 0, 0)]), Framing::AnnexB);
    assert_eq!(first.kind, UnitKind::RandomAccess);
    assert_eq!(first.incomplete, None);
    stream
}

/// For each picture after an IDR picture, whether something is missing before it.
#[track_caller]
fn check_gaps<const N: usize>(setup: Setup, pictures: [Picture; N], expected: [bool; N]) {
    let mut stream = begun(setup);
    let found = pictures.map(|picture| {
        let said = stream.read(&unit(&[picture.nal(setup)]), Framing::AnnexB).incomplete;
        assert!(
            matches!(said, None | Some("reference pictures are missing before it")),
            "{said:?}"
        );
        said.is_some()
    });
    assert_eq!(found, expected);
}

fn p(number: u32) -> Picture {
    Picture { number, ..P }
}

fn b(number: u32) -> Picture {
    Picture { number, ..B }
}

#[test]
fn a_gap_is_said_once() {
    check_gaps(PLAIN, [p(1), p(2), p(4), p(5)], [false, false, true, false]);
    check_gaps(PLAIN, [p(1), b(2), b(2), p(2), b(3)], [false; 5]);
    // The reference picture before a B picture is missing.
    check_gaps(PLAIN, [p(1), b(3), b(3), p(3)], [false, true, false, false]);
    check_gaps(PLAIN, [p(1), p(0)], [false, true]);
}

#[test]
fn numbers_begin_anew() {
    check_gaps(PLAIN, std::array::from_fn::<_, 40, _>(|at| p((at as u32 + 1) % 16)), [false; 40]);
    check_gaps(PLAIN, [p(1), IDR, p(1)], [false; 3]);
    check_gaps(
        PLAIN,
        [p(1), Picture { resets: true, ..p(2) }, p(1), p(3)],
        [false, false, false, true],
    );
    // An intra picture with number 0 that is no IDR picture.
    check_gaps(PLAIN, [p(1), p(2), Picture { kind: 7, ..p(0) }, p(1)], [false; 4]);
}

#[test]
fn gaps_that_are_allowed_are_none() {
    let setup = Setup { gaps_allowed: true, ..PLAIN };
    check_gaps(setup, [p(1), p(3), p(9), p(10)], [false; 4]);
}

#[test]
fn encoders_that_count_in_their_own_way_are_let_be() {
    check_gaps(PLAIN, [p(0); 20], [false; 20]);
    check_gaps(PLAIN, [p(7); 20], std::array::from_fn(|at| at == 0));
    // By two: it is taken for a loss twice, then it is the encoder's way.
    let by_two = std::array::from_fn::<_, 20, _>(|at| p(2 * (at as u32 + 1) % 16));
    check_gaps(PLAIN, by_two, std::array::from_fn(|at| at < 2));
}

#[test]
fn the_fields_of_a_frame_have_one_number() {
    let setup = Setup { frames_only: false, ..PLAIN };
    let field = |picture, bottom| Picture { field: Some(bottom), ..picture };
    let mut stream = Stream::new();
    let first = unit(&[sps(setup), pps(setup), field(IDR, false).nal(setup)]);
    assert_eq!(stream.read(&first, Framing::AnnexB).kind, UnitKind::RandomAccess);
    let mut said = |picture: Picture| stream.read(&unit(&[picture.nal(setup)]), Framing::AnnexB);
    let second = said(field(p(0), true));
    assert_eq!(second, Unit { kind: UnitKind::Picture, disposable: false, incomplete: None });
    for picture in [
        field(p(1), false),
        field(p(1), true),
        field(b(2), false),
        field(b(2), true),
        field(p(2), false),
        field(p(2), true),
    ] {
        assert_eq!(said(picture).incomplete, None);
    }
    assert!(said(field(p(4), false)).incomplete.is_some());
    assert_eq!(said(field(p(4), true)).incomplete, None);
    // Both in one unit.
    let both = unit(&[field(p(5), false).nal(setup), field(p(5), true).nal(setup)]);
    assert_eq!(stream.read(&both, Framing::AnnexB).incomplete, None);
    assert_eq!(stream.size(), Some((320, 256, 4)));
}

#[test]
fn parameter_sets_are_needed() {
    let mut stream = Stream::new();
    let mut kind = |nals: &[Vec<u8>]| stream.read(&unit(nals), Framing::AnnexB).kind;
    let idr = IDR.nal(PLAIN);
    assert_eq!(kind(std::slice::from_ref(&idr)), UnitKind::RandomAccessWithoutHeaders);
    assert_eq!(kind(&[pps(PLAIN), idr.clone()]), UnitKind::RandomAccessWithoutHeaders);
    assert_eq!(kind(&[sps(PLAIN)]), UnitKind::Headers);
    assert_eq!(kind(&[idr]), UnitKind::RandomAccess);
}

#[test]
fn the_first_picture_of_a_unit_counts() {
    let mut stream = begun(PLAIN);
    let mut kind = |nals: &[Vec<u8>]| stream.read(&unit(nals), Framing::AnnexB).kind;
    assert_eq!(kind(&[p(1).nal(PLAIN), IDR.nal(PLAIN)]), UnitKind::Picture);
    assert_eq!(kind(&[IDR.nal(PLAIN), p(1).nal(PLAIN)]), UnitKind::RandomAccess);
}

#[test]
fn parameter_sets_come_out_of_band() {
    let (sps, pps) = (sps(PLAIN), pps(PLAIN));
    let lengths = [sps.len() as u8, pps.len() as u8];
    let config =
        [&[1, 66, 0, 30, 0xfd, 0xe1, 0, lengths[0]], &sps[..], &[1, 0, lengths[1]], &pps].concat();
    for header in [config.clone(), unit(&[sps.clone(), pps.clone()])] {
        let mut stream = Stream::new();
        let length = stream.read_header(&header);
        assert_eq!(length, (header == config).then_some(2));
        assert_eq!(stream.size(), Some((320, 240, 4)));
        assert_eq!(
            stream.read(&unit(&[IDR.nal(PLAIN)]), Framing::AnnexB).kind,
            UnitKind::RandomAccess
        );
    }
    for end in 0..config.len() {
        Stream::new().read_header(&config[..end]);
    }
}

#[test]
fn the_first_slice_is_missed() {
    let mut stream = begun(PLAIN);
    let mut said = |nals: &[Vec<u8>]| stream.read(&unit(nals), Framing::AnnexB).incomplete;
    assert_eq!(said(&[p(1).slice(PLAIN, 0, 0), p(1).slice(PLAIN, 150, 0)]), None);
    // In any order.
    assert_eq!(said(&[p(2).slice(PLAIN, 150, 0), p(2).slice(PLAIN, 0, 0)]), None);
    assert_eq!(said(&[p(3).slice(PLAIN, 150, 0)]), Some("the first slice is missing"));
    // It may have been any picture.
    assert_eq!(said(&[p(5).slice(PLAIN, 0, 0)]), None);
    // Partition B of a slice whose partition A is missing.
    assert_eq!(said(&[vec![0x43, 0xaa]]), Some("the first slice is missing"));
}

#[test]
fn a_slice_that_repeats_one_does_not_stand_for_it() {
    let setup = Setup { redundant: true, ..PLAIN };
    let mut stream = begun(setup);
    let mut said = |nals: &[Vec<u8>]| stream.read(&unit(nals), Framing::AnnexB).incomplete;
    assert_eq!(said(&[p(1).slice(setup, 0, 0), p(1).slice(setup, 0, 1)]), None);
    assert_eq!(said(&[p(2).slice(setup, 0, 1)]), Some("the first slice is missing"));
}

#[test]
fn what_is_malformed_is_said() {
    let mut stream = begun(PLAIN);
    let mut said = |nal: &[u8]| stream.read(&unit(&[nal.to_vec()]), Framing::AnnexB).incomplete;
    assert_eq!(said(&[0xc1, 0xaa, 0xaa]), Some("the forbidden bit is set"));
    assert_eq!(said(&[0x41]), Some("a slice is cut off in its header"));
    assert_eq!(said(&[0x41, 0, 0, 0, 0, 0, 0x80]), Some("a slice is cut off in its header"));
    // Base layer prefixes, and slices of other views.
    assert_eq!(said(&[0x6e, 0xaa]), None);
    assert_eq!(said(&[0x74, 0xaa]), None);
}

/// A recovery point after another message, of 300 bytes.
fn recovery(frames: u32) -> Vec<u8> {
    let message = (0..300).fold(Writer::default().bits(24, 0x05_ff2d), |bits, _| bits.bits(8, 0));
    message.bits(16, 0x0604).ue([frames]).bits(4, 0).nal(&[6])
}

#[test]
fn a_recovery_point_is_said() {
    let mut stream = Stream::new();
    let mut kind = |nals: &[Vec<u8>]| stream.read(&unit(nals), Framing::AnnexB).kind;
    assert_eq!(kind(&[recovery(9), p(1).nal(PLAIN)]), UnitKind::Picture);
    assert_eq!(kind(&[sps(PLAIN), pps(PLAIN), recovery(9)]), UnitKind::Headers);
    assert_eq!(kind(&[recovery(9), p(1).nal(PLAIN)]), UnitKind::RecoveryPoint { frames: 9 });
    assert_eq!(kind(&[recovery(0), IDR.nal(PLAIN)]), UnitKind::RandomAccess);
    assert_eq!(kind(&[recovery(0x1_0000), p(1).nal(PLAIN)]), UnitKind::Picture);
}

#[test]
fn b_pictures_that_are_shown_before_an_open_picture_lead() {
    let mut stream = begun(PLAIN);
    let mut kind = |nals: &[Vec<u8>]| stream.read(&unit(nals), Framing::AnnexB).kind;
    let at = |picture, order| Picture { order, ..picture };
    assert_eq!(kind(&[at(b(1), 14).nal(PLAIN)]), UnitKind::Picture);
    let open = Picture { kind: 7, ..at(p(1), 2) };
    assert_eq!(kind(&[recovery(0), open.nal(PLAIN)]), UnitKind::RecoveryPoint { frames: 0 });
    // Modulo 16.
    assert_eq!(kind(&[at(b(2), 14).nal(PLAIN)]), UnitKind::Leading);
    assert_eq!(kind(&[at(b(2), 0).nal(PLAIN)]), UnitKind::Leading);
    assert_eq!(kind(&[at(p(2), 8).nal(PLAIN)]), UnitKind::Picture);
    assert_eq!(kind(&[at(b(3), 0).nal(PLAIN)]), UnitKind::Picture);
}

#[test]
fn every_part_of_a_parameter_set_is_passed_over() {
    // High 4:4:4 Predictive, a scaling list that is written out, a cycle of orders.
    let mut bits =
        Writer::default().bits(24, 244 << 16 | 30).ue([3, 3]).bits(1, 0).ue([0, 0]).bits(2, 1);
    bits = bits.bits(1, 1).ue([0; 16]).bits(1, 1).ue([16]).bits(10, 0);
    bits = bits
        .ue([4, 1])
        .bits(1, 0)
        .ue([0, 0, 2, 5, 6, 3])
        .bits(1, 1)
        .ue([u32::MAX - 1, 0])
        .bits(1, 0);
    let (id, sps) = Sps::read(&bits.nal(&[])).unwrap();
    assert_eq!(id, 3);
    let expected = Sps {
        separate_colour_planes: false,
        chroma: true,
        frame_num_bits: 8,
        order: OrderType::Cycle { always_zero: false },
        references: 3,
        gaps_allowed: true,
        frames_only: false,
        columns: u32::MAX,
        rows: 32,
    };
    assert_eq!(sps, expected);
    for (groups, length) in [(0, 3), (1, 0), (2, 4), (6, 0)] {
        let mut bits = Writer::default().ue([9, 3]).bits(2, 1).ue([2, groups]);
        bits = (0..length).fold(bits, |bits, _| bits.ue([7]));
        if groups == 6 {
            bits = bits.ue([9]).bits(20, 0x5_5555);
        }
        let bits = bits.ue([4, 2]).bits(3, 5).ue([0, 0, 0]).bits(3, 1);
        let expected = Pps {
            sps: 3,
            bottom_field_order: true,
            lists: [5, 3],
            weighted: true,
            weighted_both: 1,
            redundant: true,
        };
        assert_eq!(Pps::read(&bits.nal(&[])), Some((9, expected)), "{groups}");
    }
    // Its number of units has 32 bits, and there are none.
    assert_eq!(
        Pps::read(&Writer::default().ue([9, 3]).bits(2, 1).ue([2, 6, u32::MAX - 1]).nal(&[])),
        None
    );
}

#[test]
fn weights_and_lists_are_passed_over() {
    let sps = Sps::read(&sps(PLAIN)[1..]).unwrap().1;
    let pps = Pps {
        sps: 0,
        bottom_field_order: false,
        lists: [1, 1],
        weighted: true,
        weighted_both: 1,
        redundant: false,
    };
    for (kind, lists) in [(0, 1), (1, 2)] {
        let mut bits = Writer::default().ue([0, kind, 0]).bits(4, 3).bits(4, 6);
        bits = if kind == 1 { bits.bits(2, 3).ue([1, 1]) } else { bits.bits(1, 1).ue([1]) };
        for _ in 0..lists {
            bits = bits.bits(1, 1).ue([0, 4, 2, 1, 3]);
        }
        bits = bits.ue([5, 5]);
        for _ in 0..2 * lists {
            bits = bits.bits(1, 1).ue([3, 4]).bits(1, 1).ue([1, 2, 3, 4]);
        }
        let nal = bits.bits(1, 1).ue([1, 0, 2, 0, 3, 0, 0, 4, 0, 6, 0, 5, 0]).nal(&[]);
        let mut bits = Bits::escaped(&nal);
        let start = slice::Start::read(&mut bits).unwrap();
        let slice = Slice::read(&mut bits, &start, &pps, &sps, false, true).unwrap();
        assert!(slice.resets);
        assert_eq!((slice.frame_num, slice.intra, slice.both), (3, false, kind == 1));
        assert_eq!(bits.bits(1), Some(1));
    }
}

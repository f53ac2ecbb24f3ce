use super::*;

/// 7.3, where each bit is as likely as the other.
struct BoolEncoder {
    bytes: Vec<u8>,
    bottom: u32,
    range: u32,
    left: u32,
}

impl BoolEncoder {
    fn bit(&mut self, bit: bool) {
        let split = 1 + (((self.range - 1) * 128) >> 8);
        if bit {
            self.bottom = self.bottom.wrapping_add(split);
            self.range -= split;
        } else {
            self.range = split;
        }
        while self.range < 128 {
            self.range <<= 1;
            if self.bottom >> 31 == 1 {
                let last = self.bytes.iter().rposition(|byte| *byte != 0xff).unwrap();
                self.bytes[last] += 1;
                self.bytes[last + 1..].fill(0);
            }
            self.bottom <<= 1;
            self.left -= 1;
            if self.left == 0 {
                self.bytes.push((self.bottom >> 24) as u8);
                self.bottom &= 0xff_ffff;
                self.left = 8;
            }
        }
    }
}

/// A first partition of these literals: numbers and their bits.
fn partition(literals: &[(u32, u32)]) -> Vec<u8> {
    let mut encoder = BoolEncoder { bytes: Vec::new(), bottom: 0, range: 255, left: 24 };
    for (value, count) in literals.iter().chain(&[(0, 32)]) {
        (0..*count).rev().for_each(|place| encoder.bit(value >> place & 1 == 1));
    }
    encoder.bytes
}

/// An inter frame with that first partition and `rest` after it.
fn frame(literals: &[(u32, u32)], rest: &[u8]) -> Vec<u8> {
    let first = partition(literals);
    let tag = (first.len() as u32) << 5 | 0x11;
    [&tag.to_le_bytes()[..3], &first, rest].concat()
}

#[track_caller]
fn check_disposable(literals: &[(u32, u32)], disposable: bool) {
    let unit = Stream::default().read(&frame(literals, &[0; 16]));
    assert_eq!(unit, Unit { kind: UnitKind::Picture, disposable, incomplete: None });
}

/// No segments; filter; no changes of it; one partition; quantisation, one of them with a difference.
const BEGINNING: [(u32, u32); 6] = [(0, 1), (0x2aa, 10), (1, 2), (0, 2), (100, 7), (0x150, 9)];

#[test]
fn a_frame_that_leaves_nothing_behind_is_disposable() {
    // Refresh golden, alternate; copy to golden, alternate; signs; probabilities, last.
    for (ending, disposable) in [
        ([(0, 2), (0, 4), (3, 2), (0, 2)], true),
        ([(2, 2), (0, 2), (3, 2), (0, 2)], false),
        ([(1, 2), (0, 2), (3, 2), (0, 2)], false),
        ([(0, 2), (1, 4), (3, 2), (0, 2)], false),
        ([(0, 2), (8, 4), (3, 2), (0, 2)], false),
        ([(0, 2), (0, 4), (0, 2), (2, 2)], false),
        ([(0, 2), (0, 4), (0, 2), (1, 2)], false),
    ] {
        check_disposable(&[&BEGINNING[..], &ending].concat(), disposable);
    }
}

#[test]
fn changes_of_segments_and_of_the_filter_remain() {
    let ending = [(0, 2), (0, 4), (0, 2), (0, 2)];
    let segments = [(1, 1), (0, 2)];
    check_disposable(&[&segments[..], &BEGINNING[1..], &ending].concat(), true);
    let segments = [(1, 1), (0b11, 2), (1, 1), (0x1ff, 9), (0, 7), (0, 3)];
    check_disposable(&[&segments[..], &BEGINNING[1..], &ending].concat(), false);
    let filter = [(0, 1), (0x2aa, 10), (3, 2), (0x80 | 0x33, 8), (0, 7)];
    check_disposable(&[&filter[..], &BEGINNING[3..], &ending].concat(), false);
}

#[test]
fn partitions_are_as_long_as_they_say() {
    let four = [(0, 1), (0, 10), (0, 1), (2, 2), (0, 7), (0, 5), (0, 10)];
    let mut stream = Stream::default();
    for (rest, fault) in [
        (&[1, 0, 0, 2, 0, 0, 0, 0, 0, 7, 7, 7][..], None),
        (&[1, 0, 0, 2, 0, 0, 0, 0, 0, 7, 7], Some("a partition is cut off")),
        (&[1, 0, 0, 2, 0, 0, 0, 0], Some("a partition is cut off")),
        (&[0, 0, 0, 0, 0, 0, 0, 0, 0], None),
    ] {
        assert_eq!(stream.read(&frame(&four, rest)).incomplete, fault, "{rest:?}");
    }
}

#[test]
fn what_is_cut_off_is_said() {
    let mut stream = Stream::default();
    assert_eq!(stream.read(&[]).incomplete, Some("an empty unit"));
    assert_eq!(stream.read(&[0x10, 2]).incomplete, Some("the frame's header is cut off"));
    let key = [0x10, 2, 0, 0x9d, 0x01, 0x2a, 0x40, 0x01, 0xf0, 0x40];
    let unit = stream.read(&key);
    assert_eq!(unit.kind, UnitKind::RandomAccess);
    assert_eq!(unit.incomplete, Some("the first partition is cut off"));
    assert_eq!(stream.size(), Some((320, 240)));
    let unit = stream.read(&[0x10, 2, 0, 0, 0, 0, 0, 0, 0, 0]);
    assert_eq!(unit.incomplete, Some("a key frame without its start code"));
}

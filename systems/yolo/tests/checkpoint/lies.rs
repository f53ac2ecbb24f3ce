//! Archives that say something else of themselves than they are.

use detector_yolo::Checkpoint;

use crate::hostile::walk;
use crate::writer::{Entry, body, end, lying, pickle, tensor};

/// The pickle and the storage of a small checkpoint, as they should be.
fn honest() -> (Vec<u8>, [u8; 24]) {
    (pickle(&tensor(0, &[6], &[1])), [0; 24])
}

/// Checks that an archive is refused with a text that says why.
#[track_caller]
fn check(file: Vec<u8>, expected: &str) {
    let error = Checkpoint::from_bytes(file).unwrap_err();
    let causes = std::iter::successors(Some(&error as &dyn std::error::Error), |e| e.source());
    let text = causes.map(ToString::to_string).collect::<Vec<_>>().join(": ");
    assert!(text.contains(expected), "{text}");
}

/// Checks that an archive with this storage is refused.
#[track_caller]
fn check_storage(change: impl FnOnce(Entry) -> Entry, expected: &str) {
    let (pickle, numbers) = honest();
    let storage = change(Entry::of("x/data/0", &numbers));
    check(lying(&[Entry::of("x/data.pkl", &pickle), storage]), expected);
}

#[test]
fn an_honest_archive_is_read() {
    let (pickle, numbers) = honest();
    let file = lying(&[Entry::of("x/data.pkl", &pickle), Entry::of("x/data/0", &numbers)]);
    let checkpoint = Checkpoint::from_bytes(file).unwrap();
    assert_eq!(checkpoint.root().tensor().unwrap().to_f32().unwrap(), [0.0; 6]);
}

/// Entries beyond 4 GiB have their sizes in 64 bits; torch writes these also for smaller ones.
#[test]
fn sizes_of_64_bits_are_read() {
    let (pickle, numbers) = honest();
    let start = 30 + "x/data.pkl".len() + pickle.len();
    let storage = Entry::of("x/data/0", &numbers).zip64(24, 24, start as u64);
    let file = lying(&[Entry::of("x/data.pkl", &pickle), storage]);
    let checkpoint = Checkpoint::from_bytes(file).unwrap();
    assert_eq!(checkpoint.root().tensor().unwrap().to_f32().unwrap(), [0.0; 6]);
}

#[test]
fn sizes_of_64_bits_that_lie_are_refused() {
    let start = 30 + "x/data.pkl".len() + honest().0.len();
    for size in [1 << 20, 1 << 40, u64::MAX - 64, u64::MAX] {
        let (pickle, numbers) = honest();
        let entry = Entry::of("x/data/0", &numbers).zip64(size, size, start as u64);
        let file = lying(&[Entry::of("x/data.pkl", &pickle), entry]);
        assert!(Checkpoint::from_bytes(file).is_err(), "{size} bytes");
    }
    for offset in [1 << 20, 1 << 40, u64::MAX - 30, u64::MAX] {
        let (pickle, numbers) = honest();
        let entry = Entry::of("x/data/0", &numbers).zip64(24, 24, offset);
        let file = lying(&[Entry::of("x/data.pkl", &pickle), entry]);
        assert!(Checkpoint::from_bytes(file).is_err(), "at {offset}");
    }
}

#[test]
fn an_extra_field_that_is_cut_off_is_survived() {
    for extra in [&b"\x01"[..], b"\x01\0", b"\x01\0\xff\xff", b"\x01\0\x18\0\0\0\0\0", &[0xff; 64]]
    {
        let (pickle, numbers) = honest();
        let mut storage = Entry::of("x/data/0", &numbers);
        (storage.size, storage.extra) = (u32::MAX, extra.to_vec());
        let file = lying(&[Entry::of("x/data.pkl", &pickle), storage]);
        assert!(Checkpoint::from_bytes(file).is_err(), "{extra:?}");
    }
}

#[test]
fn an_entry_that_is_longer_than_the_file_is_refused() {
    check_storage(
        |entry| Entry { size: 1 << 30, compressed: 1 << 30, ..entry },
        "is longer than the file",
    );
}

/// A bomb: a few bytes that would become many. Nothing is ever inflated.
#[test]
fn a_bomb_is_refused_before_it_is_opened() {
    // Stored, deflated, deflate64, bzip2, lzma, zstd, and what nobody knows.
    for method in [0, 8, 9, 12, 14, 93, 999] {
        let (pickle, numbers) = honest();
        let bomb = Entry { method, size: 4_000_000_000, ..Entry::of("x/data/0", &numbers) };
        let file = lying(&[Entry::of("x/data.pkl", &pickle), bomb]);
        assert!(Checkpoint::from_bytes(file).is_err(), "method {method}");
    }
    check_storage(|entry| Entry { method: 8, size: 4_000_000_000, ..entry }, "is compressed");
}

/// Many entries that are one and the same bytes: small to store, large to read.
#[test]
fn entries_that_share_bytes_are_refused() {
    let (pickle, numbers) = honest();
    let start = (30 + "x/data.pkl".len() + pickle.len()) as u32;
    let storage = || Entry::of("x/data/0", &numbers);
    let same = Entry { name: b"x/data/1", offset: Some(start), ..storage() };
    let entries = [Entry::of("x/data.pkl", &pickle), storage(), same];
    check(lying(&entries), "shares bytes with another entry");
}

/// As a bomb is made that does not share whole entries: each one reaches over the next ones.
#[test]
fn entries_that_reach_over_others_are_refused() {
    let (pickle, numbers) = honest();
    let mut over = Entry::of("x/data/0", &numbers);
    (over.size, over.compressed) = (70, 70);
    let entries = [Entry::of("x/data.pkl", &pickle), over, Entry::of("x/data/1", &numbers)];
    check(lying(&entries), "shares bytes with another entry");
}

#[test]
fn an_entry_that_is_there_twice_is_refused() {
    let (pickle, numbers) = honest();
    let storage = || Entry::of("x/data/0", &numbers);
    check(lying(&[Entry::of("x/data.pkl", &pickle), storage(), storage()]), "is there twice");
}

#[test]
fn an_encrypted_entry_is_refused() {
    check_storage(|entry| Entry { flags: 1, ..entry }, "is encrypted");
}

/// How long the directory is tells nothing that its entries do not.
#[test]
fn a_count_of_entries_that_lies_is_refused() {
    let (pickle, numbers) = honest();
    let (body, start) = body(&[Entry::of("x/data.pkl", &pickle), Entry::of("x/data/0", &numbers)]);
    let length = (body.len() - start) as u32;
    for (count, length, start) in [
        (3, length, start as u32),
        (u16::MAX - 1, length, start as u32),
        (2, length, u32::MAX - 1),
        (2, length, start as u32 + 1),
        (2, length, 0),
    ] {
        let file = [&body[..], &end(count, length, start)].concat();
        assert!(Checkpoint::from_bytes(file).is_err(), "{count} {length} {start}");
    }
}

/// The end of an archive of 64 bits says how many entries there are: more than a file can have, or
/// it points at itself.
#[test]
fn an_end_of_64_bits_that_lies_is_refused() {
    let (pickle, numbers) = honest();
    let (body, start) = body(&[Entry::of("x/data.pkl", &pickle), Entry::of("x/data/0", &numbers)]);
    let length = (body.len() - start) as u64;
    let at = body.len() as u64;
    for (count, length, start, end64) in [
        (u64::MAX, length, start as u64, at),
        (1 << 60, length, start as u64, at),
        (2, length, u64::MAX, at),
        (2, length, start as u64, u64::MAX),
        (2, length, start as u64, at + 56),
    ] {
        let mut file = [&body[..], b"PK\x06\x06", &44_u64.to_le_bytes(), &[45, 0, 45, 0]].concat();
        file.extend([0; 8]);
        for number in [count, count, length, start] {
            file.extend(number.to_le_bytes());
        }
        file.extend(
            [b"PK\x06\x07", &[0; 4][..], &end64.to_le_bytes(), &1_u32.to_le_bytes()].concat(),
        );
        file.extend(end(u16::MAX, u32::MAX, u32::MAX));
        assert!(Checkpoint::from_bytes(file).is_err(), "{count} {length} {start} {end64}");
    }
}

/// Whichever of two directories counts, the file is refused or it is read as one of them.
#[test]
fn two_directories_make_no_third_file() {
    let (pickle, numbers) = honest();
    let first = lying(&[Entry::of("x/data.pkl", &pickle), Entry::of("x/data/0", &numbers)]);
    for second in [lying(&[]), first.clone(), end(0, 0, 0)] {
        if let Ok(checkpoint) = Checkpoint::from_bytes([&first[..], &second].concat()) {
            walk(&checkpoint);
        }
    }
}

#[test]
fn names_that_lead_elsewhere_find_nothing() {
    let (pickle, numbers) = honest();
    for name in
        ["../data.pkl", "/data.pkl", "data.pkl", "x/y/data.pkl", "x\\data.pkl", "C:/../data.pkl"]
    {
        let file = lying(&[Entry::of(name, &pickle), Entry::of("x/data/0", &numbers)]);
        match Checkpoint::from_bytes(file) {
            // A folder of any name is right; nothing is ever written there.
            Ok(checkpoint) => {
                assert!(checkpoint.root().tensor().unwrap().to_f32().is_err(), "{name}")
            }
            Err(error) => assert!(error.to_string().contains("data.pkl"), "{name}: {error}"),
        }
    }
    let names: [&[u8]; 3] = [b"x/data/\xff\xfe", b"x/data/\0", b""];
    for name in names {
        let odd = Entry { name, ..Entry::of("", &numbers) };
        let file = lying(&[Entry::of("x/data.pkl", &pickle), odd]);
        if let Ok(checkpoint) = Checkpoint::from_bytes(file) {
            walk(&checkpoint);
        }
    }
}

//! No file makes the reader run something, run out of memory or panic.

use detector_yolo::{Checkpoint, CheckpointError, Limits, Value};
use proptest::collection::vec;
use proptest::prelude::*;
use zip::CompressionMethod;

use crate::writer::{archive, archive_with, checkpoint, module, pickle, tensor, tensor_of};

fn fail(body: &[u8]) -> CheckpointError {
    Checkpoint::from_bytes(checkpoint(&pickle(body))).unwrap_err()
}

#[track_caller]
fn check_numbers_fail(tensor: &[u8], expected: &str) {
    let checkpoint = Checkpoint::from_bytes(checkpoint(&pickle(tensor))).unwrap();
    let error = checkpoint.root().tensor().unwrap().to_f32().unwrap_err().to_string();
    assert!(error.starts_with("a tensor in storage \"0\""), "{error}");
    assert!(error.contains(expected), "{error}");
}

/// Touches everything once.
pub fn walk(checkpoint: &Checkpoint) {
    let mut seen = std::collections::HashSet::new();
    let mut open: Vec<Value> = vec![checkpoint.root()];
    while let Some(value) = open.pop() {
        if !seen.insert(value) {
            continue;
        }
        let _ = format!("{value:?} {:?} {:?}", value.class(), value.get("a"));
        if let Some(tensor) = value.tensor() {
            let _ = (tensor.to_f32(), tensor.to_i64());
        }
        open.extend(value.items());
        open.extend(value.arguments());
        open.extend(value.entries().into_iter().flat_map(|(key, value)| [key, value]));
        open.extend(value.modules().into_iter().map(|(_, module)| module));
    }
}

#[test]
fn a_file_that_is_cut_off_anywhere_is_an_error() {
    let whole = checkpoint(&pickle(&module()));
    for length in 0..whole.len() {
        assert!(Checkpoint::from_bytes(&whole[..length]).is_err(), "{length} bytes");
    }
}

#[test]
fn a_pickle_that_is_cut_off_anywhere_is_an_error() {
    let whole = pickle(&module());
    for length in 0..whole.len() {
        let error = Checkpoint::from_bytes(checkpoint(&whole[..length])).unwrap_err();
        assert!(matches!(error, CheckpointError::Pickle { .. }), "{length} bytes: {error}");
    }
}

#[test]
fn an_unknown_instruction_is_named_with_its_place() {
    let error = fail(b"N\xfe");
    assert_eq!(error.to_string(), "the pickle has the unsupported opcode 0xfe at byte 3");
}

#[test]
fn a_senseless_instruction_is_named_with_its_place() {
    assert_eq!(fail(b"R").to_string(), "REDUCE at byte 2 of the pickle: the stack is empty");
    assert!(fail(b"(K\x01K\x02K\x03d").to_string().contains("a key has no value"));
    assert!(fail(b"h\x07").to_string().contains("the memo has no 7"));
    assert!(fail(b"K\x01K\x02a").to_string().contains("takes elements"));
}

#[test]
fn a_size_that_is_not_there_reserves_nothing() {
    assert!(fail(b"\x8d\xff\xff\xff\xff\xff\xff\xff\xff").to_string().contains("needs"));
    assert!(fail(b"B\xff\xff\xff\xff").to_string().contains("the pickle has 1 more"));
}

#[test]
fn values_nested_too_deep_are_refused() {
    let deep = [vec![b']'; 100_000], vec![b'a'; 99_999]].concat();
    assert!(matches!(fail(&deep), CheckpointError::Limit { what: "values within each other", .. }));
    let marks = vec![b'('; 100_000];
    assert!(matches!(fail(&marks), CheckpointError::Limit { what: "open marks", .. }));
}

#[test]
fn each_way_of_nesting_too_deep_is_refused() {
    // Around the value on the stack: a tuple, a list, a dict, and the state of an object.
    let wrappings: [&[u8]; 5] =
        [b"\x85", b"(\x8a\x00t", b"q\x00]h\x00a", b"q\x00}K\x01h\x00s", b"q\x00cm\nC\n)\x81h\x00b"];
    for wrapping in wrappings {
        let deep = [b"N".to_vec(), wrapping.repeat(1_000)].concat();
        let error = fail(&deep);
        let known = ["values within each other", "more than one value is left"];
        assert!(known.iter().any(|known| error.to_string().contains(known)), "{error}");
    }
}

/// Each list holds the one before twice: read as a tree, the last one holds more values than there
/// are atoms.
#[test]
fn a_tree_that_grows_without_end_is_read_in_its_length() {
    let mut body = b"]q\x00".to_vec();
    for _ in 0..400 {
        body.extend(b"](h\x00h\x00eq\x00");
    }
    // What is left on the stack goes into one tuple.
    let body = [b"(", &body[..], b"t"].concat();
    let checkpoint = Checkpoint::from_bytes(checkpoint(&pickle(&body))).unwrap();
    walk(&checkpoint);
}

#[test]
fn a_place_of_the_memo_that_is_far_away_reserves_nothing() {
    let checkpoint =
        Checkpoint::from_bytes(checkpoint(&pickle(b"Nr\xff\xff\xff\xff0j\xff\xff\xff\xff")));
    assert!(checkpoint.unwrap().root().is_none());
    assert!(fail(b"Np99999999999999999999\n").to_string().contains("not a place in the memo"));
}

#[test]
fn copying_one_long_list_again_and_again_is_refused() {
    let mut body = b"](".to_vec();
    body.extend([b'N'; 10_000]);
    body.extend(b"eq\x000");
    for _ in 0..10_000 {
        body.extend(b"c__builtin__\nset\nh\x00\x85R0");
    }
    body.extend(b"N");
    assert!(matches!(fail(&body), CheckpointError::Limit { what: "values", .. }));
}

#[test]
fn each_limit_holds() {
    let file = checkpoint(&pickle(&module()));
    let check = |limits: Limits, expected: &str| {
        let error = Checkpoint::from_bytes_with(&file[..], &limits).unwrap_err();
        assert!(
            matches!(error, CheckpointError::Limit { what, .. } if what == expected),
            "{error}"
        );
    };
    check(Limits { entries: 2, ..Limits::default() }, "entries");
    check(Limits { pickle_bytes: 9, ..Limits::default() }, "bytes of pickle");
    check(Limits { nodes: 9, ..Limits::default() }, "values");
    check(Limits { nesting: 3, ..Limits::default() }, "values within each other");
    check(Limits { memo: 0, ..Limits::default() }, "values in the memo");
}

#[test]
fn a_tensor_beyond_its_storage_is_an_error() {
    check_numbers_fail(&tensor(1, &[6], &[1]), "reaches beyond its 6 numbers");
    check_numbers_fail(&tensor(0, &[2, 3], &[4, 1]), "reaches beyond");
    check_numbers_fail(&tensor(i64::MAX, &[2], &[i64::MAX]), "reaches beyond");
    check_numbers_fail(&tensor_of("FloatStorage", 7, 0, &[1], &[1]), "needs 7 stored numbers");
    check_numbers_fail(&tensor_of("QStorage", 6, 0, &[1], &[1]), "unknown type: torch.QStorage");
}

#[test]
fn a_view_of_one_number_with_a_huge_shape_is_refused() {
    check_numbers_fail(&tensor(0, &[1 << 40, 1 << 40], &[0, 0]), "more elements than the limit");
    check_numbers_fail(&tensor(0, &[1 << 29], &[0]), "more elements than the limit");
}

#[test]
fn numbers_of_another_width_than_they_are_stored_with_are_counted() {
    // 24 bytes: 6 numbers of 32 bits, 12 of 16, 3 of 64.
    check_numbers_fail(
        &tensor_of("DoubleStorage", 6, 0, &[6], &[1]),
        "needs 6 stored numbers, not 3",
    );
    check_numbers_fail(
        &tensor_of("HalfStorage", 13, 0, &[1], &[1]),
        "needs 13 stored numbers, not 12",
    );
    check_numbers_fail(&tensor_of("HalfStorage", 2, 0, &[3], &[1]), "reaches beyond its 2 numbers");
    check_numbers_fail(
        &tensor_of("FloatStorage", i64::MAX, 0, &[1], &[1]),
        "stored numbers, not 6",
    );
}

#[test]
fn views_may_overlap_as_long_as_they_stay_inside() {
    let body =
        [b"(", &tensor(0, &[2, 4], &[2, 1])[..], &tensor(2, &[4, 3], &[0, 1]), b"t"].concat();
    let checkpoint = Checkpoint::from_bytes(checkpoint(&pickle(&body))).unwrap();
    let numbers = |at: usize| checkpoint.root().items()[at].tensor().unwrap().to_f32().unwrap();
    assert_eq!(numbers(0), [0.0, 1.0, 2.0, 3.0, 2.0, 3.0, 4.0, 5.0]);
    assert_eq!(numbers(1), [2.0, 3.0, 4.0].repeat(4));
}

#[test]
fn a_storage_that_is_not_there_is_named() {
    let file = archive(&[("x/data.pkl", &pickle(&tensor(0, &[1], &[1])))]);
    let checkpoint = Checkpoint::from_bytes(file).unwrap();
    let error = checkpoint.root().tensor().unwrap().to_f32().unwrap_err();
    assert!(error.to_string().contains("the archive has no such entry"), "{error}");
}

#[test]
fn a_negative_stride_or_offset_names_the_storage() {
    let error = fail(&tensor(0, &[2], &[-1])).to_string();
    assert_eq!(error, "a tensor in storage \"0\" has strides that are not up to 64 counts");
    assert!(fail(&tensor(-1, &[2], &[1])).to_string().contains("an offset that is not a count"));
    assert!(fail(&tensor(0, &[2], &[1, 1])).to_string().contains("one stride for each axis"));
}

#[test]
fn compressed_entries_are_refused() {
    let body = pickle(&[b'N'; 1]);
    let file = archive_with(CompressionMethod::Deflated, &[("x/data.pkl", &body)]);
    let error = Checkpoint::from_bytes(file).unwrap_err().to_string();
    assert!(error.contains("is compressed"), "{error}");
}

#[test]
fn numbers_in_another_byte_order_are_refused() {
    for order in [&b"big"[..], b"", b"LITTLE", b"little "] {
        let file = archive(&[("x/data.pkl", &pickle(b"N")), ("x/byteorder", order)]);
        let error = Checkpoint::from_bytes(file).unwrap_err().to_string();
        assert!(error.starts_with("the archive entry \"x/byteorder\""), "{error}");
    }
}

#[test]
fn files_of_other_kinds_are_named() {
    let error = |bytes: &[u8]| Checkpoint::from_bytes(bytes).unwrap_err().to_string();
    assert!(error(b"").contains("is empty"));
    assert!(error(b"\x80\x02N.").contains("before 1.6"));
    assert!(error(b"version https://git-lfs.github.com").contains("Git LFS"));
    assert!(error(&archive(&[("readme", b"")])).contains("is missing"));
    let script = [("x/data.pkl", &b""[..]), ("x/constants.pkl", b"")];
    assert!(error(&archive(&script)).contains("TorchScript"));
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2_000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn random_bytes_never_panic(bytes in vec(any::<u8>(), 0..300)) {
        let _ = Checkpoint::from_bytes(&bytes[..]);
        if let Ok(checkpoint) = Checkpoint::from_bytes(checkpoint(&pickle(&bytes))) {
            walk(&checkpoint);
        }
    }

    #[test]
    fn changed_pickles_never_panic(changes in vec((any::<usize>(), any::<u8>()), 1..6)) {
        let mut body = pickle(&module());
        for (place, byte) in changes {
            let place = place % body.len();
            body[place] = byte;
        }
        if let Ok(checkpoint) = Checkpoint::from_bytes(checkpoint(&body)) {
            walk(&checkpoint);
        }
    }

    #[test]
    fn changed_archives_never_panic(changes in vec((any::<usize>(), any::<u8>()), 1..6)) {
        let mut file = checkpoint(&pickle(&module()));
        for (place, byte) in changes {
            let place = place % file.len();
            file[place] = byte;
        }
        if let Ok(checkpoint) = Checkpoint::from_bytes(file) {
            walk(&checkpoint);
        }
    }
}

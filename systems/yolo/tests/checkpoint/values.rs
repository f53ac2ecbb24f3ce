//! What is in a checkpoint can be found.

use detector_yolo::{Checkpoint, Kind};

use crate::writer::{archive, checkpoint, module, pickle, tensor, tensor_of, text, tuple};

fn read(body: &[u8]) -> Checkpoint {
    Checkpoint::from_bytes(checkpoint(&pickle(body))).unwrap()
}

#[track_caller]
fn check_numbers(offset: i64, shape: &[i64], strides: &[i64], expected: &[f32]) {
    let checkpoint = read(&tensor(offset, shape, strides));
    let tensor = checkpoint.root().tensor().unwrap();
    assert_eq!(tensor.to_f32().unwrap(), expected);
}

#[test]
fn a_module_shows_its_parameters_buffers_children_and_attributes() {
    let checkpoint = read(&module());
    let module = checkpoint.root();
    assert_eq!(module.class(), Some("m.Conv"));
    assert_eq!(module.parameter("weight").unwrap().tensor().unwrap().shape(), [2, 3]);
    assert!(module.buffer("mean").is_none());
    assert_eq!(module.get("eps").unwrap().as_f64(), Some(0.5));
    assert_eq!(module.modules().len(), 1);
}

#[test]
fn a_value_that_contains_itself_is_the_same_value() {
    let checkpoint = read(&module());
    let module = checkpoint.root();
    assert_eq!(module.module("me"), Some(module));
    assert_eq!(format!("{module:?}"), "Object of m.Conv");
}

#[test]
fn numbers_follow_offset_and_strides() {
    check_numbers(0, &[2, 3], &[3, 1], &[0.0, 1.0, 2.0, 3.0, 4.0, 5.0]);
    check_numbers(0, &[3, 2], &[1, 3], &[0.0, 3.0, 1.0, 4.0, 2.0, 5.0]);
    check_numbers(4, &[2], &[1], &[4.0, 5.0]);
    check_numbers(1, &[3], &[2], &[1.0, 3.0, 5.0]);
    check_numbers(2, &[2, 2], &[0, 0], &[2.0; 4]);
    check_numbers(5, &[], &[], &[5.0]);
    check_numbers(9, &[0, 7], &[1, 1], &[]);
}

#[test]
fn each_type_of_number_is_read() {
    let long = |class, bytes: &[u8], count| {
        let body = pickle(&tensor_of(class, count, 0, &[count], &[1]));
        let file = archive(&[("x/data.pkl", &body), ("x/data/0", bytes)]);
        Checkpoint::from_bytes(file).unwrap()
    };
    let integers = |checkpoint: &Checkpoint| checkpoint.root().tensor().unwrap().to_i64().unwrap();
    let floats = |checkpoint: &Checkpoint| checkpoint.root().tensor().unwrap().to_f32().unwrap();
    assert_eq!(integers(&long("LongStorage", &(-7_i64).to_le_bytes(), 1)), [-7]);
    assert_eq!(integers(&long("CharStorage", &[0xff, 1], 2)), [-1, 1]);
    assert_eq!(integers(&long("BoolStorage", &[0, 2], 2)), [0, 1]);
    assert_eq!(floats(&long("HalfStorage", &[0x00, 0x3c], 1)), [1.0]);
    assert_eq!(floats(&long("BFloat16Storage", &[0x80, 0x3f], 1)), [1.0]);
    assert_eq!(floats(&long("DoubleStorage", &2.5_f64.to_le_bytes(), 1)), [2.5]);
    assert_eq!(floats(&long("ShortStorage", &(-3_i16).to_le_bytes(), 1)), [-3.0]);
}

#[test]
fn integers_are_not_made_of_floats() {
    let checkpoint = read(&tensor(0, &[1], &[1]));
    let error = checkpoint.root().tensor().unwrap().to_i64().unwrap_err();
    assert_eq!(error.to_string(), "a tensor in storage \"0\" holds f32, not integers");
}

#[test]
fn the_later_of_two_values_under_one_key_counts() {
    let body = [b"}(", &text("a")[..], b"K\x01", &text("b"), b"K\x02", &text("a"), b"K\x03u"];
    let checkpoint = read(&body.concat());
    let entries = checkpoint.root().entries();
    let entries: Vec<_> =
        entries.iter().map(|(key, value)| (key.as_str().unwrap(), value.as_i64())).collect();
    assert_eq!(entries, [("a", Some(3)), ("b", Some(2))]);
}

#[test]
fn sets_and_sizes_are_plain_containers() {
    let checkpoint = read(b"c__builtin__\nset\n](K\x01K\x02e\x85R");
    assert_eq!((checkpoint.root().kind(), checkpoint.root().items().len()), (Kind::Set, 2));
    let checkpoint = read(&[b"ctorch\nSize\n", &tuple(&[4, 5])[..], b"\x85R"].concat());
    let sizes: Vec<_> = checkpoint.root().items().iter().map(|size| size.as_i64()).collect();
    assert_eq!(sizes, [Some(4), Some(5)]);
}

#[test]
fn newer_protocols_are_read() {
    let body = b"\x80\x04\x95\x00\x00\x00\x00\x00\x00\x00\x00}\x94\x8c\x01a\x94\x8c\x01m\x8c\x01C\x93)\x81\x94s.";
    let checkpoint = Checkpoint::from_bytes(checkpoint(body)).unwrap();
    assert_eq!(checkpoint.root().get("a").unwrap().class(), Some("m.C"));
}

use proptest::prelude::*;

use super::*;

const MAX: usize = 1 << 20;

/// A JPEG of markers and the bytes of a scan, none of which is 0xff.
fn jpeg(samples: &[u8]) -> Vec<u8> {
    let mut bytes = vec![0xff, 0xd8, 0xff, 0xda, 0, 2];
    bytes.extend(samples.iter().map(|sample| sample & 0x7f));
    bytes.extend([0xff, 0xd9]);
    bytes
}

/// What comes out of a body that arrives in pieces of `step` bytes.
fn parts(content_type: &str, body: &[u8], step: usize) -> Vec<(Vec<u8>, bool)> {
    let mut multipart = Multipart::new(content_type, MAX);
    let mut found = Vec::new();
    for piece in body.chunks(step) {
        multipart.push(piece);
        while let Some(part) = multipart.next().unwrap() {
            found.push((part.bytes.to_vec(), part.whole));
        }
    }
    found.extend(multipart.finish().map(|part| (part.bytes.to_vec(), part.whole)));
    found
}

/// Whatever pieces a body arrives in, the same comes out of it.
#[track_caller]
fn check(content_type: &str, body: &[u8], expected: &[(&[u8], bool)]) {
    let expected: Vec<_> = expected.iter().map(|(bytes, whole)| (bytes.to_vec(), *whole)).collect();
    for step in [1, 2, 3, 7, 64, 1_000_000] {
        assert_eq!(parts(content_type, body, step), expected, "in pieces of {step}");
    }
}

const TYPE: &str = "multipart/x-mixed-replace; boundary=frame";

/// Two pictures, each after `before(length)` and before `after`.
#[track_caller]
fn check_two(content_type: &str, before: impl Fn(usize) -> String, after: &str) {
    let (one, two) = (jpeg(b"one"), jpeg(b"and two"));
    let mut body = Vec::new();
    for picture in [&one, &two] {
        body.extend(before(picture.len()).into_bytes());
        body.extend_from_slice(picture);
        body.extend_from_slice(after.as_bytes());
    }
    check(content_type, &body, &[(&one, true), (&two, true)]);
}

#[test]
fn parts_are_read_as_the_standard_has_them() {
    check_two(
        TYPE,
        |length| format!("--frame\r\nContent-Type: image/jpeg\r\nContent-Length: {length}\r\n\r\n"),
        "\r\n",
    );
}

#[test]
fn lengths_and_types_may_be_missing() {
    check_two(TYPE, |_| "--frame\r\nContent-Type: image/jpeg\r\n\r\n".to_owned(), "\r\n");
    check_two(TYPE, |_| "--frame\r\n\r\n".to_owned(), "\r\n");
    check_two(TYPE, |length| format!("--frame\r\nContent-Length: {length}\r\n\r\n"), "\r\n");
}

#[test]
fn lengths_may_be_wrong() {
    for wrong in [-7, -1, 1, 2, 3, 100, 100_000] {
        check_two(
            TYPE,
            |length| {
                let length = length as i64 + wrong;
                format!("--frame\r\nContent-Type: image/jpeg\r\nContent-Length: {length}\r\n\r\n")
            },
            "\r\n",
        );
    }
    check_two(TYPE, |_| "--frame\r\nContent-Length: many\r\n\r\n".to_owned(), "\r\n");
    check_two(TYPE, |_| "--frame\r\nContent-Length: 0\r\n\r\n".to_owned(), "\r\n");
}

#[test]
fn lines_may_end_with_line_feeds_only_or_not_at_all() {
    check_two(TYPE, |length| format!("--frame\nContent-Length: {length}\n\n"), "\n");
    check_two(TYPE, |_| "--frame\r\nContent-Type: image/jpeg\r\n\r\n".to_owned(), "");
    check_two(TYPE, |_| "--frame\r\nContent-Type: image/jpeg\r\n".to_owned(), "\r\n");
    check_two(TYPE, |_| "--frame".to_owned(), "");
    check_two(TYPE, |_| "\r\n\r\n--frame \r\nContent-Type: image/jpeg\r\n\r\n\r\n".to_owned(), "");
}

#[test]
fn boundaries_may_be_written_in_any_way() {
    let before = |line: &'static str| move |_: usize| format!("{line}\r\nA: b\r\n\r\n");
    check_two(
        "multipart/x-mixed-replace;boundary=\"my boundary\"",
        before("--my boundary"),
        "\r\n",
    );
    check_two("multipart/x-mixed-replace; boundary=--frame", before("--frame"), "\r\n");
    check_two("multipart/x-mixed-replace; boundary=--frame", before("----frame"), "\r\n");
    check_two("multipart/x-mixed-replace; boundary=frame", before("frame"), "\r\n");
    check_two("multipart/x-mixed-replace ;  boundary = frame", before("--frame"), "\r\n");
    check_two("Multipart/X-Mixed-Replace;BOUNDARY=frame", before("--frame"), "\r\n");
    check_two("multipart/mixed; charset=\"a;b\"; odd; boundary=frame", before("--frame"), "\r\n");
}

#[test]
fn without_a_boundary_pictures_are_found_by_their_markers() {
    let before = |_: usize| "--other\r\nContent-Type: image/jpeg\r\n\r\n".to_owned();
    for content_type in ["multipart/x-mixed-replace", TYPE, "multipart/mixed; boundary=--", ""] {
        check_two(content_type, before, "\r\n");
        check_two(content_type, |_| String::new(), "");
    }
}

#[test]
fn what_stands_before_the_first_part_is_left_out() {
    let picture = jpeg(b"one");
    let body =
        [b"This is a preamble\r\n\r\n--frame\r\n\r\n", &picture[..], b"\r\n--frame--\r\n"].concat();
    check(TYPE, &body, &[(&picture, true)]);
}

#[test]
fn lines_of_other_things_are_left_out() {
    check_two(
        TYPE,
        |length| {
            format!(
                "--frame\r\nX-Timestamp: 1\r\n\u{e9}\r\nno colon\r\nCONTENT-LENGTH : {length}\r\n\r\n"
            )
        },
        "\r\n",
    );
}

#[test]
fn a_cut_picture_is_said_to_be_one() {
    let (one, two) = (jpeg(b"one"), jpeg(b"and two"));
    let cut = &one[..one.len() - 3];
    let header =
        |length: usize| format!("--frame\r\nContent-Length: {length}\r\n\r\n").into_bytes();
    for (before, end) in [
        (header(cut.len()), &b"\r\n"[..]),
        (header(one.len()), b"\r\n"),
        (b"--frame\r\n\r\n".to_vec(), b"\r\n"),
        (b"--frame\r\n\r\n".to_vec(), b""),
    ] {
        let whole = header(two.len());
        let body = [&before, cut, end, &whole, &two, end].concat();
        check(TYPE, &body, &[(cut, false), (&two, true)]);
    }
    check("", &[cut, &two[..]].concat(), &[(cut, false), (&two, true)]);
    check("", cut, &[(cut, false)]);
}

#[test]
fn a_preview_behind_a_picture_is_not_the_next_one() {
    let (one, preview, two) = (jpeg(b"one"), jpeg(b"small"), jpeg(b"two"));
    let length = one.len() + preview.len();
    for header in [format!("--frame\r\nContent-Length: {length}\r\n\r\n"), "--frame\r\n\r\n".into()]
    {
        let header = header.as_bytes();
        let body = [header, &one, &preview, b"\r\n", header, &two, &preview, b"\r\n"].concat();
        check(TYPE, &body, &[(&one, true), (&two, true)]);
    }
}

#[test]
fn a_boundary_that_comes_only_once_is_not_waited_for() {
    let picture = jpeg(b"one");
    let body = [b"--frame\r\n\r\n", &picture.repeat(5)[..]].concat();
    // Two of them might have been previews.
    check(TYPE, &body, &[(&picture, true), (&picture, true), (&picture, true)]);
}

#[test]
fn what_is_no_picture_is_stepped_over() {
    let picture = jpeg(b"one");
    let sound = b"--frame\r\nContent-Type: audio/basic\r\nContent-Length: 9\r\n\r\n\x01\xff\xd8\xff5678\x09\r\n";
    let note = b"--frame\r\nContent-Type: text/plain\r\n\r\nalive\r\n";
    let body = [&sound[..], note, b"--frame\r\n\r\n", &picture, b"\r\n"].concat();
    check(TYPE, &body, &[(&picture, true)]);
}

#[test]
fn pictures_of_other_kinds_end_by_their_length_or_the_boundary() {
    let png = b"\x89PNG\r\n\x1a\nand so on";
    let with =
        format!("--frame\r\nContent-Type: image/png\r\nContent-Length: {}\r\n\r\n", png.len());
    let without = b"--frame\r\nContent-Type: image/png\r\n\r\n";
    let body = [with.as_bytes(), png, b"\r\n", without, png, b"\r\n--frame--"].concat();
    check(TYPE, &body, &[(png, true), (png, true)]);
}

#[test]
fn too_much_is_refused() {
    let mut multipart = Multipart::new(TYPE, 1_000);
    multipart.push(b"--frame\r\n\r\n\xff\xd8\xff");
    multipart.push(&[1; 900]);
    assert_eq!(multipart.next(), Ok(None));
    multipart.push(&[1; 200]);
    assert_eq!(multipart.next(), Err(MultipartError::PartTooLarge(1_000)));

    let mut multipart = Multipart::new(TYPE, 1_000);
    multipart.push(b"--frame\r\n");
    multipart.push(&[b'a'; MAX_HEADER + 1]);
    assert_eq!(multipart.next(), Err(MultipartError::HeaderTooLarge));
}

#[test]
fn what_is_no_part_is_not_kept() {
    for content_type in [TYPE, ""] {
        let mut multipart = Multipart::new(content_type, MAX);
        for byte in [b'-', b'f', 0xff, b'\n'] {
            multipart.push(&[byte; 10_000]);
            assert_eq!(multipart.next(), Ok(None));
            assert!(multipart.buffer.len() <= 2 * MAX_DASHES, "{multipart:?}");
        }
    }
}

#[test]
fn bodies_are_told_from_other_things() {
    assert_eq!(holds_pictures("multipart/x-mixed-replace;boundary=a", b""), Some(true));
    assert_eq!(holds_pictures("IMAGE/jpeg", b""), Some(true));
    assert_eq!(holds_pictures("text/plain", b"--a\r\nContent-Type: Image/JPEG"), Some(true));
    assert_eq!(holds_pictures("", b"\xff\xd8\xff\xe0"), Some(true));
    assert_eq!(holds_pictures("text/plain", b"--a\r\nContent-"), None);
    assert_eq!(holds_pictures("", b"\xff"), None);
    assert_eq!(holds_pictures("application/vnd.apple.mpegurl", b"#EXTM3U\n"), Some(false));
    assert_eq!(holds_pictures("text/plain", &[b"--", &[b'a'; 600][..]].concat()), Some(false));
}

proptest! {
    #[test]
    fn nothing_that_arrives_is_too_much(
        content_type in "(multipart/[a-z-]{0,9})?(; ?boundary=\"?[a-z-]{0,4}\"?)?",
        pieces in prop::collection::vec(
            prop_oneof![
                prop::collection::vec(any::<u8>(), 0..40),
                Just(b"--a\r\n".to_vec()),
                Just(b"Content-Length: 12\r\n".to_vec()),
                Just(b"\r\n".to_vec()),
                Just(jpeg(b"x")),
                Just(vec![0xff, 0xd8, 0xff, 0xe1, 0xff]),
            ],
            0..40,
        ),
        step in 1_usize..50,
    ) {
        let body = pieces.concat();
        let found = parts(&content_type, &body, step);
        // Every byte is given out once at most, and the same whatever the pieces.
        prop_assert!(found.iter().map(|(bytes, _)| bytes.len()).sum::<usize>() <= body.len());
        prop_assert_eq!(&found, &parts(&content_type, &body, body.len().max(1)));
    }

    #[test]
    fn every_picture_comes_out(
        samples in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..200), 1..9),
        lengths in any::<bool>(),
        line_end in prop_oneof![Just("\r\n"), Just("\n")],
        dashes in prop_oneof![Just("--"), Just("----")],
        step in 1_usize..300,
    ) {
        let pictures: Vec<_> = samples.iter().map(|samples| jpeg(samples)).collect();
        let mut body = Vec::new();
        for picture in &pictures {
            let length = match lengths {
                true => format!("Content-Length: {}{line_end}", picture.len()),
                false => String::new(),
            };
            body.extend(format!("{dashes}frame{line_end}{length}{line_end}").into_bytes());
            body.extend_from_slice(picture);
            body.extend_from_slice(line_end.as_bytes());
        }
        let expected: Vec<_> = pictures.into_iter().map(|picture| (picture, true)).collect();
        prop_assert_eq!(parts(TYPE, &body, step), expected);
    }
}

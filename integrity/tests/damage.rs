//! Streams that are really damaged, decoded by the decoders that cameras' streams meet.

#[path = "../examples/table/damage.rs"]
#[allow(dead_code, reason = "the table needs more of it")]
mod damage;
#[path = "../examples/table/random.rs"]
mod random;
#[path = "../examples/table/stream.rs"]
#[allow(dead_code, reason = "the table needs more of it")]
mod stream;

use std::collections::BTreeMap;
use std::time::Duration;

use detector_components::clock::Moment;
use detector_components::geometry::Size;
use detector_components::integrity::PictureFault;
use detector_integrity::{CheckConfig, PictureCheck, Verdict};

use damage::Damage;
use random::Random;
use stream::{Codec, Picture, Stream, decode, encode};

const SIZE: Size = Size { width: 320, height: 240 };
const PICTURES: u64 = 60;
/// Pictures from one key picture to the next.
const GROUP: u64 = 20;

/// Pictures that show something else have a lower PSNR, in dB, against what was sent.
const WRONG: f64 = 25.0;
/// Pictures that show the same have a higher one. Between the two, any verdict is right.
const RIGHT: f64 = 45.0;

const H264: &str = "pass=qual quantizer=24 key-int-max=20 option-string=slices=4:scenecut=0";
const H265: &str =
    "key-int-max=20 option-string=crf=26:slices=4:scenecut=0:min-keyint=20:log-level=none";
const JPEG: &str = "quality=80";

/// A yard: slopes, a fence, gravel, and a thing that moves. With noise, as sensors have it.
fn yard(number: u64) -> Picture {
    let mut picture = Picture::filled(SIZE, [90, 122, 132]);
    let mut noise = Random::new(number + 1);
    let (width, thing) = (SIZE.width as usize, (number * 5 % 260) as usize);
    let [luma, u, v] = picture.planes_mut();
    for (at, sample) in luma.iter_mut().enumerate() {
        let (x, y) = (at % width, at / width);
        let ground = if y < 100 { 150 + y / 2 - x / 4 } else { 60 + (x * 7 + y * 13) % 40 + y / 4 };
        let fence = if x % 40 < 6 && y > 60 { 45 } else { 0 };
        let shade = if (thing..thing + 50).contains(&x) && (110..190).contains(&y) {
            30 + y / 3
        } else {
            0
        };
        let level = if shade > 0 { shade } else { ground - fence };
        *sample = level as u8 + (noise.next() >> 30) as u8;
    }
    for (at, (u, v)) in u.iter_mut().zip(v).enumerate() {
        (*u, *v) = (115 + (at % 160 / 12) as u8, 140 - (at / 160 / 8) as u8);
    }
    picture
}

/// How the pictures of a stream were judged: those that show something else than what was sent, and
/// those that do not.
#[derive(Debug, Default)]
struct Judged {
    found: usize,
    missed: usize,
    alarms: usize,
    faults: Vec<PictureFault>,
}

fn judge(stream: &Stream, clean: &BTreeMap<u64, Picture>) -> Judged {
    let mut judged = Judged::default();
    let mut check = PictureCheck::new(CheckConfig::default());
    decode(stream, |number, picture| {
        let at = Moment::default() + Duration::from_millis(number * 100);
        let verdict = check.check(&picture.pixels(), at);
        judged.faults.extend(verdict.fault());
        let psnr = picture.psnr(&clean[&number]);
        match verdict {
            Verdict::Broken(_) if psnr < RIGHT => judged.found += 1,
            Verdict::Good if psnr < WRONG => judged.missed += 1,
            Verdict::Good => {}
            _ => judged.alarms += 1,
        }
    });
    judged
}

fn streams(codec: Codec, options: &str) -> (Stream, BTreeMap<u64, Picture>) {
    let stream = encode(codec, options, SIZE, (0..PICTURES).map(yard));
    assert_eq!(stream.pictures.len() as u64, PICTURES);
    let mut clean = BTreeMap::new();
    decode(&stream, |number, picture| {
        clean.insert(number, picture);
    });
    assert_eq!(clean.len() as u64, PICTURES);
    let judged = judge(&stream, &clean);
    assert!(judged.faults.is_empty(), "the undamaged stream: {judged:?}");
    (stream, clean)
}

/// At least `found` pictures are wrong and judged so, at most `missed` are not, and none else is.
#[track_caller]
fn check(codec: Codec, options: &str, damage: Damage, [found, missed]: [usize; 2]) {
    let (mut stream, clean) = streams(codec, options);
    damage.apply(&mut stream, 1);
    let judged = judge(&stream, &clean);
    assert!(judged.found >= found && judged.missed <= missed && judged.alarms == 0, "{judged:?}");
}

#[test]
fn h265_joined_between_key_pictures() {
    check(Codec::H265, H265, Damage::Join, [10, 2]);
}

#[test]
fn h264_joined_between_key_pictures() {
    check(Codec::H264, H264, Damage::Join, [10, 2]);
}

#[test]
fn h265_without_a_key_picture() {
    check(Codec::H265, H265, Damage::IntraPictures, [18, 2]);
}

#[test]
fn h265_without_some_pictures() {
    check(Codec::H265, H265, Damage::Pictures(5), [10, 4]);
}

#[test]
fn h265_without_some_slices() {
    check(Codec::H265, H265, Damage::Slices(5), [20, 20]);
}

#[test]
fn files_that_end_early() {
    check(Codec::Jpeg, JPEG, Damage::CutFile, [18, 2]);
}

/// Half a second of another place and back: what was there before does not help to conceal.
#[test]
fn h264_slices_of_a_key_picture_at_a_cut() {
    let night = |number: u64| {
        let mut picture = yard(number);
        let [luma, ..] = picture.planes_mut();
        luma.reverse();
        luma.iter_mut().for_each(|sample| *sample /= 3);
        picture
    };
    let pictures = move |number| if number < GROUP { night(number) } else { yard(number) };
    let options = H264.replace("slices=4", "slices=3");
    let mut stream = encode(Codec::H264, &options, SIZE, (0..2 * GROUP).map(pictures));
    let mut clean = BTreeMap::new();
    decode(&stream, |number, picture| {
        clean.insert(number, picture);
    });
    // The last slice of the key picture after the cut.
    let key = &mut stream.pictures[GROUP as usize].bytes;
    let last = (0..key.len() - 3).rfind(|at| key[*at..].starts_with(&[0, 0, 1])).expect("a slice");
    key.truncate(last);
    let judged = judge(&stream, &clean);
    assert_eq!(judged.alarms, 0, "{judged:?}");
    assert!(judged.faults.contains(&PictureFault::Smeared), "{judged:?}");
}

#[test]
fn what_coding_does_to_pictures_is_not_damage() {
    for (codec, options) in [
        (Codec::H264, "pass=qual quantizer=42 key-int-max=20"),
        (Codec::H264, "bitrate=40 key-int-max=60"),
        (Codec::H265, "key-int-max=20 option-string=crf=44:log-level=none"),
        (Codec::Jpeg, "quality=15"),
    ] {
        streams(codec, options);
    }
}

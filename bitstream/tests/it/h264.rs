//! x264 and OpenH264.

use detector_bitstream::{Codec, UnitKind};

use crate::encoded::{check, encode};

const BYTE_STREAM: &str = "video/x-h264,stream-format=byte-stream,alignment=au";

#[track_caller]
fn x264(options: &str, letters: &str) {
    for caps in [BYTE_STREAM, "video/x-h264,stream-format=avc,alignment=au"] {
        let encoder = format!("x264enc key-int-max=10 b-adapt=false {options} ! {caps}");
        check(Codec::H264, &encoder, letters);
    }
}

#[test]
fn without_b_pictures() {
    x264("bframes=0", "KpppppppppKpppppppppKpppp");
}

#[test]
fn b_pictures_are_disposable_and_those_of_a_pyramid_are_not_all() {
    x264("bframes=2 option-string=scenecut=0:b-pyramid=none", "KpbbpbbpbbKpbbpbbpbbKpbbp");
    x264("bframes=3 option-string=scenecut=0:b-pyramid=normal", "KppbbppbbpKppbbppbbpKppbb");
}

#[test]
fn open_groups_begin_with_recovery_points_and_leading_pictures() {
    x264("bframes=3 option-string=scenecut=0:open-gop=1", "KppbbppbbRLppbbppbbRLppbbppbbp");
}

#[test]
fn slices_and_interlaced_frames_are_pictures() {
    x264("bframes=0 sliced-threads=true threads=4", "KpppppppppKpppppppppKpppp");
    x264("bframes=0 option-string=slices=7", "KpppppppppKpppppppppKpppp");
    x264("bframes=0 interlaced=true", "KpppppppppKpppppppppKpppp");
}

#[test]
fn intra_refresh_says_how_long_it_takes() {
    let options = "bframes=0 intra-refresh=true";
    x264(options, "KpppppppppRpppppppppRpppp");
    let encoder = format!("x264enc key-int-max=10 {options} ! {BYTE_STREAM}");
    let Some(encoded) = encode(Codec::H264, 25, &encoder) else { return };
    // A column of macroblocks or more in each picture, all 20 of them within the interval.
    let UnitKind::RecoveryPoint { frames } = encoded.read()[10].kind else { panic!() };
    assert!((1..10).contains(&frames), "{frames}");
}

#[test]
fn openh264() {
    let encoder = format!("openh264enc gop-size=10 ! {BYTE_STREAM}");
    check(Codec::H264, &encoder, "KpppppppppKpppppppppKpppp");
}

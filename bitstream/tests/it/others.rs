//! MPEG-2, MPEG-4, VP8, VP9, AV1, JPEG.

use detector_bitstream::{Codec, UnitKind, UnitReader};

use crate::encoded::{check, encode};

#[test]
fn mpeg4() {
    check(Codec::Mpeg4, "avenc_mpeg4 gop-size=10", "KpppppppppKpppppppppKpppp");
    check(Codec::Mpeg4, "avenc_mpeg4 gop-size=10 max-bframes=2", "KpbbpbbpbbKLLpbbpbbKLLpbb");
}

#[test]
fn mpeg4_with_its_layer_out_of_band() {
    let Some(mut encoded) = encode(Codec::Mpeg4, 3, "avenc_mpeg4") else { return };
    // The headers come before the first VOP.
    let first = &mut encoded.units[0];
    let at = first.windows(4).position(|code| code == [0, 0, 1, 0xb6]).unwrap();
    let picture = first.split_off(at);
    encoded.header = Some(std::mem::replace(first, picture));
    assert_eq!(encoded.letters(), "Kpp");
    encoded.header = None;
    assert_eq!(encoded.read()[0].kind, UnitKind::RandomAccessWithoutHeaders);
}

#[test]
fn mpeg2() {
    for (options, letters) in [
        ("", "KpppppppppKpppp"),
        ("b-per-refframe=2", "KpbbpbbpbbKLLpb"),
        ("b-per-refframe=2 closed-gop=true", "KpbbpbbpbbKpbbp"),
    ] {
        let encoder =
            format!("mpeg2enc min-gop-size=10 max-gop-size=10 {options} ! mpegvideoparse");
        check(Codec::Mpeg2, &encoder, letters);
    }
}

#[test]
fn vp8() {
    check(Codec::Vp8, "vp8enc keyframe-max-dist=10", "KpppppppppKpppp");
    // 2 to the power of 3 partitions, and frames that are not shown.
    check(
        Codec::Vp8,
        "vp8enc keyframe-max-dist=10 token-partitions=3 auto-alt-ref=true lag-in-frames=8",
        "KpppppppppKpppp",
    );
}

#[test]
fn vp9() {
    check(Codec::Vp9, "vp9enc keyframe-max-dist=10", "KpppppppppKpppp");
    // Superframes.
    let encoder = "vp9enc keyframe-max-dist=10 auto-alt-ref=true lag-in-frames=8 deadline=1";
    check(Codec::Vp9, encoder, "KpppppppppKpppp");
}

#[test]
fn av1() {
    for rest in ["", " ! av1parse ! video/x-av1,stream-format=obu-stream,alignment=tu"] {
        let encoder = format!("av1enc keyframe-max-dist=10 cpu-used=8 lag-in-frames=0{rest}");
        check(Codec::Av1, &encoder, "KpppppppppKp");
    }
}

#[test]
fn jpeg() {
    check(Codec::Jpeg, "jpegenc", "KKK");
    let Some(encoded) = encode(Codec::Jpeg, 1, "jpegenc") else { return };
    let picture = &encoded.units[0];
    for length in 0..picture.len() - 1 {
        let mut reader = UnitReader::new(Codec::Jpeg, encoded.framing);
        let unit = reader.read(&picture[..length]);
        assert!(unit.incomplete.is_some(), "{length} of {} bytes", picture.len());
    }
}

//! x265.

use detector_bitstream::{Codec, Framing};

use crate::encoded::{check, encode};

const BYTE_STREAM: &str = "video/x-h265,stream-format=byte-stream,alignment=au";

#[track_caller]
fn x265(options: &str, letters: &str) {
    let encoder = format!(
        "x265enc key-int-max=10 option-string=scenecut=0:b-adapt=0:{options} ! {BYTE_STREAM}"
    );
    check(Codec::H265, &encoder, letters);
}

#[test]
fn without_b_pictures() {
    x265("bframes=0:ref=4", "KpppppppppKpppppppppKpppp");
}

#[test]
fn closed_groups_have_no_leading_pictures() {
    x265("bframes=3:open-gop=0:ref=4", "KppbbppbbpKppbbppbbpKppbb");
}

#[test]
fn open_groups_begin_with_clean_random_accesses_and_leading_pictures() {
    x265("bframes=3:open-gop=1:ref=4", "KppbbppbbKLppbbppbbKLppbbppbbp");
}

#[test]
fn temporal_layers() {
    x265("bframes=3:open-gop=0:temporal-layers=1", "KppbbppbbpKppbbppbbpKppbb");
}

#[test]
fn slices() {
    x265("bframes=0:slices=4", "KpppppppppKpppppppppKpppp");
}

/// Scaling lists come before the reference picture sets.
#[test]
fn scaling_lists() {
    x265("bframes=0:scaling-list=default", "KpppppppppKpppppppppKpppp");
}

#[test]
fn lengths_and_a_header() {
    let encoder = "x265enc key-int-max=10 option-string=scenecut=0:bframes=0 ! h265parse ! \
                   video/x-h265,stream-format=hvc1,alignment=au";
    check(Codec::H265, encoder, "KpppppppppKpppp");
    let Some(encoded) = encode(Codec::H265, 2, encoder) else { return };
    assert!(encoded.header.is_some() && matches!(encoded.framing, Framing::LengthPrefixed { .. }));
}

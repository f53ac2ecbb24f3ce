//! What GStreamer and FFmpeg show of it: right pictures of a camera without faults, wrong ones of one
//! that loses something.

use detector_components::geometry::Size;
use detector_simulator::{Codec, NumberedScene};

use super::camera;
use super::gst_client::GstClient;

const SCENE: fn() -> NumberedScene = NumberedScene::default;

#[track_caller]
fn check_all_right(codec: Codec, faults: &[&str]) {
    let camera = camera(codec, &[&["fps=50"], faults].concat());
    let client = GstClient::watch(&camera.url("/gate"), codec);
    assert_eq!(client.right_numbers(&SCENE(), 5), [0, 1, 2, 3, 4], "{faults:?}");
}

#[test]
fn every_codec_arrives_right() {
    for codec in Codec::ALL {
        let camera = camera(codec, &["fps=100"]);
        let client = GstClient::watch(&camera.url("/gate"), codec);
        assert_eq!(client.right_numbers(&SCENE(), 100), (0..100).collect::<Vec<_>>());
    }
}

#[test]
fn every_structure_of_h264_arrives_right() {
    check_all_right(Codec::H264, &["b-frames=2"]);
    check_all_right(Codec::H264, &["slices=4"]);
    check_all_right(Codec::H264, &["intra-refresh"]);
    check_all_right(Codec::H264, &["parameter-sets=sdp"]);
    check_all_right(Codec::H264, &["parameter-sets=in-band"]);
    check_all_right(Codec::H264, &["aggregate", "packet-size=600", "extension"]);
}

#[test]
fn every_structure_of_h265_arrives_right() {
    check_all_right(Codec::H265, &["b-frames=2"]);
    check_all_right(Codec::H265, &["slices=2"]);
    check_all_right(Codec::H265, &["open-gop"]);
    check_all_right(Codec::H265, &["parameter-sets=sdp"]);
    check_all_right(Codec::H265, &["aggregate", "packet-size=600", "extension"]);
}

/// Before picture `from` nothing that is shown may be right from `wrong` on; after it all must be.
#[track_caller]
fn check_wrong_until(codec: Codec, faults: &[&str], wrong: u64, from: u64) {
    let camera = camera(codec, &[&["fps=50"], faults].concat());
    let client = GstClient::watch(&camera.url("/gate"), codec);
    let (mut wrong_ones, mut right_ones) = (0, 0);
    while right_ones < 3 {
        let picture = client.next().unwrap();
        let Some(number) = NumberedScene::identify(&picture) else {
            wrong_ones += 1;
            continue;
        };
        let worst = SCENE().worst_psnr(&picture, number);
        if (wrong..from).contains(&number) {
            assert!(worst < NumberedScene::UNDAMAGED_PSNR, "{number} has {worst:.1} dB");
            wrong_ones += 1;
        } else {
            assert!(worst >= NumberedScene::UNDAMAGED_PSNR, "{number} has {worst:.1} dB");
            right_ones += usize::from(number >= from);
        }
    }
    assert!(wrong_ones > 0, "{faults:?} did no harm");
}

#[test]
fn a_lost_packet_is_seen_until_the_next_key_picture() {
    check_wrong_until(Codec::H264, &["lose-packet=3", "packet-size=300"], 3, 20);
    check_wrong_until(Codec::H265, &["lose-packet=3", "packet-size=300"], 3, 20);
}

#[test]
fn a_cut_picture_is_seen_until_the_next_key_picture() {
    check_wrong_until(Codec::H264, &["cut=19", "slices=4"], 18, 20);
    check_wrong_until(Codec::H264, &["cut=19"], 18, 20);
}

#[test]
fn joined_between_key_pictures_h265_is_wrong_up_to_the_next_one() {
    check_wrong_until(Codec::H265, &["join=7", "parameter-sets=sdp"], 0, 20);
}

#[test]
fn half_the_size_in_mid_session() {
    let camera = camera(Codec::H264, &["fps=50", "new-size=0.2"]);
    let client = GstClient::watch(&camera.url("/gate"), Codec::H264);
    assert_eq!(client.right_numbers(&SCENE(), 10).len(), 10);
    let half = SCENE().with_size(160, 120);
    let picture = client.next().unwrap();
    assert_eq!(picture.size(), Size { width: 160, height: 120 });
    assert!(half.psnr(&picture, 0) >= NumberedScene::RIGHT_PSNR);
}

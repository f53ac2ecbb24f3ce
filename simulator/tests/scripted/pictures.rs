//! What is shown, and what of it is left out.

use detector_simulator::{Codec, NumberedScene};

use super::camera;
use super::gst_client::GstClient;

#[track_caller]
fn check_all_right(codec: Codec, faults: &[&str]) {
    let camera = camera(codec, faults);
    let client = GstClient::watch(&camera.url_with_login("/gate"), codec);
    let numbers = client.right_numbers(&NumberedScene::default(), 5);
    assert_eq!(numbers, [0, 1, 2, 3, 4]);
}

#[test]
fn every_codec_arrives_right() {
    for codec in Codec::ALL {
        println!("{}", codec.name());
        check_all_right(codec, &[]);
    }
}

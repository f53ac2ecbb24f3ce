//! What no camera should send.

use detector_simulator::Codec;

use super::raw_client::RawClient;
use super::{PATIENCE, camera, play};

#[test]
fn a_reply_never_ends() {
    for (fault, blank_lines) in [("endless-header", 0), ("endless-body", 1)] {
        let camera = camera(Codec::H264, &[fault]);
        let mut client = RawClient::connect(&camera);
        client.send("DESCRIBE", camera.url("/gate").as_str(), &[]);
        let bytes = client.bytes(2 << 20);
        assert!(bytes.len() >= 2 << 20, "{fault}");
        let found = bytes.windows(4).filter(|bytes| bytes == b"\r\n\r\n").count();
        assert_eq!(found, blank_lines, "{fault}");
        drop(client);
        camera.wait_for("the end", PATIENCE, |record| record.open == 0).unwrap();
    }
}

#[test]
fn a_body_is_announced_and_not_sent() {
    let camera = camera(Codec::H264, &["huge-length=2147483648"]);
    let mut client = RawClient::connect(&camera);
    client.send("DESCRIBE", camera.url("/gate").as_str(), &[]);
    let head = String::from_utf8(client.bytes(80).to_vec()).unwrap();
    assert!(head.contains("Content-Length: 2147483648\r\n"), "{head}");
    assert!(head.ends_with("\r\n\r\n"), "{head}");
}

#[test]
fn a_fragment_never_ends() {
    for (codec, at) in [(Codec::H264, 1), (Codec::H265, 2)] {
        let (_camera, mut client) = play(codec, &["endless-fragment"]);
        let packets: Vec<_> = (0..500).map(|_| client.rtp().unwrap()).collect();
        assert_eq!(packets[0].payload[at] & 0xc0, 0x80);
        assert!(packets[1..].iter().all(|packet| packet.payload[at] & 0xc0 == 0));
        assert!(packets.iter().all(|packet| !packet.marker));
        assert!(packets.windows(2).all(|p| p[1].sequence == p[0].sequence.wrapping_add(1)));
    }
}

#[test]
fn line_ends_come_between_packets() {
    let (_camera, mut client) = play(Codec::H264, &["junk=0.2"]);
    client.pictures(40);
    assert!(client.junk >= 5, "{}", client.junk);
}

#[test]
fn half_a_packet_comes() {
    let (camera, mut client) = play(Codec::H264, &["broken-frame=0.2"]);
    while client.packet().is_some() {}
    assert!(client.out_of_step);
    let record = camera.record();
    assert_eq!(record.pictures.iter().filter(|picture| !picture.complete).count(), 1);
}

#[test]
fn lines_end_in_lf() {
    let camera = camera(Codec::H264, &["lf-only"]);
    let mut client = RawClient::connect(&camera);
    let reply = client.request("OPTIONS", &[]);
    assert_eq!(reply.status, 200);
    assert!(!reply.head.contains('\r'));
    client.start();
    assert!(client.rtp().is_some());
}

//! What DESCRIBE, SETUP and PLAY say.

use detector_simulator::Codec;

use super::raw_client::RawClient;
use super::{camera, play};

#[track_caller]
fn described(codec: Codec, faults: &[&str]) -> (RawClient, super::raw_client::RawReply) {
    let camera = camera(codec, faults);
    let mut client = RawClient::connect(&camera);
    let reply = client.request("DESCRIBE", &[]);
    assert_eq!(reply.status, 200, "{}", reply.head);
    // The camera goes; what it said stays.
    (client, reply)
}

#[track_caller]
fn check_line(codec: Codec, fault: &str, expected: &str) {
    let (_, reply) = described(codec, &[fault]);
    assert!(reply.body.lines().any(|line| line.starts_with(expected)), "{fault}: {}", reply.body);
}

#[test]
fn a_track_is_addressed_in_many_ways() {
    check_line(Codec::H264, "control=relative", "a=control:trackID=0");
    check_line(Codec::H264, "control=absolute", "a=control:rtsp://127.0.0.1:");
    check_line(Codec::H264, "control=query", "a=control:rtsp://127.0.0.1:");
    check_line(Codec::H264, "control=slash", "a=control:/trackID=0");
    check_line(Codec::H264, "control=root", "a=control:rtsp://127.0.0.1:");
    check_line(Codec::H264, "control=other-host", "a=control:rtsp://192.0.2.10:554/");
    let (_, reply) = described(Codec::H264, &["control=no-session"]);
    assert!(!reply.body.contains("a=control:*") && reply.body.contains("a=control:trackID=0"));
    let (_, reply) = described(Codec::H264, &["control=none"]);
    assert!(!reply.body.contains("a=control"));
}

#[test]
fn a_base_is_given_in_many_ways() {
    for (form, expected) in [
        ("slash", Some("/gate/")),
        ("no-slash", Some("/gate")),
        ("missing", None),
        ("empty", Some("")),
        ("relative", Some("/")),
        ("no-scheme", Some("/gate/")),
        ("other-host", Some("rtsp://192.0.2.10:554/stream0/")),
    ] {
        let (_, reply) = described(Codec::H264, &[&format!("content-base={form}")]);
        let base = reply.header("Content-Base");
        assert!(base.is_some() == expected.is_some(), "{form}: {base:?}");
        let (base, expected) = (base.unwrap_or(""), expected.unwrap_or(""));
        assert!(base.ends_with(expected), "{form}: {base:?}");
        assert_eq!(base.starts_with("127.0.0.1"), form == "no-scheme", "{form}: {base:?}");
    }
}

#[test]
fn parameter_sets_are_written_in_many_ways() {
    let sprop = |fault| {
        let (_, reply) = described(Codec::H264, &[fault]);
        let line = reply.body.lines().find(|line| line.starts_with("a=fmtp:96")).unwrap();
        line.split_once("sprop-parameter-sets=").map(|(_, sets)| sets.to_owned())
    };
    // The first byte of an SPS in Base64, and a start code in Base64.
    let right = sprop("sprop=right").unwrap();
    assert!(right.starts_with('Z') && right.matches(',').count() == 1, "{right}");
    assert!(sprop("sprop=start-codes").unwrap().starts_with("AAAAAW"));
    assert_eq!(sprop("sprop=garbage").unwrap(), right + ",6QAqEQ==");
    assert_eq!(sprop("sprop=empty").unwrap(), "");
    assert!(sprop("sprop=broken").unwrap().contains('%'));
    assert_eq!(sprop("parameter-sets=in-band"), None);
    assert_eq!(sprop("parameter-sets=none"), None);
    check_line(Codec::H265, "sprop=right", "a=fmtp:96 sprop-vps=");
    check_line(Codec::Mpeg4, "sprop=right", "a=fmtp:96 profile-level-id=1;config=000001B0");
}

#[test]
fn a_jpeg_that_is_too_large_for_its_header_has_its_size_in_the_description() {
    let camera = camera(Codec::Jpeg, &["size=2560x64"]);
    let mut client = RawClient::connect(&camera);
    assert!(client.request("DESCRIBE", &[]).body.contains("a=x-dimensions:2560,64"));
    client.start();
    let header = client.rtp().unwrap().payload;
    assert_eq!(header[6..8], [0, 8]);
}

#[test]
fn parameter_sets_are_in_the_stream_or_not() {
    for (fault, expected) in [
        ("parameter-sets=both", true),
        ("parameter-sets=in-band", true),
        ("parameter-sets=sdp", false),
        ("parameter-sets=none", false),
    ] {
        let (_camera, mut client) = play(Codec::H264, &[fault]);
        let sets = client.pictures(1).iter().any(|packet| packet.payload[0] & 0x1f == 7);
        assert_eq!(sets, expected, "{fault}");
    }
}

#[test]
fn the_description_is_written_in_many_ways() {
    let body = |fault| described(Codec::H264, &[fault]).1.body;
    assert!(body("sdp=full").starts_with("v=0\r\n"));
    assert!(!body("sdp=lf").contains('\r'));
    assert!(body("sdp=bare").starts_with("m=video"));
    assert!(body("sdp=blanks").contains(" \r\n"));
    assert_eq!(body("tracks=none").matches("m=").count(), 0);
    assert_eq!(body("tracks=pcma").matches("m=video").count(), 0);
    assert!(body("new-payload-type=1").contains("m=video 0 RTP/AVP 96 97"));
    let two = body("new-codec=1");
    assert!(two.contains("m=video 0 RTP/AVP 96 98") && two.contains("a=rtpmap:98 H265/90000"));
}

#[test]
fn other_tracks_come_before_and_after_and_send_a_little() {
    let all = "tracks=aac,backchannel,jpeg,video,metadata,private,av1,pcmu,g726";
    let camera = camera(Codec::H264, &["fps=50", all]);
    let mut client = RawClient::connect(&camera);
    let reply = client.request("DESCRIBE", &[]);
    let media: Vec<&str> = reply.body.lines().filter(|line| line.starts_with("m=")).collect();
    assert_eq!(media.len(), 9);
    assert_eq!(media[3], "m=video 0 RTP/AVP 96");
    let url = camera.url("/gate");
    for track in [0, 3] {
        let channels = format!("RTP/AVP/TCP;unicast;interleaved={}-{}", 2 * track, 2 * track + 1);
        let reply = client.setup_at(&format!("{url}/trackID={track}"), &channels);
        assert_eq!(reply.status, 200);
    }
    assert_eq!(client.request("PLAY", &[]).status, 200);
    let (mut sound, mut pictures) = (0, 0);
    while sound < 3 || pictures < 3 {
        let packet = client.rtp().unwrap();
        match (packet.channel, packet.payload_type) {
            (0, 104) => sound += 1,
            (6, 96) => pictures += 1,
            other => panic!("{other:?}"),
        }
    }
    assert_eq!(client.setup_at(&format!("{url}/trackID=9"), "RTP/AVP/TCP").status, 404);
}

#[test]
fn channels_are_other_ones() {
    let setup = |fault, asked| {
        let camera = camera(Codec::H264, &["fps=50", fault]);
        let mut client = RawClient::connect(&camera);
        let transport = client.setup(asked).header("Transport").unwrap().to_owned();
        client.request("PLAY", &[]);
        let (channel, _) = client.packet().unwrap();
        (transport, client.rtp().unwrap().channel, channel)
    };
    let asked = "RTP/AVP/TCP;unicast;interleaved=4-5";
    let (transport, data, control) = setup("fps=50", asked);
    assert!(transport.starts_with("RTP/AVP/TCP;unicast;interleaved=4-5;ssrc="), "{transport}");
    assert_eq!((data, control), (4, 5));
    let (transport, data, _) = setup("no-interleaved", asked);
    assert!(!transport.contains("interleaved"), "{transport}");
    assert_eq!(data, 4);
    let (transport, data, control) = setup("channel=8", asked);
    assert!(transport.contains("interleaved=8-9"), "{transport}");
    assert_eq!((data, control), (8, 9));
    let (transport, data, control) = setup("data-channel=2", asked);
    assert!(transport.contains("interleaved=4-5"), "{transport}");
    assert_eq!((data, control), (2, 5));
}

#[test]
fn the_ssrc_that_setup_names_is_wrong() {
    for (fault, right) in [("fps=50", true), ("wrong-ssrc", false)] {
        let camera = camera(Codec::H264, &[fault]);
        let mut client = RawClient::connect(&camera);
        let reply = client.setup("RTP/AVP/TCP;unicast;interleaved=0-1");
        let transport = reply.header("Transport").unwrap();
        let named = transport.split("ssrc=").nth(1).unwrap().split(';').next().unwrap();
        client.request("PLAY", &[]);
        let found = client.rtp().unwrap().ssrc;
        assert_eq!(u32::from_str_radix(named, 16).unwrap() == found, right, "{fault}");
    }
}

#[test]
fn rtp_info_is_wrong_in_many_ways() {
    let off = |form: &str| {
        let camera = camera(Codec::H264, &[&format!("rtp-info={form}")]);
        let mut client = RawClient::connect(&camera);
        let reply = client.start();
        let info = reply.header("RTP-Info")?.to_owned();
        let value = |name| {
            let text = info.split(name).nth(1).unwrap();
            text.split([';', ',']).next().unwrap().parse::<u32>().unwrap()
        };
        let first = client.rtp().unwrap();
        let sequence = (value("seq=") as u16).wrapping_sub(first.sequence) as i16;
        Some((sequence, value("rtptime=") == first.timestamp, value("seq=")))
    };
    assert!(matches!(off("right"), Some((0, true, _))));
    assert_eq!(off("missing"), None);
    assert!(matches!(off("zero"), Some((_, false, 0))));
    assert!(matches!(off("wrong"), Some((3_000, false, _))));
    assert!(matches!(off("ahead"), Some((10, true, _))));
    assert!(matches!(off("behind"), Some((-10, true, _))));
}

#[test]
fn packets_come_before_the_reply_to_play() {
    let camera = camera(Codec::H264, &["early-rtp"]);
    let mut client = RawClient::connect(&camera);
    client.setup("RTP/AVP/TCP;unicast;interleaved=0-1");
    client.send("PLAY", camera.url("/gate").as_str(), &[]);
    assert_eq!(client.bytes(1)[0], b'$');
    assert_eq!(client.reply().status, 200);
    assert!(client.rtp().is_some());
}

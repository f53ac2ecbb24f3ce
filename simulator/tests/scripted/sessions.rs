//! Sessions that end, are refused or are sent away.

use detector_simulator::Codec;

use super::raw_client::RawClient;
use super::{PATIENCE, camera, play};

#[test]
fn a_session_without_requests_ends() {
    let (camera, mut client) = play(Codec::H264, &["timeout=1"]);
    client.read_to_end();
    let record = camera.wait_for("the end", PATIENCE, |record| record.open == 0).unwrap();
    assert_eq!((record.timed_out_sessions, record.keep_alives, record.playing), (1, 0, 0));
}

#[test]
fn requests_keep_a_session() {
    for (fault, method, counts) in [
        ("timeout=1", "GET_PARAMETER", true),
        ("timeout=1", "OPTIONS", true),
        ("timeout=1,get-parameter", "OPTIONS", false),
        ("timeout=1,options", "OPTIONS", true),
    ] {
        let (camera, mut client) = play(Codec::H264, &[fault]);
        for _ in 0..3 {
            // Half a second each.
            client.pictures(25);
            assert_eq!(client.request(method, &[]).status, 200, "{fault} {method}");
            if !counts {
                client.read_to_end();
                break;
            }
        }
        let record = camera.record();
        assert_eq!(record.timed_out_sessions == 0, counts, "{fault} {method}");
        assert_eq!(record.keep_alives > 0, counts, "{fault} {method}");
    }
}

#[test]
fn a_session_must_be_named() {
    let (camera, mut client) = play(Codec::H264, &[]);
    client.session = "00000000".to_owned();
    assert_eq!(client.request("GET_PARAMETER", &[]).status, 454);
    assert_eq!(client.request("PLAY", &[]).status, 454);
    assert_eq!(camera.record().count("GET_PARAMETER"), 1);
}

#[test]
fn a_session_is_torn_down() {
    let (camera, mut client) = play(Codec::H264, &[]);
    assert_eq!(client.request("TEARDOWN", &[]).status, 200);
    assert_eq!(client.request("OPTIONS", &[]).status, 200);
    let record = camera.record();
    assert_eq!((record.playing, record.open), (0, 1));
}

#[test]
fn a_stream_ends_in_four_ways() {
    for (how, reset, bye, stays) in [
        ("close", false, false, false),
        ("reset", true, false, false),
        ("bye", false, true, false),
        ("bye-only", false, true, true),
    ] {
        let end = format!("end=0.2,{how}");
        let (camera, mut client) = play(Codec::H264, &[&end, "sender-reports=missing"]);
        if bye {
            assert_eq!(client.rtcp()[1], 203, "{how}");
        }
        if stays {
            assert_eq!(client.request("OPTIONS", &[]).status, 200, "{how}");
        } else {
            client.read_to_end();
            camera.wait_for("the end", PATIENCE, |record| record.open == 0).unwrap();
        }
        assert_eq!(client.was_reset, reset, "{how}");
        assert_eq!(camera.record().ended_streams, 1, "{how}");
    }
}

#[test]
fn every_method_can_be_answered_otherwise() {
    for (fault, method, status) in [
        ("options=551", "OPTIONS", 551),
        ("describe=404", "DESCRIBE", 404),
        ("setup=461", "SETUP", 461),
        ("play=453", "PLAY", 453),
        ("get-parameter=501", "GET_PARAMETER", 501),
    ] {
        let camera = camera(Codec::H264, &[fault]);
        let reply = RawClient::connect(&camera).request(method, &[]);
        assert_eq!(reply.status, status, "{fault}");
    }
    let ignoring = camera(Codec::H264, &["get-parameter=ignore"]);
    let mut client = RawClient::connect(&ignoring);
    client.send("GET_PARAMETER", "*", &[]);
    let reply = client.request("OPTIONS", &[]);
    // The reply is to the second request.
    assert_eq!(reply.header("CSeq"), Some("2"));
    assert!(!reply.head.contains("GET_PARAMETER"));

    let closing = camera(Codec::H264, &["get-parameter=close"]);
    let mut client = RawClient::connect(&closing);
    client.send("GET_PARAMETER", "*", &[]);
    assert_eq!(client.packet(), None);
}

#[test]
fn one_viewer_too_many_is_refused() {
    let (camera, _client) = play(Codec::H264, &["viewers=1"]);
    camera.wait_for("a viewer", PATIENCE, |record| record.playing == 1).unwrap();
    assert_eq!(RawClient::connect(&camera).request("DESCRIBE", &[]).status, 453);

    let camera = super::camera(Codec::H264, &["max-connections=1"]);
    let mut first = RawClient::connect(&camera);
    assert_eq!(first.request("OPTIONS", &[]).status, 200);
    let mut second = RawClient::connect(&camera);
    assert_eq!(second.packet(), None);
    assert_eq!(first.request("OPTIONS", &[]).status, 200);
}

#[test]
fn a_client_is_sent_on() {
    let itself = camera(Codec::H264, &["redirect=self"]);
    let reply = RawClient::connect(&itself).request("DESCRIBE", &[]);
    assert_eq!(reply.status, 302);
    assert_eq!(reply.header("Location"), Some(itself.url("/gate").as_str()));
    let other = camera(Codec::H264, &["redirect=rtsp://127.0.0.1:9/a,301"]);
    let reply = RawClient::connect(&other).request("DESCRIBE", &[]);
    assert_eq!((reply.status, reply.header("Location")), (301, Some("rtsp://127.0.0.1:9/a")));
}

#[test]
fn an_answer_comes_late() {
    let camera = camera(Codec::H264, &["slow=0.3"]);
    let asked = std::time::Instant::now();
    assert_eq!(RawClient::connect(&camera).request("DESCRIBE", &[]).status, 200);
    assert!(asked.elapsed().as_millis() >= 300);
}

#[test]
fn a_dropped_camera_closes_its_connections() {
    let (camera, mut client) = play(Codec::H264, &[]);
    let address = camera.address();
    client.pictures(1);
    drop(camera);
    client.read_to_end();
    assert!(std::net::TcpStream::connect(address).is_err());
}

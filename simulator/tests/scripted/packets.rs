//! RTP and RTCP of each fault, byte by byte.

use std::collections::HashMap;
use std::time::Duration;

use detector_simulator::{Codec, Record, ScriptedCamera};

use super::raw_client::{RawClient, Rtp};
use super::{PATIENCE, camera, play};

/// Packets that are missing between others.
fn gaps(packets: &[Rtp]) -> u64 {
    packets
        .windows(2)
        .map(|pair| u64::from(pair[1].sequence.wrapping_sub(pair[0].sequence)) - 1)
        .sum()
}

/// The record once so many pictures were sent.
#[track_caller]
fn after(camera: &ScriptedCamera, pictures: usize) -> Record {
    camera.wait_for("so many pictures", PATIENCE, |r| r.pictures.len() >= pictures).unwrap()
}

/// One timestamp a picture.
fn timestamps(packets: &[Rtp]) -> Vec<u32> {
    packets.iter().filter(|packet| packet.marker).map(|packet| packet.timestamp).collect()
}

#[test]
fn without_a_fault_nothing_is_missing_and_time_goes_on() {
    for codec in Codec::ALL {
        let (camera, mut client) = play(codec, &[]);
        let packets = client.pictures(30);
        assert_eq!(gaps(&packets), 0);
        let stamps = timestamps(&packets);
        let step = |pair: &[u32]| pair[1].wrapping_sub(pair[0]);
        assert!(stamps.windows(2).all(|pair| step(pair) == 1_800), "{} {stamps:?}", codec.name());
        let record = after(&camera, 30);
        let numbers: Vec<u64> = record.pictures.iter().take(30).map(|p| p.number).collect();
        assert_eq!(numbers, (0..30).collect::<Vec<_>>());
        assert!(
            record.pictures.iter().all(|picture| picture.complete && picture.sent >= picture.due)
        );
        assert_eq!((record.packets_left_out, record.playing, record.open), (0, 1, 1));
    }
}

#[test]
fn lost_packets_leave_gaps() {
    let (camera, mut client) = play(Codec::H264, &["loss=0.1,2", "packet-size=500"]);
    let missing = gaps(&client.pictures(40));
    let record = after(&camera, 40);
    assert!(missing >= 10, "{missing}");
    assert!(record.packets_left_out >= missing);
    assert!(record.pictures.iter().any(|picture| !picture.complete));
}

#[test]
fn a_cut_picture_leaves_none() {
    let (camera, mut client) = play(Codec::H264, &["cut=5", "slices=4"]);
    assert_eq!(gaps(&client.pictures(10)), 0);
    let record = after(&camera, 10);
    let cut: Vec<u64> = record.pictures.iter().filter(|p| !p.complete).map(|p| p.number).collect();
    assert_eq!(cut[..2], [4, 9]);
}

#[test]
fn a_burst_loses_nothing_and_sends_many_pictures_at_one_time() {
    let (camera, mut client) = play(Codec::H264, &["burst=0.3,0.6"]);
    assert_eq!(gaps(&client.pictures(50)), 0);
    let mut at_once = HashMap::new();
    for picture in after(&camera, 50).pictures {
        *at_once.entry(picture.sent).or_insert(0) += 1;
    }
    let most = at_once.into_values().max().unwrap();
    assert!((15..=17).contains(&most), "{most} pictures at once");
}

#[test]
fn a_gop_cache_sends_a_group_at_once() {
    for (fault, count) in [("gop-cache", 20), ("gop-cache=15", 15)] {
        let (camera, mut client) = play(Codec::H265, &[fault]);
        client.pictures(22);
        let due: Vec<_> = after(&camera, 22).pictures.iter().map(|picture| picture.due).collect();
        // The next one is due at once as well: its time begins with the others.
        assert!(due[..=count].iter().all(|&due_| due_ == due[0]), "{fault}");
        assert!(due[count + 1] > due[0], "{fault}");
    }
}

#[test]
fn a_client_may_join_anywhere() {
    let (camera, mut client) = play(Codec::H264, &["join=7"]);
    client.pictures(2);
    let first = after(&camera, 1).pictures[0];
    assert_eq!((first.number, first.key), (7, false));

    let camera = super::camera(Codec::H264, &["fps=50", "join=live"]);
    let mut first = RawClient::play(&camera);
    first.pictures(10);
    let mut second = RawClient::play(&camera);
    second.pictures(1);
    let record = camera.record();
    let number = record.pictures.iter().find(|p| p.connection == 2).unwrap().number;
    assert!(number >= 9, "{number}");
}

#[test]
fn key_pictures_are_as_far_apart_as_wanted_or_never_come() {
    let (camera, mut client) = play(Codec::H264, &["key-interval=0.6"]);
    client.pictures(61);
    let record = after(&camera, 61);
    let keys: Vec<u64> = record.pictures.iter().filter(|p| p.key).map(|p| p.number).collect();
    assert_eq!(keys[..3], [0, 30, 60]);

    let (camera, mut client) = play(Codec::H265, &["no-key-frame"]);
    client.pictures(60);
    assert!(after(&camera, 60).pictures.iter().all(|picture| !picture.key));
}

#[test]
fn a_frozen_camera_is_silent_or_repeats_itself() {
    let (_camera, mut client) = play(Codec::H264, &["freeze=0.2,silent,0.4"]);
    let stamps = timestamps(&client.pictures(11));
    assert_eq!(stamps[10].wrapping_sub(stamps[9]), 36_000 + 1_800);

    let payloads = |packets: Vec<Rtp>| -> Vec<Vec<u8>> {
        packets.into_iter().map(|packet| packet.payload).collect()
    };
    let (_camera, mut client) = play(Codec::H264, &["freeze=0.2,repeat"]);
    client.pictures(9);
    let last = payloads(client.pictures(1));
    assert_eq!(last, payloads(client.pictures(1)));

    let (camera, mut client) = play(Codec::H264, &["freeze=0.2,key"]);
    let first = payloads(client.pictures(1));
    client.pictures(9);
    assert_eq!(first, payloads(client.pictures(1)));
    assert_eq!(after(&camera, 11).pictures[10].number, 0);

    let (_camera, mut client) = play(Codec::H264, &["freeze=0,reports"]);
    for _ in 0..2 {
        assert_eq!(client.packet().unwrap().1[1], 200);
    }
}

#[test]
fn a_pause_comes_before_the_first_picture() {
    let (camera, mut client) = play(Codec::H264, &["pause=0.3"]);
    client.pictures(1);
    let record = after(&camera, 1);
    let asked = record.requests.iter().find(|request| request.method == "PLAY").unwrap().at;
    assert!(record.pictures[0].due - asked >= Duration::from_millis(300));
}

#[test]
fn what_identifies_a_stream_changes() {
    let (_camera, mut client) = play(Codec::H264, &["new-ssrc=0.2"]);
    let (before, later) = (client.pictures(10), client.pictures(10));
    assert!(before.iter().all(|packet| packet.ssrc == before[0].ssrc));
    assert!(later.iter().all(|packet| packet.ssrc == later[0].ssrc));
    assert_ne!(before[0].ssrc, later[0].ssrc);

    let (_camera, mut client) = play(Codec::H264, &["new-payload-type=0.2"]);
    let types: Vec<u8> =
        [client.pictures(10), client.pictures(1)].map(|packets| packets[0].payload_type).to_vec();
    assert_eq!(types, [96, 97]);

    let (camera, mut client) = play(Codec::H264, &["new-codec=0.2"]);
    assert!(client.pictures(10).iter().all(|packet| packet.payload_type == 96));
    assert!(client.pictures(2).iter().all(|packet| packet.payload_type == 98));
    let record = after(&camera, 12);
    let changed = record.pictures[10];
    assert_eq!((changed.codec, changed.number, changed.key), (Codec::H265, 0, true));
}

#[test]
fn markers_are_missing() {
    let (_camera, mut client) = play(Codec::H264, &["no-marker"]);
    for _ in 0..30 {
        assert!(!client.rtp().unwrap().marker);
    }
}

#[track_caller]
fn steps(form: &str) -> Vec<i32> {
    let (_camera, mut client) = play(Codec::H264, &[&format!("timestamps={form}")]);
    timestamps(&client.pictures(25)).windows(2).map(|p| p[1].wrapping_sub(p[0]) as i32).collect()
}

#[test]
fn timestamps_are_wrong_in_many_ways() {
    assert!(steps("constant").iter().all(|&step| step == 0));
    assert!(steps("zero").iter().all(|&step| step == 0));
    let back = steps("back,3,0.2");
    assert_eq!((back[8], back[9], back[10]), (1_800, 1_800 - 270_000, 1_800));
    let forward = steps("forward,3600,0.2");
    assert_eq!((forward[8], forward[9]), (1_800, 1_800 + 324_000_000));
    let random = steps("random");
    assert!(random.iter().any(|&step| step < 0) && random.iter().any(|&step| step > 100_000_000));
    let jitter = steps("jitter");
    assert!(jitter.iter().any(|&step| step < 0) && jitter.iter().all(|step| step.abs() < 20_000));
    assert_eq!(steps("saw")[19], -19 * 1_800);
    assert!(steps("speed,2").iter().all(|&step| step == 3_600));

    let (_camera, mut client) = play(Codec::H264, &["timestamps=wrap"]);
    assert_eq!(client.rtp().unwrap().timestamp, 0_u32.wrapping_sub(270_000));
}

#[test]
fn sender_reports_say_the_time_or_something_else() {
    let ntp = |report: Vec<u8>| {
        assert_eq!(report[1], 200);
        f64::from(u32::from_be_bytes(report[8..12].try_into().unwrap()))
    };
    let unix = std::time::UNIX_EPOCH.elapsed().unwrap().as_secs_f64();
    let now = unix + 2_208_988_800.0;
    let (_camera, mut client) = play(Codec::H264, &[]);
    assert!((ntp(client.rtcp()) - now).abs() < 30.0);
    let (_camera, mut client) = play(Codec::H264, &["sender-reports=-3600"]);
    assert!((ntp(client.rtcp()) - now + 3_600.0).abs() < 30.0);
    let (_camera, mut client) = play(Codec::H264, &["sender-reports=zero"]);
    assert_eq!(ntp(client.rtcp()), 0.0);
    let (_camera, mut client) = play(Codec::H264, &["sender-reports=jump"]);
    let (first, second) = (ntp(client.rtcp()), ntp(client.rtcp()));
    assert!((first - second - 18_000.0).abs() < 30.0);

    let (_camera, mut client) = play(Codec::H264, &["sender-reports=missing", "end=1.2,bye"]);
    assert_eq!(client.rtcp()[1], 203, "the first RTCP packet is the BYE");
}

#[test]
fn packets_are_built_otherwise() {
    let (_camera, mut client) = play(Codec::H264, &["aggregate"]);
    assert_eq!(client.rtp().unwrap().payload[0] & 0x1f, 24);
    let (_camera, mut client) = play(Codec::H265, &["aggregate"]);
    assert_eq!(client.rtp().unwrap().payload[0] >> 1, 48);
    let (_camera, mut client) = play(Codec::H264, &["packet-size=200"]);
    let packets = client.pictures(3);
    assert!(packets.iter().all(|packet| packet.payload.len() <= 200));
    let (_camera, mut client) = play(Codec::H264, &["extension"]);
    // The client leaves extension and padding away: what is left is a parameter set or its like.
    assert!(matches!(client.rtp().unwrap().payload[0] & 0x1f, 6..=9));
}

#[test]
fn jpeg_has_one_quantisation_table_or_two() {
    for (faults, length) in [(&[][..], 128), (&["one-table"][..], 64)] {
        let (_camera, mut client) = play(Codec::Jpeg, faults);
        let payload = client.rtp().unwrap().payload;
        // RFC 2435, 3.1: type, Q, size in blocks; then the header of the tables.
        assert_eq!(payload[4..8], [1, 255, 40, 30]);
        assert_eq!(u16::from_be_bytes([payload[10], payload[11]]), length);
    }
}

#[test]
fn faults_can_be_changed_while_a_session_plays() {
    let (camera, mut client) = play(Codec::H264, &[]);
    client.pictures(5);
    camera.set_faults(vec!["fps=50".parse().unwrap(), "loss=1".parse().unwrap()]).unwrap();
    let lost = camera.wait_for("a lost packet", PATIENCE, |record| record.packets_left_out > 0);
    assert_eq!(lost.unwrap().playing, 1);
    camera.set_faults(vec!["fps=50".parse().unwrap()]).unwrap();
    client.pictures(5);
    assert!(gaps(&client.pictures(30)) == 0);
}

#[test]
fn two_cameras_of_one_script_do_the_same() {
    let numbers = || {
        let camera = camera(Codec::H264, &["fps=50", "loss=0.05"]);
        let mut client = RawClient::play(&camera);
        client.pictures(20).iter().map(|packet| packet.sequence).collect::<Vec<_>>()
    };
    assert_eq!(numbers(), numbers());
}

//! Redis is killed while a camera is watched, and is away for ten seconds. No action is lost, and they
//! are executed in the order in which things were seen.

use detector_simulator::RedisServer;
use serde_json::{Value, json};

use crate::program::Program;
use crate::stand::{Cms, archive, colors, start_camera, start_web_server, state};

/// Heartbeats of a second each, for which Redis is away.
const HEARTBEATS: usize = 10;
/// What is seen before it goes, and after it has come back.
const FRAMES: usize = 10;

/// The numbers of the frames that were seen, one for each thing that was found in each.
#[derive(Default)]
struct Seen(Vec<u64>);

impl Seen {
    fn note(&mut self, message: &Value) {
        if message["type"] == "imageDetection" {
            let found = message["data"]["detections"].as_array().unwrap().len();
            let frame = message["frame"].as_u64().unwrap();
            self.0.extend(std::iter::repeat_n(frame, found));
        }
    }

    fn last(&self) -> u64 {
        *self.0.last().expect("something was seen")
    }
}

/// Waits for so many messages of a type, and notes what is seen meanwhile.
fn wait(cms: &mut Cms, seen: &mut Seen, kind: &str, count: usize) {
    for _ in 0..count {
        cms.wait_for(kind, |message| {
            seen.note(message);
            message["type"] == kind
        });
    }
}

/// The numbers of the frames of what Redis was told, in its order.
fn told(redis: &RedisServer) -> Vec<u64> {
    let client = redis::Client::open(format!("redis://{}/", redis.address())).unwrap();
    let entries: Vec<(String, Vec<String>)> = redis::cmd("XRANGE")
        .arg("seen")
        .arg("-")
        .arg("+")
        .query(&mut client.get_connection().unwrap())
        .unwrap();
    entries.iter().map(|(_, fields)| fields[1].parse().unwrap()).collect()
}

#[test]
fn a_redis_that_was_killed_for_10_s_is_told_everything_in_order() {
    let (camera, redis) = (start_camera(), RedisServer::start().unwrap());
    let port = redis.port();
    let web = start_web_server(port);
    let mut pipeline = colors(port);
    pipeline["pipeline"]["actions"] =
        json!([{"type": "redis_stream_add", "stream": "seen", "fields": {"frame": "{frame}"}}]);
    web.put("/told.mpta", "application/zip", archive(&pipeline));
    let worker = Program::start(&["run", "--device", "cpu", "--set", "heartbeat_interval_secs=1"]);
    let mut cms = Cms::connect(worker.address());
    cms.subscribe("gate;drawn", camera.url("/drawn").as_str(), web.url("/told.mpta").as_str());
    let mut seen = Seen::default();
    wait(&mut cms, &mut seen, "imageDetection", FRAMES);
    assert!(!told(&redis).is_empty());

    // It keeps nothing on disk: what it was told before is gone with it.
    drop(redis);
    // What comes after the next report was seen after that.
    wait(&mut cms, &mut seen, "stateReport", 1);
    wait(&mut cms, &mut seen, "imageDetection", 1);
    let first = seen.last();
    wait(&mut cms, &mut seen, "stateReport", HEARTBEATS);
    assert!(seen.last() > first, "the camera is watched meanwhile");
    let redis = RedisServer::start_on(port, None).unwrap();
    wait(&mut cms, &mut seen, "imageDetection", FRAMES);

    let last = seen.last();
    let mut entries = told(&redis);
    while entries.last().is_none_or(|frame| *frame <= last) {
        wait(&mut cms, &mut seen, "imageDetection", 1);
        entries = told(&redis);
    }
    // Those that were under way when it was killed were done before or are done now.
    let start = *entries.first().unwrap();
    assert!(start <= first, "told from {start} on, {first} was seen while it was away");
    let until = |frames: &[u64]| -> Vec<u64> {
        frames.iter().copied().filter(|frame| (start..=last).contains(frame)).collect()
    };
    let (mut expected, mut found) = (until(&seen.0), until(&entries));
    // Of the first frame some may have been done before.
    expected.retain(|frame| *frame != start);
    found.retain(|frame| *frame != start);
    assert_eq!(found, expected);
    assert!(found.len() > FRAMES);
    let state = state(worker.address());
    let outcomes = state["actions"]["outcomes"].as_object().unwrap();
    for (kind, outcomes) in outcomes {
        let other: Vec<_> = outcomes.as_object().unwrap().keys().collect();
        assert_eq!(other, ["executed"], "{kind}");
    }
    assert_eq!(worker.end(), Some(0));
}

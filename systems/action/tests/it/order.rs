//! What waits for a Redis that is away is executed in order when it returns, within a bound.

use std::time::Duration;

use detector_action::ActConfig;
use detector_components::action::{ActionKind, Backlog, Outcome};
use detector_components::geometry::Size;
use detector_components::secret::Secret;
use detector_simulator::RedisServer;

use crate::stand::{
    Engine, PATIENCE, connection, impatient, list, server, shot, stream, stream_add, wait_for,
};

#[test]
fn pictures_are_saved_and_messages_published_in_order() {
    let redis = RedisServer::start().unwrap();
    let mut listener = connection(&redis);
    listener.set_read_timeout(Some(PATIENCE)).unwrap();
    let mut channel = listener.as_pubsub();
    channel.subscribe("news").unwrap();
    let mut engine = Engine::new(Some(server(redis.port())), impatient(), shot());
    for _ in 0..5 {
        engine.find();
    }
    for number in 1..=5 {
        let message: String = channel.get_message().unwrap().get_payload().unwrap();
        assert_eq!(message, format!(r#"{{"n":{number},"image":"shot:{number}"}}"#));
        // The picture was there before the message that names it.
        let mut reader = connection(&redis);
        let picture: Vec<u8> =
            redis::cmd("GET").arg(format!("shot:{number}")).query(&mut reader).unwrap();
        let size = detector_picture::decode(&picture).unwrap().size();
        assert_eq!(size, Size { width: 8, height: 6 });
        let left: i64 = redis::cmd("TTL").arg(format!("shot:{number}")).query(&mut reader).unwrap();
        assert!((1..=60).contains(&left), "{left}");
    }
    engine.flush();
    assert_eq!(engine.total(Outcome::Executed), 10);
    assert_eq!(engine.counters().backlog(), Backlog::default());
}

#[test]
fn a_redis_that_was_down_at_load_is_used_when_it_comes() {
    let redis = RedisServer::start().unwrap();
    let port = redis.port();
    drop(redis);
    let named = detector_components::model::RedisServer {
        password: Some(Secret::new("secret")),
        ..server(port)
    };
    let mut engine = Engine::new(Some(named), impatient(), shot());
    for _ in 0..20 {
        engine.find();
    }
    wait_for(|| engine.counters().backlog().actions == 40, || "all of them to wait".to_owned());
    assert_eq!(engine.total(Outcome::Executed), 0);
    let _redis = RedisServer::start_on(port, Some("secret")).unwrap();
    engine.flush();
    assert_eq!(engine.total(Outcome::Executed), 40);
}

#[test]
fn a_redis_that_was_killed_for_a_while_misses_nothing_and_keeps_the_order() {
    let redis = RedisServer::start().unwrap();
    let port = redis.port();
    let actions = list([stream_add("entries", "n", "{frame}")]);
    let mut engine = Engine::new(Some(server(port)), impatient(), actions);
    for _ in 0..10 {
        engine.find();
    }
    engine.wait_for(Outcome::Executed, 10);
    assert_eq!(stream(&mut connection(&redis), "entries").len(), 10);
    drop(redis);
    for _ in 0..200 {
        engine.find();
    }
    // It keeps nothing on disk: what was in it before is gone with it.
    let redis = RedisServer::start_on(port, None).unwrap();
    engine.wait_for(Outcome::Executed, 210);
    let expected: Vec<_> = (11..=210).map(|number: u64| number.to_string()).collect();
    assert_eq!(stream(&mut connection(&redis), "entries"), expected);
    engine.flush();
}

#[test]
fn what_does_not_fit_makes_room_and_is_counted() {
    let redis = RedisServer::start().unwrap();
    let port = redis.port();
    drop(redis);
    let config = ActConfig { max_waiting: 3, ..impatient() };
    let mut engine = Engine::new(Some(server(port)), config, shot());
    for _ in 0..10 {
        engine.find();
    }
    // Three wait, one may be in the courier's hand.
    engine.wait_for(Outcome::CrowdedOut, 12);
    let counters = engine.counters();
    let of = |kind| counters.of(kind, Outcome::CrowdedOut);
    assert_eq!(of(ActionKind::SaveImage), of(ActionKind::Publish));
    let redis = RedisServer::start_on(port, None).unwrap();
    engine.flush();
    let kept: bool = redis::cmd("EXISTS").arg("shot:10").query(&mut connection(&redis)).unwrap();
    assert!(kept, "the newest is kept");
    assert_eq!(counters.total(Outcome::Executed) + counters.total(Outcome::CrowdedOut), 20);
    assert_eq!(counters.backlog(), Backlog::default());
}

#[test]
fn bytes_are_bounded_too() {
    let redis = RedisServer::start().unwrap();
    let port = redis.port();
    drop(redis);
    let config = ActConfig { max_bytes: 1_000, ..impatient() };
    let actions = list([stream_add("entries", "n", &"x".repeat(300))]);
    let mut engine = Engine::new(Some(server(port)), config, actions);
    for _ in 0..20 {
        engine.find();
    }
    engine.wait_for(Outcome::CrowdedOut, 16);
    assert!(engine.counters().backlog().bytes <= 1_400, "{:?}", engine.counters().backlog());
}

#[test]
fn what_waited_too_long_is_dropped_and_counted() {
    let redis = RedisServer::start().unwrap();
    let port = redis.port();
    drop(redis);
    let config = ActConfig { time_to_live: Duration::from_secs(60), ..impatient() };
    let actions = list([stream_add("entries", "n", "{frame}")]);
    let mut engine = Engine::new(Some(server(port)), config, actions);
    for _ in 0..3 {
        engine.find();
    }
    engine.timepiece.advance(Duration::from_secs(59));
    engine.find();
    engine.timepiece.advance(Duration::from_secs(2));
    engine.wait_for(Outcome::Expired, 3);
    let redis = RedisServer::start_on(port, None).unwrap();
    engine.flush();
    assert_eq!(stream(&mut connection(&redis), "entries"), ["4"]);
}

#[test]
fn what_still_waits_at_the_end_is_counted() {
    let redis = RedisServer::start().unwrap();
    let port = redis.port();
    drop(redis);
    let mut engine = Engine::new(Some(server(port)), impatient(), shot());
    for _ in 0..4 {
        engine.find();
    }
    engine.flush_within(Duration::from_millis(200));
    assert_eq!(engine.total(Outcome::Ended), 8);
    assert_eq!(engine.counters().backlog(), Backlog::default());
}

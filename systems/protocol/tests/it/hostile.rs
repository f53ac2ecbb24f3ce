//! Someone sends rubbish. It is answered, and hurts nothing.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use bevy_ecs::prelude::*;
use detector_components::client::Client;
use serde_json::json;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::protocol::frame::Frame;
use tokio_tungstenite::tungstenite::protocol::frame::coding::{Data, OpCode};

use crate::stand::{Engine, PATIENCE};

fn text(bytes: &[u8], last: bool) -> Message {
    Message::Frame(Frame::message(bytes.to_vec(), OpCode::Data(Data::Text), last))
}

#[test]
fn a_thousand_messages_of_rubbish_leave_the_socket_alive() {
    const COUNT: usize = 1_000;
    let engine = Engine::start_with(|config| {
        config.messages_per_second = 1_000_000;
        config.max_message_bytes = 10_000;
    });
    let mut cms = engine.connect();
    let rubbish = [
        Message::text("{"),
        Message::text("[".repeat(9_000)),
        Message::text(r#"{"type":"levitate"}"#),
        Message::text(r#"{"type":"subscribe","payload":{"subscriptionIdentifier":[]}}"#),
        Message::binary(vec![0xff; 1_000]),
        Message::binary(vec![0xff; 20_000]),
        Message::text(" ".repeat(10_001)),
        text(b"\xff\xfe\x80", true),
    ];
    for message in rubbish.iter().cycle().take(COUNT) {
        cms.send_raw(message.clone());
    }
    cms.send(&json!({"type": "unsubscribe", "payload": {"subscriptionIdentifier": "a;b"}}));

    engine.heard(1);
    assert_eq!(engine.counts().refused, COUNT as u64);
    assert_eq!(engine.counts().messages, COUNT as u64 + 1);
    assert_eq!(engine.counts().clients, 1);
}

#[track_caller]
fn check(message: Message, code: &str, text: &str) {
    let engine = Engine::start_with(|config| config.max_message_bytes = 10_000);
    let mut cms = engine.connect();
    cms.send_raw(message);
    let error = cms.next_of("error");
    assert_eq!((&error["code"], &error["message"]), (&json!(code), &json!(text)));
}

#[test]
fn each_kind_of_rubbish_is_named() {
    let binary = Message::binary(vec![0; 10]);
    check(binary, "invalid_message", "a binary message, expected text with JSON");
    let large = Message::text(" ".repeat(10_001));
    check(large, "message_too_large", "10001 bytes, expected at most 10000");
    check(
        text(b"{\xff", true),
        "invalid_message",
        "not UTF-8: invalid utf-8 sequence of 1 bytes from index 1",
    );
}

#[test]
fn a_message_in_pieces_is_put_together() {
    let engine = Engine::start();
    let mut cms = engine.connect();
    cms.send_raw(text(br#"{"type":"lev"#, false));
    let rest = Frame::message(br#"itate"}"#.to_vec(), OpCode::Data(Data::Continue), true);
    cms.send_raw(Message::Frame(rest));
    let error = cms.next_of("error")["message"].to_string();
    assert!(error.contains("levitate"), "{error}");
}

#[test]
fn a_breach_of_the_framing_ends_that_connection_only() {
    let engine = Engine::start();
    let mut other = engine.connect();
    let mut broken = engine.connect();
    // A continuation of nothing.
    let frame = Frame::message(b"rest".to_vec(), OpCode::Data(Data::Continue), true);
    broken.send_raw(Message::Frame(frame));
    while broken.next_raw().is_some() {}
    other.send(&json!({"type": "levitate"}));
    other.next_of("error");
}

#[test]
fn noise_on_the_port_hurts_nothing() {
    let engine = Engine::start();
    let mut socket = TcpStream::connect(engine.address).unwrap();
    socket.set_read_timeout(Some(PATIENCE)).unwrap();
    socket.write_all(&[0xff; 4_096]).unwrap();
    // It is answered with an error of HTTP, or cut off; both end the connection.
    let _ = socket.read_to_end(&mut Vec::new());
    engine.connect().next_of("stateReport");
}

#[test]
fn a_client_that_has_fallen_silent_is_gone() {
    let engine = Engine::start_with(|config| {
        config.peer_timeout = Duration::from_millis(200);
        config.ping_interval = Duration::from_millis(20);
    });
    // It does not read, so it does not answer pings.
    let silent = engine.connect();
    engine.wait_for(|world| clients(world).eq(&1).then_some(()));
    engine.wait_for(|world| clients(world).eq(&0).then_some(()));
    drop(silent);
}

#[test]
fn a_client_that_answers_pings_stays() {
    let engine = Engine::start_with(|config| {
        config.peer_timeout = Duration::from_millis(300);
        config.ping_interval = Duration::from_millis(20);
    });
    let mut cms = engine.connect();
    // Three times as long as a silent one would be endured.
    for _ in 0..45 {
        while !matches!(cms.next_raw().expect("an open socket"), Message::Ping(_)) {}
    }
}

fn clients(world: &mut World) -> usize {
    world.query::<&Client>().iter(world).count()
}

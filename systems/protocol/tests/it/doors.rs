//! Who comes in, who is turned away, and how the doors are closed.

use std::net::TcpStream;
use std::time::Duration;

use detector_components::clock::{Moment, Timepiece};
use detector_components::secret::Secret;
use detector_components::wake::wake;
use detector_protocol::{ProtocolConfig, ProtocolError, ProtocolServer};
use serde_json::json;
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;
use tokio_tungstenite::tungstenite::{self, Message};

use crate::detections::watching;
use crate::pictures::{get, get_with};
use crate::scene::{finding, frame};
use crate::stand::{Engine, PATIENCE};

#[track_caller]
fn check_turned_away(engine: &Engine, path: &str, status: u16) {
    check_page_turned_away(engine, path, None, status);
}

#[track_caller]
fn check_page_turned_away(engine: &Engine, path: &str, origin: Option<&str>, status: u16) {
    match engine.connect_from(path, origin) {
        Err(tungstenite::Error::Http(response)) => assert_eq!(response.status(), status),
        Err(other) => panic!("{other}"),
        Ok(_) => panic!("let in"),
    }
}

#[test]
fn without_the_token_nobody_comes_in() {
    let engine = Engine::start_with(|config| config.token = Some(Secret::new("s3cret")));
    check_turned_away(&engine, "/", 401);
    check_turned_away(&engine, "/ws?token=guess", 401);
    assert_eq!(get(&engine, "/camera/a/image").status, 401);
    assert_eq!(get(&engine, "/no/such/place").status, 401);
    assert_eq!(engine.counts().turned_away, 4);
}

#[test]
fn with_the_token_everyone_does() {
    let engine = Engine::start_with(|config| config.token = Some(Secret::new("s3cret")));
    engine.connect_to("/ws?token=s3cret").unwrap().next_of("stateReport");
    let bearer = [("authorization", "Bearer s3cret")];
    assert_eq!(get_with(&engine, "/camera/a/image", &bearer).status, 404);
}

#[test]
fn a_page_of_another_origin_does_not_come_in() {
    let allowed = "https://cms.example.org";
    let engine = Engine::start_with(|config| config.origins = vec![allowed.to_owned()]);
    for origin in ["http://evil.example", "http://127.0.0.1:1", "null"] {
        check_page_turned_away(&engine, "/", Some(origin), 403);
        check_page_turned_away(&engine, "/ws", Some(origin), 403);
    }
    assert_eq!(engine.counts().turned_away, 6);

    let own = format!("http://{}", engine.address);
    for origin in [own.as_str(), allowed] {
        engine.connect_from("/", Some(origin)).unwrap().next_of("stateReport");
    }
    engine.connect().next_of("stateReport");
}

#[test]
fn a_page_that_shows_the_token_may_be_of_any_origin() {
    let engine = Engine::start_with(|config| config.token = Some(Secret::new("s3cret")));
    let origin = Some("http://elsewhere.example");
    check_page_turned_away(&engine, "/", origin, 401);
    engine.connect_from("/?token=s3cret", origin).unwrap().next_of("stateReport");
}

#[test]
fn health_needs_no_token() {
    let engine = Engine::start_with(|config| config.token = Some(Secret::new("s3cret")));
    engine.ask(|_| {});
    let answer = get(&engine, "/healthz");
    assert_eq!((answer.status, answer.json()), (200, json!({"status": "ok"})));
    let answer = get(&engine, "/readyz");
    assert_eq!((answer.status, answer.json()), (200, json!({"ready": true, "reasons": []})));
}

#[test]
fn an_engine_that_does_not_run_is_not_healthy() {
    let engine = Engine::start();
    engine.ask(|_| {});
    let pause = engine.pause();
    engine.advance(6_000);
    let reason = "the engine has not run for 6000 ms";
    let answer = get(&engine, "/healthz");
    assert_eq!(answer.status, 503);
    assert_eq!(answer.json(), json!({"status": "stalled", "reason": reason}));
    let answer = get(&engine, "/readyz");
    assert_eq!(answer.status, 503);
    assert_eq!(answer.json(), json!({"ready": false, "reasons": [reason]}));
    drop(pause);
    engine.ask(|_| {});
    engine.ask(|_| {});
    assert_eq!(get(&engine, "/healthz").status, 200);
}

#[test]
fn one_client_too_many_is_turned_away_until_another_leaves() {
    let engine = Engine::start_with(|config| config.max_clients = 1);
    let mut first = engine.connect();
    first.next_of("stateReport");
    check_turned_away(&engine, "/", 503);
    drop(first);
    let deadline = std::time::Instant::now() + PATIENCE;
    while engine.connect_to("/").is_err() {
        assert!(std::time::Instant::now() < deadline, "the place was not given back");
    }
}

#[test]
fn what_is_no_handshake_is_told_what_would_be() {
    let engine = Engine::start();
    let answer = get(&engine, "/ws");
    assert_eq!(answer.status, 426);
    assert_eq!(answer.headers["upgrade"], "websocket");
}

#[test]
fn other_paths_and_methods_are_answered_in_json() {
    let engine = Engine::start();
    let answer = get(&engine, "/no/such/place");
    assert_eq!((answer.status, answer.json()), (404, json!({"error": "nothing here"})));
}

#[test]
fn connections_without_a_request_do_not_keep_a_client_out_for_ever() {
    let engine = Engine::start_with(|config| config.max_http_connections = 3);
    let idle: Vec<_> = (0..2).map(|_| TcpStream::connect(engine.address).unwrap()).collect();
    for _ in 0..5 {
        // A WebSocket gives its place back, so the third place serves them all.
        engine.connect().next_of("stateReport");
    }
    drop(idle);
}

#[test]
fn a_worker_that_is_about_to_end_lets_nobody_new_in_and_serves_who_is_there() {
    let engine = Engine::start();
    let mut cms = engine.connect();
    cms.next_of("stateReport");
    engine.ask(|world| world.resource::<ProtocolServer>().stop_admitting());

    check_turned_away(&engine, "/", 503);
    let answer = get(&engine, "/readyz");
    assert_eq!(answer.status, 503);
    assert_eq!(answer.json(), json!({"ready": false, "reasons": ["the worker ends"]}));
    assert_eq!(get(&engine, "/healthz").status, 200);
    cms.send(&json!({"type": "requestState"}));
    cms.next_of("stateReport");
}

#[test]
fn closing_tells_clients_and_frees_the_port() {
    let engine = Engine::start();
    let mut cms = engine.connect();
    cms.next_of("stateReport");
    let server = engine.ask(|world| world.remove_resource::<ProtocolServer>().unwrap());
    let address = server.local_addr();

    let closing = engine.runtime.spawn(server.close(PATIENCE));
    let close = loop {
        match cms.next_raw().expect("a farewell") {
            Message::Close(frame) => break frame.expect("a reason"),
            _ => continue,
        }
    };
    assert_eq!(close.code, CloseCode::Away);
    engine.runtime.block_on(closing).unwrap();
    assert!(TcpStream::connect(address).is_err());
}

#[test]
fn a_client_that_does_not_read_does_not_hold_up_the_end() {
    let engine = Engine::start();
    let (_slow, scene) = watching(&engine);
    let crowd = vec![finding("person", 0.5, [0.0, 0.0, 5.0, 6.0]); 400];
    // Until its socket takes no more, so that not even a farewell can be sent.
    while engine.counts().dropped_detections == 0 {
        let crowd = crowd.clone();
        engine.ask(move |world| scene.finish(world, frame(1, Moment::default()), crowd));
    }
    let server = engine.ask(|world| world.remove_resource::<ProtocolServer>().unwrap());
    let close = server.close(Duration::from_millis(100));
    engine.runtime.block_on(async { tokio::time::timeout(PATIENCE, close).await }).unwrap();
}

#[test]
fn a_port_that_is_taken_is_named() {
    let engine = Engine::start();
    let config = ProtocolConfig { listen: engine.address.to_string(), ..ProtocolConfig::default() };
    let handle = engine.runtime.handle();
    let error = ProtocolServer::bind(config, handle, Timepiece::manual(), wake().0).err().unwrap();
    assert_eq!(error.to_string(), format!("listening on {:?}", engine.address.to_string()));
    assert!(matches!(error, ProtocolError::Listen { .. }));
}

//! A connection that breaks between a command and its answer: nothing is done twice.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;

use detector_components::action::Outcome;
use detector_components::model::RedisServer as Server;
use detector_components::secret::Secret;
use detector_simulator::{RedisServer, RedisSettings};

use crate::stand::{
    Engine, connection, impatient, list, publish, save, server, stream, stream_add,
};

/// Stands between the worker and Redis, and loses every so many-th answer to an event, with the
/// connection.
struct LossyLine {
    address: SocketAddr,
    lost: Arc<AtomicU64>,
}

/// How an answer to an event is told from one to a greeting: it comes after a command that holds one
/// of these.
const EVENTS: [&[u8]; 3] = [b"EVAL", b"PUBLISH", b"XADD"];

impl LossyLine {
    fn to(redis: SocketAddr, every: u64) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let address = listener.local_addr().unwrap();
        let lost = Arc::new(AtomicU64::new(0));
        let counted = lost.clone();
        let seen = Arc::new(AtomicU64::new(0));
        // It ends with the test's process.
        thread::spawn(move || {
            for socket in listener.incoming() {
                let (lost, seen) = (counted.clone(), seen.clone());
                let Ok(socket) = socket else { return };
                thread::spawn(move || carry(socket, redis, every, &seen, &lost));
            }
        });
        Self { address, lost }
    }
}

/// The worker waits for each answer before it asks again, so requests and answers take turns.
fn carry(mut worker: TcpStream, redis: SocketAddr, every: u64, seen: &AtomicU64, lost: &AtomicU64) {
    let mut redis = TcpStream::connect(redis).unwrap();
    let mut answers = redis.try_clone().unwrap();
    let mut back = worker.try_clone().unwrap();
    let loses = Arc::new(AtomicU64::new(0));
    let loses_next = loses.clone();
    let back_way = thread::spawn(move || {
        let mut buffer = [0; 65_536];
        while let Ok(count @ 1..) = answers.read(&mut buffer) {
            if loses_next.load(Ordering::SeqCst) == 1 || back.write_all(&buffer[..count]).is_err() {
                break;
            }
        }
        let _ = back.shutdown(Shutdown::Both);
        let _ = answers.shutdown(Shutdown::Both);
    });
    let mut buffer = [0; 65_536];
    while let Ok(count @ 1..) = worker.read(&mut buffer) {
        let request = &buffer[..count];
        let is_event =
            EVENTS.iter().any(|word| request.windows(word.len()).any(|bytes| bytes == *word));
        if is_event && (seen.fetch_add(1, Ordering::SeqCst) + 1).is_multiple_of(every) {
            lost.fetch_add(1, Ordering::SeqCst);
            loses.store(1, Ordering::SeqCst);
        }
        if redis.write_all(request).is_err() {
            break;
        }
    }
    let _ = redis.shutdown(Shutdown::Write);
    back_way.join().unwrap();
}

#[test]
fn an_event_whose_answer_was_lost_is_done_once_and_in_order() {
    let redis = RedisServer::start().unwrap();
    let line = LossyLine::to(redis.address(), 3);
    let actions = list([
        save("shot:{frame}"),
        stream_add("entries", "n", "{frame}"),
        publish("news", "{frame}"),
    ]);
    let mut engine = Engine::new(Some(server(line.address.port())), impatient(), actions);
    for _ in 0..30 {
        engine.find();
    }
    engine.wait_for(Outcome::Executed, 90);
    let expected: Vec<_> = (1..=30).map(|number: u64| number.to_string()).collect();
    assert_eq!(stream(&mut connection(&redis), "entries"), expected);
    assert!(line.lost.load(Ordering::SeqCst) >= 10);
    engine.flush();
    assert_eq!(engine.total(Outcome::AnswerLost), 0);
}

#[test]
fn a_user_who_may_not_run_scripts_loses_messages_rather_than_doubling_them() {
    let user = "gate on >secret ~shot:* ~entries &news +set +xadd +publish +ping";
    let settings = RedisSettings { user: Some(user), ..RedisSettings::default() };
    let redis = RedisServer::start_with(settings).unwrap();
    let line = LossyLine::to(redis.address(), 4);
    let named = Server {
        username: Some("gate".to_owned()),
        password: Some(Secret::new("secret")),
        ..server(line.address.port())
    };
    let actions = list([save("shot:{frame}"), stream_add("entries", "n", "{frame}")]);
    let mut engine = Engine::new(Some(named), impatient(), actions);
    for _ in 0..20 {
        engine.find();
    }
    engine.flush();
    let entries = stream(&mut connection(&redis), "entries");
    let mut once = entries.clone();
    once.dedup();
    assert_eq!(entries, once, "nothing twice");
    let shots: Vec<String> =
        redis::cmd("KEYS").arg("shot:*").query(&mut connection(&redis)).unwrap();
    assert_eq!(shots.len(), 20, "pictures are sent again");
    let (executed, lost) = (engine.total(Outcome::Executed), engine.total(Outcome::AnswerLost));
    assert_eq!(executed + lost, 40);
    assert!(lost > 0, "{executed}");
}

//! Passwords, users, databases and TLS.

use std::fs;
use std::path::Path;

use detector_action::ActConfig;
use detector_components::action::{ActionKind, Outcome};
use detector_components::model::RedisServer as Server;
use detector_components::secret::Secret;
use detector_simulator::{RedisServer, RedisSettings};

use crate::stand::{
    Engine, connection, gated, impatient, list, publish, save, server, shot, stream_add, wait_for,
};

#[test]
fn a_user_does_what_it_may_and_the_rest_is_counted() {
    let (_redis, named) = gated();
    let actions = list([save("shot:{frame}"), publish("news", "{frame}"), save("other:{frame}")]);
    let mut engine = Engine::new(Some(named), impatient(), actions);
    engine.find();
    engine.flush();
    let counters = engine.counters();
    assert_eq!(counters.of(ActionKind::SaveImage, Outcome::Executed), 1);
    assert_eq!(counters.of(ActionKind::SaveImage, Outcome::Refused), 1);
    assert_eq!(counters.of(ActionKind::Publish, Outcome::Refused), 1);
}

#[test]
fn a_wrong_password_waits_until_it_is_right() {
    let redis = RedisServer::start().unwrap();
    let port = redis.port();
    let named = Server { password: Some(Secret::new("secret")), ..server(port) };
    drop(redis);
    let redis = RedisServer::start_on(port, Some("other")).unwrap();
    let mut engine = Engine::new(Some(named), impatient(), shot());
    engine.find();
    wait_for(|| engine.counters().backlog().actions == 2, || "both to wait".to_owned());
    drop(redis);
    let _redis = RedisServer::start_on(port, Some("secret")).unwrap();
    engine.flush();
    assert_eq!(engine.total(Outcome::Executed), 2);
}

#[test]
fn a_database_is_chosen() {
    let redis = RedisServer::start().unwrap();
    let named = Server { db: 3, ..server(redis.port()) };
    let mut engine = Engine::new(Some(named), impatient(), list([save("shot:{frame}")]));
    engine.find();
    engine.flush();
    let mut reader = connection(&redis);
    let in_first: bool = redis::cmd("EXISTS").arg("shot:1").query(&mut reader).unwrap();
    redis::cmd("SELECT").arg(3).exec(&mut reader).unwrap();
    let in_third: bool = redis::cmd("EXISTS").arg("shot:1").query(&mut reader).unwrap();
    assert_eq!((in_first, in_third), (false, true));
}

/// A certificate for `localhost` in a folder, and the authority that vouches for it.
pub fn certificate(folder: &Path) -> Vec<u8> {
    let ca_key = rcgen::KeyPair::generate().unwrap();
    let mut params = rcgen::CertificateParams::new(Vec::new()).unwrap();
    params.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
    let ca = params.self_signed(&ca_key).unwrap();
    let issuer = rcgen::Issuer::new(params, ca_key);
    let key = rcgen::KeyPair::generate().unwrap();
    let server = rcgen::CertificateParams::new(vec!["localhost".to_owned()])
        .unwrap()
        .signed_by(&key, &issuer)
        .unwrap();
    fs::write(folder.join("server.pem"), server.pem()).unwrap();
    fs::write(folder.join("server.key"), key.serialize_pem()).unwrap();
    ca.pem().into_bytes()
}

#[test]
fn redis_is_spoken_to_by_tls_and_must_show_who_it_is() {
    let folder = tempfile::tempdir().unwrap();
    let ca = certificate(folder.path());
    let settings = RedisSettings {
        tls: Some(folder.path()),
        password: Some("secret"),
        ..RedisSettings::default()
    };
    let redis = RedisServer::start_with(settings).unwrap();
    let named = Server {
        host: "localhost".to_owned(),
        tls: true,
        password: Some(Secret::new("secret")),
        ..server(redis.port())
    };

    let config = ActConfig { tls_ca: Some(ca.into()), ..impatient() };
    let mut engine = Engine::new(Some(named.clone()), config, shot());
    engine.find();
    engine.flush();
    assert_eq!(engine.total(Outcome::Executed), 2);

    // Nobody whom the system trusts vouches for it.
    let other = certificate(tempfile::tempdir().unwrap().path());
    let config = ActConfig { tls_ca: Some(other.into()), ..impatient() };
    let mut engine = Engine::new(Some(named), config, shot());
    engine.find();
    engine.flush_within(std::time::Duration::from_secs(1));
    assert_eq!(engine.total(Outcome::Executed), 0);
    assert_eq!(engine.total(Outcome::Ended), 2);
}

#[test]
fn an_archive_without_a_server_is_counted() {
    let actions = list([publish("news", "{class}"), stream_add("entries", "n", "{class}")]);
    let mut engine = Engine::new(None, impatient(), actions);
    engine.find();
    assert_eq!(engine.total(Outcome::NoServer), 2);
}

#[test]
fn a_stream_is_cut_to_its_length() {
    let redis = RedisServer::start().unwrap();
    let mut actions = list([]);
    let mut adding = stream_add("entries", "n", "{frame}");
    if let detector_components::action::Deed::StreamAdd { max_len, .. } = &mut adding.deed {
        *max_len = Some(100);
    }
    actions.list = [adding].into();
    let mut engine = Engine::new(Some(server(redis.port())), impatient(), actions);
    for number in 1..=600 {
        engine.find();
        engine.wait_for(Outcome::Executed, number);
    }
    let length: u64 = redis::cmd("XLEN").arg("entries").query(&mut connection(&redis)).unwrap();
    // Nearly: Redis cuts whole nodes of a hundred entries.
    assert!((100..=200).contains(&length), "{length}");
    engine.flush();
}

//! User and password over HTTP: shown as cameras want it, to nobody else, and a wrong one once.

use std::net::{Ipv4Addr, TcpStream};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use bevy_ecs::prelude::*;
use detector_components::camera::CameraSource;
use detector_components::secret::SecretUrl;
use detector_simulator::HttpServer;
use sha2::{Digest, Sha256};

use crate::odd::{OddServer, answer, header, send};
use crate::snapshots::jpeg;
use crate::stand::Engine;

const WRONG: &str = "the camera refuses user or password; next attempt in 2 min";

fn with_login(url: &str) -> String {
    url.replace("http://", "http://admin:p%40ss@")
}

fn open_still(engine: &mut Engine, url: &str) -> Entity {
    let interval = Duration::from_millis(30);
    engine.open(CameraSource::Snapshot { url: SecretUrl::parse(url).unwrap(), interval })
}

fn refusal(offer: &str) -> Vec<u8> {
    let offer = format!("WWW-Authenticate: {offer}\r\n");
    answer("401 Unauthorized", "text/plain", &offer, b"no")
}

fn picture() -> Vec<u8> {
    answer("200 OK", "image/jpeg", "", &jpeg(1))
}

/// Long enough for many attempts: a camera beside the one in question gives some frames.
fn pass_time(engine: &mut Engine) {
    let server = HttpServer::start().unwrap();
    let picture = jpeg(1);
    server.put_mjpeg("/good", 50, move |_| picture.clone());
    let good = engine.open_stream(server.url("/good").as_str());
    engine.frame_after(good, 25);
}

#[test]
fn a_wrong_login_is_shown_once() {
    for offer in ["Basic realm=\"c\"", "Digest realm=\"c\", nonce=\"n\", qop=\"auth\""] {
        let camera = OddServer::always(refusal(offer));
        let mut engine = Engine::new();
        let still = open_still(&mut engine, &with_login(&camera.url("/still.jpg")));
        assert_eq!(engine.reason(still), WRONG);
        pass_time(&mut engine);
        assert_eq!((camera.requests().len(), camera.logins()), (2, 1));

        let camera = OddServer::always(refusal(offer));
        let mut engine = Engine::new();
        let streamed = engine.open_stream(&with_login(&camera.url("/stream")));
        assert_eq!(engine.reason(streamed), WRONG);
        pass_time(&mut engine);
        assert_eq!((camera.requests().len(), camera.logins()), (2, 1));
    }
}

/// A recorder shows many cameras, and has one account for all.
#[test]
fn a_wrong_login_of_many_cameras_at_one_address_is_shown_once() {
    let recorder = OddServer::always(refusal("Basic realm=\"c\""));
    let mut engine = Engine::new();
    let cameras: Vec<_> = (0..8)
        .map(|channel| {
            let url = with_login(&recorder.url(&format!("/channel{channel}")));
            match channel % 2 {
                0 => open_still(&mut engine, &url),
                _ => engine.open_stream(&url),
            }
        })
        .collect();
    for camera in cameras {
        assert_eq!(engine.reason(camera), WRONG);
    }
    assert_eq!(recorder.logins(), 1);
}

#[test]
fn a_missing_login_is_said() {
    let camera = OddServer::always(refusal("Basic realm=\"c\""));
    let mut engine = Engine::new();
    let streamed = engine.open_stream(&camera.url("/stream"));
    let reason = engine.reason(streamed);
    assert_eq!(reason, "the camera wants a user and password; next attempt in 2 min");
}

fn hex(text: &str) -> String {
    Sha256::digest(text).iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The value of a parameter, quoted or not.
fn param(authorization: &str, name: &str) -> String {
    let parts = authorization.trim_start_matches("Digest ").split(", ");
    let value = parts.filter_map(|part| part.split_once('=')).find(|(key, _)| *key == name);
    value.unwrap_or_default().1.trim_matches('"').to_owned()
}

/// Whether a digest is right: RFC 7616, 3.4.1.
fn is_right(authorization: &str, nonce: &str, path: &str) -> bool {
    let [count, own, response] =
        ["nc", "cnonce", "response"].map(|name| param(authorization, name));
    let (user, asked) = (hex("admin:c:p@ss"), hex(&format!("GET:{path}")));
    let expected = hex(&format!("{user}:{nonce}:{count}:{own}:auth:{asked}"));
    param(authorization, "algorithm") == "SHA-256"
        && param(authorization, "uri") == path
        && response == expected
}

/// A camera that offers three kinds, takes the strongest, and each nonce twice.
#[test]
fn a_strong_digest_is_shown_and_its_nonce_renewed() {
    const PATH: &str = "/still.jpg?channel=1";
    let taken = AtomicUsize::new(0);
    let camera = OddServer::start(move |_, head, stream: &mut TcpStream| {
        let count = taken.load(Ordering::Relaxed);
        let nonce = format!("nonce{}", count / 2);
        let shown = header(head, "authorization").unwrap_or_default();
        if is_right(&shown, &nonce, PATH) {
            taken.fetch_add(1, Ordering::Relaxed);
            return send(stream, &picture());
        }
        let stale = if count.is_multiple_of(4) { ", stale=true" } else { "" };
        let kind = |name| {
            format!(
                "Digest realm=\"c\", nonce=\"{nonce}\", qop=\"auth,auth-int\", algorithm={name}"
            )
        };
        let offers = format!(
            "Basic realm=\"c\"\r\nWWW-Authenticate: {}\r\nWWW-Authenticate: {}{stale}",
            kind("MD5"),
            kind("SHA-256")
        );
        send(stream, &refusal(&offers));
    });
    let mut engine = Engine::new();
    let still = open_still(&mut engine, &with_login(&camera.url(PATH)));
    engine.frame_after(still, 8);
    let requests = camera.requests();
    let shown: Vec<_> = requests.iter().filter_map(|head| header(head, "authorization")).collect();
    assert!(shown.iter().all(|shown| shown.starts_with("Digest")));
    // It is not asked anew with each picture: once at first, then where a nonce is old.
    assert_eq!(requests.len(), shown.len() + 1);
    let nonces: Vec<_> = shown.iter().map(|shown| param(shown, "nonce")).collect();
    for nonce in &nonces {
        assert!(nonces.iter().filter(|other| *other == nonce).count() <= 3, "{nonces:?}");
    }
}

#[test]
fn nobody_else_is_shown_a_login() {
    let elsewhere = OddServer::start_at(Ipv4Addr::new(127, 0, 0, 2), |_, _, stream| {
        send(stream, &refusal("Basic realm=\"c\""));
    });
    // The same host at another port is somebody else as well.
    let beside = OddServer::always(refusal("Basic realm=\"c\""));
    for other in [&elsewhere, &beside] {
        let target = other.url("/still.jpg");
        let camera = OddServer::start(move |_, head, stream: &mut TcpStream| {
            match header(head, "authorization") {
                None => send(stream, &refusal("Basic realm=\"c\"")),
                Some(_) => {
                    let to = format!("Location: {target}\r\n");
                    send(stream, &answer("302 Found", "", &to, b""));
                }
            }
        });
        let mut engine = Engine::new();
        let url = with_login(&camera.url("/still.jpg?token=secret"));
        let still = open_still(&mut engine, &url);
        assert_eq!(
            engine.reason(still),
            "the camera sends on to another address, which is not given its login; next attempt in 2 min"
        );
        for head in other.requests() {
            assert_eq!(header(&head, "authorization"), None, "{head}");
            assert_eq!(header(&head, "referer"), None, "{head}");
        }
    }
}

#[test]
fn a_redirect_within_the_camera_keeps_its_login() {
    let camera = OddServer::start(|_, head, stream: &mut TcpStream| {
        match (header(head, "authorization"), head.contains("/real.jpg")) {
            (Some(_), true) => send(stream, &picture()),
            (None, true) => send(stream, &refusal("Basic realm=\"c\"")),
            (_, false) => {
                send(stream, &answer("302 Found", "", "Location: /real.jpg\r\n", b""));
            }
        }
    });
    let mut engine = Engine::new();
    let still = open_still(&mut engine, &with_login(&camera.url("/still.jpg")));
    engine.frame_after(still, 2);
}

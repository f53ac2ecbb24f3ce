//! An RTSP camera is opened, lost, found again and closed.

use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::time::{Duration, Instant};

use detector_components::geometry::Region;
use detector_ingest::IngestConfig;
use detector_picture::rgb;
use detector_simulator::{Footage, Login, RtspServer, Scene, Stream};

use crate::stand::{Engine, PATIENCE};

fn camera() -> RtspServer {
    let server = RtspServer::start((Ipv4Addr::LOCALHOST, 0).into()).unwrap();
    server.add("/drawn", Stream::new(Footage::drawn())).unwrap();
    server
}

#[test]
fn frames_show_what_the_camera_shows() {
    let server = camera();
    let mut engine = Engine::new();
    let camera = engine.open_stream(server.url("/drawn").as_str());
    let frame = engine.frame_after(camera, 3);

    let pixels = &frame.pixels;
    assert_eq!(pixels.size(), Scene::default().size);
    // Which frame of the scene it is, is not known: some one of them has these colours.
    let picture = rgb(pixels, Region::whole(pixels.size()));
    let strong = |channel: usize| {
        picture.data.chunks_exact(3).filter(move |pixel| {
            let others = (0..3).filter(|other| *other != channel);
            others.into_iter().all(|other| pixel[channel] > pixel[other].saturating_add(80))
        })
    };
    let colored: usize = (0..3).map(|channel| strong(channel).count()).sum();
    assert!(colored > picture.data.len() / 3 / 50, "{colored} coloured pixels");
}

#[test]
fn frames_are_newest_and_counted() {
    let server = camera();
    let mut engine = Engine::new();
    let camera = engine.open_stream(server.url("/drawn").as_str());
    let first = engine.frame_after(camera, 0);
    let later = engine.frame_after(camera, first.sequence + 5);
    assert!(later.captured > first.captured);
}

#[test]
fn a_restarted_camera_is_found_again() {
    let server = camera();
    let address = server.address();
    let mut engine = Engine::new();
    let camera = engine.open_stream(server.url("/drawn").as_str());
    let before = engine.frame_after(camera, 0);

    drop(server);
    engine.wait_for(camera, "Reconnecting");
    let server = RtspServer::start(address).unwrap();
    server.add("/drawn", Stream::new(Footage::drawn())).unwrap();

    engine.wait_for(camera, "Running");
    let after = engine.frame_after(camera, before.sequence);
    assert!(after.captured > before.captured);
}

#[test]
fn a_camera_that_nobody_wants_is_closed() {
    let server = camera();
    let mut engine = Engine::new();
    let camera = engine.open_stream(server.url("/drawn").as_str());
    engine.frame_after(camera, 0);
    assert_eq!(server.clients("/drawn"), 1);
    engine.close(camera);
    server.wait_for_clients("/drawn", 0, PATIENCE).unwrap();
}

#[test]
fn a_frozen_camera_is_noticed_and_comes_back() {
    let server = camera();
    let mut engine = Engine::new();
    let camera = engine.open_stream(server.url("/drawn").as_str());
    let before = engine.frame_after(camera, 0);
    server.freeze("/drawn").unwrap();
    let reason = engine.reason(camera);
    assert!(reason.starts_with("no frame came"), "{reason}");
    server.resume("/drawn").unwrap();
    engine.wait_for(camera, "Running");
    engine.frame_after(camera, before.sequence);
}

#[test]
fn a_wrong_password_is_said_and_not_repeated() {
    let server = RtspServer::start((Ipv4Addr::LOCALHOST, 0).into()).unwrap();
    let login = Login { user: "admin".into(), password: "right".into(), digest: true };
    server.add("/locked", Stream::new(Footage::drawn()).login(login)).unwrap();
    let mut engine = Engine::new();
    let mut url = server.url("/locked");
    url.set_username("admin").unwrap();
    url.set_password(Some("hunter2")).unwrap();

    let camera = engine.open_stream(url.as_str());
    let reason = engine.reason(camera);
    assert!(reason.contains("user or password"), "{reason}");
    assert!(!reason.contains("hunter2") && !reason.contains("://"), "{reason}");

    url.set_password(Some("right")).unwrap();
    let camera = engine.open_stream(url.as_str());
    engine.frame_after(camera, 0);
}

#[test]
fn an_address_without_a_camera_is_said() {
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let mut engine = Engine::new();
    let camera = engine.open_stream(&format!("rtsp://127.0.0.1:{port}/gone"));
    let reason = engine.reason(camera);
    assert!(reason.contains("nothing listens on this port"), "{reason}");
    assert!(!reason.contains("://"), "{reason}");
}

#[test]
fn a_camera_that_does_not_answer_is_told_from_one_that_sends_nothing() {
    let mut engine = Engine::with(IngestConfig {
        first_frame_timeout: Duration::from_millis(200),
        ..IngestConfig::default()
    });
    // Whoever comes when the backlog is full gets no answer.
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let _within = runtime.enter();
    let socket = tokio::net::TcpSocket::new_v4().unwrap();
    socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let full = socket.listen(1).unwrap();
    let address = full.local_addr().unwrap();
    let knock = || TcpStream::connect_timeout(&address, Duration::from_millis(200));
    let waiting: Vec<_> = std::iter::from_fn(|| knock().ok()).collect();
    let camera = engine.open_stream(&format!("rtsp://{address}/gone"));
    let reason = engine.reason(camera);
    assert!(reason.starts_with("no answer"), "{reason}");
    drop(waiting);

    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let camera = engine.open_stream(&format!("rtsp://{}/mute", silent.local_addr().unwrap()));
    let reason = engine.reason(camera);
    assert_eq!(reason, "the camera did not answer DESCRIBE within 0.2 s");
}

#[test]
fn a_black_hole_delays_nobody() {
    // Accepts connections in its backlog and never answers.
    let hole = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("rtsp://{}/hole", hole.local_addr().unwrap());
    let server = camera();
    let mut engine = Engine::new();
    let lost = engine.open_stream(&url);
    let good = engine.open_stream(server.url("/drawn").as_str());
    engine.frame_after(good, 0);
    let before = Instant::now();
    engine.close(lost);
    engine.frame_after(good, 3);
    assert!(before.elapsed() < PATIENCE);
}

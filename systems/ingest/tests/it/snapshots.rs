//! A camera gives one picture at a time.

use std::time::Duration;

use detector_components::camera::{CameraCounters, CameraSource, StreamState};
use detector_components::geometry::Region;
use detector_components::integrity::PictureFault;
use detector_components::secret::SecretUrl;
use detector_ingest::{Failure, IngestConfig};
use detector_picture::encode_jpeg;
use detector_simulator::{HttpServer, Scene};
use url::Url;

use crate::odd::{OddServer, answer, hold, send, stream_pieces};
use crate::stand::Engine;

pub fn jpeg(number: u64) -> Vec<u8> {
    let picture = Scene::default().draw(number);
    encode_jpeg(&picture, Region::whole(picture.size()), 90).unwrap()
}

fn source(server: &HttpServer) -> CameraSource {
    CameraSource::Snapshot {
        url: SecretUrl::new(server.url("/still.jpg")),
        interval: Duration::from_millis(50),
    }
}

#[test]
fn pictures_come_at_their_interval() {
    let server = HttpServer::start().unwrap();
    server.put_with("/still.jpg", |hit| ("image/jpeg".to_owned(), jpeg(hit)));
    let mut engine = Engine::new();
    let camera = engine.open(source(&server));
    let frame = engine.frame_after(camera, 2);
    assert_eq!(frame.pixels.size(), Scene::default().size);
    engine.wait_for(camera, "Running");
}

#[test]
fn a_web_page_is_said_to_be_one() {
    let server = HttpServer::start().unwrap();
    server.put("/still.jpg", "image/jpeg", "<html>please log in");
    let mut engine = Engine::new();
    let camera = engine.open(source(&server));
    assert_eq!(
        engine.reason(camera),
        "the camera answers with a web page instead of a picture: it may want a login, or another path"
    );
    server.put("/still.jpg", "image/jpeg", jpeg(1));
    engine.wait_for(camera, "Running");
    engine.frame_after(camera, 0);
}

#[test]
fn a_picture_is_known_by_its_bytes_whatever_it_is_called() {
    for kind in ["application/octet-stream", "text/plain", "image/x-unknown"] {
        let server = HttpServer::start().unwrap();
        server.put("/still.jpg", kind, jpeg(1));
        let mut engine = Engine::new();
        let camera = engine.open(source(&server));
        engine.frame_after(camera, 0);
        assert!(gives_snapshots(&server.url("/still.jpg")).unwrap(), "{kind}");
    }
    let camera = OddServer::always(answer("200 OK", "", "", &jpeg(1)));
    let url = Url::parse(&camera.url("/still.jpg")).unwrap();
    assert!(gives_snapshots(&url).unwrap());
}

#[test]
fn a_stream_is_told_from_a_snapshot() {
    let server = HttpServer::start().unwrap();
    server.put_mjpeg("/stream", 20, jpeg);
    assert!(!gives_snapshots(&server.url("/stream")).unwrap());
    server.put("/list.m3u8", "text/plain", "#EXTM3U\n");
    assert!(!gives_snapshots(&server.url("/list.m3u8")).unwrap());
    let endless = OddServer::start(|_, _, stream| {
        stream_pieces(stream, "image/jpeg", |number| Some(jpeg(number)));
    });
    assert!(!gives_snapshots(&Url::parse(&endless.url("/stream")).unwrap()).unwrap());
    server.put("/page", "image/jpeg", "<html>");
    assert!(gives_snapshots(&server.url("/page")).unwrap_err().text.contains("web page"));
}

fn gives_snapshots(url: &Url) -> Result<bool, Failure> {
    detector_ingest::gives_snapshots(&SecretUrl::new(url.clone()), &IngestConfig::default())
}

/// Why a camera that answers with this is not shown, and what is counted.
#[track_caller]
fn check(answer: Vec<u8>, expected: &str, counted: Option<PictureFault>) {
    let server = OddServer::always(answer);
    let mut engine = Engine::new();
    let url = SecretUrl::parse(&server.url("/still.jpg")).unwrap();
    let interval = Duration::from_millis(50);
    let camera = engine.open(CameraSource::Snapshot { url, interval });
    assert_eq!(engine.reason(camera), expected);
    assert!(engine.frame(camera).is_none());
    let faults = engine.world().get::<CameraCounters>(camera).unwrap().faults;
    assert_eq!(faults.iter().map(|(fault, _)| fault).next(), counted);
}

#[test]
fn half_a_picture_is_counted_and_not_shown() {
    let whole = jpeg(1);
    let half = &whole[..whole.len() / 2];
    let truncated = Some(PictureFault::Truncated);
    check(answer("200 OK", "image/jpeg", "", half), "the JPEG picture is incomplete", truncated);
    check(answer("206 Partial Content", "", "", half), "the JPEG picture is incomplete", truncated);
    let mut short = answer("200 OK", "image/jpeg", "", &whole);
    short.truncate(short.len() - half.len());
    let reason = "the connection broke off: end of file before message length reached";
    check(short, reason, truncated);
}

#[test]
fn answers_without_a_picture_are_said() {
    check(
        b"HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n".to_vec(),
        "the camera answers 204 No Content, without a picture",
        None,
    );
    check(
        b"HTTP/1.1 304 Not Modified\r\nConnection: close\r\n\r\n".to_vec(),
        "the camera answers 304 Not Modified: it has no newer picture",
        None,
    );
    check(
        answer("200 OK", "image/gif", "", b"GIF89a"),
        "this is a GIF picture, expected a JPEG, PNG, BMP or WebP picture",
        Some(PictureFault::DecoderError),
    );
}

#[test]
fn one_picture_that_does_not_come_does_not_make_a_camera_lost() {
    let server = OddServer::start(|number, _, stream| {
        let busy = answer("503 X", "", "", b"");
        let picture = answer("200 OK", "image/jpeg", "", &jpeg(number as u64));
        send(stream, if number % 3 == 2 { &busy } else { &picture });
    });
    let mut engine = Engine::patient();
    let url = SecretUrl::parse(&server.url("/still.jpg")).unwrap();
    let interval = Duration::from_millis(30);
    let camera = engine.open(CameraSource::Snapshot { url, interval });
    engine.wait_for(camera, "Running");
    engine.run_until("some failures", |engine| {
        assert_eq!(engine.state(camera), StreamState::Running);
        (server.requests().len() > 12).then_some(())
    });
}

#[test]
fn a_camera_without_pictures_for_too_long_is_lost() {
    let server = HttpServer::start().unwrap();
    server.put("/still.jpg", "image/jpeg", jpeg(1));
    let mut engine = Engine::new();
    let camera = engine.open(source(&server));
    engine.wait_for(camera, "Running");
    server.fail("/still.jpg", 503);
    let reason = engine.reason(camera);
    assert!(reason.contains("503 Service Unavailable"), "{reason}");
    assert!(reason.ends_with(" times in a row)"), "{reason}");
}

#[test]
fn a_refusal_is_said() {
    let server = HttpServer::start().unwrap();
    server.fail("/still.jpg", 404);
    let mut engine = Engine::new();
    let camera = engine.open(source(&server));
    assert_eq!(
        engine.reason(camera),
        "the camera answers 404 Not Found: there is nothing at this path"
    );
}

#[test]
fn a_connection_that_the_camera_closes_after_each_picture_is_opened_again() {
    let server = OddServer::start(|number, _, stream| {
        // It says nothing of that it closes, and does so when the next request is on its way.
        let picture = jpeg(number as u64);
        let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n", picture.len());
        send(stream, &[head.as_bytes(), &picture].concat());
        hold(stream);
    });
    let mut engine = Engine::new();
    let url = SecretUrl::parse(&server.url("/still.jpg")).unwrap();
    let interval = Duration::from_millis(30);
    let camera = engine.open(CameraSource::Snapshot { url, interval });
    engine.wait_for(camera, "Running");
    let mut sequence = 0;
    for _ in 0..8 {
        sequence = engine.frame_after(camera, sequence).sequence;
        assert_eq!(engine.state(camera), StreamState::Running);
    }
    // No picture was missed.
    assert_eq!(engine.world().get::<CameraCounters>(camera).unwrap().reconnects, 0);
}

#[test]
fn the_first_picture_of_a_stream_is_one_as_well() {
    let server = HttpServer::start().unwrap();
    server.put_mjpeg("/still.jpg", 50, jpeg);
    let mut engine = Engine::new();
    let camera = engine.open(source(&server));
    engine.frame_after(camera, 2);
}

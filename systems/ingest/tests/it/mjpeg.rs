//! Motion JPEG over HTTP, as cameras send it rather than as the standard has it.

use std::net::TcpStream;
use std::sync::OnceLock;

use bevy_ecs::prelude::*;
use detector_components::camera::{CameraCounters, StreamState};
use detector_components::frame::Frame;
use detector_components::integrity::PictureFault;
use detector_picture::decode;
use detector_simulator::HttpServer;

use crate::odd::{OddServer, answer, hold, is_read, send, stream_pieces};
use crate::snapshots::jpeg;
use crate::stand::Engine;

const TYPE: &str = "multipart/x-mixed-replace; boundary=frame";

/// Pictures that differ, each with its pixels.
fn sources() -> &'static [(Vec<u8>, Vec<u8>)] {
    static SOURCES: OnceLock<Vec<(Vec<u8>, Vec<u8>)>> = OnceLock::new();
    SOURCES.get_or_init(|| {
        let source = |number| {
            let encoded = jpeg(number * 7);
            let pixels = decode(&encoded).unwrap().plane(0).to_vec();
            (encoded, pixels)
        };
        (0..8_u64).map(source).collect()
    })
}

fn source(number: u64) -> &'static [u8] {
    &sources()[number as usize % 8].0
}

/// Which source a frame shows.
#[track_caller]
fn shown(frame: &Frame) -> usize {
    let found = sources().iter().position(|(_, pixels)| pixels == frame.pixels.plane(0));
    found.expect("every frame is one of the pictures that were sent")
}

/// A camera whose pictures stand in their parts as `part` makes them, with this content type.
fn start(
    content_type: &'static str,
    part: impl Fn(u64, &[u8]) -> Vec<u8> + Send + Sync + 'static,
) -> OddServer {
    // Drawn before anybody waits for them.
    sources();
    OddServer::start(move |_, _, stream: &mut TcpStream| {
        stream_pieces(stream, content_type, |number| Some(part(number, source(number))));
    })
}

/// Twelve frames are shown, all of them as they were sent.
#[track_caller]
fn check(content_type: &'static str, before: &'static str, after: &'static str) {
    let camera = start(content_type, move |_, picture| {
        let before = before.replace("LENGTH", &picture.len().to_string());
        [before.as_bytes(), picture, after.as_bytes()].concat()
    });
    let mut engine = Engine::new();
    let camera = engine.open_stream(&camera.url("/stream"));
    let mut sequence = 0;
    for _ in 0..12 {
        let frame = engine.frame_after(camera, sequence);
        sequence = frame.sequence;
        shown(&frame);
    }
    assert_eq!(engine.state(camera), StreamState::Running);
    assert_eq!(engine.get::<CameraCounters>(camera).faults.total(), 0);
}

#[test]
fn parts_with_and_without_lengths_and_types_are_shown() {
    check(TYPE, "--frame\r\nContent-Type: image/jpeg\r\nContent-Length: LENGTH\r\n\r\n", "\r\n");
    check(TYPE, "--frame\r\nContent-Type: image/jpeg\r\n\r\n", "\r\n");
    check(TYPE, "--frame\r\nContent-Length: LENGTH\r\n\r\n", "\r\n");
    check(TYPE, "--frame\nContent-Type: image/jpeg\nContent-Length: LENGTH\n\n", "\n");
    check(TYPE, "--frame\r\nContent-Length: LENGTH\r\n\r\n", "");
    check(TYPE, "--frame\r\nX-Timestamp: 1\r\nContent-length: 99999\r\n\r\n", "\r\n");
}

#[test]
fn boundaries_that_are_declared_otherwise_are_found() {
    check("multipart/x-mixed-replace; boundary=\"my boundary\"", "--my boundary\r\n\r\n", "\r\n");
    check("multipart/x-mixed-replace; boundary=--frame", "--frame\r\n\r\n", "\r\n");
    check("multipart/x-mixed-replace; boundary=frame", "frame\r\n\r\n", "\r\n");
    check("multipart/x-mixed-replace ;  boundary = frame", "--frame\r\n\r\n", "\r\n");
    check("Multipart/Mixed;BOUNDARY=frame", "--frame\r\n\r\n", "\r\n");
    check("multipart/x-mixed-replace", "--frame\r\nContent-Type: image/jpeg\r\n\r\n", "\r\n");
}

#[test]
fn pictures_without_anything_around_them_are_shown() {
    check("image/jpeg", "", "");
    check("application/octet-stream", "", "");
    check("", "--frame\r\nContent-Type: image/jpeg\r\n\r\n", "\r\n");
}

#[test]
fn a_cut_picture_is_counted_and_never_shown() {
    for length in [true, false] {
        let camera = start(TYPE, move |number, picture| {
            let cut = if number % 3 == 2 { &picture[..picture.len() / 2] } else { picture };
            let length = match length {
                true => format!("Content-Length: {}\r\n", cut.len()),
                false => String::new(),
            };
            let head = format!("--frame\r\nContent-Type: image/jpeg\r\n{length}\r\n");
            [head.as_bytes(), cut, b"\r\n"].concat()
        });
        let mut engine = Engine::new();
        let camera = engine.open_stream(&camera.url("/stream"));
        let mut sequence = 0;
        for _ in 0..20 {
            let frame = engine.frame_after(camera, sequence);
            sequence = frame.sequence;
            shown(&frame);
        }
        let faults = engine.get::<CameraCounters>(camera).faults;
        assert!(faults[PictureFault::Truncated] > 0, "{faults:?}");
        assert_eq!(faults[PictureFault::Truncated], faults.total());
    }
}

#[test]
fn where_no_picture_is_whole_that_is_the_reason() {
    let camera = start(TYPE, |_, picture| {
        [b"--frame\r\n\r\n", &picture[..picture.len() / 2], b"\r\n"].concat()
    });
    let mut engine = Engine::impatient();
    let camera = engine.open_stream(&camera.url("/stream"));
    let reason = engine.reason(camera);
    assert!(reason.starts_with("no whole picture came within 0.5 s; "), "{reason}");
    assert!(reason.ends_with(" others: the picture is incomplete"), "{reason}");
    assert!(engine.frame(camera).is_none());
}

#[test]
fn of_pictures_that_come_at_once_the_newest_is_shown() {
    sources();
    let camera = OddServer::start(|_, _, stream: &mut TcpStream| {
        let mut body = format!("HTTP/1.0 200 OK\r\nContent-Type: {TYPE}\r\n\r\n").into_bytes();
        for number in 0..=300 {
            body.extend_from_slice(b"--frame\r\n\r\n");
            body.extend_from_slice(source(if number == 300 { 5 } else { number % 5 }));
        }
        send(stream, &body);
        hold(stream);
    });
    let mut engine = Engine::new();
    let camera = engine.open_stream(&camera.url("/stream"));
    let frame = engine.run_until("the last picture", |engine| {
        engine.frame(camera).filter(|frame| shown(frame) == 5)
    });
    assert_eq!(frame.sequence, 301);
    // What was overtaken was not even decoded.
    assert!(engine.get::<detector_components::slot::FrameSlot>(camera).received() < 300);
}

#[test]
fn a_camera_that_stops_sending_is_opened_again() {
    sources();
    let camera = OddServer::start(|_, _, stream: &mut TcpStream| {
        stream_pieces(stream, TYPE, |number| {
            (number < 5).then(|| [b"--frame\r\n\r\n", source(number)].concat())
        });
        hold(stream);
    });
    let mut engine = Engine::new();
    let opened = engine.open_stream(&camera.url("/stream"));
    assert_eq!(engine.reason(opened), "no frame came for 0.7 s");
    engine.wait_for(opened, "Running");
    assert!(camera.requests().len() > 1);
}

#[test]
fn an_end_is_said() {
    sources();
    let camera = OddServer::start(|_, _, stream: &mut TcpStream| {
        stream_pieces(stream, TYPE, |number| {
            (number < 5).then(|| [b"--frame\r\n\r\n", source(number)].concat())
        });
    });
    let mut engine = Engine::new();
    let opened = engine.open_stream(&camera.url("/stream"));
    assert_eq!(engine.reason(opened), "the camera ended the stream");
}

/// Why a camera that answers with this is not shown.
#[track_caller]
fn check_reason(answer: Vec<u8>, expected: &str) {
    let camera = OddServer::always(answer);
    let mut engine = Engine::new();
    let opened = engine.open_stream(&camera.url("/stream"));
    assert_eq!(engine.reason(opened), expected);
}

#[test]
fn what_is_no_stream_is_said() {
    check_reason(
        answer("200 OK", "image/jpeg", "", source(0)),
        "the camera gives one picture at a time: give its address as that of a snapshot",
    );
    check_reason(
        answer("200 OK", "text/html", "", b"<html><body>Login required</body></html>"),
        "the camera answers with a web page instead of pictures",
    );
    check_reason(
        answer("503 X", "text/plain", "", b"no"),
        "the camera answers 503 Service Unavailable: it is busy, as with too many viewers, or still \
         starting",
    );
}

#[test]
fn a_camera_that_is_not_wanted_any_more_is_left() {
    let server = HttpServer::start().unwrap();
    server.put_mjpeg("/stream", 50, jpeg);
    let mut engine = Engine::new();
    let camera = engine.open_stream(server.url("/stream").as_str());
    engine.frame_after(camera, 2);
    engine.close(camera);
    // Whoever is left does not keep the server from stopping.
    server.stop();
}

#[test]
fn lines_that_no_standard_allows_are_read() {
    sources();
    let camera = OddServer::start(|_, _, stream: &mut TcpStream| {
        let head = "HTTP/1.0 200 OK\r\nServer : odd\r\nno colon here\r\nX-Long: one\r\n two\r\n";
        send(stream, format!("{head}Content-Type: {TYPE}\r\n\r\n").as_bytes());
        while is_read(stream) {
            send(stream, &[b"--frame\r\n\r\n", source(0)].concat());
        }
    });
    let mut engine = Engine::new();
    let opened = engine.open_stream(&camera.url("/stream"));
    engine.frame_after(opened, 2);
}

/// A component of a camera.
impl Engine {
    #[track_caller]
    fn get<C: Component + Clone>(&self, camera: Entity) -> C {
        self.world().get::<C>(camera).unwrap().clone()
    }
}

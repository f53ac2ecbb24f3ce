//! An address leads where nobody may go: by its name, or by a redirect.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

use detector_components::camera::CameraSource;
use detector_components::secret::SecretUrl;
use detector_reach::Reach;
use detector_simulator::{Footage, HttpServer, RtspServer, Stream};

use crate::snapshots::jpeg;
use crate::stand::Engine;

/// Only `127.0.0.1`.
fn here() -> Reach {
    Reach { networks: vec!["127.0.0.1/32".parse().unwrap()], ..Reach::cameras() }
}

/// A server that answers every request with `answer`, and counts them.
fn start_server(host: &str, answer: impl Into<String>) -> (SocketAddr, Arc<AtomicUsize>) {
    let listener = TcpListener::bind((host, 0)).unwrap();
    let address = listener.local_addr().unwrap();
    let (asked, answer) = (Arc::new(AtomicUsize::new(0)), answer.into());
    let count = asked.clone();
    thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            if stream.read(&mut [0; 4_096]).is_ok_and(|bytes| bytes > 0) {
                count.fetch_add(1, Ordering::Relaxed);
            }
            // Whoever asked may have gone.
            let _ = stream.write_all(answer.as_bytes());
        }
    });
    (address, asked)
}

fn moved(protocol: &str, to: &str) -> String {
    format!(
        "{protocol} 302 Found\r\nCSeq: 1\r\nLocation: {to}\r\nContent-Length: 0\r\n\
         Connection: close\r\n\r\n"
    )
}

#[test]
fn a_name_that_leads_elsewhere_is_not_opened() {
    let elsewhere = Reach { networks: vec!["192.0.2.0/24".parse().unwrap()], ..Reach::cameras() };
    let mut engine = Engine::reaching(elsewhere);
    let camera = engine.open_stream("rtsp://localhost:9/stream");
    let reason = engine.reason(camera);
    assert!(reason.ends_with("is in none of the allowed networks"), "{reason}");
}

#[test]
fn an_rtsp_redirect_elsewhere_is_not_followed() {
    let (elsewhere, asked) = start_server("127.0.0.2", "RTSP/1.0 404 Not Found\r\nCSeq: 1\r\n\r\n");
    let target = format!("rtsp://{elsewhere}/stream");
    let (camera, _) = start_server("127.0.0.1", moved("RTSP/1.0", &target));
    let mut engine = Engine::reaching(here());
    let camera = engine.open_stream(&format!("rtsp://{camera}/stream"));
    let reason = engine.reason(camera);
    // GStreamer keeps why to itself.
    assert!(reason.contains("cannot be reached"), "{reason}");
    assert_eq!(asked.load(Ordering::Relaxed), 0);
}

#[test]
fn an_rtsp_redirect_to_a_camera_is_followed() {
    let server = RtspServer::start((Ipv4Addr::LOCALHOST, 0).into()).unwrap();
    server.add("/drawn", Stream::new(Footage::drawn())).unwrap();
    let target = server.url("/drawn").to_string();
    let (camera, _) = start_server("127.0.0.1", moved("RTSP/1.0", &target));
    let mut engine = Engine::reaching(here());
    let camera = engine.open_stream(&format!("rtsp://{camera}/stream"));
    engine.frame_after(camera, 0);
}

#[test]
fn an_http_redirect_elsewhere_is_not_followed() {
    let (elsewhere, asked) = start_server("127.0.0.2", "HTTP/1.1 404 Not Found\r\n\r\n");
    let target = format!("http://{elsewhere}/stream");
    let (camera, _) = start_server("127.0.0.1", moved("HTTP/1.1", &target));
    let mut engine = Engine::reaching(here());
    let streamed = engine.open_stream(&format!("http://{camera}/stream"));
    let still = engine.open(CameraSource::Snapshot {
        url: SecretUrl::parse(&format!("http://{camera}/still.jpg")).unwrap(),
        interval: Duration::from_millis(50),
    });
    for camera in [streamed, still] {
        let reason = engine.reason(camera);
        assert_eq!(reason, "127.0.0.2 is in none of the allowed networks");
    }
    assert_eq!(asked.load(Ordering::Relaxed), 0);
}

#[test]
fn an_http_redirect_to_a_camera_is_followed() {
    let server = HttpServer::start().unwrap();
    server.put_mjpeg("/stream", 10, jpeg);
    let (camera, _) = start_server("127.0.0.1", moved("HTTP/1.1", server.url("/stream").as_str()));
    let mut engine = Engine::reaching(here());
    let camera = engine.open_stream(&format!("http://{camera}/stream"));
    engine.frame_after(camera, 0);
}

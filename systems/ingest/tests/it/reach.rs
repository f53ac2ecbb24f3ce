//! An address leads where nobody may go: by its name, by a redirect, or by what its stream names.

use std::io::{self, Read, Write};
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpListener};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use detector_components::camera::CameraSource;
use detector_components::secret::SecretUrl;
use detector_reach::{Directory, Names, Reach};
use detector_simulator::{Footage, HttpServer, RtspServer, Stream};

use crate::files::video;
use crate::snapshots::jpeg;
use crate::stand::Engine;

/// Only `127.0.0.1`.
fn here() -> Reach {
    Reach { networks: vec!["127.0.0.1/32".parse().unwrap()], ..Reach::cameras() }
}

/// A name server that leads to the camera the first time it is asked, and elsewhere afterwards.
#[derive(Default)]
struct TwoFaced(AtomicUsize);

impl Directory for TwoFaced {
    fn addresses(&self, name: &str) -> io::Result<Vec<IpAddr>> {
        assert_eq!(name, "camera.test");
        match self.0.fetch_add(1, Ordering::Relaxed) {
            0 => Ok(vec![Ipv4Addr::LOCALHOST.into()]),
            _ => Ok(vec![Ipv4Addr::new(127, 0, 0, 2).into()]),
        }
    }
}

/// Only `127.0.0.1`, where names lead once.
fn here_at_first() -> (Reach, Arc<TwoFaced>) {
    let directory = Arc::new(TwoFaced::default());
    (Reach { names: Names::of(directory.clone()), ..here() }, directory)
}

/// What a server was asked, all of it.
type Heard = Arc<Mutex<Vec<String>>>;

/// A server that answers every request with `answer`, and remembers them.
fn start_server(host: &str, answer: impl Into<String>) -> (SocketAddr, Heard) {
    let listener = TcpListener::bind((host, 0)).unwrap();
    let address = listener.local_addr().unwrap();
    let (heard, answer) = (Heard::default(), answer.into());
    let remembered = heard.clone();
    thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let mut request = [0; 4_096];
            if let Ok(bytes @ 1..) = stream.read(&mut request) {
                let request = String::from_utf8_lossy(&request[..bytes]).into_owned();
                remembered.lock().unwrap().push(request);
            }
            // Whoever asked may have gone.
            let _ = stream.write_all(answer.as_bytes());
        }
    });
    (address, heard)
}

fn by_name(address: SocketAddr, path: &str) -> String {
    format!("camera.test:{}{path}", address.port())
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
    for scheme in ["rtsp", "rtsps", "http", "https"] {
        let camera = engine.open_stream(&format!("{scheme}://localhost:9/stream"));
        let reason = engine.reason(camera);
        assert!(reason.ends_with("is in none of the allowed networks"), "{reason}");
    }
}

#[test]
fn an_rtsp_redirect_elsewhere_is_not_followed() {
    let (elsewhere, asked) = start_server("127.0.0.2", "RTSP/1.0 404 Not Found\r\nCSeq: 1\r\n\r\n");
    let target = format!("rtsp://{elsewhere}/stream");
    let (camera, _) = start_server("127.0.0.1", moved("RTSP/1.0", &target));
    let mut engine = Engine::reaching(here());
    let camera = engine.open_stream(&format!("rtsp://{camera}/stream"));
    assert_eq!(engine.reason(camera), "127.0.0.2 is in none of the allowed networks");
    assert!(asked.lock().unwrap().is_empty());
}

#[test]
fn an_rtsp_redirect_is_told_no_password() {
    let refusing = "RTSP/1.0 401 Unauthorized\r\nCSeq: 1\r\n\
                    WWW-Authenticate: Basic realm=\"elsewhere\"\r\n\r\n";
    let (elsewhere, heard) = start_server("127.0.0.2", refusing);
    let target = format!("rtsp://{elsewhere}/stream");
    let (camera, _) = start_server("127.0.0.1", moved("RTSP/1.0", &target));
    let mut engine = Engine::new();
    let camera = engine.open_stream(&format!("rtsp://user:secret@{camera}/stream"));
    engine.reason(camera);
    let heard = heard.lock().unwrap();
    assert!(!heard.is_empty());
    assert!(heard.iter().all(|request| !request.contains("Authorization")), "{heard:?}");
}

#[test]
fn rtsp_redirects_without_end_end() {
    // Two that send to each other: neither is at the address that was asked.
    let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let address = listener.local_addr().unwrap();
    thread::spawn(move || {
        for (number, stream) in listener.incoming().enumerate() {
            let mut stream = stream.unwrap();
            let _ = stream.read(&mut [0; 4_096]);
            let target = format!("rtsp://{address}/{number}");
            let _ = stream.write_all(moved("RTSP/1.0", &target).as_bytes());
        }
    });
    let mut engine = Engine::reaching(here());
    let camera = engine.open_stream(&format!("rtsp://{address}/stream"));
    assert_eq!(engine.reason(camera), "more than 5 redirects");
}

#[test]
fn an_rtsp_camera_is_opened_where_its_name_led_when_that_was_looked_at() {
    let server = RtspServer::start((Ipv4Addr::LOCALHOST, 0).into()).unwrap();
    server.add("/drawn", Stream::new(Footage::drawn())).unwrap();
    let (reach, directory) = here_at_first();
    let mut engine = Engine::reaching(reach);
    let camera = engine.open_stream(&format!("rtsp://{}", by_name(server.address(), "/drawn")));
    engine.frame_after(camera, 0);
    assert_eq!(directory.0.load(Ordering::Relaxed), 1);
}

#[test]
fn an_rtsp_redirect_to_a_name_is_looked_at_where_it_leads_by_then() {
    let (elsewhere, heard) = start_server("127.0.0.2", "RTSP/1.0 404 Not Found\r\nCSeq: 1\r\n\r\n");
    let target = format!("rtsp://{}", by_name(elsewhere, "/stream"));
    let (camera, _) = start_server("127.0.0.1", moved("RTSP/1.0", &target));
    let (reach, _) = here_at_first();
    let mut engine = Engine::reaching(reach);
    let camera = engine.open_stream(&format!("rtsp://{}", by_name(camera, "/stream")));
    assert_eq!(engine.reason(camera), "127.0.0.2 is in none of the allowed networks");
    assert!(heard.lock().unwrap().is_empty());
}

#[test]
fn an_http_camera_is_opened_where_its_name_led_when_that_was_looked_at() {
    let server = HttpServer::start().unwrap();
    server.put_mjpeg("/stream", 10, jpeg);
    let (reach, directory) = here_at_first();
    let mut engine = Engine::reaching(reach);
    let camera = engine.open_stream(&format!("http://{}", by_name(server.address(), "/stream")));
    engine.frame_after(camera, 0);
    assert_eq!(directory.0.load(Ordering::Relaxed), 1);
}

#[test]
fn an_http_redirect_to_a_name_is_looked_at_where_it_leads_by_then() {
    let (elsewhere, heard) = start_server("127.0.0.2", "HTTP/1.1 404 Not Found\r\n\r\n");
    let target = format!("http://{}", by_name(elsewhere, "/stream"));
    let (camera, _) = start_server("127.0.0.1", moved("HTTP/1.1", &target));
    let (reach, directory) = here_at_first();
    let mut engine = Engine::reaching(reach);
    let camera = engine.open_stream(&format!("http://{}", by_name(camera, "/stream")));
    assert_eq!(engine.reason(camera), "127.0.0.2 is in none of the allowed networks");
    assert_eq!(directory.0.load(Ordering::Relaxed), 2);
    assert!(heard.lock().unwrap().is_empty());
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
    assert!(asked.lock().unwrap().is_empty());
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

/// A playlist with one segment of a second.
fn playlist(segment: &str) -> String {
    format!(
        "#EXTM3U\n#EXT-X-VERSION:3\n#EXT-X-TARGETDURATION:2\n#EXT-X-MEDIA-SEQUENCE:0\n\
         #EXTINF:1.0,\n{segment}\n#EXT-X-ENDLIST\n"
    )
}

const PLAYLIST: &str = "application/vnd.apple.mpegurl";

#[test]
fn the_segments_of_a_playlist_are_played() {
    let folder = tempfile::tempdir().unwrap();
    let segment = std::fs::read(video(&folder, "mpegtsmux")).unwrap();
    let server = HttpServer::start().unwrap();
    server.put("/list.m3u8", PLAYLIST, playlist("segment.ts"));
    server.put("/segment.ts", "video/mp2t", segment);
    let mut engine = Engine::reaching(here());
    let camera = engine.open_stream(server.url("/list.m3u8").as_str());
    engine.frame_after(camera, 10);
}

#[test]
fn a_segment_elsewhere_is_not_fetched() {
    let (elsewhere, heard) = start_server("127.0.0.2", "HTTP/1.1 404 Not Found\r\n\r\n");
    let server = HttpServer::start().unwrap();
    server.put("/list.m3u8", PLAYLIST, playlist(&format!("http://{elsewhere}/segment.ts")));
    let mut engine = Engine::reaching(here());
    let camera = engine.open_stream(server.url("/list.m3u8").as_str());
    engine.reason(camera);
    assert!(heard.lock().unwrap().is_empty());
}

#[test]
fn a_segment_whose_name_leads_elsewhere_is_not_fetched() {
    let (elsewhere, heard) = start_server("127.0.0.2", "HTTP/1.1 404 Not Found\r\n\r\n");
    let server = HttpServer::start().unwrap();
    let segment = format!("http://{}", by_name(elsewhere, "/segment.ts"));
    server.put("/list.m3u8", PLAYLIST, playlist(&segment));
    let (reach, directory) = here_at_first();
    let mut engine = Engine::reaching(reach);
    let camera = engine.open_stream(&format!("http://{}", by_name(server.address(), "/list.m3u8")));
    engine.reason(camera);
    assert!(directory.0.load(Ordering::Relaxed) > 1);
    assert!(heard.lock().unwrap().is_empty());
}

#[test]
fn a_segment_that_is_a_file_is_not_read() {
    let folder = tempfile::tempdir().unwrap();
    let file = video(&folder, "mpegtsmux");
    let server = HttpServer::start().unwrap();
    server.put("/list.m3u8", PLAYLIST, playlist(&format!("file://{}", file.display())));
    let mut engine = Engine::reaching(here());
    let camera = engine.open_stream(server.url("/list.m3u8").as_str());
    assert_eq!(engine.reason(camera), "the stream names what may not be opened: file");
    assert!(engine.frame(camera).is_none());
}

/// A server that gives parts of `bytes` where they are asked for. Says which it was asked for.
fn start_server_of_parts(bytes: Vec<u8>) -> (SocketAddr, Heard) {
    let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let address = listener.local_addr().unwrap();
    let heard = Heard::default();
    let remembered = heard.clone();
    thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let mut request = [0; 4_096];
            let length = stream.read(&mut request).unwrap_or_default();
            let request = String::from_utf8_lossy(&request[..length]).to_ascii_lowercase();
            let range = request.lines().find_map(|line| line.strip_prefix("range: bytes="));
            let Some((start, end)) = range.and_then(|range| range.split_once('-')) else {
                continue;
            };
            remembered.lock().unwrap().push(format!("{start}-{end}"));
            let part = &bytes[start.parse().unwrap()..=end.parse().unwrap()];
            let head = format!(
                "HTTP/1.1 206 Partial Content\r\nContent-Length: {}\r\nConnection: close\r\n\
                 Content-Range: bytes {start}-{end}/{}\r\n\r\n",
                part.len(),
                bytes.len()
            );
            // Whoever asked may have gone.
            let _ = stream.write_all(head.as_bytes()).and_then(|()| stream.write_all(part));
        }
    });
    (address, heard)
}

#[test]
fn segments_that_are_parts_of_a_file_are_played() {
    let folder = tempfile::tempdir().unwrap();
    let file = std::fs::read(video(&folder, "mpegtsmux")).unwrap();
    // Whole packets of 188 bytes.
    let (half, end) = (file.len() / 188 / 2 * 188, file.len());
    let (parts, heard) = start_server_of_parts(file);
    let list = format!(
        "#EXTM3U\n#EXT-X-VERSION:4\n#EXT-X-TARGETDURATION:2\n#EXT-X-MEDIA-SEQUENCE:0\n\
         #EXTINF:0.25,\n#EXT-X-BYTERANGE:{half}@0\nhttp://{parts}/all.ts\n\
         #EXTINF:0.25,\n#EXT-X-BYTERANGE:{}@{half}\nhttp://{parts}/all.ts\n#EXT-X-ENDLIST\n",
        end - half
    );
    let server = HttpServer::start().unwrap();
    server.put("/list.m3u8", PLAYLIST, list);
    let mut engine = Engine::reaching(here());
    let camera = engine.open_stream(server.url("/list.m3u8").as_str());
    engine.frame_after(camera, 10);
    let expected = [format!("0-{}", half - 1), format!("{half}-{}", end - 1)];
    assert_eq!(heard.lock().unwrap()[..2], expected);
}

//! The web server as a client meets it.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use detector_simulator::HttpServer;

/// The longest that anything may take. Reaching it is a failure.
const PATIENCE: Duration = Duration::from_secs(10);

struct Answer {
    status: u16,
    content_type: String,
    bytes: Vec<u8>,
}

/// Asks for a page. The connection is closed by the server.
fn get(server: &HttpServer, path: &str) -> Answer {
    let bytes = request(server, path, usize::MAX);
    let end = bytes.windows(4).position(|w| w == b"\r\n\r\n").expect("an end of the header");
    let header = String::from_utf8(bytes[..end].to_vec()).unwrap().to_ascii_lowercase();
    let status = header.split(' ').nth(1).unwrap().parse().unwrap();
    let content_type = header
        .lines()
        .find_map(|line| line.strip_prefix("content-type: "))
        .unwrap_or_default()
        .to_owned();
    Answer { status, content_type, bytes: bytes[end + 4..].to_vec() }
}

/// Reads an answer to its end, but no more than so many bytes.
fn request(server: &HttpServer, path: &str, most: usize) -> Vec<u8> {
    let mut socket = TcpStream::connect(server.address()).unwrap();
    socket.set_read_timeout(Some(PATIENCE)).unwrap();
    write!(socket, "GET {path} HTTP/1.1\r\nHost: camera\r\nConnection: close\r\n\r\n").unwrap();
    let mut bytes = Vec::new();
    socket.take(most as u64).read_to_end(&mut bytes).unwrap();
    bytes
}

#[test]
fn what_was_put_is_served_until_it_is_removed() {
    let server = HttpServer::start().unwrap();
    server.put("/a.jpg", "image/jpeg", vec![1, 2, 3]);
    let answer = get(&server, "/a.jpg");
    assert_eq!((answer.status, answer.content_type.as_str()), (200, "image/jpeg"));
    assert_eq!(answer.bytes, [1, 2, 3]);
    assert_eq!(server.url("/a.jpg").as_str(), format!("http://{}/a.jpg", server.address()));
    server.remove("/a.jpg");
    assert_eq!(get(&server, "/a.jpg").status, 404);
    assert_eq!(server.hits("/a.jpg"), 2);
    assert_eq!(server.hits("/b.jpg"), 0);
}

#[test]
fn a_changing_page_is_told_its_request() {
    let server = HttpServer::start().unwrap();
    server.put_with("/n", |hit| ("text/plain".to_owned(), hit.to_string().into_bytes()));
    assert_eq!(get(&server, "/n").bytes, b"0");
    assert_eq!(get(&server, "/n?x=1").bytes, b"1");
    server.wait_for_hits("/n", 2, PATIENCE).unwrap();
    assert!(server.wait_for_hits("/n", 3, Duration::ZERO).is_err());
}

#[test]
fn a_failing_page_has_its_status() {
    let server = HttpServer::start().unwrap();
    server.fail("/x", 503);
    assert_eq!(get(&server, "/x").status, 503);
}

#[test]
fn a_hanging_page_is_never_answered_and_holds_up_neither_others_nor_the_end() {
    let server = HttpServer::start().unwrap();
    server.hang("/x");
    server.put("/y", "text/plain", "y");
    let mut waiting = TcpStream::connect(server.address()).unwrap();
    waiting.set_read_timeout(Some(PATIENCE)).unwrap();
    waiting.write_all(b"GET /x HTTP/1.1\r\nHost: camera\r\n\r\n").unwrap();
    server.wait_for_hits("/x", 1, PATIENCE).unwrap();
    assert_eq!(get(&server, "/y").bytes, b"y");
    drop(server);
    // Closed without a word.
    assert!(matches!(waiting.read(&mut [0; 100]), Ok(0) | Err(_)));
}

#[test]
fn motion_jpeg_sends_one_part_after_another() {
    let server = HttpServer::start().unwrap();
    server.put_mjpeg("/live", 100, |n| format!("picture {n}").into_bytes());
    let answer = String::from_utf8(request(&server, "/live", 600)).unwrap();
    assert!(answer.contains("multipart/x-mixed-replace; boundary=picture"), "{answer}");
    assert!(answer.contains("--picture\r\n"), "{answer}");
    let (first, second) = (answer.find("picture 0").unwrap(), answer.find("picture 1").unwrap());
    assert!(first < second);
}

#[test]
fn a_stopped_server_gives_its_port_back() {
    let server = HttpServer::start().unwrap();
    let address = server.address();
    server.stop();
    HttpServer::start_on(address).unwrap();
}

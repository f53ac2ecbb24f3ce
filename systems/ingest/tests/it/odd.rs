//! A web server that answers as no library would.

use std::io::{ErrorKind, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

/// A web server on loopback, for as long as the test runs.
pub struct OddServer {
    pub address: SocketAddr,
    /// Each request's head.
    pub requests: Arc<Mutex<Vec<String>>>,
}

impl OddServer {
    /// Each request is given to `answer` with its number, in a thread of its own. The connection is
    /// closed when that returns.
    pub fn start(answer: impl Fn(usize, &str, &mut TcpStream) + Send + Sync + 'static) -> Self {
        Self::start_at(Ipv4Addr::LOCALHOST, answer)
    }

    pub fn start_at(
        host: Ipv4Addr,
        answer: impl Fn(usize, &str, &mut TcpStream) + Send + Sync + 'static,
    ) -> Self {
        let listener = TcpListener::bind((host, 0)).unwrap();
        let address = listener.local_addr().unwrap();
        let requests = Arc::<Mutex<Vec<String>>>::default();
        let (heard, answer) = (requests.clone(), Arc::new(answer));
        thread::spawn(move || {
            for stream in listener.incoming() {
                let (mut stream, heard, answer) = (stream.unwrap(), heard.clone(), answer.clone());
                thread::spawn(move || {
                    let Some(head) = read_head(&mut stream) else { return };
                    let number = {
                        let mut heard = heard.lock().unwrap();
                        heard.push(head.clone());
                        heard.len() - 1
                    };
                    answer(number, &head, &mut stream);
                });
            }
        });
        Self { address, requests }
    }

    /// Answers everything with the same bytes.
    pub fn always(answer: impl Into<Vec<u8>>) -> Self {
        let answer = answer.into();
        Self::start(move |_, _, stream| send(stream, &answer))
    }

    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    pub fn requests(&self) -> Vec<String> {
        self.requests.lock().unwrap().clone()
    }

    /// Requests that showed a login.
    pub fn logins(&self) -> usize {
        let shown = |head: &&String| header(head, "authorization").is_some();
        self.requests.lock().unwrap().iter().filter(shown).count()
    }
}

fn read_head(stream: &mut TcpStream) -> Option<String> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        stream.read_exact(&mut byte).ok()?;
        head.push(byte[0]);
    }
    String::from_utf8(head).ok()
}

/// The value of a request's header.
pub fn header(head: &str, name: &str) -> Option<String> {
    head.lines().find_map(|line| {
        let (found, value) = line.split_once(':')?;
        found.eq_ignore_ascii_case(name).then(|| value.trim().to_owned())
    })
}

/// Whoever asked may have gone.
pub fn send(stream: &mut TcpStream, bytes: &[u8]) {
    let _ = stream.write_all(bytes);
}

/// An answer with its length.
pub fn answer(status: &str, content_type: &str, headers: &str, body: &[u8]) -> Vec<u8> {
    let kind = match content_type {
        "" => String::new(),
        kind => format!("Content-Type: {kind}\r\n"),
    };
    let length = body.len();
    let head = format!(
        "HTTP/1.1 {status}\r\n{kind}{headers}Content-Length: {length}\r\nConnection: close\r\n\r\n"
    );
    [head.as_bytes(), body].concat()
}

/// Sends pieces one after the other, as a camera does with its pictures, until nobody reads them.
pub fn stream_pieces(
    stream: &mut TcpStream,
    content_type: &str,
    mut piece: impl FnMut(u64) -> Option<Vec<u8>>,
) {
    let head = match content_type {
        "" => "HTTP/1.0 200 OK\r\n\r\n".to_owned(),
        kind => format!("HTTP/1.0 200 OK\r\nContent-Type: {kind}\r\n\r\n"),
    };
    send(stream, head.as_bytes());
    for number in 0.. {
        let Some(piece) = piece(number) else { return };
        send(stream, &piece);
        if !is_read(stream) {
            return;
        }
    }
}

/// Whether the other side is still there, after the time between two pictures.
pub fn is_read(stream: &mut TcpStream) -> bool {
    stream.set_read_timeout(Some(Duration::from_millis(20))).unwrap();
    // It sends nothing more: what can be read is its end.
    let waited = stream.read(&mut [0]).map_err(|error| error.kind());
    matches!(waited, Err(ErrorKind::WouldBlock | ErrorKind::TimedOut))
}

/// Keeps a connection open until the other side closes it.
pub fn hold(stream: &mut TcpStream) {
    stream.set_read_timeout(None).unwrap();
    let _ = stream.read(&mut [0; 64]);
}

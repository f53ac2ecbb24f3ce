//! RTSP over HTTP as Apple describes it: replies and packets come on a GET, requests go, as Base64,
//! in the body of a POST with the same cookie.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::{Buf, BytesMut};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::Shared;
use super::connection::{Reader, converse};
use super::stream::Writer;
use crate::fault::End;

/// Headers may have so many bytes.
const MAX_HEAD: usize = 64 << 10;
/// What of requests waits to be read.
const BUFFERED: usize = 64 << 10;

/// Whether a connection begins as one of the two of a tunnel.
pub fn is_http(first: &[u8]) -> bool {
    first.starts_with(b"GET ") || first.starts_with(b"POST ")
}

/// Serves one of a tunnel's connections until its end.
pub async fn serve(
    mut reader: Reader,
    writer: Writer,
    mut buffer: BytesMut,
    shared: &Arc<Shared>,
    number: u64,
    peer: SocketAddr,
) -> io::Result<End> {
    let end = loop {
        if let Some(end) = buffer.windows(4).position(|bytes| bytes == b"\r\n\r\n") {
            break end;
        }
        if buffer.len() > MAX_HEAD || reader.read_buf(&mut buffer).await? == 0 {
            return Ok(End::Close);
        }
    };
    let head = String::from_utf8_lossy(&buffer[..end]).into_owned();
    buffer.advance(end + 4);
    let cookie = head.split("\r\n").find_map(|line| {
        let (name, value) = line.split_once(':')?;
        name.eq_ignore_ascii_case("x-sessioncookie").then(|| value.trim().to_owned())
    });
    let Some(cookie) = cookie else {
        writer.lock().await.write_all(b"HTTP/1.0 400 Bad Request\r\n\r\n").await?;
        return Ok(End::Close);
    };
    if head.starts_with("GET ") {
        let (requests, sender) = tokio::io::duplex(BUFFERED);
        shared.tunnels().insert(cookie.clone(), sender);
        let reply = b"HTTP/1.0 200 OK\r\nServer: camera\r\nConnection: close\r\n\
                      Cache-Control: no-store\r\nPragma: no-cache\r\n\
                      Content-Type: application/x-rtsp-tunnelled\r\n\r\n";
        writer.lock().await.write_all(reply).await?;
        let requests: Reader = Box::new(requests);
        let conversation = converse(requests, writer, BytesMut::new(), shared, number, peer);
        // Nothing more comes on a GET but its end.
        let left = async {
            let mut rest = BytesMut::new();
            while reader.read_buf(&mut rest).await.is_ok_and(|read| read > 0) {
                rest.clear();
            }
        };
        let how = tokio::select! {
            how = conversation => how,
            () = left => Ok(End::Close),
        };
        shared.tunnels().remove(&cookie);
        return how;
    }
    // A POST may come again for the same GET, after the first one was closed.
    let Some(mut requests) = shared.tunnels().remove(&cookie) else {
        writer.lock().await.write_all(b"HTTP/1.0 404 Not Found\r\n\r\n").await?;
        return Ok(End::Close);
    };
    loop {
        let whole = buffer.len() / 4 * 4;
        let invalid = |error| io::Error::new(io::ErrorKind::InvalidData, error);
        let mut decoded = Vec::new();
        // Each request may end in padding of its own.
        for group in buffer[..whole].chunks(4) {
            STANDARD.decode_vec(group, &mut decoded).map_err(invalid)?;
        }
        buffer.advance(whole);
        requests.write_all(&decoded).await?;
        if reader.read_buf(&mut buffer).await? == 0 {
            shared.tunnels().insert(cookie, requests);
            return Ok(End::Close);
        }
    }
}

//! RTSP over HTTP: answers come over a GET that never ends, requests go, in Base64, over a POST that
//! never ends (Apple's "Tunnelling QuickTime RTSP and RTP over HTTP").

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use tokio::io::{AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::time::timeout;
use url::Url;
use uuid::Uuid;

use crate::auth::{Answer, Login};
use crate::connection::{Limits, ReadHalf, WriteHalf};
use crate::error::{Phase, RtspError};
use crate::message::Head;
use crate::stream::{Server, Stream};

/// Opens a tunnel to a camera.
///
/// # Errors
/// When the camera cannot be reached, or has no tunnel.
pub async fn open(
    server: &Server,
    url: &Url,
    login: &mut Login,
    patience: Duration,
    limits: &Limits,
) -> Result<Stream, RtspError> {
    let cookie = Uuid::new_v4().simple().to_string();
    let mut incoming = get(server, url, &cookie, login, patience, limits).await?;
    let outgoing = server.connect(patience).await?;
    let mut writer = outgoing.writer;
    let path = path(url);
    let head = head(&path, "POST", url, &cookie, login)
        + "Content-Type: application/x-rtsp-tunnelled\r\nContent-Length: 32767\r\n\r\n";
    let io = |error| RtspError::Io { phase: Phase::Connect, error };
    writer.write_all(head.as_bytes()).await.map_err(io)?;
    writer.flush().await.map_err(io)?;
    let encoder = Encoder {
        inner: writer,
        waiting: Vec::new(),
        sent: 0,
        _open: (outgoing.reader, incoming.writer),
    };
    incoming.writer = Box::new(encoder);
    Ok(incoming)
}

/// Asks for the way back; once more when a login is wanted.
async fn get(
    server: &Server,
    url: &Url,
    cookie: &str,
    login: &mut Login,
    patience: Duration,
    limits: &Limits,
) -> Result<Stream, RtspError> {
    let path = path(url);
    loop {
        let mut stream = server.connect(patience).await?;
        let head = head(&path, "GET", url, cookie, login)
            + "Accept: application/x-rtsp-tunnelled\r\nPragma: no-cache\r\nCache-Control: no-cache\r\n\r\n";
        let io = |error| RtspError::Io { phase: Phase::Connect, error };
        stream.writer.write_all(head.as_bytes()).await.map_err(io)?;
        stream.writer.flush().await.map_err(io)?;
        let answer = timeout(patience, read_head(&mut stream, limits.head))
            .await
            .map_err(|_| RtspError::TimedOut { phase: Phase::Connect, after: patience })??;
        match answer.status {
            Some(200) => {
                login.accepted();
                return Ok(stream);
            }
            Some(401) => match login.challenged(answer.fields("WWW-Authenticate")) {
                Answer::Retry => {}
                refused => return Err(refused.into()),
            },
            Some(status) => return Err(RtspError::Status { phase: Phase::Connect, status }),
            None => {
                let what = "the tunnel answers neither HTTP nor RTSP";
                return Err(RtspError::Malformed { phase: Phase::Connect, what });
            }
        }
    }
}

fn path(url: &Url) -> String {
    match url.query() {
        Some(query) => format!("{}?{query}", url.path()),
        None => url.path().to_owned(),
    }
}

fn head(path: &str, method: &str, url: &Url, cookie: &str, login: &mut Login) -> String {
    let path = if path.is_empty() { "/" } else { path };
    let host = url.host_str().unwrap_or_default();
    let authorization = login
        .authorization(method, path)
        .map(|answer| format!("Authorization: {answer}\r\n"))
        .unwrap_or_default();
    format!(
        "{method} {path} HTTP/1.0\r\nHost: {host}\r\nx-sessioncookie: {cookie}\r\n{authorization}"
    )
}

/// Reads byte by byte: what follows the head belongs to RTSP.
async fn read_head(stream: &mut Stream, limit: usize) -> Result<Head, RtspError> {
    let phase = Phase::Connect;
    let mut bytes = Vec::new();
    while !bytes.ends_with(b"\r\n\r\n") && !bytes.ends_with(b"\n\n") {
        let mut byte = [0];
        let read = stream.reader.read(&mut byte).await;
        match read.map_err(|error| RtspError::Io { phase, error })? {
            0 => return Err(RtspError::Closed(phase)),
            _ => bytes.push(byte[0]),
        }
        if bytes.len() > limit {
            return Err(RtspError::TooLarge { what: "a head", limit });
        }
    }
    Head::parse(&bytes)
        .ok_or(RtspError::Malformed { phase, what: "the tunnel answers neither HTTP nor RTSP" })
}

/// Encodes what is written. The answer to the POST, if one ever comes, is not read.
struct Encoder {
    inner: WriteHalf,
    waiting: Vec<u8>,
    sent: usize,
    /// The unused halves of both connections: closing either ends the tunnel.
    _open: (ReadHalf, WriteHalf),
}

impl Encoder {
    fn poll_waiting(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        while self.sent < self.waiting.len() {
            let rest = &self.waiting[self.sent..];
            let sent = ready!(Pin::new(&mut self.inner).poll_write(context, rest))?;
            if sent == 0 {
                return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
            }
            self.sent += sent;
        }
        self.waiting.clear();
        self.sent = 0;
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Encoder {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        ready!(self.poll_waiting(context))?;
        self.waiting = STANDARD.encode(bytes).into_bytes();
        Poll::Ready(Ok(bytes.len()))
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(self.poll_waiting(context))?;
        Pin::new(&mut self.inner).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(self.poll_waiting(context))?;
        Pin::new(&mut self.inner).poll_shutdown(context)
    }
}

//! One connection of a client, from its first byte to its last.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::BytesMut;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite};
use tokio::net::TcpStream;
use tokio::sync::{Mutex, mpsc};

use super::client::Client;
use super::message::{self, Incoming};
use super::stream::Writer;
use super::{Shared, tunnel};
use crate::fault::End;

/// Where bytes come from.
pub type Reader = Box<dyn AsyncRead + Send + Unpin>;

/// Serves a connection until one side closes it.
pub async fn serve(stream: TcpStream, shared: Arc<Shared>) {
    let number = shared.recorder.change(|record| {
        record.open += 1;
        record.connections += 1;
        record.connections
    });
    if let Err(error) = run(stream, &shared, number).await {
        tracing::debug!(connection = number, %error, "a connection ended");
    }
    shared.recorder.change(|record| record.open -= 1);
}

async fn run(stream: TcpStream, shared: &Arc<Shared>, number: u64) -> io::Result<()> {
    let active = shared.active();
    let open = shared.recorder.read(|record| record.open);
    if active.behaviour.max_connections.is_some_and(|most| open > most) {
        return Ok(());
    }
    stream.set_nodelay(true)?;
    let peer = stream.peer_addr()?;
    // A second handle: the first one is inside whatever wraps it.
    let stream = stream.into_std()?;
    let handle = stream.try_clone()?;
    let stream = TcpStream::from_std(stream)?;
    // Not `into_split`: its writer ends the connection in order when it is dropped, also where it is
    // to be reset.
    let (mut reader, writer): (Reader, Box<dyn AsyncWrite + Send + Unpin>) = match &active.identity
    {
        Some(identity) => {
            let (reader, writer) = tokio::io::split(identity.acceptor.accept(stream).await?);
            (Box::new(reader), Box::new(writer))
        }
        None => {
            let (reader, writer) = tokio::io::split(stream);
            (Box::new(reader), Box::new(writer))
        }
    };
    let mut buffer = BytesMut::new();
    if reader.read_buf(&mut buffer).await? == 0 {
        return Ok(());
    }
    let writer: Writer = Arc::new(Mutex::new(writer));
    let tunnel = active.behaviour.http_tunnel;
    let how = if tunnel.is_some() && tunnel::is_http(&buffer) {
        tunnel::serve(reader, writer, buffer, shared, number, peer).await?
    } else if tunnel == Some(true) {
        End::Close
    } else {
        converse(reader, writer, buffer, shared, number, peer).await?
    };
    if how == End::Reset {
        let socket = socket2::SockRef::from(&handle);
        socket.set_linger(Some(Duration::ZERO))?;
    } else {
        // The client may have done so already.
        let _ = handle.shutdown(std::net::Shutdown::Both);
    }
    Ok(())
}

/// Speaks RTSP until the end, and says how that is to be.
pub async fn converse(
    mut reader: Reader,
    writer: Writer,
    mut buffer: BytesMut,
    shared: &Arc<Shared>,
    number: u64,
    peer: SocketAddr,
) -> io::Result<End> {
    let (ended, mut over) = mpsc::channel(1);
    let mut client = Client::new(shared.clone(), writer, number, peer, ended);
    loop {
        loop {
            let invalid = |reason| io::Error::new(io::ErrorKind::InvalidData, reason);
            match message::take(&mut buffer).map_err(invalid)? {
                None => break,
                Some(Incoming::Interleaved) => {
                    shared.recorder.change(|record| record.reports_received += 1);
                }
                Some(Incoming::Request { method, url, headers }) => {
                    if client.request(&method, &url, headers).await?.is_break() {
                        return Ok(End::Close);
                    }
                }
            }
        }
        let deadline = client.deadline();
        let far = Duration::from_secs(3_600);
        let wake = deadline.unwrap_or_else(|| Instant::now() + far);
        tokio::select! {
            read = reader.read_buf(&mut buffer) => {
                if read? == 0 {
                    return Ok(End::Close);
                }
            }
            Some(how) = over.recv() => return Ok(how),
            () = tokio::time::sleep_until(wake.into()) => {
                if deadline.is_some() {
                    shared.recorder.change(|record| record.timed_out_sessions += 1);
                    return Ok(End::Close);
                }
            }
        }
    }
}

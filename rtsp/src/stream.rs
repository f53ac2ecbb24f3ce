//! Connecting to a camera.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use rustls::ClientConfig;
use rustls::pki_types::ServerName;
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;

use crate::connection::{ReadHalf, WriteHalf};
use crate::error::RtspError;

/// Where a camera is, and how it is spoken to.
#[derive(Clone)]
pub struct Server {
    /// Its addresses, tried in order.
    pub addresses: Vec<SocketAddr>,
    /// Its name, which its certificate must have.
    pub name: String,
    /// How to judge its certificate. None: without TLS.
    pub tls: Option<Arc<ClientConfig>>,
}

/// A connection.
pub struct Stream {
    /// What comes.
    pub reader: ReadHalf,
    /// What goes.
    pub writer: WriteHalf,
    /// This end.
    pub local: SocketAddr,
    /// The camera's end.
    pub peer: SocketAddr,
}

impl Server {
    /// Connects to the first address that answers; each is waited for no longer than `patience`.
    ///
    /// # Errors
    /// When none answers, or the camera's certificate is refused.
    pub async fn connect(&self, patience: Duration) -> Result<Stream, RtspError> {
        let mut failure = io::Error::from(io::ErrorKind::AddrNotAvailable);
        for address in &self.addresses {
            match timeout(patience, TcpStream::connect(address)).await {
                Ok(Ok(stream)) => return self.secure(stream, patience).await,
                Ok(Err(error)) => failure = error,
                Err(_) => failure = io::ErrorKind::TimedOut.into(),
            }
        }
        Err(RtspError::Connect(failure))
    }

    async fn secure(&self, stream: TcpStream, patience: Duration) -> Result<Stream, RtspError> {
        // Requests are small, and answered at once.
        stream.set_nodelay(true).map_err(RtspError::Connect)?;
        let local = stream.local_addr().map_err(RtspError::Connect)?;
        let peer = stream.peer_addr().map_err(RtspError::Connect)?;
        let Some(config) = &self.tls else {
            let (reader, writer) = stream.into_split();
            return Ok(Stream { reader: Box::new(reader), writer: Box::new(writer), local, peer });
        };
        let name = ServerName::try_from(self.name.clone()).map_err(|_| {
            RtspError::Tls("its host is no name that a certificate can have".into())
        })?;
        let handshake = TlsConnector::from(config.clone()).connect(name, stream);
        let stream = timeout(patience, handshake)
            .await
            .map_err(|_| RtspError::Tls("the handshake takes too long".into()))?
            .map_err(|error| RtspError::Tls(error.to_string()))?;
        let (reader, writer) = tokio::io::split(stream);
        Ok(Stream { reader: Box::new(reader), writer: Box::new(writer), local, peer })
    }
}

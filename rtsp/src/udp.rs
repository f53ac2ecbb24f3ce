//! Packets over UDP: a pair of ports, or a group.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use bytes::Bytes;
use socket2::{Domain, Protocol, Socket, Type};
use tokio::net::UdpSocket;

/// Pairs that are tried until one begins with an even port.
const ATTEMPTS: usize = 64;
/// Bytes that may wait in the kernel: a key picture of 4K comes at once.
const RECEIVE_BUFFER: usize = 4 << 20;
/// The largest packet.
const MAX_PACKET: usize = 65_536;

/// A pair of sockets: RTP, and RTCP at the next port.
pub struct Udp {
    rtp: UdpSocket,
    rtcp: UdpSocket,
    /// The only host that is listened to. None for a group: who sends to it is not known.
    from: Option<IpAddr>,
    /// Where the camera sends RTCP from, when it said so.
    peer_rtcp: Option<SocketAddr>,
    buffer: Vec<u8>,
    buffer_rtcp: Vec<u8>,
}

/// What came.
pub enum Datagram {
    /// RTP.
    Rtp(Bytes),
    /// RTCP.
    Rtcp(Bytes),
}

impl Udp {
    /// Two ports of this machine, the first of them even.
    ///
    /// # Errors
    /// When none are free.
    pub fn pair(local: IpAddr) -> io::Result<Self> {
        let mut failure = io::Error::from(io::ErrorKind::AddrInUse);
        for _ in 0..ATTEMPTS {
            let rtp = bind(SocketAddr::new(local, 0), false)?;
            let port = rtp.local_addr()?.port();
            if port % 2 == 1 || port == u16::MAX {
                continue;
            }
            match bind(SocketAddr::new(local, port + 1), false) {
                Ok(rtcp) => return Ok(Self::of(rtp, rtcp)),
                Err(error) => failure = error,
            }
        }
        Err(failure)
    }

    /// Joins a group.
    ///
    /// # Errors
    /// When the group cannot be joined.
    pub fn group(group: IpAddr, port: u16, local: IpAddr) -> io::Result<Self> {
        let any = match group {
            IpAddr::V4(_) => IpAddr::V4(Ipv4Addr::UNSPECIFIED),
            IpAddr::V6(_) => IpAddr::V6(Ipv6Addr::UNSPECIFIED),
        };
        let next = port.checked_add(1).ok_or(io::ErrorKind::InvalidInput)?;
        let (rtp, rtcp) =
            (bind(SocketAddr::new(any, port), true)?, bind(SocketAddr::new(any, next), true)?);
        for socket in [&rtp, &rtcp] {
            match (group, local) {
                (IpAddr::V4(group), IpAddr::V4(local)) => socket.join_multicast_v4(group, local)?,
                (IpAddr::V6(group), _) => socket.join_multicast_v6(&group, 0)?,
                _ => return Err(io::ErrorKind::InvalidInput.into()),
            }
        }
        Ok(Self::of(rtp, rtcp))
    }

    fn of(rtp: UdpSocket, rtcp: UdpSocket) -> Self {
        let (buffer, buffer_rtcp) = (vec![0; MAX_PACKET], vec![0; MAX_PACKET]);
        Self { rtp, rtcp, from: None, peer_rtcp: None, buffer, buffer_rtcp }
    }

    /// The ports of this end.
    ///
    /// # Errors
    /// When the sockets are broken.
    pub fn ports(&self) -> io::Result<(u16, u16)> {
        Ok((self.rtp.local_addr()?.port(), self.rtcp.local_addr()?.port()))
    }

    /// Listens to this host only, and opens the way through address translation to its ports.
    pub async fn expect_from(&mut self, host: IpAddr, ports: Option<(u16, u16)>) {
        self.from = Some(host);
        if let Some((rtp, rtcp)) = ports {
            self.peer_rtcp = Some(SocketAddr::new(host, rtcp));
            // An empty RTP packet and an empty report. Whether they arrive shows by itself.
            let _ = self.rtp.send_to(&[0x80, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0], (host, rtp)).await;
            let _ = self.rtcp.send_to(&[0x80, 201, 0, 1, 0, 0, 0, 0], (host, rtcp)).await;
        }
    }

    /// The next packet. Cancelling loses nothing.
    ///
    /// # Errors
    /// When the sockets fail.
    pub async fn receive(&mut self) -> io::Result<Datagram> {
        loop {
            let (datagram, from) = tokio::select! {
                received = self.rtp.recv_from(&mut self.buffer) => {
                    let (length, from) = received?;
                    (Datagram::Rtp(Bytes::copy_from_slice(&self.buffer[..length])), from)
                }
                received = self.rtcp.recv_from(&mut self.buffer_rtcp) => {
                    let (length, from) = received?;
                    (Datagram::Rtcp(Bytes::copy_from_slice(&self.buffer_rtcp[..length])), from)
                }
            };
            if self.from.is_none_or(|expected| expected == from.ip().to_canonical()) {
                return Ok(datagram);
            }
        }
    }

    /// Sends a report, if it is known where to.
    pub async fn report(&self, bytes: &[u8]) {
        if let Some(peer) = self.peer_rtcp {
            // A report that is lost is followed by another.
            let _ = self.rtcp.send_to(bytes, peer).await;
        }
    }
}

fn bind(address: SocketAddr, shared: bool) -> io::Result<UdpSocket> {
    let socket = Socket::new(Domain::for_address(address), Type::DGRAM, Some(Protocol::UDP))?;
    if shared {
        socket.set_reuse_address(true)?;
    }
    // As much as the system allows.
    socket.set_recv_buffer_size(RECEIVE_BUFFER)?;
    socket.set_nonblocking(true)?;
    socket.bind(&address.into())?;
    UdpSocket::from_std(socket.into())
}

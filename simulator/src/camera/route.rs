//! How packets get to a client: on channels of the connection, or by UDP.

use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;

use tokio::net::UdpSocket;

use super::stream::Setup;
use crate::random::Random;
use crate::script::Behaviour;

/// Something to be sent.
#[derive(Debug)]
pub enum Piece {
    /// A packet of the pictures.
    Rtp(Vec<u8>),
    /// A report on the pictures.
    Rtcp(Vec<u8>),
    /// A packet of the track at this place among those that were set up.
    Extra(usize, Vec<u8>),
    /// A packet of the pictures of which only the first half is sent.
    Broken(Vec<u8>),
    /// A line end between packets.
    Junk,
}

impl Piece {
    /// Appends it as it is interleaved on a channel.
    pub fn write(&self, channel: Option<u8>, bytes: &mut Vec<u8>) {
        let (packet, kept) = match self {
            Self::Junk => return bytes.extend_from_slice(b"\r\n"),
            Self::Broken(packet) => (packet, packet.len() / 2),
            Self::Rtp(packet) | Self::Rtcp(packet) | Self::Extra(_, packet) => {
                (packet, packet.len())
            }
        };
        let Some(channel) = channel else { return };
        bytes.extend_from_slice(&[b'$', channel]);
        bytes.extend_from_slice(&(packet.len() as u16).to_be_bytes());
        bytes.extend_from_slice(&packet[..kept]);
    }
}

/// The group that multicast goes to: one of those for use within a site.
pub const GROUP: Ipv4Addr = Ipv4Addr::new(239, 255, 42, 42);

/// Where the packets of a track go.
pub enum Route {
    /// Channels of the connection.
    Tcp { data: u8, control: u8 },
    /// Datagrams.
    Udp(Udp),
}

impl Route {
    pub fn channel(&self) -> Option<u8> {
        match self {
            Self::Tcp { data, .. } => Some(*data),
            Self::Udp(_) => None,
        }
    }

    pub fn control_channel(&self) -> Option<u8> {
        match self {
            Self::Tcp { control, .. } => Some(*control),
            Self::Udp(_) => None,
        }
    }
}

/// A pair of sockets, and where they send to.
pub struct Udp {
    rtp: UdpSocket,
    rtcp: UdpSocket,
    to_rtp: SocketAddr,
    to_rtcp: SocketAddr,
}

impl Udp {
    /// Sockets on free ports of `from`, the first one even and the second one next to it.
    pub async fn new(from: IpAddr, to: IpAddr, ports: (u16, u16)) -> io::Result<Self> {
        let (to_rtp, to_rtcp) = (SocketAddr::new(to, ports.0), SocketAddr::new(to, ports.1));
        for _ in 0..64 {
            let rtp = UdpSocket::bind((from, 0)).await?;
            let port = rtp.local_addr()?.port();
            if port % 2 == 0
                && let Ok(rtcp) = UdpSocket::bind((from, port + 1)).await
            {
                return Ok(Self { rtp, rtcp, to_rtp, to_rtcp });
            }
        }
        Err(io::ErrorKind::AddrInUse.into())
    }

    /// Sends to a group on loopback, and says so as `Transport` does.
    pub async fn multicast(from: IpAddr) -> io::Result<(Self, String)> {
        let group = GROUP;
        // Ports that are free. They are given back: they are for the client, who is on this machine.
        let (rtp, rtcp) = Self::new(from, group.into(), (0, 0)).await?.ports()?;
        let udp = Self::new(from, group.into(), (rtp, rtcp)).await?;
        for socket in [&udp.rtp, &udp.rtcp] {
            let socket = socket2::SockRef::from(socket);
            if let IpAddr::V4(from) = from {
                socket.set_multicast_if_v4(&from)?;
            }
            socket.set_multicast_loop_v4(true)?;
            socket.set_multicast_ttl_v4(1)?;
        }
        let text = format!("RTP/AVP;multicast;destination={group};port={rtp}-{rtcp};ttl=1");
        Ok((udp, text))
    }

    pub fn ports(&self) -> io::Result<(u16, u16)> {
        Ok((self.rtp.local_addr()?.port(), self.rtcp.local_addr()?.port()))
    }

    /// Sends datagrams, and takes what clients have sent: says how many reports there were.
    pub async fn send(
        &self,
        pieces: &[Piece],
        setups: &[Arc<Setup>],
        behaviour: &Behaviour,
        random: &mut Random,
    ) -> io::Result<u64> {
        let mut waiting: Option<&Vec<u8>> = None;
        for piece in pieces {
            match piece {
                Piece::Rtp(packet) => {
                    if waiting.is_none() && random.chance(behaviour.reorder) {
                        waiting = Some(packet);
                        continue;
                    }
                    self.rtp.send_to(packet, self.to_rtp).await?;
                    if random.chance(behaviour.duplicate) {
                        self.rtp.send_to(packet, self.to_rtp).await?;
                    }
                    if let Some(late) = waiting.take() {
                        self.rtp.send_to(late, self.to_rtp).await?;
                    }
                }
                Piece::Rtcp(packet) => {
                    self.rtcp.send_to(packet, self.to_rtcp).await?;
                }
                Piece::Extra(place, packet) => {
                    if let Some(Route::Udp(other)) = setups.get(*place).map(|setup| &setup.route) {
                        other.rtp.send_to(packet, other.to_rtp).await?;
                    }
                }
                Piece::Broken(_) | Piece::Junk => {}
            }
        }
        if let Some(late) = waiting {
            self.rtp.send_to(late, self.to_rtp).await?;
        }
        let (mut reports, mut buffer) = (0, [0; 2_048]);
        while self.rtcp.try_recv_from(&mut buffer).is_ok() {
            reports += 1;
        }
        // What clients send to open a way through a router.
        while self.rtp.try_recv_from(&mut buffer).is_ok() {}
        Ok(reports)
    }
}

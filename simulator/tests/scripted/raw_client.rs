//! A client of a few lines, to look at what is on the wire.

use std::collections::VecDeque;
use std::io::{Read, Write};
use std::net::TcpStream;

use detector_simulator::ScriptedCamera;

use super::PATIENCE;

/// Both directions of a connection.
pub trait Wire: Read + Write {}
impl<T: Read + Write> Wire for T {}

/// Speaks RTSP over anything.
pub struct RawClient {
    wire: Box<dyn Wire>,
    buffer: Vec<u8>,
    sequence: u32,
    url: String,
    pub session: String,
    packets: VecDeque<(u8, Vec<u8>)>,
    /// Line ends between packets.
    pub junk: usize,
    /// Something came that is neither a packet nor a reply.
    pub out_of_step: bool,
    /// The connection ended by a reset.
    pub was_reset: bool,
}

/// A reply as it came.
#[derive(Debug)]
pub struct RawReply {
    pub status: u16,
    pub head: String,
    pub body: String,
}

impl RawReply {
    /// All headers of a name.
    pub fn all(&self, name: &str) -> Vec<&str> {
        self.head
            .lines()
            .filter_map(|line| line.split_once(':'))
            .filter(|(found, _)| found.eq_ignore_ascii_case(name))
            .map(|(_, value)| value.trim())
            .collect()
    }

    /// The header of a name.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.all(name).first().copied()
    }
}

/// What an RTP packet says.
#[derive(Debug)]
pub struct Rtp {
    pub channel: u8,
    pub payload_type: u8,
    pub marker: bool,
    pub sequence: u16,
    pub timestamp: u32,
    pub ssrc: u32,
    pub payload: Vec<u8>,
}

impl Rtp {
    /// RFC 3550, section 5.1.
    pub fn read(channel: u8, packet: &[u8]) -> Self {
        let word = |at: usize| u32::from_be_bytes(packet[at..at + 4].try_into().unwrap());
        assert_eq!(packet[0] >> 6, 2, "RTP has version 2");
        let mut start = 12 + 4 * usize::from(packet[0] & 0x0f);
        if packet[0] & 0x10 != 0 {
            start += 4 + 4 * (word(start) & 0xffff) as usize;
        }
        let padding = if packet[0] & 0x20 != 0 { usize::from(packet[packet.len() - 1]) } else { 0 };
        Self {
            channel,
            payload_type: packet[1] & 0x7f,
            marker: packet[1] & 0x80 != 0,
            sequence: u16::from_be_bytes([packet[2], packet[3]]),
            timestamp: word(4),
            ssrc: word(8),
            payload: packet[start..packet.len() - padding].to_vec(),
        }
    }
}

impl RawClient {
    pub fn connect(camera: &ScriptedCamera) -> Self {
        let stream = TcpStream::connect(camera.address()).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        Self::over(Box::new(stream), camera)
    }

    pub fn over(wire: Box<dyn Wire>, camera: &ScriptedCamera) -> Self {
        Self {
            wire,
            buffer: Vec::new(),
            sequence: 0,
            url: camera.url("/gate").to_string(),
            session: String::new(),
            packets: VecDeque::new(),
            junk: 0,
            out_of_step: false,
            was_reset: false,
        }
    }

    /// DESCRIBE, SETUP of the first track over TCP, and PLAY.
    #[track_caller]
    pub fn play(camera: &ScriptedCamera) -> Self {
        let mut client = Self::connect(camera);
        client.start();
        client
    }

    /// The same on a connection that is there. Gives the reply to PLAY.
    #[track_caller]
    pub fn start(&mut self) -> RawReply {
        let reply = self.request("DESCRIBE", &[]);
        assert_eq!(reply.status, 200, "{}", reply.head);
        let reply = self.setup("RTP/AVP/TCP;unicast;interleaved=0-1");
        assert_eq!(reply.status, 200, "{}", reply.head);
        let reply = self.request("PLAY", &[]);
        assert_eq!(reply.status, 200, "{}", reply.head);
        reply
    }

    /// SETUP of the video track.
    pub fn setup(&mut self, transport: &str) -> RawReply {
        let url = self.url.clone();
        self.setup_at(&url, transport)
    }

    /// SETUP at an address.
    pub fn setup_at(&mut self, url: &str, transport: &str) -> RawReply {
        let reply = self.request_at("SETUP", url, &[("Transport", transport)]);
        if let Some(session) = reply.header("Session") {
            self.session = session.split(';').next().unwrap().to_owned();
        }
        reply
    }

    pub fn request(&mut self, method: &str, headers: &[(&str, &str)]) -> RawReply {
        let url = self.url.clone();
        self.request_at(method, &url, headers)
    }

    pub fn request_at(&mut self, method: &str, url: &str, headers: &[(&str, &str)]) -> RawReply {
        self.send(method, url, headers);
        self.reply()
    }

    pub fn send(&mut self, method: &str, url: &str, headers: &[(&str, &str)]) {
        self.sequence += 1;
        let mut text = format!("{method} {url} RTSP/1.0\r\nCSeq: {}\r\n", self.sequence);
        if !self.session.is_empty() {
            text += &format!("Session: {}\r\n", self.session);
        }
        for (name, value) in headers {
            text += &format!("{name}: {value}\r\n");
        }
        self.wire.write_all((text + "\r\n").as_bytes()).unwrap();
        self.wire.flush().unwrap();
    }

    /// The next reply. Packets before it are kept.
    pub fn reply(&mut self) -> RawReply {
        loop {
            if self.buffer.starts_with(b"$") || self.buffer.starts_with(b"\r\n") {
                if let Some(packet) = self.take_packet() {
                    self.packets.push_back(packet);
                    continue;
                }
            } else if let Some((end, blank)) = self.head_end() {
                let head = String::from_utf8(self.buffer.drain(..end + blank).collect()).unwrap();
                let status = head.split(' ').nth(1).unwrap().parse().unwrap();
                let mut reply = RawReply { status, head, body: String::new() };
                let length = reply.header("Content-Length").map_or(0, |l| l.parse().unwrap());
                while self.buffer.len() < length {
                    assert!(self.read_more(), "a body that ends early");
                }
                reply.body = String::from_utf8(self.buffer.drain(..length).collect()).unwrap();
                return reply;
            }
            assert!(self.read_more(), "the connection ended before a reply");
        }
    }

    fn head_end(&self) -> Option<(usize, usize)> {
        let find = |blank: &[u8]| {
            let at = self.buffer.windows(blank.len()).position(|bytes| bytes == blank)?;
            Some((at, blank.len()))
        };
        find(b"\r\n\r\n").or_else(|| find(b"\n\n"))
    }

    fn take_packet(&mut self) -> Option<(u8, Vec<u8>)> {
        while self.buffer.starts_with(b"\r\n") {
            self.buffer.drain(..2);
            self.junk += 1;
        }
        if self.buffer.len() < 4 {
            return None;
        }
        if self.buffer[0] != b'$' {
            self.out_of_step = true;
            return None;
        }
        let length = usize::from(u16::from_be_bytes([self.buffer[2], self.buffer[3]]));
        if self.buffer.len() < 4 + length {
            return None;
        }
        let packet: Vec<u8> = self.buffer.drain(..4 + length).collect();
        Some((packet[1], packet[4..].to_vec()))
    }

    /// False at the end of the connection.
    fn read_more(&mut self) -> bool {
        let mut bytes = [0; 65_536];
        match self.wire.read(&mut bytes) {
            Ok(0) => false,
            Ok(count) => {
                self.buffer.extend_from_slice(&bytes[..count]);
                true
            }
            Err(error) if error.kind() == std::io::ErrorKind::ConnectionReset => {
                self.was_reset = true;
                false
            }
            Err(error) => panic!("reading: {error}"),
        }
    }

    /// The next packet of any channel. None at the end of the connection, and when bytes are not
    /// understood.
    pub fn packet(&mut self) -> Option<(u8, Vec<u8>)> {
        loop {
            if let Some(packet) = self.packets.pop_front() {
                return Some(packet);
            }
            match self.take_packet() {
                Some(packet) => return Some(packet),
                None if self.out_of_step || !self.read_more() => return None,
                None => {}
            }
        }
    }

    /// The next packet of the pictures: on an even channel.
    pub fn rtp(&mut self) -> Option<Rtp> {
        loop {
            let (channel, packet) = self.packet()?;
            if channel % 2 == 0 {
                return Some(Rtp::read(channel, &packet));
            }
        }
    }

    /// Packets of the pictures until `count` of them were marked as the last one of a picture.
    #[track_caller]
    pub fn pictures(&mut self, count: usize) -> Vec<Rtp> {
        let mut packets = Vec::new();
        let mut ends = 0;
        while ends < count {
            let packet = self.rtp().expect("more pictures");
            ends += usize::from(packet.marker);
            packets.push(packet);
        }
        packets
    }

    /// The next RTCP packet.
    #[track_caller]
    pub fn rtcp(&mut self) -> Vec<u8> {
        loop {
            let (channel, packet) = self.packet().expect("an RTCP packet");
            if channel % 2 == 1 {
                return packet;
            }
        }
    }

    /// Reads at least so many bytes, as they are.
    pub fn bytes(&mut self, least: usize) -> &[u8] {
        while self.buffer.len() < least && self.read_more() {}
        &self.buffer
    }

    /// Reads to the end of the connection.
    pub fn read_to_end(&mut self) {
        while self.packet().is_some() {}
    }
}

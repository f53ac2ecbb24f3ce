//! One connection to a camera: messages and interleaved packets, apart.

use bytes::{Buf, Bytes, BytesMut};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};

use crate::error::{Phase, RtspError};
use crate::message::{Head, Response};

/// How much a camera may send.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of a response's head.
    pub head: usize,
    /// Bytes of a response's body.
    pub body: usize,
    /// Bytes of one coded picture.
    pub picture: usize,
}

impl Default for Limits {
    /// 64 KiB, 1 MiB, 16 MiB.
    fn default() -> Self {
        Self { head: 64 << 10, body: 1 << 20, picture: 16 << 20 }
    }
}

/// What came over the connection.
#[derive(Debug)]
pub enum Received {
    /// An answer.
    Response(Response),
    /// A request of the camera's, by its number.
    Request(Option<u32>),
    /// An interleaved packet.
    Packet {
        /// Its channel.
        channel: u8,
        /// Its bytes.
        bytes: Bytes,
    },
}

/// The reading half of any connection.
pub type ReadHalf = Box<dyn AsyncRead + Send + Unpin>;
/// The writing half of any connection.
pub type WriteHalf = Box<dyn AsyncWrite + Send + Unpin>;

/// One connection to a camera.
pub struct Connection {
    reader: Reader,
    writer: WriteHalf,
}

impl Connection {
    /// Over two halves that are connected.
    pub fn new(reader: ReadHalf, writer: WriteHalf, limits: Limits) -> Self {
        Self { reader: Reader { input: reader, buffer: BytesMut::new(), limits }, writer }
    }

    /// The next thing that comes. Cancelling loses nothing.
    ///
    /// # Errors
    /// When the connection ends or fails, or more comes than the limits allow.
    pub async fn receive(&mut self, phase: Phase) -> Result<Received, RtspError> {
        self.reader.next(phase).await
    }

    /// Sends bytes.
    ///
    /// # Errors
    /// When the connection fails.
    pub async fn send(&mut self, bytes: &[u8], phase: Phase) -> Result<(), RtspError> {
        let io = |error| RtspError::Io { phase, error };
        self.writer.write_all(bytes).await.map_err(io)?;
        self.writer.flush().await.map_err(io)
    }
}

struct Reader {
    input: ReadHalf,
    buffer: BytesMut,
    limits: Limits,
}

/// An interleaved packet's frame: `$`, the channel, two bytes of length.
const FRAME: usize = 4;

impl Reader {
    async fn next(&mut self, phase: Phase) -> Result<Received, RtspError> {
        loop {
            if let Some(received) = take(&mut self.buffer, &self.limits)? {
                return Ok(received);
            }
            let read = self.input.read_buf(&mut self.buffer).await;
            match read.map_err(|error| RtspError::Io { phase, error })? {
                0 => return Err(RtspError::Closed(phase)),
                _ => continue,
            }
        }
    }
}

/// Takes the first whole message or packet. None: more bytes are needed.
///
/// Bytes that belong to neither (some cameras send line breaks between packets, or lose their place)
/// are skipped up to what can be the next one.
fn take(buffer: &mut BytesMut, limits: &Limits) -> Result<Option<Received>, RtspError> {
    loop {
        let Some(first) = buffer.first() else { return Ok(None) };
        match first {
            b'$' => {
                if buffer.len() < FRAME {
                    return Ok(None);
                }
                let length = usize::from(u16::from_be_bytes([buffer[2], buffer[3]]));
                if length >= 2 && buffer.len() > FRAME && buffer[FRAME] >> 6 != 2 {
                    // Neither RTP nor RTCP: the place is lost.
                    buffer.advance(1);
                    continue;
                }
                if buffer.len() < FRAME + length {
                    return Ok(None);
                }
                let channel = buffer[1];
                buffer.advance(FRAME);
                return Ok(Some(Received::Packet {
                    channel,
                    bytes: buffer.split_to(length).freeze(),
                }));
            }
            letter if letter.is_ascii_alphabetic() => {
                let Some(end) = head_end(buffer) else {
                    if buffer.len() > limits.head {
                        return Err(RtspError::TooLarge { what: "a head", limit: limits.head });
                    }
                    match packet_after_junk(buffer) {
                        Some(start) => buffer.advance(start),
                        None => return Ok(None),
                    }
                    continue;
                };
                if end > limits.head {
                    return Err(RtspError::TooLarge { what: "a head", limit: limits.head });
                }
                let Some(head) = Head::parse(&buffer[..end]) else {
                    // Letters in the middle of something else.
                    buffer.advance(1);
                    continue;
                };
                let length = head.body_length();
                if length > limits.body {
                    return Err(RtspError::TooLarge { what: "a body", limit: limits.body });
                }
                if buffer.len() < end + length {
                    return Ok(None);
                }
                buffer.advance(end);
                let body = buffer.split_to(length).to_vec();
                return Ok(Some(match head.status {
                    Some(_) => Received::Response(Response { head, body }),
                    None => Received::Request(head.sequence()),
                }));
            }
            _ => buffer.advance(1),
        }
    }
}

/// Where the head ends, its empty line included.
fn head_end(bytes: &[u8]) -> Option<usize> {
    let mut line_start = 0;
    for (place, byte) in bytes.iter().enumerate() {
        if *byte != b'\n' {
            continue;
        }
        let line = &bytes[line_start..place];
        if line.is_empty() || line == b"\r" {
            return Some(place + 1);
        }
        line_start = place + 1;
    }
    None
}

/// Where a packet begins behind bytes that look like letters and are not the beginning of a message.
fn packet_after_junk(bytes: &[u8]) -> Option<usize> {
    let is_message = |start: &[u8]| {
        let length = start.len().min(5);
        [&b"RTSP/"[..length], &b"HTTP/"[..length]].contains(&&start[..length])
    };
    if is_message(bytes) {
        return None;
    }
    bytes
        .windows(FRAME + 1)
        .position(|window| window[0] == b'$' && window[FRAME] >> 6 == 2 && window[1] < 32)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn all(bytes: &[u8]) -> Vec<String> {
        let mut buffer = BytesMut::from(bytes);
        let mut found = Vec::new();
        while let Some(received) = take(&mut buffer, &Limits::default()).unwrap() {
            found.push(match received {
                Received::Response(response) => {
                    format!("{} {}", response.status(), response.body.len())
                }
                Received::Request(number) => format!("request {number:?}"),
                Received::Packet { channel, bytes } => format!("{channel}: {}", bytes.len()),
            });
        }
        found
    }

    fn packet(channel: u8, length: u8) -> Vec<u8> {
        let mut packet = vec![b'$', channel, 0, length, 0x80];
        packet.resize(FRAME + usize::from(length), 7);
        packet
    }

    #[test]
    fn messages_and_packets_are_told_apart() {
        let mut bytes = packet(0, 20);
        bytes.extend(b"RTSP/1.0 200 OK\r\nCSeq: 1\r\nContent-Length: 3\r\n\r\nabc");
        bytes.extend(packet(1, 12));
        bytes.extend(b"OPTIONS rtsp://h/ RTSP/1.0\nCSeq: 4\n\n");
        assert_eq!(all(&bytes), ["0: 20", "200 3", "1: 12", "request Some(4)"]);
    }

    #[test]
    fn junk_between_packets_is_skipped() {
        let mut bytes = b"\r\n\r\n".to_vec();
        bytes.extend(packet(0, 20));
        bytes.extend(b"\r\n\0\0junk");
        bytes.extend(packet(0, 21));
        bytes.extend(b"$\x00\xff\xff\x00\x00");
        bytes.extend(packet(0, 22));
        assert_eq!(all(&bytes), ["0: 20", "0: 21", "0: 22"]);
    }

    #[test]
    fn endless_heads_and_large_bodies_are_refused() {
        let limits = Limits { head: 100, body: 10, ..Limits::default() };
        let mut endless = BytesMut::from(&b"RTSP/1.0 200 OK\r\n"[..]);
        endless.extend_from_slice(&b"X: y\r\n".repeat(30));
        assert!(take(&mut endless, &limits).is_err());
        let text = b"RTSP/1.0 200 OK\r\nContent-Length: 4000000000\r\n\r\n";
        assert!(take(&mut BytesMut::from(&text[..]), &limits).is_err());
    }

    proptest! {
        #[test]
        fn any_bytes_are_survived(bytes in proptest::collection::vec(any::<u8>(), 0..2000)) {
            let mut buffer = BytesMut::from(&bytes[..]);
            while let Ok(Some(_)) = take(&mut buffer, &Limits::default()) {}
        }
    }
}

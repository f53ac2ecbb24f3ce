//! Keeps oversized and mistyped messages from ending a WebSocket.
//!
//! A WebSocket library must fail a connection whose message is larger than it takes, or whose text
//! is not UTF-8. The protocol promises that no message does that: it is answered and forgotten. So
//! a [`Sieve`] stands between the socket and the library, follows the frames of RFC 6455, section
//! 5.2, and
//! * passes the headers of a message's frames but swallows their payload from where the message
//!   grows too large, which costs no memory however large it claims to be;
//! * calls every text message binary, so that its text is looked at by whoever can answer;
//! * keeps a list of what each message really was.
//!
//! A breach of the framing itself is passed on as it is; the library ends the connection.

use std::collections::VecDeque;
use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// Bytes read from the socket at a time.
const READ_BYTES: usize = 8 * 1024;
/// The longest frame header: two bytes, eight of length, four of mask.
const MAX_HEADER: usize = 14;

const FINAL: u8 = 0x80;
const MASKED: u8 = 0x80;
const OPCODE: u8 = 0x0f;
const CONTINUATION: u8 = 0;
const TEXT: u8 = 1;
const BINARY: u8 = 2;

/// What a message was before it went through the sieve.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Text, or what claims to be.
    Text,
    /// Binary.
    Binary,
    /// Larger than is taken: its content is gone.
    TooLarge {
        /// Its size in bytes.
        bytes: u64,
    },
}

/// What the messages were, in the order in which they come out of the library.
///
/// Bounded by what fits into the library's read buffer: an entry is made for a message whose last
/// header was passed, and taken when the message is read.
#[derive(Clone, Debug, Default)]
pub struct Kinds(Arc<Mutex<VecDeque<Kind>>>);

impl Kinds {
    /// What the next message was.
    pub fn take(&self) -> Option<Kind> {
        self.0.lock().expect("never held across a panic").pop_front()
    }

    fn put(&self, kind: Kind) {
        self.0.lock().expect("never held across a panic").push_back(kind);
    }
}

/// A stream that passes no message larger than a limit. See the module.
#[derive(Debug)]
pub struct Sieve<S> {
    stream: S,
    limit: u64,
    kinds: Kinds,
    /// The message whose frames are passing, until its last one.
    message: Option<Passing>,
    state: State,
    /// What was read and not yet looked at.
    input: Box<[u8]>,
    looked_at: usize,
    read: usize,
}

#[derive(Debug)]
struct Passing {
    text: bool,
    bytes: u64,
}

#[derive(Debug)]
enum State {
    /// Bytes of a header are gathered.
    Header(Header),
    /// A header goes out; the payload follows.
    Passing { header: Header, sent: usize, payload: u64, keep: bool },
    /// A payload goes by.
    Payload { left: u64, keep: bool },
}

#[derive(Clone, Copy, Debug, Default)]
struct Header {
    bytes: [u8; MAX_HEADER],
    len: usize,
}

impl Header {
    /// How long it is in all, as far as that can be known yet.
    fn expected(&self) -> usize {
        if self.len < 2 {
            return 2;
        }
        let length = match self.bytes[1] & !MASKED {
            126 => 2,
            127 => 8,
            _ => 0,
        };
        let mask = if self.bytes[1] & MASKED != 0 { 4 } else { 0 };
        2 + length + mask
    }

    /// Length of the payload that follows. Only of a complete header.
    fn payload(&self) -> u64 {
        match self.bytes[1] & !MASKED {
            126 => u64::from(u16::from_be_bytes([self.bytes[2], self.bytes[3]])),
            127 => self.bytes[2..10].iter().fold(0, |length, &byte| length << 8 | u64::from(byte)),
            short => u64::from(short),
        }
    }

    /// Says that no payload follows.
    fn empty(&mut self) {
        let masked = self.bytes[1] & MASKED;
        let mask_at = self.len - if masked == 0 { 0 } else { 4 };
        self.bytes[1] = masked;
        self.bytes.copy_within(mask_at..self.len, 2);
        self.len = 2 + self.len - mask_at;
    }
}

impl<S> Sieve<S> {
    /// Lets messages of up to `limit` bytes through.
    pub fn new(stream: S, limit: usize) -> (Self, Kinds) {
        let kinds = Kinds::default();
        let sieve = Self {
            stream,
            limit: limit as u64,
            kinds: kinds.clone(),
            message: None,
            state: State::Header(Header::default()),
            input: vec![0; READ_BYTES].into(),
            looked_at: 0,
            read: 0,
        };
        (sieve, kinds)
    }

    /// Passes what was read into `out`, until one of them is used up.
    fn pass(&mut self, out: &mut ReadBuf<'_>) {
        loop {
            match &mut self.state {
                State::Header(header) => {
                    let Some(&byte) = self.input[..self.read].get(self.looked_at) else {
                        return;
                    };
                    self.looked_at += 1;
                    header.bytes[header.len] = byte;
                    header.len += 1;
                    if header.len == header.expected() {
                        let header = *header;
                        self.state = self.judge(header);
                    }
                }
                State::Passing { header, sent, payload, keep } => {
                    let count = out.remaining().min(header.len - *sent);
                    out.put_slice(&header.bytes[*sent..*sent + count]);
                    *sent += count;
                    if *sent < header.len {
                        return;
                    }
                    self.state = State::Payload { left: *payload, keep: *keep };
                }
                State::Payload { left: 0, .. } => self.state = State::Header(Header::default()),
                State::Payload { left, keep } => {
                    let here = &self.input[self.looked_at..self.read];
                    let mut count = usize::try_from(*left).unwrap_or(usize::MAX).min(here.len());
                    if *keep {
                        count = count.min(out.remaining());
                        out.put_slice(&here[..count]);
                    }
                    if count == 0 {
                        return;
                    }
                    self.looked_at += count;
                    *left -= count as u64;
                }
            }
        }
    }

    /// Decides what becomes of a frame.
    fn judge(&mut self, mut header: Header) -> State {
        let payload = header.payload();
        let text = match header.bytes[0] & OPCODE {
            opcode @ (TEXT | BINARY) => {
                self.message = Some(Passing { text: opcode == TEXT, bytes: 0 });
                header.bytes[0] = header.bytes[0] & !OPCODE | BINARY;
                opcode == TEXT
            }
            CONTINUATION => self.message.as_ref().is_some_and(|message| message.text),
            // Control frames are small, or a breach; the rest is one.
            _ => return State::Passing { header, sent: 0, payload, keep: true },
        };
        let Some(message) = &mut self.message else {
            // A continuation of nothing.
            return State::Passing { header, sent: 0, payload, keep: true };
        };
        message.bytes = message.bytes.saturating_add(payload);
        let bytes = message.bytes;
        let keep = bytes <= self.limit;
        if header.bytes[0] & FINAL != 0 {
            self.message = None;
            self.kinds.put(match (keep, text) {
                (false, _) => Kind::TooLarge { bytes },
                (true, true) => Kind::Text,
                (true, false) => Kind::Binary,
            });
        }
        if !keep {
            header.empty();
        }
        State::Passing { header, sent: 0, payload, keep }
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Sieve<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        out: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if out.remaining() == 0 {
            return Poll::Ready(Ok(()));
        }
        let before = out.filled().len();
        loop {
            self.pass(out);
            if out.filled().len() > before {
                return Poll::Ready(Ok(()));
            }
            let this = &mut *self;
            let mut input = ReadBuf::new(&mut this.input);
            ready!(Pin::new(&mut this.stream).poll_read(context, &mut input))?;
            this.looked_at = 0;
            this.read = input.filled().len();
            if this.read == 0 {
                return Poll::Ready(Ok(()));
            }
        }
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Sieve<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::AsyncReadExt;

    use super::*;

    /// A masked frame; the mask is `1 2 3 4` and not applied.
    fn frame(first: u8, payload: &[u8]) -> Vec<u8> {
        let mut frame = vec![first];
        match payload.len() {
            short @ 0..126 => frame.push(MASKED | short as u8),
            middle @ 126..65_536 => {
                frame.push(MASKED | 126);
                frame.extend((middle as u16).to_be_bytes());
            }
            long => {
                frame.push(MASKED | 127);
                frame.extend((long as u64).to_be_bytes());
            }
        }
        frame.extend([1, 2, 3, 4]);
        frame.extend(payload);
        frame
    }

    /// Sends `input` through a sieve of 200 bytes, in pieces of every size up to 20 bytes on
    /// either side, and expects the same each time.
    #[track_caller]
    fn check(input: Vec<u8>, expected: Vec<u8>, kinds: &[Kind]) {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        for piece in 1..20 {
            let output = runtime.block_on(async {
                let (mut sender, receiver) = tokio::io::duplex(piece);
                let input = input.clone();
                let sending = async move {
                    tokio::io::AsyncWriteExt::write_all(&mut sender, &input).await.unwrap();
                    drop(sender);
                };
                let (mut sieve, found) = Sieve::new(receiver, 200);
                let reading = async {
                    let mut output = Vec::<u8>::new();
                    let mut place = vec![0; piece];
                    loop {
                        match sieve.read(&mut place).await.unwrap() {
                            0 => break,
                            count => output.extend_from_slice(&place[..count]),
                        }
                    }
                    output
                };
                let ((), output) = tokio::join!(sending, reading);
                let found: Vec<_> = std::iter::from_fn(|| found.take()).collect();
                assert_eq!(found, kinds);
                output
            });
            assert_eq!(output, expected, "in pieces of {piece}");
        }
    }

    #[test]
    fn a_text_passes_as_binary_and_is_remembered() {
        check(frame(0x81, b"hello"), frame(0x82, b"hello"), &[Kind::Text]);
    }

    #[test]
    fn a_message_of_just_the_limit_passes() {
        let payload = [7; 200];
        check(frame(0x82, &payload), frame(0x82, &payload), &[Kind::Binary]);
    }

    #[test]
    fn a_larger_message_is_emptied_and_the_next_one_passes() {
        let input = [frame(0x81, &[7; 201]), frame(0x81, b"next")].concat();
        let expected = [frame(0x82, b""), frame(0x82, b"next")].concat();
        check(input, expected, &[Kind::TooLarge { bytes: 201 }, Kind::Text]);
    }

    #[test]
    fn a_very_large_message_is_emptied() {
        let input = [frame(0x82, &vec![7; 70_000]), frame(0x82, b"next")].concat();
        let expected = [frame(0x82, b""), frame(0x82, b"next")].concat();
        check(input, expected, &[Kind::TooLarge { bytes: 70_000 }, Kind::Binary]);
    }

    #[test]
    fn fragments_are_emptied_from_where_they_grow_too_large() {
        let input = [
            frame(0x01, &[7; 150]),
            frame(0x89, b"ping"),
            frame(0x00, &[7; 51]),
            frame(0x80, &[7]),
        ]
        .concat();
        let expected =
            [frame(0x02, &[7; 150]), frame(0x89, b"ping"), frame(0x00, b""), frame(0x80, b"")]
                .concat();
        check(input, expected, &[Kind::TooLarge { bytes: 202 }]);
    }

    #[test]
    fn a_breach_is_passed_on() {
        let input = frame(0x80, b"of nothing");
        check(input.clone(), input, &[]);
    }
}

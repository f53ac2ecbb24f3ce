//! Pictures out of a body that holds one after the other: `multipart/x-mixed-replace`, as cameras send
//! it.
//!
//! RFC 2046, 5.1, is what they mean to send. What they do send has boundaries with other dashes than
//! declared, none at all, wrong lengths, no lengths, line feeds only. So a JPEG ends where its own end
//! marker says, whatever else was said: it is there as soon as its last byte is. The boundary is what
//! tells that one was cut.

use std::fmt;
use std::str;

use bytes::{Buf, Bytes, BytesMut};
use detector_picture::{Ending, JpegEnd, is_jpeg};
use memchr::memmem::{Finder, find};

/// Bytes of the lines before a part's content.
const MAX_HEADER: usize = 16 << 10;
/// Dashes before a boundary, and dashes and spaces behind it. RFC 2046 has 70 characters in all.
const MAX_DASHES: usize = 72;
/// How many pictures in a row may follow one another without the boundary that others had, before the
/// boundary is not waited for any more. The first of them may be a preview that belongs to the last.
const MAX_APPENDED: u32 = 2;
/// How a JPEG begins.
const START: [u8; 3] = [0xff, 0xd8, 0xff];

/// Reads parts while bytes arrive. Holds at most one part, and what came after it in one piece.
pub struct Multipart {
    /// The boundary without its dashes. None: there is none, or one of dashes only.
    boundary: Option<Finder<'static>>,
    max_part: usize,
    buffer: BytesMut,
    state: State,
    /// Bytes of the buffer without a boundary in them.
    searched: usize,
    /// Whether parts were ever separated by the boundary.
    separated: bool,
    /// Pictures since the last boundary that it did not announce.
    appended: u32,
}

/// One part.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Part {
    /// Its content.
    pub bytes: Bytes,
    /// Whether its end arrived.
    pub whole: bool,
}

/// What no camera sends.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum MultipartError {
    /// A part has no end in sight.
    #[error("a picture has more than {0} bytes")]
    PartTooLarge(usize),
    /// The lines before a part have no end in sight.
    #[error("the lines before a picture have more than {MAX_HEADER} bytes")]
    HeaderTooLarge,
}

#[derive(Debug)]
enum State {
    /// Behind a part, before the next one.
    Between,
    /// In the lines that say what a part is.
    Header,
    /// In a part, before what tells what it is.
    Start(Header),
    /// In a JPEG.
    Jpeg { end: JpegEnd, length: Option<usize>, wanted: bool },
    /// In a part that is no JPEG.
    Other { length: Option<usize> },
    /// In what is not wanted of a part: so many bytes.
    Rest(usize),
}

/// What the lines before a part say.
#[derive(Clone, Copy, Debug, Default)]
struct Header {
    length: Option<usize>,
    /// Whether it is said to be something else than a picture.
    other: bool,
}

/// What is known of a boundary.
#[derive(Clone, Copy, Debug)]
enum Found {
    /// From its first dash to the end of its line.
    At(usize, usize),
    /// It may begin here: more must arrive to tell.
    Perhaps(usize),
    None,
}

impl Multipart {
    /// For a body of this content type. No part may have more than `max_part` bytes.
    pub fn new(content_type: &str, max_part: usize) -> Self {
        let boundary = boundary(content_type);
        let bare = boundary.as_deref().map(|text| text.trim_matches('-').as_bytes());
        Self {
            boundary: bare
                .filter(|bare| !bare.is_empty())
                .map(|bare| Finder::new(bare).into_owned()),
            max_part,
            buffer: BytesMut::new(),
            state: State::Between,
            searched: 0,
            separated: false,
            appended: 0,
        }
    }

    /// More bytes of the body. [`next`](Self::next) comes until there is nothing left.
    pub fn push(&mut self, bytes: &[u8]) {
        self.buffer.extend_from_slice(bytes);
    }

    /// The next part. None: more bytes are wanted.
    ///
    /// # Errors
    /// When something is larger than it may be. There is no more to be had then.
    pub fn next(&mut self) -> Result<Option<Part>, MultipartError> {
        loop {
            let step = match self.state {
                State::Between => self.look_between(),
                State::Header => self.read_header()?,
                State::Start(header) => self.begin(header),
                State::Jpeg { end, length, wanted } => self.read_jpeg(end, length, wanted)?,
                State::Other { length } => self.read_other(length)?,
                State::Rest(left) => self.skip_rest(left),
            };
            match step {
                Step::More => return Ok(None),
                Step::On => {}
                Step::Part(part) => return Ok(Some(part)),
            }
        }
    }

    /// What is left when the body has ended.
    pub fn finish(mut self) -> Option<Part> {
        // A boundary at the very end needs no line's end.
        const LINE_END: &[u8] = b"\r\n";
        self.push(LINE_END);
        if let Ok(Some(part)) = self.next() {
            return Some(part);
        }
        let (wanted, whole) = match self.state {
            State::Jpeg { wanted, .. } => (wanted, false),
            State::Other { length } => (true, length.is_none()),
            _ => return None,
        };
        let length = self.buffer.len().saturating_sub(LINE_END.len());
        let bytes = self.buffer.split_to(length).freeze();
        (wanted && !bytes.is_empty()).then_some(Part { bytes, whole })
    }

    /// To the next boundary, or to a picture that has none.
    fn look_between(&mut self) -> Step {
        let separator = self.find_boundary();
        let start = find(&self.buffer, &START);
        match (separator, start) {
            (Found::At(from, to), start) if start.is_none_or(|start| from < start) => {
                self.separated = true;
                self.appended = 0;
                self.take(to);
                self.state = State::Header;
                Step::On
            }
            (_, Some(start)) => {
                self.take(start);
                // A preview that some cameras append to a picture is not the next one.
                let wanted = !self.separated || self.appended >= MAX_APPENDED;
                self.appended = self.appended.saturating_add(1);
                self.state = State::Jpeg { end: JpegEnd::default(), length: None, wanted };
                Step::On
            }
            (separator, None) => {
                // What may be the beginning of either stays.
                let start = self.buffer.len().saturating_sub(START.len() - 1);
                let keep = match separator {
                    Found::Perhaps(from) => from.min(start),
                    _ => start.min(self.searched.saturating_sub(MAX_DASHES + 1)),
                };
                self.take(keep);
                Step::More
            }
        }
    }

    /// To the empty line, or to a picture that comes without one.
    fn read_header(&mut self) -> Result<Step, MultipartError> {
        let mut header = Header::default();
        let mut at = 0;
        loop {
            let rest = &self.buffer[at..];
            if rest.starts_with(&START) {
                break;
            }
            let Some(end) = memchr::memchr(b'\n', rest) else {
                if self.buffer.len() > MAX_HEADER {
                    return Err(MultipartError::HeaderTooLarge);
                }
                return Ok(Step::More);
            };
            let line = rest[..end].trim_ascii_end();
            at += end + 1;
            if at > MAX_HEADER {
                return Err(MultipartError::HeaderTooLarge);
            }
            if line.is_empty() {
                break;
            }
            header.read(line);
        }
        self.take(at);
        self.state = State::Start(header);
        Ok(Step::On)
    }

    /// What kind of part it is, by its first bytes.
    fn begin(&mut self, header: Header) -> Step {
        // An empty line too many.
        let line_ends = self.buffer.iter().take_while(|byte| matches!(byte, b'\r' | b'\n')).count();
        self.take(line_ends);
        if self.buffer.len() < START.len() {
            return Step::More;
        }
        let Header { length, other } = header;
        self.state = match is_jpeg(&self.buffer) {
            true => State::Jpeg { end: JpegEnd::default(), length, wanted: true },
            false if other => State::Rest(length.unwrap_or_default()),
            false => State::Other { length },
        };
        Step::On
    }

    fn read_jpeg(
        &mut self,
        mut end: JpegEnd,
        length: Option<usize>,
        wanted: bool,
    ) -> Result<Step, MultipartError> {
        let separator = self.find_boundary();
        // An end behind a boundary is another picture's.
        let ended = end.find(&self.buffer).filter(|found| match (found, separator) {
            (Ending::Whole(end) | Ending::Cut(end), Found::At(from, _) | Found::Perhaps(from)) => {
                *end <= from
            }
            (_, Found::None) => true,
        });
        let (size, whole) = match (ended, separator) {
            (Some(Ending::Whole(size)), _) => (size, true),
            (Some(Ending::Cut(size)), _) => (size, false),
            (None, Found::At(from, _)) => (self.without_line_end(from), false),
            (None, Found::Perhaps(_) | Found::None) => {
                self.state = State::Jpeg { end, length, wanted };
                return self.more();
            }
        };
        let left = length.and_then(|length| length.checked_sub(size)).filter(|left| *left > 0);
        self.state = match left {
            // What follows a cut picture is not its own.
            Some(left) if whole => State::Rest(left),
            _ => State::Between,
        };
        self.give(size, whole, wanted)
    }

    fn read_other(&mut self, length: Option<usize>) -> Result<Step, MultipartError> {
        let arrived = length.filter(|length| *length <= self.buffer.len());
        let size = match self.find_boundary() {
            Found::At(from, _) if length.is_none_or(|length| from < length) => {
                self.without_line_end(from)
            }
            Found::Perhaps(from) if length.is_none_or(|length| from < length) => {
                return self.more();
            }
            _ => match arrived {
                Some(length) => length,
                None => return self.more(),
            },
        };
        self.state = State::Between;
        self.give(size, true, true)
    }

    /// Steps over what is left of a part, unless it turns out to be the next one.
    fn skip_rest(&mut self, left: usize) -> Step {
        let (skipped, more) = match self.find_boundary() {
            Found::At(from, _) if from < left => (from, false),
            Found::Perhaps(from) if from < left => (from, true),
            // Everything before it was looked at.
            Found::At(..) | Found::Perhaps(_) => (left, false),
            Found::None => match self.searched.saturating_sub(MAX_DASHES + 1) {
                searched if searched < left => (searched, true),
                _ => (left, false),
            },
        };
        self.take(skipped);
        if more {
            self.state = State::Rest(left - skipped);
            return Step::More;
        }
        self.searched = 0;
        self.state = State::Between;
        Step::On
    }

    /// Whether more may arrive of a part.
    fn more(&self) -> Result<Step, MultipartError> {
        match self.buffer.len() > self.max_part {
            true => Err(MultipartError::PartTooLarge(self.max_part)),
            false => Ok(Step::More),
        }
    }

    /// Gives a part out, unless it is not wanted.
    fn give(&mut self, size: usize, whole: bool, wanted: bool) -> Result<Step, MultipartError> {
        if size > self.max_part {
            return Err(MultipartError::PartTooLarge(self.max_part));
        }
        let bytes = self.buffer.split_to(size).freeze();
        // A boundary may begin right here, which it could not within a line.
        self.searched = 0;
        let wanted = wanted && !bytes.is_empty();
        Ok(if wanted { Step::Part(Part { bytes, whole }) } else { Step::On })
    }

    /// Forgets bytes at the beginning.
    fn take(&mut self, bytes: usize) {
        self.buffer.advance(bytes);
        self.searched = self.searched.saturating_sub(bytes);
    }

    /// Where content ends that is followed by a boundary: the line's end before it is the boundary's.
    fn without_line_end(&self, end: usize) -> usize {
        let content = &self.buffer[..end];
        let content = content.strip_suffix(b"\n").unwrap_or(content);
        content.strip_suffix(b"\r").unwrap_or(content).len()
    }

    /// The first boundary of the buffer.
    fn find_boundary(&mut self) -> Found {
        let Some(boundary) = &self.boundary else {
            self.searched = self.buffer.len();
            return Found::None;
        };
        let mut at = self.searched;
        while let Some(hit) = boundary.find(&self.buffer[at..]) {
            let hit = at + hit;
            let found = line_of(&self.buffer, hit, boundary.needle().len());
            if !matches!(found, Found::None) {
                self.searched = hit;
                return found;
            }
            at = hit + 1;
        }
        // It may have arrived in part.
        let tail = boundary.needle().len() - 1;
        self.searched = at.max(self.buffer.len().saturating_sub(tail));
        Found::None
    }
}

enum Step {
    More,
    On,
    Part(Part),
}

/// Whether what stands at `hit` is a line of its own: with any dashes around it, or none.
fn line_of(bytes: &[u8], hit: usize, length: usize) -> Found {
    let dashes = bytes[..hit].iter().rev().take(MAX_DASHES);
    let dashes = dashes.take_while(|byte| **byte == b'-').count();
    let from = hit - dashes;
    let begins_line = from == 0 || matches!(bytes[from - 1], b'\r' | b'\n');
    // Behind a picture without a line's end it can only be told by its dashes.
    if dashes < 2 && !begins_line {
        return Found::None;
    }
    let rest = &bytes[hit + length..];
    let blank = |byte: &&u8| matches!(byte, b'-' | b' ' | b'\t');
    let blanks = rest.iter().take_while(blank).count();
    match &rest[blanks..] {
        _ if blanks > MAX_DASHES => Found::None,
        [] | [b'\r'] => Found::Perhaps(from),
        [b'\n', ..] => Found::At(from, hit + length + blanks + 1),
        [b'\r', b'\n', ..] => Found::At(from, hit + length + blanks + 2),
        // No line's end at all.
        picture if picture.starts_with(&START) => Found::At(from, hit + length + blanks),
        [0xff] | [0xff, 0xd8] => Found::Perhaps(from),
        _ => Found::None,
    }
}

impl Header {
    /// Reads one line. What is not understood is not looked at.
    fn read(&mut self, line: &[u8]) {
        let Some((name, value)) = str::from_utf8(line).ok().and_then(|line| line.split_once(':'))
        else {
            return;
        };
        let (name, value) = (name.trim(), value.trim());
        if name.eq_ignore_ascii_case("content-length") {
            self.length = value.parse().ok();
        } else if name.eq_ignore_ascii_case("content-type") {
            let kind = kind_of(value);
            let (group, _) = kind.split_once('/').unwrap_or((&kind, ""));
            self.other = matches!(group, "text" | "audio" | "video")
                || group == "application" && kind != "application/octet-stream";
        }
    }
}

impl fmt::Debug for Multipart {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (state, bytes) = (&self.state, self.buffer.len());
        f.debug_struct("Multipart")
            .field("state", state)
            .field("bytes", &bytes)
            .finish_non_exhaustive()
    }
}

/// The boundary that a content type declares, with its dashes.
fn boundary(content_type: &str) -> Option<String> {
    let mut rest = content_type;
    loop {
        // To the next parameter. Quotes of the one before it were stepped over.
        rest = &rest[rest.find(';')? + 1..];
        let name_end = rest.find(['=', ';'])?;
        let (name, after) = rest.split_at(name_end);
        rest = after;
        let Some(value) = after.strip_prefix('=') else { continue };
        let value = value.trim_start();
        let (value, after) = match value.strip_prefix('"') {
            Some(quoted) => quoted.split_once('"').unwrap_or((quoted, "")),
            None => value.split_at(value.find(';').unwrap_or(value.len())),
        };
        if name.trim().eq_ignore_ascii_case("boundary") {
            return Some(value.trim().to_owned());
        }
        rest = after;
    }
}

/// Whether a body of this content type is said to have several parts.
pub fn is_multipart(content_type: &str) -> bool {
    kind_of(content_type).starts_with("multipart/")
}

/// A content type without its parameters, in lower case.
fn kind_of(content_type: &str) -> String {
    content_type.split(';').next().unwrap_or_default().trim().to_ascii_lowercase()
}

/// How many bytes tell whether a body holds pictures.
pub const SAMPLE: usize = 512;

/// Whether a body holds pictures one after the other: by its content type, or by how it begins. None:
/// more of it is wanted to tell.
pub fn holds_pictures(content_type: &str, first: &[u8]) -> Option<bool> {
    if is_multipart(content_type) || kind_of(content_type).starts_with("image/") {
        return Some(true);
    }
    let first = &first[..first.len().min(SAMPLE)];
    let begin = first.trim_ascii_start();
    if begin.starts_with(b"--") {
        // Lines of a part, if it is one.
        let found = find(&begin.to_ascii_lowercase(), b"image/").is_some();
        return if !found && first.len() < SAMPLE { None } else { Some(found) };
    }
    if begin.len() < START.len() && first.len() < SAMPLE {
        return None;
    }
    Some(is_jpeg(begin))
}

#[cfg(test)]
mod tests;

//! What bytes are, by how they begin.

use std::fmt;

use crate::markers::is_jpeg;

/// What bytes are, by how they begin, whatever they are called.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Content {
    /// A picture of a kind that is read here.
    Picture,
    /// A picture of a kind that is not read here.
    OtherPicture(&'static str),
    /// A page for people, such as one that asks for a password.
    WebPage,
    /// Other text.
    Text,
    /// Nothing at all.
    Nothing,
    /// Anything else.
    Unknown,
}

/// How many bytes tell whether something is text.
const SAMPLE: usize = 256;

impl Content {
    /// Looks at the first bytes. About a dozen tell pictures from other things.
    pub fn of(bytes: &[u8]) -> Self {
        let begins = |with: &[u8]| bytes.starts_with(with);
        let holds = |at: usize, what: &[u8]| bytes.get(at..).is_some_and(|b| b.starts_with(what));
        if is_jpeg(bytes)
            || begins(b"\x89PNG\r\n\x1a\n")
            || begins(b"RIFF") && holds(8, b"WEBP")
            || begins(b"BM") && holds(6, &[0, 0, 0, 0])
        {
            Self::Picture
        } else if begins(b"GIF8") {
            Self::OtherPicture("GIF")
        } else if begins(b"II*\0") || begins(b"MM\0*") {
            Self::OtherPicture("TIFF")
        } else if holds(4, b"ftypavif") {
            Self::OtherPicture("AVIF")
        } else if holds(4, b"ftyphei") || holds(4, b"ftypmif1") {
            Self::OtherPicture("HEIF")
        } else if begins(b"\0\0\0\x0cjP  ") || begins(&[0xff, 0x4f, 0xff, 0x51]) {
            Self::OtherPicture("JPEG 2000")
        } else if bytes.is_empty() {
            Self::Nothing
        } else {
            Self::of_text(&bytes[..bytes.len().min(SAMPLE)])
        }
    }

    fn of_text(bytes: &[u8]) -> Self {
        let text = bytes.trim_ascii_start().to_ascii_lowercase();
        if ["<!doctype", "<html", "<head", "<script", "<body"]
            .iter()
            .any(|tag| text.starts_with(tag.as_bytes()))
        {
            Self::WebPage
        } else if bytes.iter().all(|byte| matches!(byte, b'\t' | b'\n' | b'\r' | b' '..=b'~')) {
            Self::Text
        } else {
            Self::Unknown
        }
    }
}

impl fmt::Display for Content {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Picture => f.write_str("a picture"),
            Self::OtherPicture(kind) => write!(f, "a {kind} picture"),
            Self::WebPage => f.write_str("a web page"),
            Self::Text => f.write_str("text"),
            Self::Nothing => f.write_str("empty"),
            Self::Unknown => f.write_str("no picture"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(bytes: &[u8], expected: Content) {
        assert_eq!(Content::of(bytes), expected, "{bytes:?}");
    }

    #[test]
    fn pictures_are_known_by_their_first_bytes() {
        check(&[0xff, 0xd8, 0xff, 0xe0], Content::Picture);
        check(b"\x89PNG\r\n\x1a\n\0\0", Content::Picture);
        check(b"RIFF\x10\0\0\0WEBPVP8 ", Content::Picture);
        check(b"BM\x36\x10\0\0\0\0\0\0", Content::Picture);
        check(b"GIF89a", Content::OtherPicture("GIF"));
        check(b"MM\0*\0\0", Content::OtherPicture("TIFF"));
        check(b"\0\0\0\x1cftypavif", Content::OtherPicture("AVIF"));
    }

    #[test]
    fn a_page_is_told_from_other_text() {
        check(b"\r\n<!DOCTYPE html>", Content::WebPage);
        check(b"<HTML><body>", Content::WebPage);
        check(b"<?xml version=\"1.0\"?><error/>", Content::Text);
        check(b"BMW", Content::Text);
        check(b"", Content::Nothing);
        check(&[0, 1, 2, 3], Content::Unknown);
    }
}

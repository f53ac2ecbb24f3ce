//! The markers of a JPEG picture: where it ends, and what its header says.
//!
//! ITU-R T.81, annex B. Segments are stepped over by their length, so a thumbnail inside one (EXIF) is
//! not taken for a picture.

use memchr::memchr;

/// Begins a picture.
pub const START_OF_IMAGE: u8 = 0xd8;
/// Ends a picture.
pub const END_OF_IMAGE: u8 = 0xd9;
/// Begins a scan: its header, then coded samples.
pub const START_OF_SCAN: u8 = 0xda;

/// Whether the bytes begin as a JPEG picture does.
pub fn is_jpeg(bytes: &[u8]) -> bool {
    bytes.starts_with(&[0xff, START_OF_IMAGE, 0xff])
}

/// Finds the end of a JPEG picture while its bytes arrive.
#[derive(Clone, Copy, Debug, Default)]
pub struct JpegEnd {
    /// What was looked at. May lie beyond the bytes: a segment's end is known before it arrives.
    at: usize,
}

/// How a JPEG picture ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ending {
    /// With its end marker. This many bytes belong to the picture.
    Whole(usize),
    /// Another picture begins at this byte, so the end is missing.
    Cut(usize),
}

impl JpegEnd {
    /// Looks at what has arrived. `bytes` begins with the picture's first byte, and only grows from
    /// call to call. None: the end has not arrived.
    pub fn find(&mut self, bytes: &[u8]) -> Option<Ending> {
        loop {
            let found = bytes.get(self.at..).and_then(|rest| memchr(0xff, rest));
            let Some(skipped) = found else {
                self.at = self.at.max(bytes.len());
                return None;
            };
            self.at += skipped;
            match *bytes.get(self.at + 1)? {
                // The first two bytes are the picture's own start.
                START_OF_IMAGE if self.at > 0 => return Some(Ending::Cut(self.at)),
                END_OF_IMAGE => return Some(Ending::Whole(self.at + 2)),
                // Fill bytes before a marker.
                0xff => self.at += 1,
                // A stuffed 0xff, restart markers, and what no encoder writes: no length follows.
                0x00..=0xbf | 0xd0..=START_OF_IMAGE => self.at += 2,
                _ => {
                    let length = bytes.get(self.at + 2..self.at + 4)?;
                    let length = u16::from_be_bytes([length[0], length[1]]);
                    self.at += 2 + usize::from(length);
                }
            }
        }
    }
}

/// The marker at a position and its segment's content.
pub fn segment_at(bytes: &[u8], start: usize) -> Option<(u8, &[u8])> {
    let [0xff, marker, high, low] = *bytes.get(start..)?.first_chunk()? else {
        return None;
    };
    let length = usize::from(u16::from_be_bytes([high, low]));
    let content = bytes.get(start + 4..(start + 2).checked_add(length)?)?;
    Some((marker, content))
}

#[cfg(test)]
mod tests {
    use super::*;

    const START: [u8; 2] = [0xff, START_OF_IMAGE];
    const END: [u8; 2] = [0xff, END_OF_IMAGE];
    /// A scan without parameters, and coded samples with a stuffed byte and a restart marker.
    const SCAN: [u8; 10] = [0xff, START_OF_SCAN, 0, 2, 1, 0xff, 0, 0xff, 0xd3, 4];

    /// `parts` one after the other, and how they end: the same in one piece and byte by byte.
    #[track_caller]
    fn check(parts: &[&[u8]], expected: Option<Ending>) {
        let bytes = parts.concat();
        assert_eq!(JpegEnd::default().find(&bytes), expected);
        let mut end = JpegEnd::default();
        let found = (0..=bytes.len()).find_map(|length| end.find(&bytes[..length]));
        assert_eq!(found, expected);
    }

    #[test]
    fn the_end_marker_ends_a_picture() {
        let whole = [&START[..], &SCAN, &END].concat();
        check(&[&whole, b"and more"], Some(Ending::Whole(whole.len())));
        check(&[&START, &SCAN, &[0xff, 0xff, 0xff], &END], Some(Ending::Whole(17)));
    }

    #[test]
    fn a_picture_inside_a_segment_is_not_its_end() {
        let thumbnail = [&START[..], &SCAN, &END].concat();
        let exif = [&[0xff, 0xe1, 0, 2 + thumbnail.len() as u8], &thumbnail[..]].concat();
        let length = START.len() + exif.len() + SCAN.len() + END.len();
        check(&[&START, &exif, &SCAN, &END], Some(Ending::Whole(length)));
    }

    #[test]
    fn a_picture_that_is_followed_by_another_is_cut() {
        check(&[&START, &SCAN, &START, &SCAN, &END], Some(Ending::Cut(12)));
    }

    #[test]
    fn what_has_not_arrived_is_waited_for() {
        check(&[&START, &SCAN], None);
        check(&[&START, &[0xff, 0xe1, 0xff]], None);
        check(&[], None);
    }

    #[test]
    fn a_segment_whose_length_is_none_is_stepped_over() {
        check(&[&START, &[0xff, 0xe0, 0, 0], &SCAN, &END], Some(Ending::Whole(18)));
    }
}

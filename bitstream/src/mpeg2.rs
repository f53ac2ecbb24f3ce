//! MPEG-1 and MPEG-2 video: section numbers are of ISO/IEC 13818-2 (2013).

use crate::bits::Bits;
use crate::nal::StartCodes;
use crate::unit::{Unit, UnitKind};

/// Table 6-1.
mod start_code {
    pub const PICTURE: u8 = 0x00;
    pub const FIRST_SLICE: u8 = 0x01;
    pub const LAST_SLICE: u8 = 0xaf;
    pub const SEQUENCE: u8 = 0xb3;
    pub const EXTENSION: u8 = 0xb5;
    pub const GROUP: u8 = 0xb8;
}

/// What is known of a stream.
#[derive(Debug, Default)]
pub(crate) struct Stream {
    size: Option<(u32, u32)>,
    /// The newest group says that its first B pictures refer to no earlier one.
    closed: bool,
    /// The newest picture that others refer to is an open I picture.
    open: bool,
}

impl Stream {
    pub fn size(&self) -> Option<(u32, u32)> {
        self.size
    }

    pub fn read(&mut self, unit: &[u8]) -> Unit {
        let (mut first, mut referred, mut codes, mut slices, mut fault) =
            (None, false, false, false, None);
        for part in StartCodes::new(unit) {
            codes = true;
            let Some((code, payload)) = part.split_first() else {
                fault = fault.or(Some("a start code is cut off"));
                continue;
            };
            match *code {
                start_code::PICTURE => {
                    // 6.2.3: temporal_reference, picture_coding_type.
                    let mut bits = Bits::plain(payload);
                    let Some(coding) = bits.skip(10).and_then(|()| bits.bits(3)) else {
                        fault = fault.or(Some("a picture is cut off in its header"));
                        first = first.or(Some(UnitKind::Picture));
                        referred = true;
                        continue;
                    };
                    referred |= coding != 3;
                    // The second field of a picture changes nothing.
                    if first.is_none() {
                        first = Some(self.picture(coding));
                    }
                }
                start_code::FIRST_SLICE..=start_code::LAST_SLICE => {
                    if first.is_none() {
                        fault = fault.or(Some("a slice comes before its picture's header"));
                    }
                    slices = true;
                }
                start_code::SEQUENCE => {
                    if let Some(&[a, b, c]) = payload.first_chunk::<3>() {
                        let size = u32::from_be_bytes([0, a, b, c]);
                        self.size = Some((size >> 12, size & 0xfff));
                    }
                }
                start_code::EXTENSION => self.size = self.extended(payload).or(self.size),
                start_code::GROUP => {
                    // 6.2.2.6: after a time of 25 bits.
                    let mut bits = Bits::plain(payload);
                    self.closed = bits.skip(25).and_then(|()| bits.flag()).unwrap_or(false);
                }
                _ => {}
            }
        }
        let missing = match first {
            Some(_) if !slices => Some("all slices are missing"),
            None if !codes => Some("no start code"),
            _ => None,
        };
        let none = if slices { UnitKind::Picture } else { UnitKind::Headers };
        Unit {
            kind: first.unwrap_or(none),
            disposable: first.is_some() && !referred,
            incomplete: fault.or(missing),
        }
    }

    /// A sequence extension (6.2.2.3) has two more bits for each number.
    fn extended(&self, payload: &[u8]) -> Option<(u32, u32)> {
        let mut bits = Bits::plain(payload);
        let (columns, rows) = self.size?;
        if bits.bits(4)? != 1 {
            return None;
        }
        bits.skip(11)?;
        let (more_columns, more_rows) = (bits.bits(2)?, bits.bits(2)?);
        Some((columns & 0xfff | more_columns << 12, rows & 0xfff | more_rows << 12))
    }

    fn picture(&mut self, coding: u32) -> UnitKind {
        match coding {
            // D pictures of MPEG-1 stand for themselves and are all that there is.
            1 | 4 => {
                self.open = !std::mem::take(&mut self.closed);
                match self.size {
                    Some(_) => UnitKind::RandomAccess,
                    None => UnitKind::RandomAccessWithoutHeaders,
                }
            }
            3 if self.open => UnitKind::Leading,
            3 => UnitKind::Picture,
            _ => {
                self.open = false;
                UnitKind::Picture
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A picture's header and one slice.
    fn picture(coding: u8) -> [u8; 12] {
        [0, 0, 1, 0, 0, coding << 3, 0xff, 0xff, 0, 0, 1, 1]
    }

    #[test]
    fn kinds_follow_the_group() {
        let mut stream = Stream::default();
        assert_eq!(stream.read(&picture(1)).kind, UnitKind::RandomAccessWithoutHeaders);
        let headers = [0, 0, 1, 0xb3, 0x16, 0x01, 0x20, 0, 0, 1, 0xb5, 0x10, 0, 0x20, 0, 0];
        assert_eq!(stream.read(&headers).kind, UnitKind::Headers);
        assert_eq!(stream.size(), Some((0x160, 0x120 | 0x1000)));
        assert_eq!(stream.read(&picture(1)).kind, UnitKind::RandomAccess);
        assert_eq!(stream.read(&picture(3)).kind, UnitKind::Leading);
        assert_eq!(stream.read(&picture(2)).kind, UnitKind::Picture);
        let closed = [&[0, 0, 1, 0xb8, 0, 0, 0, 0x40][..], &picture(1)].concat();
        assert_eq!(stream.read(&closed).kind, UnitKind::RandomAccess);
        let unit = stream.read(&picture(3));
        assert_eq!(unit, Unit { kind: UnitKind::Picture, disposable: true, incomplete: None });
    }

    #[test]
    fn what_is_cut_off_is_said() {
        let mut stream = Stream::default();
        let cut = stream.read(&picture(1)[..8]);
        assert_eq!(cut.incomplete, Some("all slices are missing"));
        let cut = stream.read(&picture(1)[8..]);
        assert_eq!(cut.incomplete, Some("a slice comes before its picture's header"));
    }
}

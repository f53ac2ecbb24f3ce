//! MPEG-4 part 2: section numbers are of ISO/IEC 14496-2 (2004).

use crate::bits::Bits;
use crate::nal::StartCodes;
use crate::unit::{Unit, UnitKind};

/// Table 6-3.
mod start_code {
    pub const FIRST_VOL: u8 = 0x20;
    pub const LAST_VOL: u8 = 0x2f;
    pub const GROUP: u8 = 0xb3;
    pub const VOP: u8 = 0xb6;
}

/// What is known of a stream.
#[derive(Debug, Default)]
pub(crate) struct Stream {
    /// Columns and rows of the newest VOL.
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
        let (mut first, mut referred, mut codes, mut fault) = (None, false, false, None);
        for part in StartCodes::new(unit) {
            codes = true;
            let Some((code, payload)) = part.split_first() else {
                fault = fault.or(Some("a start code is cut off"));
                continue;
            };
            match *code {
                start_code::FIRST_VOL..=start_code::LAST_VOL => {
                    self.size = read_vol(payload).or(self.size);
                }
                start_code::GROUP => {
                    // 6.2.5: after a time of 18 bits.
                    let mut bits = Bits::plain(payload);
                    self.closed = bits.skip(18).and_then(|()| bits.flag()).unwrap_or(false);
                }
                start_code::VOP => {
                    let Some(head) = payload.first() else {
                        fault = fault.or(Some("a picture is cut off in its header"));
                        first = first.or(Some(UnitKind::Picture));
                        referred = true;
                        continue;
                    };
                    // 6.2.6: vop_coding_type.
                    let kind = self.picture(head >> 6);
                    referred |= head >> 6 != 2;
                    first = first.or(Some(kind));
                }
                _ => {}
            }
        }
        Unit {
            kind: first.unwrap_or(UnitKind::Headers),
            disposable: first.is_some() && !referred,
            incomplete: fault.or((!codes).then_some("no start code")),
        }
    }

    fn picture(&mut self, coding: u8) -> UnitKind {
        match coding {
            0 => {
                self.open = !std::mem::take(&mut self.closed);
                match self.size {
                    Some(_) => UnitKind::RandomAccess,
                    None => UnitKind::RandomAccessWithoutHeaders,
                }
            }
            2 if self.open => UnitKind::Leading,
            2 => UnitKind::Picture,
            _ => {
                self.open = false;
                UnitKind::Picture
            }
        }
    }
}

/// The size of a rectangular video object layer (6.2.3).
fn read_vol(payload: &[u8]) -> Option<(u32, u32)> {
    let mut bits = Bits::plain(payload);
    bits.skip(9)?;
    let mut version = 1;
    if bits.flag()? {
        version = bits.bits(4)?;
        bits.skip(3)?;
    }
    if bits.bits(4)? == 15 {
        bits.skip(16)?;
    }
    if bits.flag()? {
        bits.skip(3)?;
        if bits.flag()? {
            bits.skip(79)?;
        }
    }
    let shape = bits.bits(2)?;
    if shape == 3 && version != 1 {
        bits.skip(4)?;
    }
    bits.skip(1)?;
    let resolution = bits.bits(16)?;
    bits.skip(1)?;
    if bits.flag()? {
        // As many bits as the numbers below the resolution need, and at least one.
        let length = u32::BITS - resolution.saturating_sub(1).leading_zeros();
        bits.skip(u64::from(length.max(1)))?;
    }
    if shape != 0 {
        return None;
    }
    bits.skip(1)?;
    let columns = bits.bits(13)?;
    bits.skip(1)?;
    Some((columns, bits.bits(13)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_i_picture_needs_its_layer() {
        let mut stream = Stream::default();
        let unit = stream.read(&[0, 0, 1, 0xb6, 0x10, 0x60]);
        assert_eq!(unit.kind, UnitKind::RandomAccessWithoutHeaders);
        assert_eq!(stream.size(), None);
    }

    #[test]
    fn b_pictures_after_an_open_group_lead() {
        let mut stream = Stream::default();
        for (bytes, kind, disposable) in [
            ([0, 0, 1, 0xb6, 0x10], UnitKind::RandomAccessWithoutHeaders, false),
            ([0, 0, 1, 0xb6, 0x90], UnitKind::Leading, true),
            ([0, 0, 1, 0xb6, 0x50], UnitKind::Picture, false),
            ([0, 0, 1, 0xb6, 0x90], UnitKind::Picture, true),
        ] {
            assert_eq!(stream.read(&bytes), Unit { kind, disposable, incomplete: None });
        }
    }

    #[test]
    fn what_is_cut_off_is_said() {
        let mut stream = Stream::default();
        let cut = stream.read(&[0, 0, 1, 0xb6]);
        assert_eq!(cut.incomplete, Some("a picture is cut off in its header"));
        assert_eq!(stream.read(&[1, 2, 3]).incomplete, Some("no start code"));
    }
}

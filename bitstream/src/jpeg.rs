//! JPEG: section numbers are of ITU-T T.81.

use memchr::memmem;

use crate::unit::{Unit, UnitKind};

/// So many pictures without an end at the beginning of a stream, and it is one that has none.
const ENDLESS: u8 = 3;

/// Table B.1.
mod marker {
    pub const START: u8 = 0xd8;
    pub const END: u8 = 0xd9;
    pub const SCAN: u8 = 0xda;
    pub const FIRST_FRAME: u8 = 0xc0;
    pub const LAST_FRAME: u8 = 0xcf;
    /// Between the frames' markers: tables, and one that is reserved.
    pub const NO_FRAMES: [u8; 3] = [0xc4, 0xc8, 0xcc];
}

/// What is known of a stream.
#[derive(Debug, Default)]
pub(crate) struct Stream {
    size: Option<(u32, u32)>,
    /// Some cameras write no end of image: pictures without one, as long as none had one.
    endless: u8,
    ends: bool,
}

impl Stream {
    pub fn size(&self) -> Option<(u32, u32)> {
        self.size
    }

    pub fn read(&mut self, unit: &[u8]) -> Unit {
        let incomplete = self.fault(unit).err();
        Unit { kind: UnitKind::RandomAccess, disposable: false, incomplete }
    }

    fn fault(&mut self, unit: &[u8]) -> Result<(), &'static str> {
        let mut rest = unit.strip_prefix(&[0xff, marker::START]).ok_or("no start of image")?;
        loop {
            // B.1.1.2: any number of 0xff may stand before a marker.
            let (0xff, after) = rest.split_first().map_or((0, rest), |(byte, rest)| (*byte, rest))
            else {
                return Err("a segment is cut off or malformed");
            };
            rest = after;
            let kind = match rest.first().ok_or("no picture data")? {
                0xff => continue,
                kind => *kind,
            };
            rest = &rest[1..];
            match kind {
                // Restarts, and a temporary marker, stand alone.
                0x01 | 0xd0..=marker::START => continue,
                marker::END => return Err("no picture data"),
                _ => {}
            }
            let length = rest.first_chunk::<2>().map_or(0, |length| u16::from_be_bytes(*length));
            let (segment, after) = rest
                .split_at_checked(usize::from(length))
                .filter(|_| length >= 2)
                .ok_or("a segment is cut off or malformed")?;
            rest = after;
            if (marker::FIRST_FRAME..=marker::LAST_FRAME).contains(&kind)
                && !marker::NO_FRAMES.contains(&kind)
                && let Some(&[_, _, _, h0, h1, w0, w1]) = segment.first_chunk::<7>()
            {
                let size = [[w0, w1], [h0, h1]].map(|bytes| u32::from(u16::from_be_bytes(bytes)));
                self.size = Some((size[0], size[1]));
            }
            if kind == marker::SCAN {
                return self.end(rest);
            }
        }
    }

    /// In the data of a scan 0xff is followed by 0 or the number of a restart, so that an end is one.
    fn end(&mut self, data: &[u8]) -> Result<(), &'static str> {
        if memmem::rfind(data, &[0xff, marker::END]).is_some() {
            self.ends = true;
            return Ok(());
        }
        if !self.ends && self.endless == ENDLESS {
            return Ok(());
        }
        self.endless = (self.endless + 1).min(ENDLESS);
        Err("no end of image")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PICTURE: [u8; 21] = [
        0xff, 0xd8, 0xff, 0xff, 0xc0, 0, 7, 8, 0, 240, 1, 64, 0xff, 0xda, 0, 2, 1, 0xff, 0, 0xff,
        0xd9,
    ];

    #[test]
    fn a_picture_ends() {
        let mut stream = Stream::default();
        assert_eq!(stream.read(&PICTURE).incomplete, None);
        assert_eq!(stream.size(), Some((320, 240)));
        for (length, fault) in [
            (20, "no end of image"),
            (17, "no end of image"),
            (14, "a segment is cut off or malformed"),
            (8, "a segment is cut off or malformed"),
            (1, "no start of image"),
        ] {
            assert_eq!(stream.read(&PICTURE[..length]).incomplete, Some(fault), "{length}");
        }
    }

    #[test]
    fn a_camera_that_writes_no_ends_is_believed() {
        let mut stream = Stream::default();
        let faults: Vec<_> =
            (0..5).map(|_| stream.read(&PICTURE[..19]).incomplete.is_some()).collect();
        assert_eq!(faults, [true, true, true, false, false]);
        assert_eq!(stream.read(&PICTURE).incomplete, None);
        assert_eq!(stream.read(&PICTURE[..19]).incomplete, Some("no end of image"));
    }
}

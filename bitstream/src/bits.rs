//! Bits, most significant first.

/// Reads bits of a byte slice. Past the end every read is `None`.
#[derive(Debug, Clone)]
pub(crate) struct Bits<'a> {
    rest: &'a [u8],
    byte: u8,
    /// Bits of `byte` that are not read yet.
    left: u8,
    /// Zero bytes in a row before `rest`, up to 2.
    zeros: u8,
    /// Whether the third byte of `00 00 03` is to be left out.
    escaped: bool,
}

impl<'a> Bits<'a> {
    /// Of bytes that stand for themselves.
    pub fn plain(bytes: &'a [u8]) -> Self {
        Self { rest: bytes, byte: 0, left: 0, zeros: 0, escaped: false }
    }

    /// Of a NAL unit: emulation prevention bytes are left out.
    pub fn escaped(bytes: &'a [u8]) -> Self {
        Self { escaped: true, ..Self::plain(bytes) }
    }

    fn next_byte(&mut self) -> Option<u8> {
        let (mut byte, mut rest) = self.rest.split_first()?;
        if self.escaped && self.zeros == 2 && *byte == 3 {
            self.zeros = 0;
            (byte, rest) = rest.split_first()?;
        }
        self.zeros = if *byte == 0 { (self.zeros + 1).min(2) } else { 0 };
        self.rest = rest;
        Some(*byte)
    }

    /// An unsigned number of up to 32 bits.
    pub fn bits(&mut self, count: u32) -> Option<u32> {
        debug_assert!(count <= 32);
        let (mut value, mut missing) = (0_u64, count);
        while missing > 0 {
            if self.left == 0 {
                self.byte = self.next_byte()?;
                self.left = 8;
            }
            let taken = missing.min(u32::from(self.left));
            let part = u32::from(self.byte) >> (u32::from(self.left) - taken) & ((1 << taken) - 1);
            value = value << taken | u64::from(part);
            self.left -= taken as u8;
            missing -= taken;
        }
        Some(value as u32)
    }

    /// One bit.
    pub fn flag(&mut self) -> Option<bool> {
        Some(self.bits(1)? == 1)
    }

    /// A number that must fit in `most`.
    pub fn at_most(&mut self, count: u32, most: u32) -> Option<u32> {
        self.bits(count).filter(|value| *value <= most)
    }

    /// Leaves bits out. Fails before it has read more than there are.
    pub fn skip(&mut self, mut count: u64) -> Option<()> {
        if count > self.rest.len() as u64 * 8 + u64::from(self.left) {
            return None;
        }
        while count > 0 {
            let taken = count.min(32) as u32;
            self.bits(taken)?;
            count -= u64::from(taken);
        }
        Some(())
    }

    /// An unsigned Exp-Golomb number, `ue(v)`. `None` above 2^32 - 2, which no standard allows.
    pub fn ue(&mut self) -> Option<u32> {
        let mut zeros = 0;
        while !self.flag()? {
            zeros += 1;
            if zeros == 32 {
                return None;
            }
        }
        Some(((1_u64 << zeros) - 1 + u64::from(self.bits(zeros)?)) as u32)
    }

    /// The same, up to `most`.
    pub fn ue_at_most(&mut self, most: u32) -> Option<u32> {
        self.ue().filter(|value| *value <= most)
    }

    /// A signed Exp-Golomb number, `se(v)`.
    pub fn se(&mut self) -> Option<i32> {
        let code = self.ue()?;
        let half = i64::from(code).div_euclid(2) + i64::from(code % 2);
        i32::try_from(if code % 2 == 1 { half } else { -half }).ok()
    }
}

/// Writes what [`Bits`] reads, for tests.
#[cfg(test)]
#[derive(Debug, Clone, Default)]
pub(crate) struct Writer(Vec<bool>);

#[cfg(test)]
impl Writer {
    /// `count` bits of a number.
    pub fn bits(mut self, count: u32, value: u32) -> Self {
        self.0.extend((0..count).rev().map(|place| value >> place & 1 == 1));
        self
    }

    /// Exp-Golomb numbers.
    pub fn ue<const N: usize>(self, values: [u32; N]) -> Self {
        values.into_iter().fold(self, |bits, value| {
            let length = u64::BITS - (u64::from(value) + 1).leading_zeros();
            let bits = bits.bits(length - 1, 0).bits(1, 1);
            bits.bits(length - 1, (u64::from(value) + 1) as u32)
        })
    }

    /// The bits, a stop bit and zeros, after `head` and with emulation prevention.
    pub fn nal(&self, head: &[u8]) -> Vec<u8> {
        let (mut nal, mut zeros) = (head.to_vec(), 0);
        for bits in self.clone().bits(1, 1).0.chunks(8) {
            let byte = bits
                .iter()
                .enumerate()
                .fold(0, |byte, (at, bit)| byte | u8::from(*bit) << (7 - at));
            if zeros == 2 && byte <= 3 {
                nal.push(3);
                zeros = 0;
            }
            zeros = if byte == 0 { zeros + 1 } else { 0 };
            nal.push(byte);
        }
        nal
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_read_across_bytes() {
        let mut bits = Bits::plain(&[0b1010_0110, 0b0100_0010, 0xff]);
        assert_eq!(bits.bits(3), Some(0b101));
        assert_eq!(bits.ue(), Some(5)); // 00110
        assert_eq!(bits.se(), Some(1)); // 010
        assert_eq!(bits.bits(13), Some(0b0_0010_1111_1111));
        assert_eq!(bits.flag(), None);
    }

    #[test]
    fn emulation_prevention_is_left_out() {
        let bytes = [0, 0, 3, 1, 0, 0, 3, 0, 0, 3];
        let mut bits = Bits::escaped(&bytes);
        let read: Vec<_> = std::iter::from_fn(|| bits.bits(8)).collect();
        assert_eq!(read, [0, 0, 1, 0, 0, 0, 0]);
    }

    #[test]
    fn numbers_that_no_standard_allows_are_refused() {
        assert_eq!(Bits::plain(&[0; 64]).ue(), None);
        let mut longest = Bits::plain(&[0, 0, 0, 1, 0xff, 0xff, 0xff, 0xff]);
        assert_eq!(longest.ue(), Some(u32::MAX - 1));
        let mut bits = Bits::plain(&[0; 4]);
        assert_eq!(bits.skip(u64::MAX), None);
        assert_eq!(bits.skip(32), Some(()));
    }
}

//! The bytes of a pickle, read from the front.

/// The bytes of a pickle that are not read yet. What is not there is an error in words, for the
/// machine to say where.
pub(super) struct Input<'p> {
    bytes: &'p [u8],
    offset: usize,
}

impl<'p> Input<'p> {
    pub fn new(bytes: &'p [u8]) -> Self {
        Self { bytes, offset: 0 }
    }

    /// How many bytes are read.
    pub fn offset(&self) -> usize {
        self.offset
    }

    pub fn take(&mut self, count: usize) -> Result<&'p [u8], String> {
        let left = &self.bytes[self.offset..];
        let taken = left
            .get(..count)
            .ok_or_else(|| format!("needs {count} bytes, the pickle has {} more", left.len()))?;
        self.offset += count;
        Ok(taken)
    }

    pub fn array<const N: usize>(&mut self) -> Result<[u8; N], String> {
        let taken = self.take(N)?;
        Ok(taken.try_into().expect("as many bytes were taken"))
    }

    /// A line, without its end.
    pub fn line(&mut self) -> Result<&'p str, String> {
        let left = &self.bytes[self.offset..];
        let end = left
            .iter()
            .position(|&byte| byte == b'\n')
            .ok_or_else(|| "has no end of line".to_owned())?;
        self.offset += end + 1;
        text(&left[..end])
    }

    /// A text after its length.
    pub fn text(&mut self, length: u64) -> Result<&'p str, String> {
        text(self.counted(length)?)
    }

    /// Bytes after their number.
    pub fn counted(&mut self, length: u64) -> Result<&'p [u8], String> {
        self.take(usize::try_from(length).unwrap_or(usize::MAX))
    }

    pub fn u8(&mut self) -> Result<u8, String> {
        self.array::<1>().map(|[byte]| byte)
    }

    pub fn u16(&mut self) -> Result<u16, String> {
        self.array().map(u16::from_le_bytes)
    }

    pub fn u32(&mut self) -> Result<u32, String> {
        self.array().map(u32::from_le_bytes)
    }

    pub fn u64(&mut self) -> Result<u64, String> {
        self.array().map(u64::from_le_bytes)
    }
}

fn text(bytes: &[u8]) -> Result<&str, String> {
    std::str::from_utf8(bytes).map_err(|_| "its text is not UTF-8".to_owned())
}

//! How much a checkpoint may ask for.

/// How much a checkpoint may ask for. The defaults are far above what known networks need, and
/// hold the memory for the tree below some hundred megabytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Entries of the archive. Default: 16 384; known networks have up to 3 000.
    pub entries: usize,
    /// Bytes of the pickle. Default: 32 MiB; known networks have up to 1 MiB.
    pub pickle_bytes: usize,
    /// Values of the tree, and places in containers that are copied. Default: 1 048 576; known
    /// networks have up to 100 000.
    pub nodes: usize,
    /// Values within each other, as the file puts them together. Values that come to contain
    /// each other later are not counted. Default: 512; known networks have up to 60.
    pub nesting: usize,
    /// Values that the pickle keeps for later use. Default: 1 048 576.
    pub memo: usize,
    /// Elements of one tensor that is read. Default: 268 435 456, 1 GiB of `f32`.
    pub elements: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            entries: 1 << 14,
            pickle_bytes: 32 << 20,
            nodes: 1 << 20,
            nesting: 512,
            memo: 1 << 20,
            elements: 1 << 28,
        }
    }
}

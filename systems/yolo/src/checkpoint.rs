//! Reads a PyTorch checkpoint as data.
//!
//! A `.pt` is a ZIP archive: `<name>/data.pkl` holds Python objects in the pickle format, and
//! `<name>/data/<key>` the numbers of each tensor, stored as they are. Python reads a pickle by
//! running it. This reader does not: classes and functions stay names, calls stay records of a
//! name and its arguments, and only a handful of known ones (tensors, plain containers) are
//! understood. What it does not know is kept and shown by name; whoever needs it can refuse it.
//!
//! **Invariants.** Reading executes nothing, reserves memory only within [`Limits`], and answers
//! every broken or hostile file with a [`CheckpointError`], never with a panic.
//!
//! Values can contain themselves, and one value can stand in many places. Nothing here recurses
//! over them; a caller that does needs a bound of its own.
//!
//! Formats: Python's `Lib/pickletools.py`, protocols 0 to 5; PyTorch's
//! `torch/serialization.py` and `caffe2/serialize/inline_container.h`.

mod archive;
mod arena;
mod call;
mod dtype;
mod error;
mod input;
mod limits;
mod machine;
mod opcode;
mod tensor;
mod value;

use std::fmt;
use std::fs::File;
use std::ops::Deref;
use std::path::Path;
use std::sync::Arc;

use memmap2::Mmap;

pub use self::dtype::Dtype;
pub use self::error::CheckpointError;
pub use self::limits::Limits;
pub use self::tensor::TensorRef;
pub use self::value::{Kind, Value};

use self::archive::Archive;
use self::arena::{Arena, Id};
use self::machine::Machine;

/// A checkpoint that was read: a tree of [`Value`]s, and the numbers of its tensors.
///
/// Numbers are read from the file when they are asked for. The file has to stay as it is while
/// the checkpoint lives: replace it by moving another one into its place, never by writing to it.
pub struct Checkpoint {
    bytes: Bytes,
    archive: Archive,
    arena: Arena,
    root: Id,
    limits: Limits,
}

impl Checkpoint {
    /// Reads the file at `path` within the default [`Limits`].
    pub fn open(path: impl AsRef<Path>) -> Result<Self, CheckpointError> {
        Self::open_with(path, &Limits::default())
    }

    /// Reads the file at `path` within `limits`.
    pub fn open_with(path: impl AsRef<Path>, limits: &Limits) -> Result<Self, CheckpointError> {
        let path = path.as_ref();
        let failed = |source| CheckpointError::Open { path: path.to_owned(), source };
        let file = File::open(path).map_err(failed)?;
        // An empty file cannot be mapped everywhere; reading it gives the better message.
        if file.metadata().map_err(failed)?.len() == 0 {
            return Self::read(Bytes::Shared(Arc::from([])), limits);
        }
        // SAFETY: the map is only read. That nobody writes to the file meanwhile cannot be
        // enforced; the documentation of this type asks for it.
        let map = unsafe { Mmap::map(&file) }.map_err(failed)?;
        Self::read(Bytes::Mapped(map), limits)
    }

    /// Reads a checkpoint that is in memory, within the default [`Limits`].
    pub fn from_bytes(bytes: impl Into<Arc<[u8]>>) -> Result<Self, CheckpointError> {
        Self::from_bytes_with(bytes, &Limits::default())
    }

    /// Reads a checkpoint that is in memory, within `limits`.
    pub fn from_bytes_with(
        bytes: impl Into<Arc<[u8]>>,
        limits: &Limits,
    ) -> Result<Self, CheckpointError> {
        Self::read(Bytes::Shared(bytes.into()), limits)
    }

    /// What was saved: usually a dict with `model`, `ema` and facts about the training.
    pub fn root(&self) -> Value<'_> {
        Value::new(self, self.root)
    }

    fn read(bytes: Bytes, limits: &Limits) -> Result<Self, CheckpointError> {
        let archive = Archive::read(&bytes, limits)?;
        let (arena, root) = Machine::new(archive.pickle(&bytes), limits).run()?;
        Ok(Self { bytes, archive, arena, root, limits: limits.clone() })
    }

    /// The bytes of one storage.
    fn storage(&self, key: &str) -> Option<&[u8]> {
        self.archive.storage(&self.bytes, key)
    }
}

impl fmt::Debug for Checkpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Checkpoint")
            .field("bytes", &self.bytes.len())
            .field("values", &self.arena.len())
            .finish_non_exhaustive()
    }
}

/// A whole file.
enum Bytes {
    Mapped(Mmap),
    Shared(Arc<[u8]>),
}

impl Deref for Bytes {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        match self {
            Self::Mapped(map) => map,
            Self::Shared(bytes) => bytes,
        }
    }
}

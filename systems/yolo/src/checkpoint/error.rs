//! Why a checkpoint cannot be read.

use std::io;
use std::path::PathBuf;

use zip::result::ZipError;

/// Why a checkpoint, or a tensor of one, cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum CheckpointError {
    /// The file cannot be opened.
    #[error("{} cannot be opened", path.display())]
    Open {
        /// Where it should be.
        path: PathBuf,
        /// What the system says.
        #[source]
        source: io::Error,
    },
    /// The file is something else than a checkpoint of PyTorch 1.6 or newer.
    #[error("the file is {found}, not a ZIP archive of PyTorch 1.6 or newer")]
    Foreign {
        /// What it is instead.
        found: &'static str,
    },
    /// The directory of the ZIP archive is broken or cut off.
    #[error("the ZIP archive cannot be read")]
    Archive(#[source] ZipError),
    /// An entry of the archive is missing, or is not as PyTorch writes it.
    #[error("the archive entry {entry:?} {problem}")]
    Entry {
        /// Its name.
        entry: String,
        /// What is wrong with it.
        problem: &'static str,
    },
    /// The pickle has an instruction that this reader does not know, or refuses.
    #[error("the pickle has the unsupported opcode {opcode:#04x} at byte {offset}")]
    Opcode {
        /// The byte of the instruction.
        opcode: u8,
        /// Where it is in the pickle.
        offset: usize,
    },
    /// An instruction of the pickle makes no sense where it is.
    #[error("{opcode} at byte {offset} of the pickle: {problem}")]
    Pickle {
        /// Name of the instruction, as in Python's `pickletools`.
        opcode: &'static str,
        /// Where it is in the pickle.
        offset: usize,
        /// What is wrong, and what would be right.
        problem: String,
    },
    /// The checkpoint asks for more than is allowed.
    #[error("the checkpoint exceeds the limit of {limit} {what}")]
    Limit {
        /// What there is too much of.
        what: &'static str,
        /// The most that is accepted.
        limit: usize,
    },
    /// The numbers of a tensor cannot be read.
    #[error("a tensor in storage {storage:?} {problem}")]
    Tensor {
        /// Key of the storage: its bytes are the archive entry `data/<key>`.
        storage: String,
        /// What is wrong, and what would be right.
        problem: String,
    },
}

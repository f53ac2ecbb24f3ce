//! What can go wrong with an archive.

use std::io;
use std::path::PathBuf;

use crate::pipeline::Faults;

/// Why an archive is not usable.
#[derive(Debug, thiserror::Error)]
pub enum ArchiveError {
    /// The file or the cache cannot be read or written.
    #[error("{act}: {source}")]
    Io {
        /// What was tried.
        act: &'static str,
        /// What the system says.
        source: io::Error,
    },
    /// There is no such file.
    #[error("there is no file {}", .0.display())]
    Missing(PathBuf),
    /// It is no ZIP file, or a broken one.
    #[error("it is no ZIP archive, or a broken one: {0}")]
    Zip(String),
    /// An entry that no packer makes.
    #[error("entry {name:?} {fault}")]
    Entry {
        /// Its name.
        name: String,
        /// What is wrong with it.
        fault: &'static str,
    },
    /// More than is accepted.
    #[error("{what}: {found}, expected at most {most}")]
    TooLarge {
        /// What is too large.
        what: &'static str,
        /// How much it is.
        found: u64,
        /// How much is accepted.
        most: u64,
    },
    /// There is no pipeline in it.
    #[error("there is no pipeline.json in it, at the top or inside one folder")]
    NoPipeline,
    /// `pipeline.json` is wrong. Every fault is named.
    #[error("{0}")]
    Pipeline(Faults),
    /// The server did not give it.
    #[error("fetching it: {reason}")]
    Fetch {
        /// Why, without the address.
        reason: String,
        /// Whether it may be there the next time.
        transient: bool,
    },
}

impl ArchiveError {
    /// Names what was tried.
    pub(crate) fn io(act: &'static str) -> impl Fn(io::Error) -> Self {
        move |source| Self::Io { act, source }
    }

    /// Whether trying again can help.
    pub fn is_transient(&self) -> bool {
        matches!(self, Self::Fetch { transient: true, .. })
    }
}

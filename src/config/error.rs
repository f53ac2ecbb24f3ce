use std::path::PathBuf;

/// Why a configuration is not usable.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The file is not there, or not readable.
    #[error("reading {}", file.display())]
    Read {
        /// Which.
        file: PathBuf,
        /// What the system says.
        #[source]
        source: std::io::Error,
    },
    /// The file is not what it should be.
    #[error("{}: {fault}", file.display())]
    File {
        /// Which.
        file: PathBuf,
        /// Where and what.
        fault: String,
    },
    /// A variable of the environment is not what it should be.
    #[error("environment variable {name}: {fault}")]
    Variable {
        /// Which.
        name: String,
        /// What, without the value: it may be a secret.
        fault: String,
    },
    /// Values out of range.
    #[error("{}", .0.join("\n"))]
    Values(Vec<String>),
}

use std::path::PathBuf;

/// Why a configuration is not usable. None of these repeats a value that may be a secret.
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
    #[error("{}:{fault}", file.display())]
    File {
        /// Which.
        file: PathBuf,
        /// Line, column and what.
        fault: String,
    },
    /// A variable of the environment or a flag of the command line is not what it should be.
    #[error("{origin}: {fault}")]
    Setting {
        /// Which.
        origin: String,
        /// What, without the value.
        fault: String,
    },
    /// Values out of range, each with its name.
    #[error("{}", .0.join("\n"))]
    Values(Vec<String>),
}

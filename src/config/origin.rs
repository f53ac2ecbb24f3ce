//! Who has set a value, and where everything is read from.

use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};

use detector_components::secret::Secret;

use super::layers::Layers;
use super::{Config, ConfigError};

/// Where a configuration is read from. Kept, so that it can be read again.
#[derive(Clone, Debug, Default)]
pub struct Sources {
    /// The file that was named, if one was: it must be there.
    pub file: Option<PathBuf>,
    /// The environment.
    pub variables: Vec<(String, Secret)>,
    /// What the command line sets.
    pub flags: Vec<Flag>,
}

/// A value that the command line sets.
#[derive(Clone, Debug)]
pub struct Flag {
    /// As it was typed, without the value: `--listen`, `--set max_streams`.
    pub name: String,
    /// What it sets: `max_streams`.
    pub path: String,
    /// To which value.
    pub text: Secret,
}

/// A configuration, and where each of its values comes from.
#[derive(Clone, Debug)]
pub struct Loaded {
    /// Every value, checked.
    pub config: Config,
    pub(super) origins: BTreeMap<String, Origin>,
}

/// Who has set a value.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Origin {
    /// Nobody.
    #[default]
    Default,
    /// A file.
    File {
        /// Which.
        file: PathBuf,
        /// Where in it.
        line: usize,
    },
    /// A variable of the environment.
    Variable(String),
    /// The command line.
    Flag(String),
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Default => f.write_str("default"),
            Self::File { file, line } => write!(f, "{}:{line}", file.display()),
            Self::Variable(name) | Self::Flag(name) => f.write_str(name),
        }
    }
}

impl Sources {
    /// The environment of this process, and nothing else.
    pub fn environment() -> Self {
        let variables = std::env::vars_os().filter_map(|(name, text)| {
            // What is no text is no setting of ours either.
            Some((name.into_string().ok()?, Secret::new(text.into_string().ok()?)))
        });
        Self { variables: variables.collect(), ..Self::default() }
    }

    /// The file that is read: the named one, else [`Config::FILE`] where the process runs, if it is
    /// there.
    pub fn file(&self) -> Option<&Path> {
        let usual = Path::new(Config::FILE);
        self.file.as_deref().or_else(|| usual.exists().then_some(usual))
    }

    /// Reads everything, one layer over the other, and checks what came out.
    ///
    /// # Errors
    /// When the file cannot be read, a field is unknown or of the wrong type, or a value is out of
    /// its range: with the place that it comes from.
    pub fn load(&self) -> Result<Loaded, ConfigError> {
        let mut layers = self.file().map_or_else(|| Ok(Layers::default()), Layers::from_file)?;
        // The same environment gives the same error.
        let mut variables: Vec<_> = self.variables.iter().collect();
        variables.sort_by(|(a, _), (b, _)| a.cmp(b));
        for (name, text) in variables {
            layers.set_variable(name, text.expose())?;
        }
        for Flag { name, path, text } in &self.flags {
            layers.set_flag(name, path, text.expose())?;
        }
        let loaded = layers.finish();
        loaded.check()?;
        Ok(loaded)
    }
}

impl Loaded {
    /// Who has set a value, such as `limits.clients`.
    pub fn origin(&self, path: &str) -> Origin {
        self.origins.get(path).cloned().unwrap_or_default()
    }

    /// Checks every value, and says of a wrong one where it comes from.
    fn check(&self) -> Result<(), ConfigError> {
        self.config.check().map_err(|error| match error {
            ConfigError::Values(faults) => {
                let placed = faults.into_iter().map(|fault| {
                    // A fault begins with the name of the value that it is about.
                    let path = fault.split(':').next().unwrap_or_default();
                    match self.origin(path) {
                        Origin::Default => fault,
                        origin => format!("{origin}: {fault}"),
                    }
                });
                ConfigError::Values(placed.collect())
            }
            other => other,
        })
    }
}

//! Model archives, from address to running networks.

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;

use bevy_ecs::prelude::*;

use crate::clock::Moment;
use crate::secret::{Secret, SecretUrl};

mod fetched;

pub use fetched::Fetched;

/// A model archive that some view runs, or ran a short while ago.
///
/// Its nodes are related by [`NodeOf`](crate::node::NodeOf) and go with it.
#[derive(Component, Debug)]
#[require(ModelState)]
pub struct Model {
    /// Where it comes from.
    pub source: ModelSource,
}

/// Where an archive comes from.
///
/// Two sources are equal when they name the same archive: a URL's query and fragment (a signature
/// that changes with each request) are no part of that.
#[derive(Clone, Debug)]
pub enum ModelSource {
    /// To be fetched.
    Url(SecretUrl),
    /// On this machine.
    File(PathBuf),
}

impl ModelSource {
    fn identity(&self) -> String {
        match self {
            Self::Url(url) => {
                let mut url = url.expose().clone();
                url.set_query(None);
                url.set_fragment(None);
                url.into()
            }
            Self::File(path) => path.to_string_lossy().into_owned(),
        }
    }
}

impl PartialEq for ModelSource {
    fn eq(&self, other: &Self) -> bool {
        self.identity() == other.identity()
    }
}

impl Eq for ModelSource {}

impl fmt::Display for ModelSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Url(url) => url.fmt(f),
            Self::File(path) => path.display().fmt(f),
        }
    }
}

/// How far a model is.
///
/// `Fetching` and `Loading` are written by `archive`, `Ready` by `branch`, `Failed` by whoever
/// fails.
#[derive(Component, Clone, Debug, Default, PartialEq, Eq)]
pub enum ModelState {
    /// The archive is being fetched and read.
    #[default]
    Fetching,
    /// Its nodes exist; their networks are being loaded and warmed.
    Loading,
    /// Every node can run at full speed.
    Ready,
    /// It cannot run.
    Failed {
        /// Why: every fault that was found, one a line.
        reason: Arc<str>,
    },
}

/// A model that no view runs any more, and since when. Kept warm for a while.
#[derive(Component, Debug, Clone, Copy)]
pub struct Idle {
    /// When the last view left.
    pub since: Moment,
}

/// The Redis server that a model's actions talk to. Absent when the archive names none.
#[derive(Component, Debug, Clone, PartialEq, Eq, Hash)]
pub struct RedisServer {
    /// Name or address.
    pub host: String,
    /// TCP port.
    pub port: u16,
    /// ACL user.
    pub username: Option<String>,
    /// Password.
    pub password: Option<Secret>,
    /// Database number.
    pub db: i64,
    /// Whether to talk TLS.
    pub tls: bool,
}

/// The PostgreSQL server that a model's actions talk to. Absent when the archive names none.
#[derive(Component, Debug, Clone, PartialEq, Eq, Hash)]
pub struct PostgresServer {
    /// Name or address.
    pub host: String,
    /// TCP port.
    pub port: u16,
    /// The database.
    pub database: String,
    /// User.
    pub username: String,
    /// Password.
    pub password: Option<Secret>,
    /// Whether to talk TLS.
    pub tls: bool,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn source(url: &str) -> ModelSource {
        ModelSource::Url(SecretUrl::parse(url).unwrap())
    }

    #[test]
    fn a_signature_is_no_part_of_a_models_identity() {
        assert_eq!(source("http://host/a.mpta?sig=1"), source("http://host/a.mpta?sig=2"));
        assert_ne!(source("http://host/a.mpta"), source("http://host/b.mpta"));
    }
}

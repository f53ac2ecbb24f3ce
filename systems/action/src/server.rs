//! Where actions go.

use std::fmt;

use detector_components::model::{PostgresServer, RedisServer};

/// A server that some model names.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Server {
    Redis(RedisServer),
    Postgres(PostgresServer),
}

/// Says which, without credentials.
impl fmt::Display for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Redis(RedisServer { host, port, db, .. }) => {
                write!(f, "redis://{host}:{port}/{db}")
            }
            Self::Postgres(PostgresServer { host, port, database, .. }) => {
                write!(f, "postgresql://{host}:{port}/{database}")
            }
        }
    }
}

//! What can go wrong before anyone is served.

use std::io;

/// The port could not be opened.
#[derive(Debug, thiserror::Error)]
pub enum ProtocolError {
    /// The name means no address.
    #[error("looking up {listen:?}, expected HOST:PORT")]
    Lookup {
        /// As configured.
        listen: String,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// The name was looked up, and stands for nothing.
    #[error("{listen:?} has no address")]
    NoAddress {
        /// As configured.
        listen: String,
    },
    /// The address is not ours, or in use, or not allowed.
    #[error("listening on {listen:?}")]
    Listen {
        /// As configured.
        listen: String,
        /// What the system said.
        #[source]
        source: io::Error,
    },
}

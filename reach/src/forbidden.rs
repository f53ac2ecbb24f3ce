//! Why an address is not opened.

use std::net::IpAddr;

/// An address that may not be opened. Names what is wrong with it, and nothing else of it: the rest
/// may be secret.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Forbidden {
    /// Its scheme is not allowed.
    #[error("scheme {found}, expected {allowed}")]
    Scheme {
        /// What it is.
        found: String,
        /// What would do.
        allowed: String,
    },
    /// It names no host.
    #[error("no host in the address")]
    NoHost,
    /// Its host is not allowed by name.
    #[error("the host {host} is not among the allowed ones")]
    Host {
        /// The host's name, without port and credentials.
        host: String,
    },
    /// Its host is outside the allowed networks.
    #[error("{address} is in none of the allowed networks")]
    Network {
        /// Where the host is.
        address: IpAddr,
    },
    /// Its host is where no camera or model is, and secrets may be.
    #[error("{address} is {what}, and not among the allowed networks")]
    Special {
        /// Where the host is.
        address: IpAddr,
        /// What is there.
        what: &'static str,
    },
}

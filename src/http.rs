//! HTTP, for the commands that ask a worker something.

use reqwest::Client;

/// A client.
pub fn client() -> Client {
    // Whoever comes first installs it; they are all the same.
    let _ = rustls::crypto::ring::default_provider().install_default();
    Client::new()
}

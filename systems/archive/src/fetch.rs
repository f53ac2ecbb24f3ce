//! Archives from the network.

use std::error::Error;
use std::io::Write;
use std::time::Duration;

use detector_components::model::Fetched;
use detector_components::secret::SecretUrl;
use detector_reach::{Forbidden, forbidden, guard};
use futures_util::StreamExt;
use reqwest::{Client, StatusCode};
use tempfile::NamedTempFile;

use crate::error::ArchiveError;
use crate::plugin::ArchiveConfig;

/// The longest time without a byte.
const READ_TIMEOUT: Duration = Duration::from_secs(30);

/// A client with this stage's limits.
pub fn client(config: &ArchiveConfig) -> Client {
    // Whoever comes first installs it; they are all the same.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let builder = Client::builder()
        .connect_timeout(config.connect_timeout)
        .read_timeout(READ_TIMEOUT)
        .timeout(config.fetch_timeout);
    guard(builder, &config.reach).build().expect("the settings are constant")
}

/// Fetches an archive into a temporary file in the cache; how much has come is told in `fetched`.
/// Nothing is left of it when this fails.
pub async fn fetch(
    client: &Client,
    url: &SecretUrl,
    config: &ArchiveConfig,
    fetched: &Fetched,
) -> Result<NamedTempFile, ArchiveError> {
    config.reach.check(url.expose()).map_err(|why| refused(&why))?;
    let response = client.get(url.expose().clone()).send().await.map_err(failed)?;
    let status = response.status();
    if !status.is_success() {
        let transient = status.is_server_error()
            || matches!(status, StatusCode::TOO_MANY_REQUESTS | StatusCode::REQUEST_TIMEOUT);
        return Err(ArchiveError::Fetch { reason: format!("the server says {status}"), transient });
    }
    let most = config.limits.archive_bytes;
    let too_large = |found| ArchiveError::TooLarge { what: "bytes of the archive", found, most };
    fetched.begin(response.content_length());
    if let Some(length) = response.content_length().filter(|length| *length > most) {
        return Err(too_large(length));
    }
    let mut file =
        NamedTempFile::new_in(&config.cache_dir).map_err(ArchiveError::io("filling the cache"))?;
    let mut bytes = 0;
    let mut chunks = response.bytes_stream();
    while let Some(chunk) = chunks.next().await {
        let chunk = chunk.map_err(failed)?;
        bytes += chunk.len() as u64;
        if bytes > most {
            return Err(too_large(bytes));
        }
        file.write_all(&chunk).map_err(ArchiveError::io("filling the cache"))?;
        fetched.set(bytes);
    }
    file.flush().map_err(ArchiveError::io("filling the cache"))?;
    Ok(file)
}

/// What reqwest says, without the address: its query may be a signature.
fn failed(error: reqwest::Error) -> ArchiveError {
    if let Some(why) = forbidden(&error) {
        return refused(why);
    }
    let transient = !error.is_redirect() && !error.is_builder();
    let error = error.without_url();
    let mut reason = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        reason = format!("{reason}: {cause}");
        source = cause.source();
    }
    ArchiveError::Fetch { reason, transient }
}

/// An address that may not be opened. Asking again does not change that.
fn refused(why: &Forbidden) -> ArchiveError {
    ArchiveError::Fetch { reason: why.to_string(), transient: false }
}

//! The archives of the models' directory, and the Redis servers that they name.

use std::collections::BTreeMap;
use std::path::PathBuf;

use detector_archive::read_pipeline;
use detector_components::model::RedisServer;
use detector_components::secret::SecretUrl;
use redis::{Client, TlsCertificates};
use tokio::runtime::Runtime;
use url::Url;

use super::wait;
use crate::cli::SecretAddress;
use crate::config::Config;
use crate::engine;
use crate::findings::Finding;

/// Reads the archives that are here, and asks every Redis that they or the command line name.
pub fn look(config: &Config, named: &[SecretAddress], runtime: &Runtime) -> Vec<Finding> {
    let mut servers: BTreeMap<String, SecretUrl> = BTreeMap::new();
    for SecretAddress(url) in named {
        servers.insert(short(url), url.clone());
    }
    let mut found = archives(config, &mut servers);
    let tls_ca = match config.actions.tls_ca.as_ref().map(std::fs::read).transpose() {
        Ok(pem) => pem,
        Err(error) => {
            let advice = "name a PEM file that this user may read, as actions.tls_ca";
            found.push(Finding::bad("Redis", "actions.tls_ca", error.to_string(), advice));
            None
        }
    };
    found.extend(servers.iter().map(|(name, url)| ask(name, url, tls_ca.as_deref(), runtime)));
    if servers.is_empty() {
        let why = "no archive here names one; --redis URL asks the one that yours name";
        found.push(Finding::left_out("Redis", "servers", why));
    }
    found
}

/// Reads every archive of the models' directory, and notes the servers that they name.
fn archives(config: &Config, servers: &mut BTreeMap<String, SecretUrl>) -> Vec<Finding> {
    const GROUP: &str = "Models";
    let Some(folder) = &config.models_dir else { return Vec::new() };
    let entries = match std::fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) => {
            let detail = format!("{}: {error}", folder.display());
            let advice = "name a directory that this user may read, as models_dir";
            return vec![Finding::bad(GROUP, "models_dir", detail, advice)];
        }
    };
    let mut files: Vec<PathBuf> = entries
        .filter_map(|entry| Some(entry.ok()?.path()))
        .filter(|path| path.extension().is_some_and(|extension| extension == "mpta"))
        .collect();
    files.sort();
    let limits = engine::archive(config).limits;
    let read = files.iter().map(|file| {
        let name = file.file_name().unwrap_or_default().to_string_lossy();
        match read_pipeline(file, &limits) {
            Ok(pipeline) => {
                if let Some(url) = pipeline.redis.as_ref().and_then(address) {
                    servers.insert(short(&url), url);
                }
                Finding::good(GROUP, &name, format!("{} nodes", pipeline.nodes.len()))
            }
            Err(error) => {
                let advice = "mend its pipeline.json and pack it again: `detector-worker pack DIR`";
                Finding::bad(GROUP, &name, error.to_string(), advice)
            }
        }
    });
    read.collect()
}

/// The address of a server that an archive names.
fn address(server: &RedisServer) -> Option<SecretUrl> {
    let scheme = if server.tls { "rediss" } else { "redis" };
    let mut url =
        Url::parse(&format!("{scheme}://{}:{}/{}", server.host, server.port, server.db)).ok()?;
    let password = server.password.as_ref().map(|password| password.expose());
    url.set_username(server.username.as_deref().unwrap_or_default()).ok()?;
    url.set_password(password).ok()?;
    Some(SecretUrl::new(url))
}

/// Host and port.
fn short(url: &SecretUrl) -> String {
    let (host, port) = (url.expose().host_str().unwrap_or("?"), url.expose().port());
    format!("{host}:{}", port.unwrap_or(6379))
}

/// Asks a server. Who vouches for one that speaks TLS is in `tls_ca`, else the system knows.
fn ask(name: &str, url: &SecretUrl, tls_ca: Option<&[u8]>, runtime: &Runtime) -> Finding {
    const GROUP: &str = "Redis";
    let answer = wait(runtime, async {
        // What Redis says of a login or a command names no password.
        let said = |error: redis::RedisError| match error.detail() {
            Some(detail) => format!("{}: {detail}", error.category()),
            None => error.to_string(),
        };
        let address = url.expose().as_str();
        let client = match tls_ca.filter(|_| url.scheme() == "rediss") {
            Some(ca) => {
                let root_cert = Some(ca.to_vec());
                Client::build_with_tls(address, TlsCertificates { client_tls: None, root_cert })
            }
            None => Client::open(address),
        };
        let client = client.map_err(|error| error.category().to_owned())?;
        let mut connection = client.get_multiplexed_async_connection().await.map_err(said)?;
        redis::cmd("PING").query_async::<String>(&mut connection).await.map_err(said)
    });
    match answer {
        Ok(_) => Finding::good(GROUP, name, "answers"),
        Err(fault) => {
            let advice = "check host, port, password and user in the archive's pipeline.json, and \
                          that Redis runs; until it answers, actions wait in a bounded queue";
            Finding::bad(GROUP, name, fault, advice)
        }
    }
}

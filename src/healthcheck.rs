//! `detector-worker healthcheck`: whether a worker of this machine is well, for containers that have
//! no other client of HTTP.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, ToSocketAddrs};
use std::time::Duration;

use anyhow::{Context, Result};

use crate::cli::HealthcheckArgs;
use crate::config::Sources;

/// The longest that an answer may take.
const PATIENCE: Duration = Duration::from_secs(5);

/// Runs the command. `false`: the worker answers, and is not well.
///
/// # Errors
/// When nobody answers, or the configuration is wrong.
pub fn healthcheck(args: &HealthcheckArgs) -> Result<bool> {
    let listen = match &args.listen {
        Some(listen) => listen.clone(),
        None => {
            let file = args.config.clone();
            Sources { file, ..Sources::environment() }.load()?.config.listen
        }
    };
    let path = if args.ready { "readyz" } else { "healthz" };
    let url = format!("http://{}/{path}", reachable(&listen)?);
    // The client asks for one, though nothing here is encrypted. An error: there is one already.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let answer = runtime.block_on(async {
        let client = reqwest::Client::builder().no_proxy().timeout(PATIENCE).build()?;
        // The context says where.
        let answer = client.get(&url).send().await.map_err(reqwest::Error::without_url)?;
        anyhow::Ok((answer.status(), answer.text().await?))
    });
    let (status, body) = answer.with_context(|| format!("no worker answers at {url}"))?;
    println!("{}", body.trim());
    Ok(status.is_success())
}

/// Where a server that listens on this name is reached from its own machine.
fn reachable(listen: &str) -> Result<SocketAddr> {
    let mut addresses = listen.to_socket_addrs().with_context(|| format!("looking up {listen}"))?;
    let mut address = addresses.next().with_context(|| format!("{listen} is no address"))?;
    // "Any address" is none to connect to.
    if address.ip().is_unspecified() {
        address.set_ip(match address {
            SocketAddr::V4(_) => IpAddr::V4(Ipv4Addr::LOCALHOST),
            SocketAddr::V6(_) => IpAddr::V6(Ipv6Addr::LOCALHOST),
        });
    }
    Ok(address)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(listen: &str, expected: &str) {
        assert_eq!(reachable(listen).unwrap().to_string(), expected);
    }

    #[test]
    fn any_address_is_reached_on_loopback() {
        check("0.0.0.0:8000", "127.0.0.1:8000");
        check("[::]:8000", "[::1]:8000");
        check("127.0.0.2:80", "127.0.0.2:80");
    }

    #[test]
    fn a_name_without_a_port_is_refused() {
        assert!(reachable("localhost").is_err());
    }
}

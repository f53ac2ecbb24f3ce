//! `detector-worker doctor`: whether this machine can do the work, and what to do if it cannot.
//!
//! It looks, and changes nothing: what it opens it closes, and what it writes it takes away.

use std::io::Write as _;
use std::time::Duration;

use anyhow::{Context, Result};
use console::style;
use serde_json::json;
use tokio::runtime::Runtime;

use crate::cli::DoctorArgs;
use crate::config::{Config, Sources};
use crate::findings::{Finding, Findings, Outcome};

mod inference;
mod machine;
mod network;
mod redis;
mod video;

/// The longest wait for anything on the network.
const PATIENCE: Duration = Duration::from_secs(3);

/// Runs the command. `false`: something does not work.
///
/// # Errors
/// When standard output is closed.
pub fn doctor(args: &DoctorArgs) -> Result<bool> {
    let findings = examine(args)?;
    let healthy = findings.count(Outcome::Bad) == 0;
    let mut said = std::io::stdout().lock();
    if args.json {
        let report = json!({"healthy": healthy, "findings": findings});
        writeln!(said, "{report:#}").context("writing to standard output")?;
        return Ok(healthy);
    }
    write!(said, "{findings}").context("writing to standard output")?;
    let verdict = match (findings.count(Outcome::Bad), findings.count(Outcome::Doubtful)) {
        (0, 0) => style("This machine can do the work.".to_owned()).green().bold(),
        (0, doubts) => {
            style(format!("This machine can do the work; {doubts} to look at.")).yellow()
        }
        (faults, _) => style(format!("This machine cannot do the work: {faults} to mend.")).red(),
    };
    writeln!(said, "\n{verdict}").context("writing to standard output")?;
    Ok(healthy)
}

fn examine(args: &DoctorArgs) -> Result<Findings> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .context("starting the threads for sockets")?;
    let sources = args.settings.sources();
    let (config, configuration) = configuration(&sources);
    let mut findings = vec![configuration];
    findings.extend(machine::look(&config));
    findings.extend(video::look());
    findings.extend(inference::look(&config));
    findings.extend(network::look(&config, &runtime));
    findings.extend(redis::look(&config, &args.redis, &runtime));
    Ok(Findings(findings))
}

/// The configuration, or the default where it is wrong: the rest of the machine is looked at anyway.
fn configuration(sources: &Sources) -> (Config, Finding) {
    const GROUP: &str = "Configuration";
    match sources.load() {
        Ok(loaded) => {
            let read = match sources.file() {
                Some(file) => file.display().to_string(),
                None => format!("the default: there is no {} here", Config::FILE),
            };
            (loaded.config, Finding::good(GROUP, "file", read))
        }
        Err(error) => {
            let advice = "mend it; what follows was looked at with the default";
            let fault = format!("{:#}", anyhow::Error::from(error));
            (Config::default(), Finding::bad(GROUP, "file", fault, advice))
        }
    }
}

/// Waits for something on the network, not for ever.
fn wait<T>(runtime: &Runtime, work: impl Future<Output = Result<T, String>>) -> Result<T, String> {
    runtime.block_on(async {
        let late = format!("no answer within {} s", PATIENCE.as_secs());
        tokio::time::timeout(PATIENCE, work).await.unwrap_or(Err(late))
    })
}

#[cfg(test)]
mod tests {
    use clap::Parser;
    use detector_simulator::{RedisServer, RedisSettings};

    use super::*;
    use crate::cli::{Cli, Command};

    fn examined(args: &[&str]) -> Findings {
        let args = [&["detector-worker", "doctor", "--set", "device=cpu"], args].concat();
        let Some(Command::Doctor(args)) = Cli::parse_from(args).command else { unreachable!() };
        examine(&args).unwrap()
    }

    #[track_caller]
    fn outcome(findings: &Findings, name: &str) -> Outcome {
        findings.0.iter().find(|finding| finding.name == name).unwrap().outcome
    }

    #[test]
    fn a_machine_that_runs_the_tests_can_do_the_work() {
        let cache = tempfile::tempdir().unwrap();
        let cache_dir = format!("cache_dir={}", cache.path().display());
        let found = examined(&["--listen", "127.0.0.1:0", "--set", &cache_dir]);
        assert_eq!(found.count(Outcome::Bad), 0, "{found}");
        assert_eq!(outcome(&found, "a real inference"), Outcome::Good);
    }

    #[test]
    fn a_redis_that_speaks_tls_is_asked_as_the_worker_asks_it() {
        let folder = tempfile::tempdir().unwrap();
        let certified = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
        let certificate = folder.path().join("server.pem");
        std::fs::write(&certificate, certified.cert.pem()).unwrap();
        std::fs::write(folder.path().join("server.key"), certified.signing_key.serialize_pem())
            .unwrap();
        let settings = RedisSettings {
            tls: Some(folder.path()),
            user: Some("gate on >secret ~* +@all"),
            ..RedisSettings::default()
        };
        let redis = RedisServer::start_with(settings).unwrap();
        let name = format!("localhost:{}", redis.port());
        let url = format!("rediss://gate:secret@{name}/3");
        let cache_dir = format!("cache_dir={}", folder.path().display());
        let tls_ca = format!("actions.tls_ca={}", certificate.display());
        let args =
            ["--listen", "127.0.0.1:0", "--set", &cache_dir, "--redis", &url, "--set", &tls_ca];
        let found = examined(&args);
        assert_eq!(outcome(&found, &name), Outcome::Good, "{found}");
        // Nobody whom the system trusts vouches for it.
        let found = examined(&args[..6]);
        assert_eq!(outcome(&found, &name), Outcome::Bad, "{found}");
    }

    #[test]
    fn what_is_wrong_is_told_with_what_to_do() {
        let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let listen = taken.local_addr().unwrap().to_string();
        // Nobody listens on a port that was just given back.
        let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        let redis = format!("redis://user:hunter2@{free}/0");
        let found =
            examined(&["--listen", &listen, "--set", "cache_dir=/proc/none", "--redis", &redis]);
        let bad: Vec<_> =
            found.0.iter().filter(|finding| finding.outcome == Outcome::Bad).collect();
        let names: Vec<_> = bad.iter().map(|finding| finding.name.as_str()).collect();
        assert_eq!(names, ["cache", "port", &free.to_string()], "{found}");
        assert!(bad.iter().all(|finding| finding.advice.is_some()));
        assert!(!found.to_string().contains("hunter2"), "{found}");
    }
}

//! What is written down, and where.

use std::io::IsTerminal;
use std::path::Path;

use anyhow::{Context, Result};
use tracing::{Level, Metadata, Subscriber};
use tracing_appender::non_blocking::{NonBlocking, WorkerGuard};
use tracing_subscriber::filter::filter_fn;
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::prelude::*;
use tracing_subscriber::registry::LookupSpan;
use tracing_subscriber::{EnvFilter, Layer, Registry, fmt, reload};

use self::rotating::RotatingFile;
use crate::config::{Log, LogFormat};
use crate::progress::Stderr;

mod rotating;

/// The name of the file, as the worker before this one had it.
const FILE: &str = "detector_worker.log";

/// Libraries that carry what clients, cameras, servers and databases say, credentials included. At
/// their lower levels they print it: those are never written, whatever level is asked for.
const CARRIERS: [&str; 9] = [
    "tungstenite",
    "tokio_tungstenite",
    "hyper",
    "hyper_util",
    "reqwest",
    "rustls",
    "redis",
    "postgres",
    "tokio_postgres",
];

/// The log while it runs. Writes what is still waiting to the file when it is dropped.
#[must_use = "the file is written only while this lives"]
pub struct LogGuard {
    filter: reload::Handle<EnvFilter, Registry>,
    _file: Option<WorkerGuard>,
}

/// Changes the level of the log while it runs.
#[derive(Clone)]
pub struct LogLevel(reload::Handle<EnvFilter, Registry>);

impl LogGuard {
    /// To change the level with.
    pub fn level(&self) -> LogLevel {
        LogLevel(self.filter.clone())
    }
}

impl LogLevel {
    /// Changes it.
    ///
    /// # Errors
    /// When it is not understood; it stays as it was then.
    pub fn set(&self, level: &str) -> Result<()> {
        self.0.reload(filter(level)?).context("changing log.level")
    }
}

/// Starts the log: on standard error, and in a file where the configuration says so.
///
/// The file is written by a thread of its own. When that falls behind, lines are dropped rather
/// than anything waiting for a disk.
///
/// # Errors
/// When the level is not understood, or the directory cannot be written.
pub fn start(config: &Log) -> Result<LogGuard> {
    let (filter, handle) = reload::Layer::new(filter(&config.level)?);
    let (file, guard) = match &config.directory {
        None => (None, None),
        Some(directory) => {
            let (writer, guard) = file(directory, config)?;
            (Some(writer), Some(guard))
        }
    };
    let colored = std::io::stderr().is_terminal() && !no_color();
    tracing_subscriber::registry()
        .with(filter)
        .with(filter_fn(is_discreet))
        .with(layer(|| Stderr, colored, config.format))
        .with(file.map(|writer| layer(writer, false, config.format)))
        .init();
    Ok(LogGuard { filter: handle, _file: guard })
}

/// Starts the log in a file only, for commands that draw on the terminal themselves.
///
/// # Errors
/// When the directory cannot be written.
pub fn start_in_file(directory: &Path, level: &str) -> Result<LogGuard> {
    let (filter, handle) = reload::Layer::new(filter(level)?);
    let (writer, guard) = file(directory, &Log::default())?;
    tracing_subscriber::registry()
        .with(filter)
        .with(filter_fn(is_discreet))
        .with(layer(writer, false, LogFormat::Text))
        .init();
    Ok(LogGuard { filter: handle, _file: Some(guard) })
}

/// Whether a line cannot hold what somebody else has said.
fn is_discreet(line: &Metadata) -> bool {
    let from = line.target().split("::").next().unwrap_or_default();
    *line.level() <= Level::INFO || !CARRIERS.contains(&from)
}

/// Whether colours are not wanted: <https://no-color.org>.
fn no_color() -> bool {
    std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty())
}

fn layer<S, W>(writer: W, colored: bool, format: LogFormat) -> Box<dyn Layer<S> + Send + Sync>
where
    S: Subscriber + for<'lookup> LookupSpan<'lookup>,
    W: for<'writer> MakeWriter<'writer> + Send + Sync + 'static,
{
    let layer = fmt::layer().with_writer(writer).with_ansi(colored).with_target(false);
    match format {
        LogFormat::Text => layer.boxed(),
        // One object without nesting: what a line is about is found under its name.
        LogFormat::Json => layer.json().flatten_event(true).boxed(),
    }
}

/// Whether a level is one.
///
/// # Errors
/// What would be right.
pub fn check_level(level: &str) -> Result<(), String> {
    filter(level).map(drop).map_err(|_| {
        format!(
            "expected error, warn, info, debug or trace, or directives such as \
             info,detector_ingest=debug, found {level:?}"
        )
    })
}

fn filter(level: &str) -> Result<EnvFilter> {
    // What lies below says little at `info` that an operator could act on.
    let quiet = ["wgpu_core=warn", "wgpu_hal=warn", "naga=warn", "cubecl=warn", "hyper=warn"];
    let text = quiet.iter().fold(level.to_owned(), |text, directive| {
        let target = directive.split('=').next().unwrap_or(directive);
        if text.contains(target) { text } else { format!("{text},{directive}") }
    });
    EnvFilter::try_new(text).with_context(|| format!("log.level: {level:?} is not understood"))
}

fn file(directory: &Path, config: &Log) -> Result<(NonBlocking, WorkerGuard)> {
    let path = directory.join(FILE);
    let file = RotatingFile::open(&path, config.file_bytes as u64, config.files)
        .with_context(|| format!("writing the log to {}", path.display()))?;
    Ok(tracing_appender::non_blocking(file))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_level_is_a_word_or_directives() {
        check_level("warn").unwrap();
        check_level("info,detector_ingest=debug").unwrap();
        assert!(check_level("info,=,=x").unwrap_err().starts_with("expected error, warn"));
    }
}

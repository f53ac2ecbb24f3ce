//! What is written down, and where.

use std::io::IsTerminal;
use std::path::Path;

use anyhow::{Context, Result};
use tracing::Subscriber;
use tracing_appender::non_blocking::WorkerGuard;
use tracing_appender::rolling::{RollingFileAppender, Rotation};
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::prelude::*;
use tracing_subscriber::registry::LookupSpan;
use tracing_subscriber::{EnvFilter, Layer, fmt};

use crate::config::{Log, LogFormat};

/// Files of earlier days that are kept.
const MAX_FILES: usize = 7;

/// Writes what is still waiting to the file when it is dropped.
#[must_use = "the file is written only while this lives"]
pub struct LogGuard(#[expect(dead_code, reason = "held for its drop")] Option<WorkerGuard>);

/// Starts the log: on standard error, and in a file where the configuration says so.
///
/// The file is written by a thread of its own. When that falls behind, lines are dropped rather
/// than anything waiting for a disk.
///
/// # Errors
/// When the level is not understood, or the directory cannot be written.
pub fn start(config: &Log) -> Result<LogGuard> {
    let filter = filter(&config.level)?;
    let (file, guard) = match &config.directory {
        None => (None, None),
        Some(directory) => {
            let (writer, guard) = tracing_appender::non_blocking(appender(directory)?);
            (Some(writer), Some(guard))
        }
    };
    let colored = std::io::stderr().is_terminal();
    tracing_subscriber::registry()
        .with(filter)
        .with(layer(std::io::stderr, colored, config.format))
        .with(file.map(|writer| layer(writer, false, config.format)))
        .init();
    Ok(LogGuard(guard))
}

/// Starts the log in a file only, for commands that draw on the terminal themselves.
///
/// # Errors
/// When the directory cannot be written.
pub fn start_in_file(directory: &Path, level: &str) -> Result<LogGuard> {
    let (writer, guard) = tracing_appender::non_blocking(appender(directory)?);
    tracing_subscriber::registry()
        .with(filter(level)?)
        .with(layer(writer, false, LogFormat::Text))
        .init();
    Ok(LogGuard(Some(guard)))
}

fn layer<S, W>(writer: W, colored: bool, format: LogFormat) -> Box<dyn Layer<S> + Send + Sync>
where
    S: Subscriber + for<'lookup> LookupSpan<'lookup>,
    W: for<'writer> MakeWriter<'writer> + Send + Sync + 'static,
{
    let layer = fmt::layer().with_writer(writer).with_ansi(colored).with_target(false);
    match format {
        LogFormat::Text => layer.boxed(),
        LogFormat::Json => layer.json().boxed(),
    }
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

fn appender(directory: &Path) -> Result<RollingFileAppender> {
    RollingFileAppender::builder()
        .rotation(Rotation::DAILY)
        .filename_prefix("detector_worker")
        .filename_suffix("log")
        .max_log_files(MAX_FILES)
        .build(directory)
        .with_context(|| format!("writing the log into {}", directory.display()))
}

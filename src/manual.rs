//! `detector-worker completions` and `detector-worker man`: what shells and readers want to know of
//! the command line. Made from it, so that they are never behind.

use std::io::Write as _;

use anyhow::{Context, Result};
use clap::CommandFactory;

use crate::cli::{Cli, CompletionsArgs, ManArgs};

/// Prints the completions for a shell.
///
/// # Errors
/// When standard output is closed.
pub fn completions(args: &CompletionsArgs) -> Result<()> {
    let mut text = Vec::new();
    clap_complete::generate(args.shell, &mut Cli::command(), "detector-worker", &mut text);
    std::io::stdout().write_all(&text).context("writing to standard output")
}

/// Prints the manual, or writes it into a directory, a page for each command.
///
/// # Errors
/// When it cannot be written.
pub fn man(args: &ManArgs) -> Result<()> {
    match &args.output {
        Some(directory) => std::fs::create_dir_all(directory)
            .and_then(|()| clap_mangen::generate_to(Cli::command(), directory))
            .with_context(|| format!("writing the manual into {}", directory.display())),
        None => {
            let mut text = Vec::new();
            clap_mangen::Man::new(Cli::command())
                .render(&mut text)
                .context("writing the manual")?;
            std::io::stdout().write_all(&text).context("writing to standard output")
        }
    }
}

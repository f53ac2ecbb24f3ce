//! `detector-worker`: the command line.

use std::process::ExitCode;

use clap::Parser;
use detector::cli::{Cli, Command};
use detector::{
    bench, check, config, demo, detect, doctor, healthcheck, inspect, manual, pack, probe, run,
    simulate,
};

fn main() -> ExitCode {
    let cli = Cli::parse();
    // Mesa's layer that prefers the GPU of the desktop complains on standard error where there is no
    // desktop. Which GPU is taken is said by the configuration.
    // SAFETY: no other thread runs yet.
    unsafe { std::env::set_var("NODEVICE_SELECT", "1") };
    let done = match cli.command {
        None => run::run(&cli.run).map(|()| true),
        Some(Command::Run(args)) => run::run(&args).map(|()| true),
        Some(Command::Config(args)) => config::show(&args).map(|()| true),
        Some(Command::Detect(args)) => detect::detect(&args).map(|()| true),
        Some(Command::Bench(args)) => bench::bench(&args).map(|()| true),
        Some(Command::Inspect(args)) => inspect::inspect(&args).map(|()| true),
        Some(Command::Pack(args)) => pack::pack(&args).map(|()| true),
        Some(Command::Probe(args)) => probe::probe(&args),
        Some(Command::Doctor(args)) => doctor::doctor(&args),
        Some(Command::Check(args)) => check::check(&args),
        Some(Command::Completions(args)) => manual::completions(&args).map(|()| true),
        Some(Command::Man(args)) => manual::man(&args).map(|()| true),
        Some(Command::Demo(args)) => demo::demo(&args),
        #[cfg(feature = "window")]
        Some(Command::View(args)) => detector::view::view(&args).map(|()| true),
        Some(Command::Simulate(args)) => simulate::simulate(&args).map(|()| true),
        Some(Command::Healthcheck(args)) => healthcheck::healthcheck(&args),
    };
    match done {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("detector-worker: {}", told(&error));
            ExitCode::FAILURE
        }
    }
}

/// An error and its causes in one line. Some errors say their cause themselves: it is told once.
fn told(error: &anyhow::Error) -> String {
    let mut told = String::new();
    for cause in error.chain().map(ToString::to_string) {
        if told.is_empty() {
            told = cause;
        } else if !told.ends_with(&cause) {
            told = format!("{told}: {cause}");
        }
    }
    told
}

#[cfg(test)]
mod tests {
    use anyhow::anyhow;

    use super::*;

    #[test]
    fn a_cause_that_an_error_says_itself_is_told_once() {
        let error = anyhow!("no such file").context("opening it: no such file").context("reading");
        assert_eq!(told(&error), "reading: opening it: no such file");
        let error = anyhow!("no such file").context("opening it").context("reading");
        assert_eq!(told(&error), "reading: opening it: no such file");
    }
}

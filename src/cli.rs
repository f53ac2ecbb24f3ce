//! The command line.

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};

/// Watches cameras for a CMS: runs YOLO pipelines on their newest frames and sends back what it sees.
///
/// Without a command it is the server, like `run`.
#[derive(Parser, Debug)]
#[command(name = "detector-worker", version, args_conflicts_with_subcommands = true)]
pub struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub command: Option<Command>,
    /// What `run` takes, for when no command is given.
    #[command(flatten)]
    pub run: RunArgs,
}

/// What to do.
#[derive(Subcommand, Debug)]
pub enum Command {
    /// Be the server that a CMS connects to.
    Run(RunArgs),
    /// Say what a model sees in pictures: one line of JSON for each.
    Detect(DetectArgs),
    /// Say what a checkpoint or an archive is.
    Inspect(InspectArgs),
    /// Say how long a model takes on this machine.
    Bench(BenchArgs),
    /// Show the whole job at work on this machine, with cameras, a CMS and Redis of its own.
    Demo(DemoArgs),
    /// Be cameras, to try a worker or a network with.
    Simulate(SimulateArgs),
    /// Say whether the worker of this machine is well. Exit status 1: it is not.
    Healthcheck(HealthcheckArgs),
}

/// How to be the server.
#[derive(Args, Debug, Default)]
pub struct RunArgs {
    /// The configuration; `config.ron` here, when there is one, if none is named.
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// Where to listen.
    #[arg(long, value_name = "HOST:PORT")]
    pub listen: Option<String>,
    /// What inference runs on: auto, cpu, gpu, gpu:N, gpu:software.
    #[arg(long, value_name = "DEVICE")]
    pub device: Option<String>,
}

/// What to inspect.
#[derive(Args, Debug)]
pub struct InspectArgs {
    /// A checkpoint, or an archive with a pipeline.
    #[arg(value_name = "FILE.pt|FILE.mpta")]
    pub file: PathBuf,
    /// Say it as JSON.
    #[arg(long)]
    pub json: bool,
}

/// What to time, and how.
#[derive(Args, Debug)]
pub struct BenchArgs {
    /// A checkpoint, or an archive: its first network.
    #[arg(long, value_name = "FILE.pt|FILE.mpta")]
    pub model: PathBuf,
    /// What inference runs on: auto, cpu, gpu, gpu:N, gpu:software.
    #[arg(long, value_name = "DEVICE", default_value = "auto")]
    pub device: String,
    /// The numbers that the network computes with: auto, f32, f16, bf16.
    #[arg(long, value_name = "PRECISION", default_value = "auto")]
    pub precision: String,
    /// Side of the network's input in pixels; the size it was trained for if not given.
    #[arg(long, value_name = "PIXELS")]
    pub imgsz: Option<usize>,
    /// Pictures at once.
    #[arg(long, value_name = "N", default_value_t = 1)]
    pub batch: usize,
    /// Threads that work on a picture on the CPU; one for each core if not given.
    #[arg(long, value_name = "N", default_value_t = 0, hide_default_value = true)]
    pub threads: usize,
    /// Runs that are timed.
    #[arg(long, value_name = "N", default_value_t = 30)]
    pub runs: usize,
    /// Time each layer too, on the CPU.
    #[arg(long)]
    pub layers: bool,
    /// Say it as JSON.
    #[arg(long)]
    pub json: bool,
}

/// What to look at, and how.
#[derive(Args, Debug)]
pub struct DetectArgs {
    /// A checkpoint, or an archive with a pipeline.
    #[arg(long, value_name = "FILE.pt|FILE.mpta")]
    pub model: PathBuf,
    /// What inference runs on: auto, cpu, gpu, gpu:N, gpu:software.
    #[arg(long, value_name = "DEVICE", default_value = "auto")]
    pub device: String,
    /// Longest side of the network's input in pixels; the size it was trained for if not given.
    #[arg(long, value_name = "PIXELS")]
    pub imgsz: Option<u32>,
    /// Least confidence of a box; the archive's if not given, 0.25 for a checkpoint.
    #[arg(long, value_name = "0..1")]
    pub conf: Option<f32>,
    /// Boxes of a class that overlap by more are one [default: 0.7].
    #[arg(long, value_name = "0..1")]
    pub iou: Option<f32>,
    /// The most boxes a picture [default: 300].
    #[arg(long, value_name = "N")]
    pub max_det: Option<u32>,
    /// Fit the input to the picture's shape instead of padding it to a square.
    #[arg(long)]
    pub rect: bool,
    /// Write the pictures with what was found drawn over them into this directory.
    #[arg(long, value_name = "DIR")]
    pub annotate: Option<PathBuf>,
    /// JPEG, PNG, BMP or WebP files.
    #[arg(required = true, value_name = "IMAGE")]
    pub images: Vec<PathBuf>,
}

/// How to show it.
#[derive(Args, Debug)]
pub struct DemoArgs {
    /// End after this many seconds, with a summary; not before Ctrl-C if not given.
    #[arg(long, value_name = "N")]
    pub seconds: Option<u64>,
    /// Where `script/assets` has put weights and video.
    #[arg(long, value_name = "DIR")]
    pub assets: Option<PathBuf>,
    /// Where to write pictures and the log [default: detector-demo in the temporary directory].
    #[arg(long, value_name = "DIR")]
    pub output: Option<PathBuf>,
    /// What inference runs on: auto, cpu, gpu, gpu:N, gpu:software.
    #[arg(long, value_name = "DEVICE", default_value = "auto")]
    pub device: String,
}

/// Which cameras to be.
#[derive(Args, Debug)]
pub struct SimulateArgs {
    /// Where the RTSP cameras listen; port 0 takes a free one.
    #[arg(long, value_name = "ADDRESS:PORT", default_value = "127.0.0.1:8554")]
    pub listen: SocketAddr,
    /// Videos to play for ever, each as a camera of its name, beside the drawn scene.
    #[arg(value_name = "VIDEO")]
    pub videos: Vec<PathBuf>,
}

/// Which worker to ask.
#[derive(Args, Debug)]
pub struct HealthcheckArgs {
    /// The configuration that says where it listens, as for `run`.
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// Where it listens, rather than what the configuration says.
    #[arg(long, value_name = "HOST:PORT")]
    pub listen: Option<String>,
    /// Ask whether it is ready for more work, not only alive.
    #[arg(long)]
    pub ready: bool,
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn the_bare_command_is_the_server() {
        let cli = Cli::parse_from(["detector-worker", "--listen", "127.0.0.1:0"]);
        assert!(cli.command.is_none());
        assert_eq!(cli.run.listen.as_deref(), Some("127.0.0.1:0"));
    }
}

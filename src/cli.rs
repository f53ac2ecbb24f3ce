//! The command line.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use clap::builder::{PossibleValuesParser, TypedValueParser};
use clap::{Args, Parser, Subcommand};
use clap_complete::Shell;
use detector_components::secret::{AddressError, Secret, SecretUrl};
use detector_simulator::{Codec, Fault};

use crate::config::{Flag, Sources};

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
    pub run: ServeArgs,
}

/// What to do.
#[derive(Subcommand, Debug)]
pub enum Command {
    /// Be the server that a CMS connects to.
    Run(ServeArgs),
    /// Print every value of the configuration that is in force, and who has set it.
    Config(ConfigArgs),
    /// Say what a model sees in pictures: one line of JSON for each.
    Detect(DetectArgs),
    /// Say what a checkpoint or an archive is.
    Inspect(InspectArgs),
    /// Say how long a model takes on this machine.
    Bench(BenchArgs),
    /// Make an archive of a folder, with everything that is wrong with it.
    Pack(PackArgs),
    /// Say what a camera sends, and what to do if it sends nothing.
    Probe(ProbeArgs),
    /// Say whether this machine can do the work, and what to do if it cannot.
    Doctor(DoctorArgs),
    /// Drive a running worker through its whole contract, and say what held.
    Check(CheckArgs),
    /// Print completions for a shell.
    Completions(CompletionsArgs),
    /// Print the manual.
    Man(ManArgs),
    /// Show in a window what a model sees in a camera, without a CMS.
    #[cfg(feature = "window")]
    View(ViewArgs),
    /// Show the whole job at work on this machine, with cameras, a CMS and Redis of its own.
    Demo(DemoArgs),
    /// Be cameras, to try a worker or a network with.
    Simulate(SimulateArgs),
    /// Say whether the worker of this machine is well. Exit status 1: it is not.
    Healthcheck(HealthcheckArgs),
}

/// How to be the server.
#[derive(Args, Debug, Default)]
#[command(after_help = "Example:\n  detector-worker run --config config.ron --set log.format=json")]
pub struct ServeArgs {
    /// What is configured.
    #[command(flatten)]
    pub settings: RunArgs,
    /// Show what it sees in a window. Closing that ends nothing.
    #[cfg(feature = "window")]
    #[arg(long)]
    pub window: bool,
}

/// What the server is started with.
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
    /// Any value of the configuration, such as `target_fps=5` or `limits.clients=4`; may be repeated.
    #[arg(long, value_name = "NAME=VALUE")]
    pub set: Vec<Setting>,
}

/// A value of the configuration, set on the command line.
#[derive(Clone, Debug)]
pub struct Setting {
    /// Which: `limits.clients`.
    pub path: String,
    /// To what. It may be a secret.
    pub text: Secret,
}

impl FromStr for Setting {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (path, text) =
            text.split_once('=').ok_or("expected NAME=VALUE, such as max_streams=8")?;
        Ok(Self { path: path.trim().to_owned(), text: Secret::new(text) })
    }
}

impl RunArgs {
    /// The file, the environment and what the command line says.
    pub fn sources(&self) -> Sources {
        let own = [("--listen", "listen", &self.listen), ("--device", "device", &self.device)];
        let own = own.into_iter().filter_map(|(name, path, text)| {
            let text = Secret::new(text.as_ref()?);
            Some(Flag { name: name.to_owned(), path: path.to_owned(), text })
        });
        let set = self.set.iter().map(|Setting { path, text }| Flag {
            name: format!("--set {path}"),
            path: path.clone(),
            text: text.clone(),
        });
        Sources {
            file: self.config.clone(),
            flags: set.chain(own).collect(),
            ..Sources::environment()
        }
    }
}

/// What to show of the configuration.
#[derive(Args, Debug)]
#[command(
    after_help = "Example:\n  detector-worker config --config config.ron --set limits.clients=4"
)]
pub struct ConfigArgs {
    /// What the server would be started with.
    #[command(flatten)]
    pub settings: RunArgs,
    /// Say it as JSON.
    #[arg(long)]
    pub json: bool,
}

/// What to inspect.
#[derive(Args, Debug)]
#[command(after_help = "Example:\n  detector-worker inspect vehicles.mpta")]
pub struct InspectArgs {
    /// A checkpoint, or an archive with a pipeline.
    #[arg(value_name = "FILE.pt|FILE.mpta")]
    pub file: PathBuf,
    /// Say it as JSON.
    #[arg(long)]
    pub json: bool,
}

/// What networks run on, and how.
#[derive(Args, Debug, Clone)]
pub struct DeviceArgs {
    /// What inference runs on: auto, cpu, gpu, gpu:N, gpu:software.
    #[arg(long, value_name = "DEVICE", default_value = "auto")]
    pub device: String,
    /// The numbers that networks compute with: auto, f32, f16, bf16.
    #[arg(long, value_name = "PRECISION", default_value = "auto")]
    pub precision: String,
}

/// What to time, and how.
#[derive(Args, Debug)]
#[command(after_help = "Example:\n  detector-worker bench --model yolo11n.pt --batch 4")]
pub struct BenchArgs {
    /// A checkpoint, or an archive: its first network.
    #[arg(long, value_name = "FILE.pt|FILE.mpta")]
    pub model: PathBuf,
    /// What computes.
    #[command(flatten)]
    pub on: DeviceArgs,
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
#[command(
    after_help = "Example:\n  detector-worker detect --model yolo11n.pt --annotate out/ bus.jpg"
)]
pub struct DetectArgs {
    /// A checkpoint, or an archive with a pipeline.
    #[arg(long, value_name = "FILE.pt|FILE.mpta")]
    pub model: PathBuf,
    /// What computes.
    #[command(flatten)]
    pub on: DeviceArgs,
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
    /// Fit the input to the picture's shape: what the worker does on the CPU.
    #[arg(long)]
    pub rect: bool,
    /// Pad the picture to the shape of the network's own size: what the worker does on a GPU.
    #[arg(long, conflicts_with = "rect")]
    pub square: bool,
    /// Write the pictures with what was found drawn over them into this directory.
    #[arg(long, value_name = "DIR")]
    pub annotate: Option<PathBuf>,
    /// JPEG, PNG, BMP or WebP files.
    #[arg(required = true, value_name = "IMAGE")]
    pub images: Vec<PathBuf>,
}

/// What gives a network's input its shape.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Fit {
    /// As the worker has it on this device.
    #[default]
    Worker,
    /// The picture.
    Picture,
    /// The network.
    Network,
}

impl DetectArgs {
    /// What gives the first network's input its shape.
    pub fn fit(&self) -> Fit {
        match (self.rect, self.square) {
            (true, _) => Fit::Picture,
            (false, true) => Fit::Network,
            (false, false) => Fit::Worker,
        }
    }

    /// A model as it is, on the CPU, with no pictures yet.
    pub fn of_model(model: &Path) -> Self {
        Self {
            model: model.to_owned(),
            on: DeviceArgs { device: "cpu".to_owned(), precision: "auto".to_owned() },
            imgsz: None,
            conf: None,
            iou: None,
            max_det: None,
            rect: false,
            square: false,
            annotate: None,
            images: Vec::new(),
        }
    }
}

/// What to watch, and with what.
#[cfg(feature = "window")]
#[derive(Args, Debug)]
#[command(after_help = "Examples:\n  \
    detector-worker view --model yolo11n.pt --source rtsp://user:password@camera/stream\n  \
    detector-worker view --model vehicles.mpta --source 0 --conf 0.4")]
pub struct ViewArgs {
    /// A checkpoint, or an archive with a pipeline, whose actions are not executed.
    #[arg(long, value_name = "FILE.pt|FILE.mpta|URL")]
    pub model: String,
    /// RTSP, motion JPEG or snapshots over HTTP, a file, or a camera of this machine: `/dev/video0`,
    /// or its number.
    #[arg(long, value_name = "URL|FILE|DEVICE")]
    pub source: String,
    /// What computes.
    #[command(flatten)]
    pub on: DeviceArgs,
    /// Longest side of the network's input in pixels; the size it was trained for if not given.
    #[arg(long, value_name = "PIXELS")]
    pub imgsz: Option<u32>,
    /// Least confidence of a box at first; the archive's if not given, 0.25 for a checkpoint.
    #[arg(long, value_name = "0..1")]
    pub conf: Option<f32>,
    /// Frames a second that are looked at, at most.
    #[arg(long, value_name = "N", default_value_t = 15.0)]
    pub fps: f64,
    /// End after this many seconds; not before the window is closed if not given.
    #[arg(long, value_name = "N", value_parser = seconds)]
    pub seconds: Option<f64>,
}

/// What to pack.
#[derive(Args, Debug)]
#[command(after_help = "Example:\n  detector-worker pack vehicles/ -o vehicles.mpta")]
pub struct PackArgs {
    /// A folder with `pipeline.json` and the checkpoints that it names.
    #[arg(value_name = "DIR")]
    pub folder: PathBuf,
    /// The archive [default: the folder's name with .mpta, where the command runs].
    #[arg(short, long, value_name = "FILE.mpta")]
    pub output: Option<PathBuf>,
}

/// Which camera to look at.
#[derive(Args, Debug)]
#[command(after_help = "Examples:\n  \
    detector-worker probe rtsp://user:password@camera/stream\n  \
    detector-worker probe --seconds 30 --json http://camera/snapshot.jpg")]
pub struct ProbeArgs {
    /// RTSP, motion JPEG or snapshots over HTTP, a file, or a camera of this machine: /dev/video0, or its
    /// number.
    #[arg(value_name = "URL|FILE|DEVICE")]
    pub camera: String,
    /// How long to watch it from its first frame on.
    #[arg(long, value_name = "N", default_value_t = 5.0, value_parser = seconds)]
    pub seconds: f64,
    /// Where to save the first frame [default: detector-probe.jpg in the temporary directory].
    #[arg(short, long, value_name = "FILE.jpg")]
    pub output: Option<PathBuf>,
    /// What the server would be started with: how cameras may be reached.
    #[command(flatten)]
    pub settings: RunArgs,
    /// Say it as JSON.
    #[arg(long)]
    pub json: bool,
}

fn seconds(text: &str) -> Result<f64, String> {
    let seconds: f64 = text.parse().map_err(|_| "expected a number of seconds".to_owned())?;
    if (0.0..=3_600.0).contains(&seconds) {
        Ok(seconds)
    } else {
        Err("expected 0 to 3600".to_owned())
    }
}

/// What to look at on this machine.
#[derive(Args, Debug)]
#[command(after_help = "Examples:\n  detector-worker doctor\n  \
    detector-worker doctor --config config.ron --redis redis://:password@redis:6379/0 --json")]
pub struct DoctorArgs {
    /// What the server would be started with.
    #[command(flatten)]
    pub settings: RunArgs,
    /// A Redis that archives name, to see whether it answers. Those that the archives of `models_dir`
    /// name are asked too; may be repeated.
    #[arg(long, value_name = "URL")]
    pub redis: Vec<SecretAddress>,
    /// Say it as JSON.
    #[arg(long)]
    pub json: bool,
}

/// An address on the command line that may hold a password.
#[derive(Clone, Debug)]
pub struct SecretAddress(pub SecretUrl);

impl FromStr for SecretAddress {
    type Err = AddressError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        SecretUrl::parse(text).map(Self)
    }
}

/// Which worker to check.
#[derive(Args, Debug)]
#[command(after_help = "Examples:\n  detector-worker check ws://127.0.0.1:8000\n  \
    detector-worker check ws://worker:8000 --token TOKEN --json")]
pub struct CheckArgs {
    /// Where it listens.
    #[arg(value_name = "ws://HOST:PORT")]
    pub worker: String,
    /// What it wants to be shown.
    #[arg(long, value_name = "TOKEN", env = "DETECTOR_AUTH_TOKEN", hide_env_values = true)]
    pub token: Option<String>,
    /// The longest wait for anything, in seconds.
    #[arg(long, value_name = "N", default_value_t = 20.0, value_parser = seconds)]
    pub patience: f64,
    /// Say it as JSON.
    #[arg(long)]
    pub json: bool,
}

/// Which shell.
#[derive(Args, Debug)]
#[command(after_help = "Example:\n  \
    detector-worker completions bash > /etc/bash_completion.d/detector-worker")]
pub struct CompletionsArgs {
    /// The shell.
    pub shell: Shell,
}

/// Where to write.
#[derive(Args, Debug)]
#[command(after_help = "Examples:\n  detector-worker man | man -l -\n  \
    detector-worker man --output /usr/local/share/man/man1")]
pub struct ManArgs {
    /// Write a page for the program and one for each command into this directory, rather than the
    /// program's on standard output.
    #[arg(short, long, value_name = "DIR")]
    pub output: Option<PathBuf>,
}

/// How to show it.
#[derive(Args, Debug)]
#[command(after_help = "Example:\n  detector-worker demo --seconds 60")]
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
#[command(after_help = "Examples:\n  detector-worker simulate --listen 0.0.0.0:8554 clip.mp4\n  \
                        detector-worker simulate --fault loss=0.01 --fault key-interval=10")]
pub struct SimulateArgs {
    /// Where the RTSP cameras listen; port 0 takes a free one.
    #[arg(long, value_name = "ADDRESS:PORT", default_value = "127.0.0.1:8554")]
    pub listen: SocketAddr,
    /// How the cameras misbehave, such as `loss=0.01`; may be given several times. See --list-faults.
    #[arg(long = "fault", value_name = "NAME[=VALUE]")]
    pub faults: Vec<Fault>,
    /// How the numbered pictures of a camera with faults are compressed [default: h264].
    #[arg(long, value_name = "CODEC", value_parser = codec_parser())]
    pub codec: Option<Codec>,
    /// Say which faults there are, and end.
    #[arg(long)]
    pub list_faults: bool,
    /// Videos to play for ever, each as a camera of its name, beside the drawn scene.
    #[arg(value_name = "VIDEO")]
    pub videos: Vec<PathBuf>,
}

fn codec_parser() -> impl TypedValueParser<Value = Codec> {
    PossibleValuesParser::new(Codec::ALL.map(Codec::name)).map(|name| {
        let named = Codec::ALL.into_iter().find(|codec| codec.name() == name);
        named.expect("the parser accepts no other name")
    })
}

/// Which worker to ask.
#[derive(Args, Debug)]
#[command(after_help = "Example:\n  detector-worker healthcheck --ready")]
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

    /// The part of a document below a heading.
    fn section<'a>(document: &'a str, heading: &str) -> &'a str {
        let (_, below) = document
            .split_once(&format!("\n## {heading}\n"))
            .unwrap_or_else(|| panic!("docs/ref/commands.md has no part {heading}"));
        below.split("\n## ").next().unwrap_or(below)
    }

    #[test]
    fn every_command_and_option_is_documented() {
        let document = include_str!("../docs/ref/commands.md");
        let shared = section(document, "run");
        let program = Cli::command();
        for command in program.get_subcommands() {
            let own = section(document, command.get_name());
            for option in command.get_arguments().filter_map(clap::Arg::get_long) {
                let option = format!("--{option}");
                let takes_settings =
                    own.contains("settings of `run`") || own.contains("what `run` takes");
                assert!(
                    own.contains(&option) || (takes_settings && shared.contains(&option)),
                    "docs/ref/commands.md does not say {option} of {}",
                    command.get_name()
                );
            }
        }
    }

    #[test]
    fn every_command_shows_an_example() {
        for command in Cli::command().get_subcommands() {
            let help = command.clone().render_long_help().to_string();
            let name = command.get_name();
            assert!(help.contains(&format!("\n  detector-worker {name}")), "{name}: {help}");
        }
    }

    #[test]
    fn a_fault_that_is_not_known_is_refused_with_the_nearest_one() {
        let simulate = ["detector-worker", "simulate", "--fault"];
        let parse = |fault| Cli::try_parse_from(simulate.into_iter().chain([fault]));
        assert!(parse("loss=0.01").is_ok());
        let error = parse("gopcache").unwrap_err().to_string();
        assert!(error.contains("did you mean \"gop-cache\"?"), "{error}");
        let error = parse("loss").unwrap_err().to_string();
        assert!(error.contains("written loss=P[,RUN]: a value is missing"), "{error}");
    }

    #[test]
    fn the_bare_command_is_the_server() {
        let cli = Cli::parse_from(["detector-worker", "--listen", "127.0.0.1:0"]);
        assert!(cli.command.is_none());
        assert_eq!(cli.run.settings.listen.as_deref(), Some("127.0.0.1:0"));
    }
}

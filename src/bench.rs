//! `detector-worker bench`: how long a model takes on this machine.

use std::fmt::{self, Write as _};
use std::io::Write as _;
use std::path::Path;
use std::thread;
use std::time::Instant;

use anyhow::{Context, Result, bail};
use detector_archive::{ArchiveLimits, unpack};
use detector_components::frame::{ColorMatrix, ColorSpace, PixelFormat, Pixels};
use detector_components::geometry::{Placement, Region, Size};
use detector_infer::{DeviceChoice, InferenceDevice, PrecisionChoice, load};
use detector_preprocess::fill_host;
use detector_yolo::{
    Checkpoint, CpuPrecision, Criteria, Engine, Network, Pictures, Precision, StepTime, Task,
};
use serde::Serialize;

use crate::cli::BenchArgs;
use crate::progress::Step;

/// Runs before the first one that is timed: they take memory, and tune kernels.
const WARM_UP: usize = 3;
/// The size of the frame that is looked at: a camera's, full high definition.
const FRAME: Size = Size { width: 1920, height: 1080 };

/// Runs the command.
///
/// # Errors
/// When the model or the device cannot be used.
pub fn bench(args: &BenchArgs) -> Result<()> {
    let report = Report::measure(args)?;
    let text = if args.json {
        let mut text = serde_json::to_string_pretty(&report).context("writing the report")?;
        text.push('\n');
        text
    } else {
        report.to_string()
    };
    std::io::stdout().write_all(text.as_bytes()).context("writing to standard output")
}

/// How long a model takes.
#[derive(Debug, Serialize)]
struct Report {
    model: String,
    device: String,
    precision: &'static str,
    /// On the CPU.
    #[serde(skip_serializing_if = "Option::is_none")]
    threads: Option<usize>,
    /// `[width, height]`
    input: [usize; 2],
    batch: usize,
    runs: usize,
    /// From the file to a network that has run once.
    load_ms: f64,
    /// A frame's colours, crop and letterbox for one input. On a GPU it is done there, and not timed.
    #[serde(skip_serializing_if = "Option::is_none")]
    preprocess: Option<Timing>,
    /// From the input to the output of the head.
    network: Timing,
    /// From there to boxes, what is read back from a GPU included.
    decode: Timing,
    #[serde(skip_serializing_if = "Option::is_none")]
    layers: Option<Layers>,
}

#[derive(Debug, Serialize)]
struct Timing {
    median_ms: f64,
    min_ms: f64,
}

#[derive(Debug, Serialize)]
struct Layers {
    /// What the CPU reaches at most with these threads and numbers, measured.
    peak_gflops: f64,
    layers: Vec<Layer>,
}

#[derive(Debug, Serialize)]
struct Layer {
    number: usize,
    module: String,
    median_ms: f64,
    gflop: f64,
    gflops: f64,
    /// Of the peak.
    share: f64,
}

impl Report {
    fn measure(args: &BenchArgs) -> Result<Self> {
        args.check()?;
        let step = match args.json {
            true => Step::unseen(),
            false => Step::begin("opening the device"),
        };
        let device = open(args)?;
        let frame = frame()?;
        let began = Instant::now();
        step.say(format!("loading {}", args.model.display()));
        let network = network(&args.model, &device)?;
        let info = network.info();
        let input = args.imgsz.map_or(info.input, |side| [side.next_multiple_of(info.stride); 2]);
        let [width, height] = input;
        let shape = [args.batch, 3, height, width];

        let placement = placement(info.task, input);
        let mut values = vec![0.0; 3 * width * height];
        fill_host(&frame, &placement, &mut values);
        let values = values.repeat(args.batch);
        let pictures = Pictures::new(&values, shape).placed_for(network.engine())?;
        let criteria = vec![Criteria::default(); args.batch];
        step.say("running it for the first time");
        network.predict(pictures.clone(), &criteria)?;
        // Nothing is drawn while something is timed: that would take a part of a core.
        drop(step);
        let load_ms = began.elapsed().as_secs_f64() * 1e3;

        let preprocess = match device.shared() {
            Some(_) => None,
            None => {
                let mut row = vec![0.0; 3 * width * height];
                let fill = || fill_host(&frame, &placement, &mut row);
                Some(Timing::of(&mut millis(args.runs, fill)))
            }
        };
        let (mut forward, mut decode) = (Vec::new(), Vec::new());
        for run in 0..WARM_UP + args.runs {
            let began = Instant::now();
            let raw = network.forward(pictures.clone())?;
            device.wait()?;
            let forwarded = Instant::now();
            network.read(raw, input, &criteria)?;
            if run >= WARM_UP {
                forward.push((forwarded - began).as_secs_f64() * 1e3);
                decode.push(forwarded.elapsed().as_secs_f64() * 1e3);
            }
        }
        let (precision, threads) = match network.engine() {
            Engine::Cpu { precision, threads } => {
                let cores = || thread::available_parallelism().map_or(1, usize::from);
                let threads = if *threads == 0 { cores() } else { *threads };
                let name = match precision {
                    CpuPrecision::F32 => "f32",
                    CpuPrecision::Bf16 => "bf16",
                };
                (name, Some(threads))
            }
            Engine::Burn { precision: Precision::F32, .. } => ("f32", None),
            Engine::Burn { precision: Precision::F16, .. } => ("f16", None),
        };
        let layers =
            if args.layers { Layers::measure(&network, &pictures, args.runs)? } else { None };
        Ok(Self {
            model: args.model.display().to_string(),
            device: device.to_string(),
            precision,
            threads,
            input,
            batch: args.batch,
            runs: args.runs,
            load_ms,
            preprocess,
            network: Timing::of(&mut forward),
            decode: Timing::of(&mut decode),
            layers,
        })
    }
}

impl BenchArgs {
    fn check(&self) -> Result<()> {
        for (name, value, most) in [
            ("--imgsz", self.imgsz.unwrap_or(1), 8_192),
            ("--batch", self.batch, 256),
            ("--runs", self.runs, 100_000),
        ] {
            if !(1..=most).contains(&value) {
                bail!("{name}: expected 1 to {most}, found {value}");
            }
        }
        if self.threads > 1_024 {
            bail!("--threads: expected 0 to 1024, found {}", self.threads);
        }
        if self.layers && self.batch != 1 {
            bail!("--layers: expected --batch 1, found {}", self.batch);
        }
        Ok(())
    }
}

fn open(args: &BenchArgs) -> Result<InferenceDevice> {
    let choice: DeviceChoice = args.on.device.parse().context("--device")?;
    let precision: PrecisionChoice = args.on.precision.parse().context("--precision")?;
    let device =
        InferenceDevice::open(choice, precision).context("opening the inference device")?;
    Ok(device.with_threads(args.threads))
}

/// The network of a checkpoint, or the first one of an archive.
fn network(model: &Path, device: &InferenceDevice) -> Result<Network> {
    let cache = tempfile::tempdir().context("making a temporary directory")?;
    let unpacked = unpack(model, cache.path(), &ArchiveLimits::default())
        .with_context(|| format!("reading {}", model.display()))?;
    let root = unpacked.pipeline.nodes.first().context("the archive has no network")?;
    let checkpoint = Checkpoint::open(&unpacked.files[&root.file].path)?;
    load(&checkpoint, device).with_context(|| format!("loading {}", model.display()))
}

/// A frame as decoders give it, with something everywhere.
fn frame() -> Result<Pixels> {
    let planes = PixelFormat::Nv12.plane_sizes(FRAME);
    let strides = planes.iter().map(|&(row, _)| row).collect();
    let bytes = |(row, rows): (usize, usize)| {
        (0..row * rows).map(|at| (at % row * 3 + at / row * 7) as u8).collect::<Vec<u8>>()
    };
    let planes: Vec<Vec<u8>> = planes.into_iter().map(bytes).collect();
    let color = ColorSpace { matrix: ColorMatrix::Bt709, full_range: false };
    Pixels::new(PixelFormat::Nv12, FRAME, strides, color, planes).context("drawing a frame")
}

fn placement(task: Task, [width, height]: [usize; 2]) -> Placement {
    let tensor = Size { width: width as u32, height: height as u32 };
    match task {
        Task::Classify => Placement::centre_crop(Region::whole(FRAME), tensor),
        _ => Placement::letterbox(Region::whole(FRAME), tensor),
    }
}

/// How long each of some runs takes, after a few others.
fn millis(runs: usize, mut work: impl FnMut()) -> Vec<f64> {
    let times = (0..WARM_UP + runs).map(|_| {
        let began = Instant::now();
        work();
        began.elapsed().as_secs_f64() * 1e3
    });
    times.skip(WARM_UP).collect()
}

impl Timing {
    fn of(millis: &mut [f64]) -> Self {
        millis.sort_unstable_by(f64::total_cmp);
        let at = |place: usize| millis.get(place).copied().unwrap_or_default();
        Self { median_ms: at(millis.len() / 2), min_ms: at(0) }
    }
}

impl Layers {
    /// None where the engine does not tell.
    fn measure(network: &Network, pictures: &Pictures, runs: usize) -> Result<Option<Self>> {
        let Engine::Cpu { precision, threads } = *network.engine() else { return Ok(None) };
        let Some(steps) = network.step_times(pictures.clone(), runs)? else { return Ok(None) };
        let peak = precision.peak(threads);
        let [.., height, width] = pictures.shape();
        let layers = network.layers(width, height)?.into_iter().enumerate();
        let layers = layers.map(|(number, about)| {
            let of_layer = steps.iter().filter(|step| step.layer == number);
            let nanos: u64 = of_layer.map(|StepTime { nanos, .. }| nanos).sum();
            let seconds = nanos as f64 * 1e-9;
            let flop = about.multiplications as f64 * 2.0;
            let speed = if seconds > 0.0 { flop / seconds } else { 0.0 };
            Layer {
                number,
                module: about.class.rsplit('.').next().unwrap_or_default().to_owned(),
                median_ms: seconds * 1e3,
                gflop: flop * 1e-9,
                gflops: speed * 1e-9,
                share: speed / peak,
            }
        });
        Ok(Some(Self { peak_gflops: peak * 1e-9, layers: layers.collect() }))
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [width, height] = self.input;
        let mut about = format!("{} on {}, {}", self.model, self.device, self.precision);
        if let Some(threads) = self.threads {
            write!(about, ", {threads} threads")?;
        }
        writeln!(f, "{about}, {width} x {height}, batch {}, {} runs", self.batch, self.runs)?;
        writeln!(f, "  loaded and run once in {:.0} ms", self.load_ms)?;
        writeln!(f, "\n  {:<12}{:>12}{:>12}", "", "median", "least")?;
        for (name, timing) in [
            ("preprocess", self.preprocess.as_ref()),
            ("network", Some(&self.network)),
            ("decode", Some(&self.decode)),
        ] {
            let Some(Timing { median_ms, min_ms }) = timing else { continue };
            writeln!(f, "  {name:<12}{median_ms:>9.3} ms{min_ms:>9.3} ms")?;
        }
        let Some(Layers { peak_gflops, layers }) = &self.layers else { return Ok(()) };
        writeln!(
            f,
            "\n  {:>3}  {:<16}{:>10}{:>9}{:>10}{:>8}",
            "", "module", "ms", "GFLOP", "GFLOP/s", "of peak"
        )?;
        for Layer { number, module, median_ms, gflop, gflops, share } in layers {
            let share = share * 100.0;
            writeln!(
                f,
                "  {number:>3}  {module:<16}{median_ms:>10.3}{gflop:>9.3}{gflops:>10.1}{share:>7.0}%"
            )?;
        }
        writeln!(f, "\n  peak {peak_gflops:.0} GFLOP/s")
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;
    use crate::cli::{Cli, Command};

    fn report(options: &[&str]) -> Result<Report> {
        let model = "tests/fixtures/models/tiny-v8-seg.pt";
        let command = ["detector-worker", "bench", "--model", model, "--device", "cpu"];
        let cli = Cli::parse_from(command.iter().chain(options));
        let Some(Command::Bench(args)) = cli.command else { panic!("another command") };
        Report::measure(&args)
    }

    #[test]
    fn each_part_is_timed() {
        let report = report(&["--imgsz", "90", "--batch", "2", "--runs", "3"]).unwrap();
        assert_eq!((report.input, report.batch, report.runs), ([96, 96], 2, 3));
        let timings = [report.preprocess.as_ref(), Some(&report.network), Some(&report.decode)];
        for timing in timings {
            let Some(Timing { median_ms, min_ms }) = timing else { panic!("not timed") };
            assert!(0.0 < *min_ms && min_ms <= median_ms, "{timing:?}");
        }
    }

    #[test]
    fn each_layer_is_timed() {
        let report = report(&["--precision", "f32", "--threads", "1", "--runs", "1", "--layers"]);
        let layers = report.unwrap().layers.unwrap();
        assert!(layers.peak_gflops > 0.0);
        let first = &layers.layers[0];
        assert_eq!((first.module.as_str(), first.number), ("Conv", 0));
        assert!(first.median_ms > 0.0 && first.gflop > 0.0 && first.share > 0.0, "{first:?}");
    }

    #[test]
    fn what_cannot_be_timed_is_refused() {
        let refused = |options: &[&str]| report(options).unwrap_err().to_string();
        assert_eq!(refused(&["--runs", "0"]), "--runs: expected 1 to 100000, found 0");
        assert_eq!(refused(&["--precision", "int8"]), "--precision");
    }
}

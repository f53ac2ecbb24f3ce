//! `detector-worker inspect`: what a checkpoint or an archive is.

use std::fmt::{self, Write as _};
use std::io::Write as _;
use std::path::Path;

use anyhow::{Context, Result};
use detector_archive::{ArchiveLimits, Pipeline, Unpacked, unpack};
use detector_components::node::{BranchInput, Trigger};
use detector_yolo::{Checkpoint, LayerInfo, LoadOptions, Network, NetworkInfo, Task};
use serde::Serialize;

use crate::cli::InspectArgs;
use crate::progress::Step;

/// Runs the command.
///
/// # Errors
/// When the file is neither, or something in it cannot be used.
pub fn inspect(args: &InspectArgs) -> Result<()> {
    let step = match args.json {
        true => Step::unseen(),
        false => Step::begin(format!("reading {}", args.file.display())),
    };
    let report = Report::of(&args.file)?;
    drop(step);
    let text = if args.json {
        let mut text = serde_json::to_string_pretty(&report).context("writing the report")?;
        text.push('\n');
        text
    } else {
        report.to_string()
    };
    std::io::stdout().write_all(text.as_bytes()).context("writing to standard output")
}

/// What a file is.
#[derive(Debug, Serialize)]
struct Report {
    file: String,
    /// The root first, each node before its branches.
    nodes: Vec<NodeReport>,
    warnings: Vec<String>,
}

#[derive(Debug, Serialize)]
struct NodeReport {
    name: String,
    /// The entry of the archive.
    checkpoint: String,
    sha256: String,
    /// The node that it is a branch of.
    #[serde(skip_serializing_if = "Option::is_none")]
    parent: Option<String>,
    /// When it runs, in words.
    #[serde(skip_serializing_if = "Option::is_none")]
    when: Option<String>,
    actions: usize,
    network: NetworkReport,
    #[serde(skip)]
    depth: usize,
}

#[derive(Debug, Serialize)]
struct NetworkReport {
    task: &'static str,
    family: Option<String>,
    /// Name of the file that describes the architecture.
    architecture: Option<String>,
    scale: Option<String>,
    classes: Vec<String>,
    /// `[width, height]`.
    input: [usize; 2],
    stride: usize,
    parameters: u64,
    /// Of one picture of the input's size: two operations for each multiplication with an addition.
    gflops: f64,
    version: Option<String>,
    date: Option<String>,
    licence: Option<String>,
    trained_from: Option<String>,
    trained_on: Option<String>,
    layers: Vec<LayerReport>,
}

#[derive(Debug, Serialize)]
struct LayerReport {
    /// Numbers of the layers that it takes; -1 is the picture.
    from: Vec<i64>,
    module: String,
    parameters: u64,
    gflops: f64,
    /// `[channels, height, width]`.
    output: Option<[usize; 3]>,
}

impl Report {
    fn of(file: &Path) -> Result<Self> {
        let cache = tempfile::tempdir().context("making a temporary directory")?;
        let Unpacked { pipeline, files } = unpack(file, cache.path(), &ArchiveLimits::default())
            .with_context(|| format!("reading {}", file.display()))?;
        let mut nodes: Vec<NodeReport> = Vec::new();
        for spec in &pipeline.nodes {
            let checkpoint = &files[&spec.file];
            let network = NetworkReport::of(&checkpoint.path)
                .with_context(|| format!("reading {:?} of {}", spec.file, file.display()))?;
            let parent = spec.parent.map(|parent| &nodes[parent]);
            nodes.push(NodeReport {
                name: spec.name.to_string(),
                checkpoint: spec.file.clone(),
                sha256: checkpoint.sha256.to_string(),
                parent: parent.map(|parent| parent.name.clone()),
                depth: parent.map_or(0, |parent| parent.depth + 1),
                when: parent.is_some().then(|| when(&spec.trigger)),
                actions: spec.actions.list.len(),
                network,
            });
        }
        let Pipeline { warnings, .. } = pipeline;
        Ok(Self { file: file.display().to_string(), nodes, warnings })
    }
}

/// When a branch runs, in words.
fn when(trigger: &Trigger) -> String {
    let classes: Vec<&str> = trigger.classes.iter().map(AsRef::as_ref).collect();
    let of = if classes.is_empty() { "anything".to_owned() } else { classes.join(", ") };
    let sees = match &trigger.input {
        BranchInput::ParentImage => "what its parent saw".to_owned(),
        BranchInput::TriggeringBox => "its box".to_owned(),
        BranchInput::BestBoxOf(class) => format!("the best box of {class}"),
    };
    format!("on {of} from {:.2}, sees {sees}", trigger.min_confidence)
}

impl NetworkReport {
    fn of(path: &Path) -> Result<Self> {
        let checkpoint = Checkpoint::open(path)?;
        let network = Network::load(&checkpoint, &LoadOptions::default())?;
        let NetworkInfo { task, family, classes, input, stride, provenance } =
            network.info().clone();
        let [width, height] = input;
        let layers: Vec<LayerReport> =
            network.layers(width, height)?.into_iter().map(LayerReport::of).collect();
        Ok(Self {
            task: match task {
                Task::Detect => "detect",
                Task::Segment => "segment",
                Task::Pose => "pose",
                Task::Obb => "obb",
                Task::Classify => "classify",
            },
            family,
            architecture: provenance.architecture,
            scale: provenance.scale,
            classes: classes.iter().map(ToString::to_string).collect(),
            input,
            stride,
            parameters: layers.iter().map(|layer| layer.parameters).sum(),
            gflops: layers.iter().map(|layer| layer.gflops).sum(),
            version: provenance.version,
            date: provenance.date,
            licence: provenance.licence,
            trained_from: provenance.trained_from,
            trained_on: provenance.trained_on,
            layers,
        })
    }
}

impl LayerReport {
    fn of(layer: LayerInfo) -> Self {
        Self {
            from: layer.inputs.iter().map(|input| input.map_or(-1, |at| at as i64)).collect(),
            module: layer.class.rsplit('.').next().unwrap_or_default().to_owned(),
            parameters: layer.parameters,
            gflops: layer.multiplications as f64 * 2e-9,
            output: layer.output,
        }
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}", self.file)?;
        for node in self.nodes.iter().filter(|_| self.nodes.len() > 1) {
            let indent = "  ".repeat(node.depth + 1);
            let when = node.when.as_deref().unwrap_or("on each frame");
            let NetworkReport { task, classes, .. } = &node.network;
            let (count, actions) = (classes.len(), node.actions);
            writeln!(
                f,
                "{indent}{} ({task}, {count} classes, {actions} actions) {when}",
                node.name
            )?;
        }
        for warning in &self.warnings {
            writeln!(f, "  warning: {warning}")?;
        }
        for node in &self.nodes {
            writeln!(f, "\n{} ({})\n{}", node.name, node.checkpoint, node.network)?;
        }
        Ok(())
    }
}

impl fmt::Display for NetworkReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [width, height] = self.input;
        let mut line = |name: &str, text: &str| writeln!(f, "  {name:<13}{text}");
        line("task", self.task)?;
        let scale = self.scale.as_ref().map(|scale| format!(", scale {scale}"));
        let family = self.family.as_deref().unwrap_or("unknown");
        line("family", &format!("{family}{}", scale.unwrap_or_default()))?;
        if let Some(architecture) = &self.architecture {
            line("architecture", architecture)?;
        }
        let classes = self.classes.iter().enumerate().map(|(at, class)| format!("{at} {class}"));
        line("classes", &classes.collect::<Vec<_>>().join(", "))?;
        line("input", &format!("{width} x {height}, stride {}", self.stride))?;
        line("parameters", &self.parameters.to_string())?;
        line("GFLOPs", &format!("{:.2} at {width} x {height}", self.gflops))?;
        for (name, text) in [
            ("Ultralytics", &self.version),
            ("date", &self.date),
            ("licence", &self.licence),
            ("trained from", &self.trained_from),
            ("trained on", &self.trained_on),
        ] {
            if let Some(text) = text {
                line(name, text)?;
            }
        }
        writeln!(
            f,
            "\n  {:>3}  {:<8} {:<16} {:>10} {:>8}  output",
            "", "from", "module", "parameters", "GFLOPs"
        )?;
        for (at, layer) in self.layers.iter().enumerate() {
            let from: Vec<String> = layer.from.iter().map(ToString::to_string).collect();
            let mut output = String::new();
            if let Some([channels, height, width]) = layer.output {
                write!(output, "{channels} x {height} x {width}")?;
            }
            let (module, parameters) = (&layer.module, layer.parameters);
            let line = format!(
                "  {at:>3}  {:<8} {module:<16} {parameters:>10} {:>8.3}  {output}",
                from.join(" "),
                layer.gflops
            );
            writeln!(f, "{}", line.trim_end())?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use detector_archive::pack;
    use serde_json::json;

    use super::*;

    fn fixture(name: &str) -> std::path::PathBuf {
        Path::new("tests/fixtures/models").join(name)
    }

    #[test]
    fn a_checkpoint_is_described() {
        let report = Report::of(&fixture("tiny-26-seg.pt")).unwrap();
        let [node] = report.nodes.as_slice() else { panic!("more than one network") };
        let network = &node.network;
        assert_eq!((network.task, network.scale.as_deref()), ("segment", Some("n")));
        // Its file does not name the architecture: its modules do.
        assert_eq!(network.family.as_deref(), Some("YOLO26"));
        assert_eq!(network.licence.as_deref(), Some("MIT OR Apache-2.0"));
        assert_eq!(network.date.as_deref(), Some("2026-11-24T00:00:00"));
        assert_eq!(network.version.as_deref(), Some("8.4.190"));
        assert_eq!(network.classes, ["first", "second", "third"]);
        assert_eq!((network.input, network.stride), ([128, 128], 32));
        // As torch counts them: the sum of `numel()` over `parameters()`.
        assert_eq!(network.parameters, 80_899);
        assert_eq!(network.layers[0].output, Some([8, 64, 64]));
        assert_eq!(network.layers[12].from, [11, 6]);
    }

    /// Parameters are those that `model.info()` of Ultralytics 8.4.190 prints; GFLOPs those that it
    /// prints of the fused model, as it runs, which counts a few operations more in the boxes.
    #[test]
    fn parameters_and_operations_are_those_of_ultralytics() {
        for (name, parameters, gflops) in [
            ("tiny-v3-tiny", 22_898, 0.014563584),
            ("tiny-v6", 83_613, 0.015599872),
            ("tiny-v8", 199_705, 0.039399168),
            ("tiny-v8-cls", 21_531, 0.005540352),
            ("tiny-v9e", 51_781, 0.02436224),
            ("tiny-v10n", 69_678, 0.009687552),
            ("tiny-11-seg", 57_715, 0.010706944),
            ("tiny-12x", 231_593, 0.039122432),
            ("tiny-26", 72_080, 0.00863744),
            ("tiny-26-pose", 170_624, 0.01250816),
        ] {
            let report = Report::of(&fixture(&format!("{name}.pt"))).unwrap();
            let network = &report.nodes[0].network;
            assert_eq!(network.parameters, parameters, "{name}");
            let part = network.gflops / gflops;
            assert!((0.998..=1.0 + 1e-6).contains(&part), "{name}: {}", network.gflops);
        }
    }

    #[test]
    fn an_archive_is_a_tree_with_its_warnings() {
        let pipeline = json!({"pipeline": {
            "modelId": "shapes",
            "modelFile": "tiny-color-detect.pt",
            "tracking": {"enabled": true, "method": "botsort"},
            "branches": [{
                "modelId": "color",
                "modelFile": "tiny-color-classify.pt",
                "crop": true,
                "triggerClasses": ["ball"],
                "minConfidence": 0.5,
            }],
        }});
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("colors.mpta");
        let checkpoints = ["tiny-color-detect.pt", "tiny-color-classify.pt"];
        let paths = checkpoints.map(|name| (name, fixture(name)));
        let files = paths.each_ref().map(|(name, path)| (*name, path.as_path()));
        pack(&file, &pipeline, &files).unwrap();

        let report = Report::of(&file).unwrap();
        let text = report.to_string();
        assert!(
            text.contains("\n  shapes (detect, 2 classes, 0 actions) on each frame\n"),
            "{text}"
        );
        let branch =
            "\n    color (classify, 3 classes, 0 actions) on ball from 0.50, sees its box\n";
        assert!(text.contains(branch), "{text}");
        assert!(report.warnings.iter().any(|warning| warning.contains("tracking")), "{report:?}");
    }

    #[test]
    fn what_is_neither_is_refused_with_its_name() {
        let error = format!("{:#}", Report::of(Path::new("README.md")).unwrap_err());
        assert!(error.starts_with("reading README.md: "), "{error}");
    }
}

//! `detector-worker detect`: pictures in, one line of JSON each out.
//!
//! The same engine as the worker's, with files in the place of cameras: what it prints is what a
//! client would be sent.

use std::io::{IsTerminal, Write};
use std::path::Path;
use std::sync::Arc;

use anyhow::{Context, Result, bail};
use bevy_app::prelude::*;
use bevy_ecs::prelude::{Entity, Without};
use detector_components::camera::LatestFrame;
use detector_components::clock::Timepiece;
use detector_components::frame::{Frame, Pixels};
use detector_components::geometry::{Point, Region};
use detector_components::model::{Model, ModelSource, ModelState};
use detector_components::network::NetworkInfo;
use detector_components::node::{BranchOf, InputShape, RunsNetwork};
use detector_components::outline::{Keypoint, Outline};
use detector_components::results::{Finding, Results};
use detector_components::view::{LatestResults, RunsPipeline, View, ViewCounters, ViewOf};
use detector_components::wake::{Sleeper, wake};
use detector_picture::{annotate, decode, labels, rgb};
use serde_json::{Map, Value, json};

use crate::cli::{DetectArgs, Fit};
use crate::config::Config;
use crate::engine::{Engine, open_device};
use crate::progress::Step;
use crate::progress::models::{Line, Underway};
use crate::runner::{TICK, run_once};
use crate::wishes::{RootWishes, WishesPlugin, as_side, in_part};

/// Quality of annotated pictures.
const JPEG_QUALITY: u8 = 90;

/// Runs the command.
///
/// # Errors
/// At the first picture or model that cannot be used; what was printed before stays true.
pub fn detect(args: &DetectArgs) -> Result<()> {
    in_part("--conf", args.conf)?;
    in_part("--iou", args.iou)?;
    as_side("--imgsz", args.imgsz)?;
    let mut detector = Detector::start(args)?;
    if let Some(directory) = &args.annotate {
        std::fs::create_dir_all(directory)
            .with_context(|| format!("making {}", directory.display()))?;
    }
    let mut output = std::io::stdout().lock();
    // Where its lines can be seen, they show how far it is.
    let step = match output.is_terminal() {
        true => Step::unseen(),
        false => Step::begin("looking"),
    };
    for (number, image) in args.images.iter().enumerate() {
        let (number, all) = (number as u64, args.images.len() as u64);
        step.show_count(format!("looking at {}", image.display()), number, all);
        let bytes = std::fs::read(image).with_context(|| format!("reading {}", image.display()))?;
        let pixels = decode(&bytes).with_context(|| format!("reading {}", image.display()))?;
        let results = detector.results(pixels, image)?;
        writeln!(output, "{}", line(image, &results)).context("writing to standard output")?;
        if let Some(directory) = &args.annotate {
            write_annotated(directory, image, &results)?;
        }
    }
    Ok(())
}

/// The engine with one model, and one view that looks at whatever it is given.
pub(crate) struct Detector {
    app: App,
    sleeper: Sleeper,
    model: Entity,
    camera: Entity,
    view: Entity,
    sequence: u64,
    /// What it runs on, and why.
    device: String,
    /// The threads that stages work on.
    _engine: Engine,
}

impl Detector {
    /// Starts it, and waits until its model is ready.
    ///
    /// # Errors
    /// When there is no such device, or the model cannot be used.
    pub(crate) fn start(args: &DetectArgs) -> Result<Self> {
        let (device, precision) = (args.on.device.clone(), args.on.precision.clone());
        let config = Config { device, precision, ..Config::default() };
        let (wake, sleeper) = wake();
        let mut app = App::empty();
        let engine = Engine::new(Timepiece::real(), wake)?;
        let step = Step::begin("opening the device");
        let opened = open_device(&config)?;
        let device = opened.to_string();
        engine.build(&mut app, &config, opened);
        app.add_plugins(WishesPlugin(RootWishes {
            size: args.imgsz,
            fit: args.fit(),
            min_confidence: args.conf,
            max_overlap: args.iou,
            max_detections: args.max_det,
        }));
        app.finish();
        app.cleanup();

        let world = app.world_mut();
        let model = world.spawn(Model { source: ModelSource::File(args.model.clone()) }).id();
        let camera = world.spawn_empty().id();
        let view =
            world.spawn((View { crop_in_frame: None }, ViewOf(camera), RunsPipeline(model))).id();
        let mut detector =
            Self { app, sleeper, _engine: engine, model, camera, view, sequence: 0, device };
        detector.load(&args.model, &step)?;
        if args.imgsz.is_none() {
            detector.shape_inputs(args.fit());
        }
        Ok(detector)
    }

    /// What it runs on, and why.
    pub(crate) fn device(&self) -> &str {
        &self.device
    }

    /// Runs the engine until the model is ready.
    fn load(&mut self, file: &Path, step: &Step) -> Result<()> {
        loop {
            run_once(self.app.world_mut());
            if let Some(line) = self.underway() {
                line.show(step);
            }
            match self.app.world().get::<ModelState>(self.model) {
                Some(ModelState::Ready) => return Ok(()),
                Some(ModelState::Failed { reason }) => {
                    bail!("{} cannot be used: {reason}", file.display())
                }
                _ => {}
            }
            self.sleeper.wait(TICK);
        }
    }

    /// How far the model is, unless it is ready.
    fn underway(&mut self) -> Option<Line> {
        let lines = |underway: Underway| underway.lines().into_values().next();
        self.app.world_mut().run_system_cached(lines).ok().flatten()
    }

    /// Gives the first network's inputs the shape of the picture, up to the network's own size, or
    /// that size.
    fn shape_inputs(&mut self, fit: Fit) {
        let world = self.app.world_mut();
        let mut roots = world.query_filtered::<(Entity, &RunsNetwork), Without<BranchOf>>();
        let Ok((root, runs)) = roots.single(world) else { return };
        let Some(info) = world.get::<NetworkInfo>(runs.0) else { return };
        let (size, longest) = (info.input, info.input.width.max(info.input.height));
        let shaped = world.get::<InputShape>(root).is_some();
        match fit {
            Fit::Picture => {
                world.entity_mut(root).insert(InputShape::Rect { longest });
            }
            Fit::Network if !shaped => {
                world.entity_mut(root).insert(InputShape::Fixed(size));
            }
            _ => {}
        }
    }

    /// Shows a picture to the engine and runs it until it has answered.
    pub(crate) fn results(&mut self, pixels: Pixels, image: &Path) -> Result<Arc<Results>> {
        self.sequence += 1;
        let captured = self.app.world().resource::<Timepiece>().now();
        let frame = Frame::new(self.sequence, captured, Arc::new(pixels));
        self.app.world_mut().entity_mut(self.camera).insert(LatestFrame(frame));
        loop {
            run_once(self.app.world_mut());
            let world = self.app.world();
            if let Some(ViewCounters { failed, .. }) = world.get(self.view)
                && *failed > 0
            {
                bail!("{}: inference failed; the log says why", image.display());
            }
            if let Some(LatestResults(results)) = world.get(self.view)
                && results.frame.sequence == self.sequence
            {
                return Ok(results.clone());
            }
            self.sleeper.wait(TICK);
        }
    }
}

/// The results of a picture, as they are printed.
fn line(image: &Path, results: &Results) -> Value {
    let size = results.frame.pixels.size();
    let mut line = json!({
        "image": image.to_string_lossy(),
        "width": size.width,
        "height": size.height,
    });
    // A classifier says one thing of the whole picture.
    match results.findings.as_slice() {
        [whole] if !whole.top.is_empty() => {
            let probabilities: Vec<_> = whole
                .top
                .iter()
                .map(|(class, id, confidence)| {
                    json!({"class": class, "classId": id, "confidence": rounded(*confidence, 4)})
                })
                .collect();
            line["probs"] = probabilities.into();
        }
        findings => line["detections"] = findings.iter().map(detection).collect(),
    }
    line
}

fn detection(finding: &Finding) -> Value {
    let bbox = finding.bbox_in_frame;
    let corners = [bbox.x1, bbox.y1, bbox.x2, bbox.y2].map(|side| rounded(side, 2));
    let mut described = json!({
        "class": finding.class,
        "classId": finding.class_id,
        "confidence": rounded(finding.confidence, 4),
        "bbox": corners,
    });
    if let Some(outline) = &finding.outline_in_frame {
        tell(outline, &mut described);
    }
    if !finding.branches.is_empty() {
        let branches: Map<String, Value> = finding
            .branches
            .iter()
            .map(|branch| {
                (branch.name.to_string(), branch.findings.iter().map(detection).collect())
            })
            .collect();
        described["branches"] = branches.into();
    }
    described
}

/// What a network tells beside a box.
fn tell(outline: &Outline, described: &mut Value) {
    let point = |point: &Point| json!([rounded(point.x, 2), rounded(point.y, 2)]);
    match outline {
        Outline::Mask(parts) => {
            let part = |part: &Vec<Point>| part.iter().map(point).collect::<Value>();
            described["mask"] = parts.iter().map(part).collect();
        }
        Outline::Keypoints(points) => {
            let keypoint = |&Keypoint { point: Point { x, y }, visibility }: &Keypoint| {
                let numbers = [(Some(x), 2), (Some(y), 2), (visibility, 4)];
                let numbers = numbers.into_iter().filter_map(|(n, places)| Some((n?, places)));
                numbers.map(|(number, places)| rounded(number, places)).collect::<Value>()
            };
            described["keypoints"] = points.iter().map(keypoint).collect();
        }
        Outline::Rotated { corners, angle } => {
            described["angle"] = rounded(*angle, 4).into();
            described["corners"] = corners.iter().map(point).collect();
        }
    }
}

/// The shortest decimal with so many places: no tail that says nothing.
fn rounded(value: f32, places: i32) -> f64 {
    let scale = 10_f64.powi(places);
    (f64::from(value) * scale).round() / scale
}

fn write_annotated(directory: &Path, image: &Path, results: &Results) -> Result<()> {
    let stem = image.file_stem().unwrap_or(image.as_os_str());
    let file = directory.join(Path::new(stem).with_extension("jpg"));
    let whole = Region::whole(results.frame.pixels.size());
    let mut picture = rgb(&results.frame.pixels, whole);
    annotate(&mut picture, whole, &labels(&results.findings));
    let jpeg = picture
        .encode_jpeg(JPEG_QUALITY)
        .with_context(|| format!("drawing {}", image.display()))?;
    std::fs::write(&file, jpeg).with_context(|| format!("writing {}", file.display()))
}

#[cfg(test)]
mod tests {
    use bevy_ecs::prelude::With;
    use detector_components::node::Node;
    use detector_components::tally::{Disclosed, LatestTally};

    use super::*;

    #[test]
    fn what_is_found_stays_the_same_when_what_is_left_out_is_told() {
        let models = Path::new("tests/fixtures/models");
        let mut args = DetectArgs::of_model(&models.join("tiny-v8.pt"));
        // It finds a bit of everything everywhere: more than is kept, and much that is weaker.
        (args.conf, args.max_det) = (Some(0.02), Some(20));
        let image = models.join("../pictures/coffee.png");
        let bytes = std::fs::read(&image).unwrap();
        let mut detector = Detector::start(&args).unwrap();
        let told = detector.results(decode(&bytes).unwrap(), &image).unwrap();

        let world = detector.app.world_mut();
        let node = world.query_filtered::<Entity, With<Node>>().single(world).unwrap();
        world.entity_mut(node).insert(Disclosed { from: 0.001 });
        let disclosed = detector.results(decode(&bytes).unwrap(), &image).unwrap();

        assert!(!told.findings.is_empty());
        assert_eq!(disclosed.findings, told.findings);
        let tally = detector.app.world().get::<LatestTally>(detector.view).unwrap();
        let entry = tally.tally.get(node).unwrap();
        assert_eq!(entry.found as usize, told.findings.len());
        assert!(entry.counts.weak + entry.counts.too_many > 0, "{:?}", entry.counts);
    }

    #[test]
    fn a_picture_is_answered() {
        let models = Path::new("tests/fixtures/models");
        let args = DetectArgs::of_model(&models.join("tiny-26-pose.pt"));
        let image = models.join("../pictures/coffee.png");
        let pixels = decode(&std::fs::read(&image).unwrap()).unwrap();
        let results = Detector::start(&args).unwrap().results(pixels, &image).unwrap();
        let line = line(&image, &results);
        let found = line["detections"].as_array().unwrap();
        assert!(!found.is_empty());
        assert_eq!(found[0]["keypoints"].as_array().unwrap().len(), 4);
    }
}

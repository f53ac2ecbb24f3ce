//! What a checkpoint tells about its network beside the weights.

use std::sync::Arc;

use super::error::{NetworkError, whose};
use super::family;
use super::graph::Graph;
use super::place::Place;
use super::plan::Output;
use super::shape::unfit;
use super::source::{Site, Source};
use crate::checkpoint::{Kind, Value};
use crate::decode::More;

/// Input side of a network that does not tell what it was trained with. As Ultralytics.
const DETECT_SIDE: usize = 640;
const CLASSIFY_SIDE: usize = 224;
/// Largest input side that a checkpoint may ask for.
const MAX_SIDE: usize = 8192;
/// Side of the square that the strides are measured with: a multiple of every known stride.
const MEASURE: usize = 512;
/// Longest text that is kept of a checkpoint's description of itself.
const MAX_TEXT: usize = 500;

/// What a network does with a picture.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Task {
    /// Finds boxes with classes.
    Detect,
    /// Finds boxes with classes, and which pixels belong to what is in them.
    Segment,
    /// Finds boxes with classes, and points of what is in them.
    Pose,
    /// Finds rotated boxes with classes.
    Obb,
    /// Says which class the whole picture has.
    Classify,
}

/// What a network is for and where it comes from.
#[derive(Clone, Debug, PartialEq)]
pub struct NetworkInfo {
    /// What it does with a picture.
    pub task: Task,
    /// Which family of Ultralytics' it is of, as `YOLOv8` or `YOLO11`: by the name of its architecture,
    /// or by its modules where a file does not tell that.
    pub family: Option<String>,
    /// Names of its classes, by their number.
    pub classes: Vec<Arc<str>>,
    /// Size of the input that it was trained with, `[width, height]`: multiples of the stride.
    pub input: [usize; 2],
    /// Both sides of an input must be multiples of this.
    pub stride: usize,
    /// Who made it, when and how.
    pub provenance: Provenance,
}

/// A layer of a network.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LayerInfo {
    /// Numbers of the layers that it takes; none for the picture.
    pub inputs: Vec<Option<usize>>,
    /// Full name of its class.
    pub class: String,
    /// Numbers that were trained.
    pub parameters: u64,
    /// Multiplications, each with an addition, of its convolutions and matrices for one picture.
    pub multiplications: u64,
    /// `[channels, height, width]` of its output. The head's is told by the network's task.
    pub output: Option<[usize; 3]>,
}

/// Who made a checkpoint, when and how: what it says itself, as far as it says something.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Provenance {
    /// Name of the file that describes its architecture.
    pub architecture: Option<String>,
    /// Which of the architecture's scales it has.
    pub scale: Option<String>,
    /// Version of Ultralytics that saved it.
    pub version: Option<String>,
    /// When it was saved.
    pub date: Option<String>,
    /// Licence of its weights.
    pub licence: Option<String>,
    /// Name of the model that its training began with.
    pub trained_from: Option<String>,
    /// Name of the data that it was trained with.
    pub trained_on: Option<String>,
    /// Input size that it was trained with, `[width, height]`.
    pub trained_size: Option<[usize; 2]>,
}

/// The model in a checkpoint: the moving average of the weights where there is one. It is the
/// better one, and a checkpoint from amidst a training has no other.
pub(crate) fn model<'a>(root: Value<'a>, site: &'a Site) -> Result<Source<'a>, NetworkError> {
    let place = Place::root("the checkpoint");
    let present = |name: &str| root.get(name).filter(|value| !value.is_none());
    if present("modelopt").is_some() {
        let problem = "its weights are quantised (modelopt), which is not supported";
        return Err(unfit(&place, problem));
    }
    let (name, value) = ["ema", "model"]
        .into_iter()
        .find_map(|name| present(name).map(|value| (name, value)))
        .ok_or_else(|| NetworkError::Missing { place, what: "\"model\" or \"ema\"".into() })?;
    let source = Source::new(value, Place::root(name), site);
    if value.kind() == Kind::Dict {
        let problem = "it is a dict of weights, without the modules that they are of";
        return Err(unfit(&source.place, problem));
    }
    // Some networks that are not supported are made of modules that are, for the greatest part.
    if !source.class().starts_with("ultralytics.nn.") || !whose(source.class()).is_empty() {
        return Err(source.unknown());
    }
    Ok(source)
}

impl NetworkInfo {
    pub(crate) fn read(root: Value, model: &Source, graph: &Graph) -> Result<Self, NetworkError> {
        let plan = graph.plan(MEASURE, MEASURE)?;
        let mut bins = None;
        let (task, count, stride) = match &plan.output {
            Output::Anchors { layout, .. } => {
                bins = Some(layout.bins);
                let stride = layout.levels.iter().map(|level| level.stride).max().unwrap_or(1);
                let task = match layout.more {
                    More::Nothing => Task::Detect,
                    More::Mask { .. } => Task::Segment,
                    More::Keypoints { .. } => Task::Pose,
                    More::Angle(_) => Task::Obb,
                };
                (task, layout.classes, stride)
            }
            Output::Classes(logits) => (Task::Classify, logits.shape.channels, 1),
        };
        let mut provenance = Provenance::read(root, model);
        let named = provenance.architecture.as_deref().and_then(family::named);
        let (family, scale) = named.map_or((None, None), |(family, scale)| (Some(family), scale));
        let marked = || family::marked(&graph.layers(&plan), bins).map(str::to_owned);
        let family = family.or_else(marked);
        provenance.scale = provenance.scale.or(scale);
        let side = match task {
            Task::Classify => CLASSIFY_SIDE,
            _ => DETECT_SIDE,
        };
        let input = provenance
            .trained_size
            .unwrap_or([side, side])
            .map(|side| side.next_multiple_of(stride));
        graph.plan(input[0], input[1])?;
        Ok(Self { task, family, classes: classes(model, count)?, input, stride, provenance })
    }
}

/// The names of `count` classes: a list, or a map from number to name.
fn classes(model: &Source, count: usize) -> Result<Vec<Arc<str>>, NetworkError> {
    // What Ultralytics calls a class without a name.
    let mut classes: Vec<Arc<str>> =
        (0..count).map(|class| format!("class{class}").into()).collect();
    let Some(names) = model.attribute("names") else {
        return Ok(classes);
    };
    let entries = names.entries();
    let pairs: Vec<(Option<usize>, Option<&str>)> = if entries.is_empty() {
        names.items().into_iter().enumerate().map(|(at, name)| (Some(at), name.as_str())).collect()
    } else {
        let number = |value: Value| value.as_i64().and_then(|number| usize::try_from(number).ok());
        entries.into_iter().map(|(class, name)| (number(class), name.as_str())).collect()
    };
    for pair in pairs {
        let (Some(class), Some(name)) = pair else {
            return Err(unfit(&model.place, "names is not a list of texts by number"));
        };
        let known = classes
            .get_mut(class)
            .ok_or_else(|| unfit(&model.place, format!("class {name:?} of {count} is {class}")))?;
        *known = name.into();
    }
    Ok(classes)
}

impl Provenance {
    fn read(root: Value, model: &Source) -> Self {
        let text = |value: Option<Value>| {
            let text: String = value?.as_str()?.chars().take(MAX_TEXT).collect();
            (!text.is_empty()).then_some(text)
        };
        let arguments = root.get("train_args").filter(|value| !value.is_none());
        let argument = |name: &str| arguments.and_then(|arguments| arguments.get(name));
        let architecture = model.attribute("yaml");
        let description = |name: &str| architecture.and_then(|yaml| yaml.get(name));
        Self {
            architecture: text(description("yaml_file")),
            scale: text(description("scale")),
            version: text(root.get("version")),
            date: text(root.get("date")),
            licence: text(root.get("license")),
            trained_from: text(argument("model")),
            trained_on: text(argument("data")),
            trained_size: argument("imgsz").and_then(size),
        }
    }
}

/// An `imgsz`: one side of a square, or height and width.
fn size(value: Value) -> Option<[usize; 2]> {
    let side = |value: Value| {
        let side = usize::try_from(value.as_i64()?).ok()?;
        (1..=MAX_SIDE).contains(&side).then_some(side)
    };
    if let Some(side) = side(value) {
        return Some([side, side]);
    }
    match value.items()[..] {
        [height, width] => Some([side(width)?, side(height)?]),
        _ => None,
    }
}

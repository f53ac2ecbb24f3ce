//! Heads that look at each place of the picture: boxes and classes, and what some tell more.

use super::prototypes::Prototypes;
use super::{Branch, Head};
use crate::decode::{AnchorLayout, AngleForm, KeypointForm, Level, More};
use crate::network::block::Block;
use crate::network::container::Sequential;
use crate::network::error::NetworkError;
use crate::network::place::Place;
use crate::network::plan::{Output, PlanBuilder, Value};
use crate::network::shape::unfit;
use crate::network::source::{Array, Source};

/// Most classes of one network. Ultralytics' largest has 1 000.
const MAX_CLASSES: usize = 65_536;
/// Most numbers that describe one side of a box. Known networks have 16.
const MAX_BINS: usize = 256;
/// Most keypoints of one box. Known networks have 17.
const MAX_KEYPOINTS: usize = 1_024;
/// Most prototypes of one network. Known networks have 32.
const MAX_PROTOTYPES: usize = 1_024;

/// `Detect` and the heads that add to it: boxes and classes at several resolutions.
struct Detect {
    place: Place,
    bins: usize,
    classes: usize,
    /// What it tells beside them.
    more: More,
    levels: Vec<DetectLevel>,
    prototypes: Option<Prototypes>,
    /// Whether each object is found once, so that nothing need be suppressed.
    once: bool,
}

struct DetectLevel {
    boxes: Box<dyn Block>,
    classes: Box<dyn Block>,
    more: Option<Box<dyn Block>>,
}

/// `Detect` and `v10Detect`.
pub(crate) fn detect(source: &Source) -> Result<Box<dyn Head>, NetworkError> {
    Ok(Box::new(Detect::read(source, More::Nothing, &[])?))
}

/// `Segment` and `Segment26`: masks too.
pub(crate) fn segment(source: &Source) -> Result<Box<dyn Head>, NetworkError> {
    let coefficients = bounded(source, "number of prototypes", source.size("nm")?, MAX_PROTOTYPES)?;
    // Their size is known when the size of the picture is.
    let more = More::Mask { coefficients, height: 0, width: 0 };
    let mut head = Detect::read(source, more, &["cv4"])?;
    head.prototypes = Some(Prototypes::read(&source.child("proto")?)?);
    Ok(Box::new(head))
}

/// `Pose`: keypoints too.
pub(crate) fn pose(source: &Source) -> Result<Box<dyn Head>, NetworkError> {
    let more = keypoints(source, KeypointForm::FromCorner)?;
    Ok(Box::new(Detect::read(source, more, &["cv4"])?))
}

/// `Pose26`: keypoints too, counted from another place.
pub(crate) fn pose26(source: &Source) -> Result<Box<dyn Head>, NetworkError> {
    let more = keypoints(source, KeypointForm::FromMiddle)?;
    Ok(Box::new(Detect::read(source, more, &["cv4", "cv4_kpts"])?))
}

/// `OBB`: an angle too.
pub(crate) fn obb(source: &Source) -> Result<Box<dyn Head>, NetworkError> {
    Ok(Box::new(Detect::read(source, More::Angle(AngleForm::Logit), &["cv4"])?))
}

/// `OBB26`: an angle too, as it is.
pub(crate) fn obb26(source: &Source) -> Result<Box<dyn Head>, NetworkError> {
    Ok(Box::new(Detect::read(source, More::Angle(AngleForm::Radians), &["cv4"])?))
}

fn keypoints(source: &Source, form: KeypointForm) -> Result<More, NetworkError> {
    let [count, numbers] = source.counts("kpt_shape")?[..] else {
        return Err(unfit(&source.place, "kpt_shape is not two counts"));
    };
    if numbers != 2 && numbers != 3 {
        return Err(unfit(&source.place, format!("a keypoint of {numbers} numbers, not 2 or 3")));
    }
    let count = bounded(source, "number of keypoints", count, MAX_KEYPOINTS)?;
    Ok(More::Keypoints { count, visibility: numbers == 3, form })
}

/// A count from 1 to `limit`.
fn bounded(
    source: &Source,
    what: &'static str,
    count: usize,
    limit: usize,
) -> Result<usize, NetworkError> {
    if count == 0 {
        return Err(unfit(&source.place, format!("its {what} is 0")));
    }
    if count > limit {
        return Err(NetworkError::TooLarge { place: source.place.clone(), what, limit });
    }
    Ok(count)
}

impl Detect {
    /// # Shapes
    ///
    /// - `after`: names of the modules that make what is told beside boxes and classes, one after
    ///   the other at each resolution
    fn read(source: &Source, more: More, after: &[&str]) -> Result<Self, NetworkError> {
        let bins = bounded(source, "number of bins", source.size("reg_max")?, MAX_BINS)?;
        let classes = bounded(source, "number of classes", source.size("nc")?, MAX_CLASSES)?;
        expect_expectation(source, bins)?;

        let once = once(source)?;
        let prefix = if once { "one2one_" } else { "" };
        let branch = |name: &str| source.child(&format!("{prefix}{name}"))?.blocks();
        let (boxes, scores) = (branch("cv2")?, branch("cv3")?);
        if boxes.is_empty() || boxes.len() != scores.len() {
            let (boxes, scores) = (boxes.len(), scores.len());
            let problem = format!("it has {boxes} box branches and {scores} of classes");
            return Err(unfit(&source.place, problem));
        }
        let mut others: Vec<Vec<Box<dyn Block>>> = boxes.iter().map(|_| Vec::new()).collect();
        for name in after {
            let blocks = branch(name)?;
            if blocks.len() != others.len() {
                let (want, got) = (others.len(), blocks.len());
                let problem = format!("it has {got} branches {name:?}, not {want}");
                return Err(unfit(&source.place, problem));
            }
            others.iter_mut().zip(blocks).for_each(|(others, block)| others.push(block));
        }
        let levels = boxes
            .into_iter()
            .zip(scores)
            .zip(others)
            .map(|((boxes, classes), more)| DetectLevel {
                boxes,
                classes,
                more: (!more.is_empty()).then(|| Box::new(Sequential(more)) as Box<dyn Block>),
            })
            .collect();
        let place = source.place.clone();
        Ok(Self { place, bins, classes, more, levels, prototypes: None, once })
    }
}

/// Whether the branch that finds each object once is wanted, and is there.
fn once(source: &Source) -> Result<bool, NetworkError> {
    let has = |name: &str| Ok::<_, NetworkError>(source.find(name)?.is_some());
    // A checkpoint saved for the one-to-one branch alone has no other.
    let (one, many) = (has("one2one_cv2")?, has("cv2")?);
    match source.site.branch {
        Branch::OneToOne if !one => {
            let problem = "it has no branch that finds each object once (one2one)";
            Err(unfit(&source.place, problem))
        }
        Branch::OneToMany if !many => {
            let problem = "it was saved without the branch that finds objects several times";
            Err(unfit(&source.place, problem))
        }
        Branch::OneToOne => Ok(true),
        Branch::OneToMany => Ok(false),
        Branch::Auto => Ok(one && !many),
    }
}

/// Checks that the distance to a side is the expectation over bins of 0, 1, 2, ...
///
/// Ultralytics keeps these numbers as the weights of a convolution that is never trained.
fn expect_expectation(source: &Source, bins: usize) -> Result<(), NetworkError> {
    let expectation = source.child("dfl")?;
    match expectation.class().rsplit('.').next() {
        Some("Identity") if bins == 1 => return Ok(()),
        Some("DFL") => {}
        _ => return Err(expectation.unknown()),
    }
    let convolution = expectation.child("conv")?;
    let Some(Array { values, .. }) = convolution.parameter("weight")? else {
        return Err(convolution.missing("parameter \"weight\""));
    };
    if values.len() != bins || values.iter().enumerate().any(|(bin, &value)| value != bin as f32) {
        let problem = format!("its weights are not the numbers from 0 to {}", bins - 1);
        return Err(unfit(&convolution.place, problem));
    }
    Ok(())
}

impl Head for Detect {
    fn emit(&self, plan: &mut PlanBuilder, features: &[Value]) -> Result<Output, NetworkError> {
        if features.len() != self.levels.len() {
            let (got, want) = (features.len(), self.levels.len());
            return Err(unfit(&self.place, format!("takes {want} inputs but gets {got}")));
        }
        let prototypes = match &self.prototypes {
            None => None,
            Some(prototypes) => Some(prototypes.emit(plan, features)?),
        };
        let mut more = self.more;
        if let (More::Mask { coefficients, height, width }, Some(prototypes)) =
            (&mut more, prototypes)
        {
            prototypes.shape.expect_channels(*coefficients, &self.place)?;
            (*height, *width) = (prototypes.shape.height, prototypes.shape.width);
        }
        let mut grids = Vec::with_capacity(features.len());
        let mut levels = Vec::with_capacity(features.len());
        for (level, &feature) in self.levels.iter().zip(features) {
            let parts = self.level(level, more, plan, feature)?;
            grids.push(self.grid(parts[0], plan.picture())?);
            levels.push(parts);
        }
        let (bins, classes, once) = (self.bins, self.classes, self.once);
        let layout = AnchorLayout { bins, classes, more, once, levels: grids };
        Ok(Output::Anchors { layout, levels, prototypes })
    }
}

impl Detect {
    /// What is told at one resolution: boxes, classes, and more if there is more.
    fn level(
        &self,
        level: &DetectLevel,
        more: More,
        plan: &mut PlanBuilder,
        feature: Value,
    ) -> Result<Vec<Value>, NetworkError> {
        let parts = [
            (Some(&level.boxes), 4 * self.bins),
            (Some(&level.classes), self.classes),
            (level.more.as_ref(), more.rows()),
        ];
        let mut told: Vec<Value> = Vec::with_capacity(parts.len());
        for (block, channels) in parts {
            let Some(block) = block else { continue };
            let part = block.emit(plan, feature)?;
            part.shape.expect_channels(channels, &self.place)?;
            let first = told.first().map_or(part.shape, |first| first.shape);
            if (part.shape.width, part.shape.height) != (first.width, first.height) {
                return Err(unfit(&self.place, "its branches differ in size"));
            }
            told.push(part);
        }
        Ok(told)
    }

    /// The anchors of one resolution.
    fn grid(&self, boxes: Value, picture: Value) -> Result<Level, NetworkError> {
        let (width, height) = (boxes.shape.width, boxes.shape.height);
        let whole = (picture.shape.width, picture.shape.height);
        let stride = whole.0 / width;
        if (width * stride, height * stride) != whole {
            let problem =
                format!("a grid of {width}x{height} does not divide {}x{}", whole.0, whole.1);
            return Err(unfit(&self.place, problem));
        }
        Ok(Level { width, height, stride })
    }
}

//! The last layer of a network: what makes numbers about a picture of its features.

use burn::tensor::Tensor;

use super::block::Block;
use super::error::NetworkError;
use super::place::Place;
use super::shape::{Shape, unfit};
use super::source::{Array, Source};
use crate::decode::{BoxLayout, Level};

/// Most classes of one network. Ultralytics' largest has 1 000.
const MAX_CLASSES: usize = 65_536;
/// Most numbers that describe one side of a box. Known networks have 16.
const MAX_BINS: usize = 256;

/// The last layer of a network.
pub(crate) trait Head: Send + Sync {
    /// The layout of the output for an input picture of `width` x `height`, or why these features
    /// do not fit. Asked before every new input size, so that [`Head::run`] cannot fail.
    fn layout(
        &self,
        features: &[Shape],
        width: usize,
        height: usize,
    ) -> Result<Layout, NetworkError>;

    /// # Shapes
    ///
    /// - `features`: each `[batch, channels, height, width]`, as they were asked about
    fn run(&self, features: Vec<Tensor<4>>) -> RawOutput;
}

/// The output of a network, as its head leaves it.
#[derive(Clone, Debug)]
pub enum RawOutput {
    /// Of a detector: logits.
    ///
    /// # Shapes
    ///
    /// `[batch, 4 * bins + classes, anchors]`; the anchors of all resolutions after each other,
    /// the finest first, each row by row.
    Boxes(Tensor<3>),
    /// Of a classifier: logits.
    ///
    /// # Shapes
    ///
    /// `[batch, classes]`
    Classes(Tensor<2>),
}

/// How the numbers of one picture lie.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Layout {
    Boxes(BoxLayout),
    Classes { count: usize },
}

/// `Detect`, and of `Segment` the part that it shares with it: boxes and classes at several
/// resolutions.
struct Detect {
    place: Place,
    bins: usize,
    classes: usize,
    levels: Vec<DetectLevel>,
}

struct DetectLevel {
    boxes: Box<dyn Block>,
    classes: Box<dyn Block>,
}

pub(crate) fn detect(source: &Source) -> Result<Box<dyn Head>, NetworkError> {
    let place = source.place.clone();
    let (bins, classes) = (source.size("reg_max")?, source.size("nc")?);
    for (what, count, limit) in
        [("number of bins", bins, MAX_BINS), ("number of classes", classes, MAX_CLASSES)]
    {
        if count == 0 {
            return Err(unfit(&place, format!("its {what} is 0")));
        }
        if count > limit {
            return Err(NetworkError::TooLarge { place, what, limit });
        }
    }
    // A checkpoint saved for the one-to-one branch alone has no such children.
    let boxes = source.child("cv2")?.blocks()?;
    let scores = source.child("cv3")?.blocks()?;
    if boxes.is_empty() || boxes.len() != scores.len() {
        let (boxes, scores) = (boxes.len(), scores.len());
        return Err(unfit(&place, format!("it has {boxes} box branches and {scores} of classes")));
    }
    expect_expectation(source, bins)?;
    let levels = boxes
        .into_iter()
        .zip(scores)
        .map(|(boxes, classes)| DetectLevel { boxes, classes })
        .collect();
    Ok(Box::new(Detect { place, bins, classes, levels }))
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
    fn layout(
        &self,
        features: &[Shape],
        width: usize,
        height: usize,
    ) -> Result<Layout, NetworkError> {
        if features.len() != self.levels.len() {
            let (got, want) = (features.len(), self.levels.len());
            return Err(unfit(&self.place, format!("takes {want} inputs but gets {got}")));
        }
        let mut levels = Vec::with_capacity(features.len());
        for (level, &feature) in self.levels.iter().zip(features) {
            let boxes = level.boxes.shape(feature)?;
            boxes.expect_channels(4 * self.bins, &self.place)?;
            let classes = level.classes.shape(feature)?;
            classes.expect_channels(self.classes, &self.place)?;
            let grid = (boxes.width, boxes.height);
            if grid != (classes.width, classes.height) {
                return Err(unfit(&self.place, "boxes and classes differ in size"));
            }
            let stride = width / grid.0;
            if (grid.0 * stride, grid.1 * stride) != (width, height) {
                return Err(unfit(
                    &self.place,
                    format!("a grid of {}x{} does not divide {width}x{height}", grid.0, grid.1),
                ));
            }
            levels.push(Level { width: grid.0, height: grid.1, stride });
        }
        Ok(Layout::Boxes(BoxLayout { bins: self.bins, classes: self.classes, levels }))
    }

    fn run(&self, features: Vec<Tensor<4>>) -> RawOutput {
        let levels = self
            .levels
            .iter()
            .zip(features)
            .map(|(level, feature)| {
                let boxes = level.boxes.run(feature.clone()).flatten::<3>(2, 3);
                let classes = level.classes.run(feature).flatten::<3>(2, 3);
                Tensor::cat(vec![boxes, classes], 1)
            })
            .collect();
        RawOutput::Boxes(Tensor::cat(levels, 2))
    }
}

/// `Classify`: features averaged over the picture, then a weighted sum for each class.
struct Classify {
    place: Place,
    features: Box<dyn Block>,
    /// `[inputs, classes]`.
    weight: Tensor<2>,
    /// `[1, classes]`.
    bias: Tensor<2>,
    inputs: usize,
    classes: usize,
}

pub(crate) fn classify(source: &Source) -> Result<Box<dyn Head>, NetworkError> {
    let linear = source.child("linear")?;
    if !linear.class().starts_with("torch.nn.modules.") || !linear.class().ends_with(".Linear") {
        return Err(linear.unknown());
    }
    let Some(Array { shape, values }) = linear.parameter("weight")? else {
        return Err(linear.missing("parameter \"weight\""));
    };
    let &[classes, inputs] = shape.as_slice() else {
        let problem = format!("its weight has {} dimensions, not 2", shape.len());
        return Err(unfit(&linear.place, problem));
    };
    if classes == 0 || inputs == 0 {
        return Err(unfit(&linear.place, "its weight is empty"));
    }
    let bias = linear.parameter("bias")?.map_or_else(|| vec![0.0; classes], |array| array.values);
    if bias.len() != classes {
        return Err(unfit(&linear.place, format!("its bias does not have {classes} values")));
    }
    Ok(Box::new(Classify {
        place: source.place.clone(),
        features: source.block("conv")?,
        weight: source.site.tensor(values, [classes, inputs]).transpose(),
        bias: source.site.tensor(bias, [1, classes]),
        inputs,
        classes,
    }))
}

impl Head for Classify {
    fn layout(&self, features: &[Shape], _: usize, _: usize) -> Result<Layout, NetworkError> {
        let &[feature] = features else {
            let got = features.len();
            return Err(unfit(&self.place, format!("takes one input but gets {got}")));
        };
        self.features.shape(feature)?.expect_channels(self.inputs, &self.place)?;
        Ok(Layout::Classes { count: self.classes })
    }

    fn run(&self, features: Vec<Tensor<4>>) -> RawOutput {
        let feature = features.into_iter().next().expect("the layout was asked with one feature");
        let feature = self.features.run(feature);
        let average = feature.flatten::<3>(2, 3).mean_dim(2).flatten::<2>(1, 2);
        RawOutput::Classes(average.matmul(self.weight.clone()) + self.bias.clone())
    }
}

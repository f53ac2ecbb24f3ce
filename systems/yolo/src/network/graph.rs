//! The layers of a network, and which takes what from which.

use burn::tensor::Tensor;

use super::block::{Block, Builder, Join, builder};
use super::error::NetworkError;
use super::head::{Head, Layout, RawOutput};
use super::info::LayerInfo;
use super::shape::{Shape, unfit};
use super::source::Source;
use super::tally::Tally;

/// The layers of a network in the order in which they run, and the head that ends them.
pub(crate) struct Graph {
    layers: Vec<Layer>,
    head: Box<dyn Head>,
    head_about: About,
    head_inputs: Vec<usize>,
    /// For each tensor (0: the picture, n + 1: the output of layer n) how often it is taken.
    uses: Vec<usize>,
}

struct Layer {
    /// Which tensors it takes, numbered as in [`Graph::uses`].
    inputs: Vec<usize>,
    operation: Operation,
    /// How many channels each piece of its output has, if only pieces of it are taken.
    pieces: Option<Vec<usize>>,
    about: About,
}

/// What a layer is, for people.
struct About {
    class: String,
    parameters: u64,
}

impl About {
    fn read(source: &Source) -> Result<Self, NetworkError> {
        Ok(Self { class: source.class().to_owned(), parameters: source.parameters()? })
    }
}

enum Operation {
    Block(Box<dyn Block>),
    Join(Box<dyn Join>),
}

impl Graph {
    /// Builds the layers that are the children of `source`, the last of which is the head.
    pub fn read(source: &Source) -> Result<Self, NetworkError> {
        let children = source.children()?;
        let Some((head, layers)) = children.split_last() else {
            return Err(source.missing("layer"));
        };
        let layers = layers.iter().try_fold(Vec::new(), |mut layers, source| {
            layers.push(Layer::read(source, &layers)?);
            Ok::<_, NetworkError>(layers)
        })?;
        let head_inputs = inputs(head, layers.len())?;
        expect_whole(head, &head_inputs, &layers)?;
        let head_about = About::read(head)?;
        let head = match builder(head.class()) {
            Some(Builder::Head(build)) => build(head)?,
            Some(_) => {
                let problem = format!("the last layer {} is not a head", head.class());
                return Err(unfit(&head.place, problem));
            }
            None => return Err(head.unknown()),
        };
        let mut uses = vec![0; layers.len() + 1];
        for &input in layers.iter().flat_map(|layer| &layer.inputs).chain(&head_inputs) {
            uses[input] += 1;
        }
        Ok(Self { layers, head, head_about, head_inputs, uses })
    }

    /// The layout of the output for pictures of `width` x `height`, or why they do not fit.
    pub fn layout(&self, width: usize, height: usize) -> Result<Layout, NetworkError> {
        self.walk(width, height, |_, _| ())
    }

    /// What each layer is and does with pictures of `width` x `height`.
    pub fn layers(&self, width: usize, height: usize) -> Result<Vec<LayerInfo>, NetworkError> {
        let mut costs = Vec::new();
        let mut before = 0;
        self.walk(width, height, |shape, tally| {
            costs.push((shape, tally.multiplications - before));
            before = tally.multiplications;
        })?;
        let layers = self.layers.iter().map(|layer| (&layer.inputs, &layer.about));
        let all = layers.chain([(&self.head_inputs, &self.head_about)]);
        let info = |(inputs, about): (&Vec<usize>, &About), (shape, multiplications)| LayerInfo {
            inputs: inputs.iter().map(|input| input.checked_sub(1)).collect(),
            class: about.class.clone(),
            parameters: about.parameters,
            multiplications,
            output: Option::map(shape, |shape: Shape| [shape.channels, shape.height, shape.width]),
        };
        Ok(all.zip(costs).map(|(layer, cost)| info(layer, cost)).collect())
    }

    /// Works out all shapes, and tells of each layer its output and what was computed up to it; of
    /// the head that it has no one output.
    fn walk(
        &self,
        width: usize,
        height: usize,
        mut tell: impl FnMut(Option<Shape>, &Tally),
    ) -> Result<Layout, NetworkError> {
        let mut tally = Tally::default();
        let mut shapes = vec![Shape { channels: 3, height, width }];
        for layer in &self.layers {
            let inputs: Vec<Shape> = layer.inputs.iter().map(|&input| shapes[input]).collect();
            let shape = match &layer.operation {
                Operation::Block(block) => block.shape(inputs[0], &mut tally)?,
                Operation::Join(join) => join.shape(&inputs, &mut tally)?,
            };
            tell(Some(shape), &tally);
            shapes.push(shape);
        }
        let features: Vec<Shape> = self.head_inputs.iter().map(|&input| shapes[input]).collect();
        let layout = self.head.layout(&features, width, height, &mut tally)?;
        tell(None, &tally);
        Ok(layout)
    }

    /// # Shapes
    ///
    /// - `picture`: `[batch, 3, height, width]`, of a size that [`Graph::layout`] accepts
    pub fn run(&self, picture: Tensor<4>) -> RawOutput {
        let mut tensors = Tensors { uses: self.uses.clone(), tensors: vec![Some(picture)] };
        for (at, layer) in self.layers.iter().enumerate() {
            let mut inputs = tensors.take(&layer.inputs);
            let output = match &layer.operation {
                Operation::Block(block) => block.run(inputs.remove(0)),
                Operation::Join(join) => join.run(inputs),
            };
            // What nobody takes need not be kept.
            tensors.tensors.push((self.uses[at + 1] > 0).then_some(output));
        }
        self.head.run(tensors.take(&self.head_inputs))
    }
}

/// The outputs of the layers so far, each until it was taken for the last time: memory is returned
/// early, and operations may work in place.
struct Tensors {
    uses: Vec<usize>,
    tensors: Vec<Option<Tensor<4>>>,
}

impl Tensors {
    fn take(&mut self, inputs: &[usize]) -> Vec<Tensor<4>> {
        inputs
            .iter()
            .map(|&input| {
                self.uses[input] -= 1;
                let tensor = &mut self.tensors[input];
                if self.uses[input] == 0 { tensor.take() } else { tensor.clone() }
                    .expect("inputs are earlier layers, and every use was counted")
            })
            .collect()
    }
}

impl Layer {
    /// Reads the layer that follows `layers`.
    fn read(source: &Source, layers: &[Self]) -> Result<Self, NetworkError> {
        let inputs = inputs(source, layers.len())?;
        let mut pieces = None;
        let builder = builder(source.class()).ok_or_else(|| source.unknown())?;
        if !matches!(builder, Builder::JoinPieces(_)) {
            expect_whole(source, &inputs, layers)?;
        }
        let operation = match builder {
            Builder::Block(build) => Operation::Block(build(source)?),
            Builder::Join(build) => Operation::Join(build(source)?),
            Builder::Pieces(build) => {
                let (block, sizes) = build(source)?;
                pieces = Some(sizes);
                Operation::Block(block)
            }
            Builder::JoinPieces(build) => {
                let pieces: Vec<_> = inputs.iter().map(|&input| pieces_of(input, layers)).collect();
                Operation::Join(build(source, &pieces)?)
            }
            Builder::Head(_) => {
                return Err(unfit(&source.place, "a head that is not the last layer"));
            }
        };
        if matches!(operation, Operation::Block(_)) && inputs.len() != 1 {
            let problem = format!("takes one input but gets {}", inputs.len());
            return Err(unfit(&source.place, problem));
        }
        Ok(Self { inputs, operation, pieces, about: About::read(source)? })
    }
}

/// The pieces of a tensor, numbered as in [`Graph::uses`].
fn pieces_of(input: usize, layers: &[Layer]) -> Option<&[usize]> {
    layers.get(input.checked_sub(1)?)?.pieces.as_deref()
}

/// Refuses to take as a whole what is made in pieces.
fn expect_whole(source: &Source, inputs: &[usize], layers: &[Layer]) -> Result<(), NetworkError> {
    match inputs.iter().find(|&&input| pieces_of(input, layers).is_some()) {
        None => Ok(()),
        Some(input) => {
            let problem = format!("takes layer {}, whose output is in pieces", input - 1);
            Err(unfit(&source.place, problem))
        }
    }
}

/// The tensors that layer `at` takes, numbered as in [`Graph::uses`].
///
/// In the checkpoint, `f` is one number or a list: a layer's number, or negative counted back from
/// this one, so that -1 is the layer before, and before the first layer is the picture.
fn inputs(source: &Source, at: usize) -> Result<Vec<usize>, NetworkError> {
    let from = source.attribute("f").ok_or_else(|| source.missing("\"f\""))?;
    let numbers = match from.as_i64() {
        Some(number) => vec![Some(number)],
        None => from.items().into_iter().map(|number| number.as_i64()).collect(),
    };
    if numbers.is_empty() {
        return Err(unfit(&source.place, "it has no input"));
    }
    numbers
        .into_iter()
        .map(|number| {
            let number = number.ok_or_else(|| unfit(&source.place, "f is not a layer's number"))?;
            let layers = at as i64;
            let layer = if number < 0 { layers.checked_add(number) } else { Some(number) };
            // -1 at the first layer: the picture.
            layer
                .filter(|layer| (-1..layers).contains(layer) && (*layer >= 0 || at == 0))
                .map(|layer| (layer + 1) as usize)
                .ok_or_else(|| unfit(&source.place, format!("takes from layer {number}")))
        })
        .collect()
}

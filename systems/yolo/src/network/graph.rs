//! The layers of a network, and which takes what from which.

use super::block::{Block, Builder, Join, builder};
use super::error::NetworkError;
use super::head::Head;
use super::info::LayerInfo;
use super::plan::{Plan, PlanBuilder, Value};
use super::shape::{Shape, unfit};
use super::source::Source;

/// The layers of a network in the order in which they run, and the head that ends them.
pub(crate) struct Graph {
    layers: Vec<Layer>,
    head: Box<dyn Head>,
    head_about: About,
    head_inputs: Vec<usize>,
}

struct Layer {
    /// Which values it takes: 0 is the picture, n + 1 the output of layer n.
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
        Ok(Self { layers, head, head_about, head_inputs })
    }

    /// What it computes with pictures of `width` x `height`, or why they do not fit.
    pub fn plan(&self, width: usize, height: usize) -> Result<Plan, NetworkError> {
        let mut plan = PlanBuilder::new(width, height);
        let mut values = vec![plan.picture()];
        for layer in &self.layers {
            let inputs: Vec<Value> = layer.inputs.iter().map(|&input| values[input]).collect();
            let output = match &layer.operation {
                Operation::Block(block) => block.emit(&mut plan, inputs[0])?,
                Operation::Join(join) => join.emit(&mut plan, &inputs)?,
            };
            plan.end_layer(Some(output));
            values.push(output);
        }
        let features: Vec<Value> = self.head_inputs.iter().map(|&input| values[input]).collect();
        let output = self.head.emit(&mut plan, &features)?;
        plan.end_layer(None);
        Ok(plan.finish(output))
    }

    /// What each layer is, and does in `plan`.
    pub fn layers(&self, plan: &Plan) -> Vec<LayerInfo> {
        let layers = self.layers.iter().map(|layer| (&layer.inputs, &layer.about));
        let all = layers.chain([(&self.head_inputs, &self.head_about)]);
        all.zip(&plan.layers)
            .map(|((inputs, about), cost)| LayerInfo {
                inputs: inputs.iter().map(|input| input.checked_sub(1)).collect(),
                class: about.class.clone(),
                parameters: about.parameters,
                multiplications: cost.multiplications,
                output: cost
                    .output
                    .map(|Shape { channels, height, width }| [channels, height, width]),
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

/// The pieces of a value, numbered as in [`Layer::inputs`].
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

/// The values that layer `at` takes, numbered as in [`Layer::inputs`].
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

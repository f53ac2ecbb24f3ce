//! From operations on tensors to steps on planes.
//!
//! - A concatenation or a choice of whole blocks of channels is no step: the planes are only named
//!   in another order.
//! - An addition whose one input is a convolution that nobody else uses becomes part of it.
//! - A convolution is done in the way that is quickest for its shape.

mod convolution;

use std::collections::HashMap;
use std::sync::{Arc, OnceLock};

use crate::element::Element;
use crate::graph::{Node, Operation};
use crate::grid::{Grid, Margin};
use crate::packings::Packings;
use crate::planes::{Places, PlaneId, Planes};
use crate::shape::Shape;
use crate::simd::{Isa, LANES};
use crate::step::AnyStep;
use crate::step::attention::{Attend, Attention, AttentionPlanes, Pack};
use crate::step::copy::{Gather, Rearrange};
use crate::step::elementwise::{EachNumber, Elementwise};
use crate::step::layout::{Export, Import};
use crate::step::pool::Pool;
use crate::step::reduce::{Mean, Softmax};

/// For what a program is planned.
#[derive(Clone, Copy)]
pub(crate) struct Target {
    pub isa: Isa,
    pub threads: usize,
}

/// The steps of a network, and the memory that they need.
pub(crate) struct Plan<E: Element> {
    pub steps: Vec<Planned<E>>,
    /// Numbers of all planes.
    pub planes: usize,
}

/// A step, and what it is for people.
pub(crate) struct Planned<E: Element> {
    pub step: Box<dyn AnyStep<E>>,
    /// How it is done.
    pub kind: &'static str,
    /// The operation that it belongs to.
    pub node: usize,
}

/// A step whose planes have no places yet.
struct Draft<'a, E: Element> {
    planes: Vec<PlaneId>,
    make: Box<dyn FnOnce(&Places) -> Box<dyn AnyStep<E>> + 'a>,
    kind: &'static str,
    node: usize,
}

struct Planner<'a, E: Element> {
    nodes: &'a [Node],
    target: Target,
    packings: &'a Packings,
    /// How many operations and outputs take each node.
    uses: Vec<usize>,
    margins: HashMap<(usize, usize), Margin>,
    planes: Planes,
    /// The planes of each node, once it is computed.
    values: Vec<Option<Vec<PlaneId>>>,
    /// Of a convolution: the addition that it does too, and what it adds.
    additions: HashMap<usize, (usize, usize)>,
    drafts: Vec<Draft<'a, E>>,
}

pub(crate) fn plan<E: Element>(
    nodes: &[Node],
    outputs: &[usize],
    target: Target,
    packings: &Packings,
) -> Plan<E> {
    let mut planner = Planner::<E>::new(nodes, outputs, target, packings);
    for node in 0..nodes.len() {
        planner.lower(node);
    }
    for (output, &node) in outputs.iter().enumerate() {
        planner.export(node, output);
    }
    planner.place()
}

impl<'a, E: Element> Planner<'a, E> {
    fn new(nodes: &'a [Node], outputs: &[usize], target: Target, packings: &'a Packings) -> Self {
        let mut uses = vec![0; nodes.len()];
        let inputs = nodes.iter().flat_map(|node| &node.inputs);
        inputs.chain(outputs).for_each(|&node| uses[node] += 1);
        let mut planner = Self {
            nodes,
            target,
            packings,
            uses,
            margins: HashMap::new(),
            planes: Planes::default(),
            values: vec![None; nodes.len()],
            additions: HashMap::new(),
            drafts: Vec::new(),
        };
        planner.find_margins();
        planner.find_additions();
        planner
    }

    /// The convolutions that an addition can become part of.
    fn find_additions(&mut self) {
        for (index, node) in self.nodes.iter().enumerate() {
            if !matches!(node.operation, Operation::Add) {
                continue;
            }
            let (a, b) = (node.inputs[0], node.inputs[1]);
            let sum = [(a, b), (b, a)].into_iter().find(|&(convolution, other)| {
                // What is added must be there when the convolution is done.
                self.uses[convolution] == 1
                    && other < convolution
                    && matches!(self.nodes[convolution].operation, Operation::Convolution(_))
            });
            if let Some((convolution, other)) = sum {
                self.additions.insert(convolution, (index, other));
            }
        }
    }

    fn grid(&self, shape: Shape) -> Grid {
        let Shape { height, width, .. } = shape;
        let margin = self.margins.get(&(height, width)).copied().unwrap_or_default();
        Grid { height, width, margin }
    }

    fn shape(&self, node: usize) -> Shape {
        self.nodes[node].shape
    }

    fn draft<S: AnyStep<E> + 'static>(
        &mut self,
        node: usize,
        kind: &'static str,
        planes: &[&[PlaneId]],
        make: impl FnOnce(&Places) -> S + 'a,
    ) {
        self.drafts.push(Draft {
            planes: planes.concat(),
            make: Box::new(|places| Box::new(make(places))),
            kind,
            node,
        });
    }

    /// The planes of an operation that was computed, or of the picture.
    fn value(&mut self, node: usize) -> Vec<PlaneId> {
        if let Some(planes) = &self.values[node] {
            return planes.clone();
        }
        let Operation::Input = self.nodes[node].operation else {
            unreachable!("operations are computed in their order")
        };
        let output = self.new_value(node);
        let planes = output.clone();
        let shape = self.shape(node);
        let grid = self.grid(shape);
        self.draft(node, "import", &[&output], move |places| Import {
            channels: shape.channels,
            output: places.of(&planes),
            grid,
        });
        output
    }

    /// Planes for the result of an operation.
    fn new_value(&mut self, node: usize) -> Vec<PlaneId> {
        let shape = self.shape(node);
        let planes = self.planes.add(self.grid(shape), shape.channels.div_ceil(LANES));
        self.values[node] = Some(planes.clone());
        planes
    }

    fn lower(&mut self, index: usize) {
        // An addition may be done already.
        if self.values[index].is_some() {
            return;
        }
        let node = &self.nodes[index];
        match &node.operation {
            // Imported when somebody wants it as planes.
            Operation::Input => {}
            Operation::Convolution(convolution) => self.convolution(index, convolution),
            Operation::TransposedConvolution(convolution) => self.transposed(index, convolution),
            Operation::Activation(activation) => {
                self.each_number(index, None, |_| Elementwise::Activate(*activation));
            }
            Operation::Add => {
                let other = self.value(node.inputs[1]);
                self.each_number(index, Some(other), Elementwise::Add);
            }
            Operation::Multiply => {
                let other = self.value(node.inputs[1]);
                self.each_number(index, Some(other), Elementwise::Multiply);
            }
            Operation::ScaleShift { factors, offsets } => {
                let padded = |numbers: &[f32]| {
                    let padding = numbers.len().next_multiple_of(LANES) - numbers.len();
                    numbers.iter().copied().chain(std::iter::repeat_n(0.0, padding)).collect()
                };
                let (factors, offsets) = (padded(factors), padded(offsets));
                self.each_number(index, None, |_| Elementwise::ScaleShift(factors, offsets));
            }
            Operation::Concatenate => {
                let mut channels = Vec::with_capacity(node.shape.channels);
                for &input in &node.inputs {
                    channels.extend(self.channels(input));
                }
                self.assemble(index, channels);
            }
            Operation::Select(indices) => {
                let channels = self.channels(node.inputs[0]);
                self.assemble(index, indices.iter().map(|&index| channels[index]).collect());
            }
            &Operation::Pool { pooling, windows } => {
                self.between_grids(index, "pool", move |input, output| {
                    Pool::new(pooling, windows, input, output)
                });
            }
            Operation::Resize => {
                let (from, to) = (self.shape(node.inputs[0]), node.shape);
                let nearest = |from: usize, to: usize| -> Vec<Option<usize>> {
                    (0..to).map(|at| Some(at * from / to)).collect()
                };
                let rows = nearest(from.height, to.height);
                let columns = nearest(from.width, to.width);
                self.between_grids(index, "resize", move |(input, grid), (output, output_grid)| {
                    Rearrange { input, grid, output, output_grid, rows, columns, value: 0.0 }
                });
            }
            &Operation::Pad { top, left, value } => {
                let (from, to) = (self.shape(node.inputs[0]), node.shape);
                let shifted = |from: usize, before: usize, to: usize| -> Vec<Option<usize>> {
                    (0..to).map(|at| at.checked_sub(before).filter(|&at| at < from)).collect()
                };
                let rows = shifted(from.height, top, to.height);
                let columns = shifted(from.width, left, to.width);
                self.between_grids(index, "pad", move |(input, grid), (output, output_grid)| {
                    Rearrange { input, grid, output, output_grid, rows, columns, value }
                });
            }
            Operation::Attention(_) => self.attention(index),
            Operation::Mean => {
                self.between_grids(index, "mean", |(input, grid), (output, output_grid)| Mean {
                    input,
                    grid,
                    output,
                    output_grid,
                });
            }
            Operation::Softmax => {
                let channels = node.shape.channels;
                self.between_grids(index, "softmax", move |(input, grid), (output, _)| Softmax {
                    channels,
                    input,
                    output,
                    grid,
                });
            }
        }
    }

    /// A step that makes one tensor of one other.
    fn between_grids<S: AnyStep<E> + 'static>(
        &mut self,
        index: usize,
        kind: &'static str,
        make: impl FnOnce((Vec<usize>, Grid), (Vec<usize>, Grid)) -> S + 'a,
    ) {
        let from = self.nodes[index].inputs[0];
        let input = self.value(from);
        let output = self.new_value(index);
        let (grid, output_grid) = (self.grid(self.shape(from)), self.grid(self.shape(index)));
        let planes = [input.clone(), output.clone()];
        self.draft(index, kind, &[&planes[0], &planes[1]], move |places| {
            make((places.of(&input), grid), (places.of(&output), output_grid))
        });
    }

    fn each_number(
        &mut self,
        index: usize,
        other: Option<Vec<PlaneId>>,
        operation: impl FnOnce(Vec<usize>) -> Elementwise + 'a,
    ) {
        let input = self.value(self.nodes[index].inputs[0]);
        let output = self.new_value(index);
        let grid = self.grid(self.shape(index));
        let other = other.unwrap_or_default();
        let planes = [input.clone(), other.clone(), output.clone()];
        self.draft(index, "each", &[&planes[0], &planes[1], &planes[2]], move |places| {
            EachNumber {
                operation: operation(places.of(&other)),
                input: places.of(&input),
                output: places.of(&output),
                grid,
            }
        });
    }

    /// For each channel of a node the plane that it is in, and its number in a place.
    fn channels(&mut self, node: usize) -> Vec<(PlaneId, usize)> {
        let planes = self.value(node);
        let channels = self.shape(node).channels;
        (0..channels).map(|channel| (planes[channel / LANES], channel % LANES)).collect()
    }

    /// A tensor of channels of others. Where sixteen of them are a whole plane, it is that plane.
    fn assemble(&mut self, index: usize, channels: Vec<(PlaneId, usize)>) {
        let grid = self.grid(self.shape(index));
        let planes = channels
            .chunks(LANES)
            .map(|block| {
                let plane = block[0].0;
                let is_plane =
                    block.iter().enumerate().all(|(lane, &channel)| channel == (plane, lane));
                if is_plane { plane } else { self.gather(index, grid, block.to_vec()) }
            })
            .collect();
        self.values[index] = Some(planes);
    }

    /// A plane of single channels.
    fn gather(&mut self, index: usize, grid: Grid, channels: Vec<(PlaneId, usize)>) -> PlaneId {
        let output = self.planes.add(grid, 1);
        let sources: Vec<PlaneId> = channels.iter().map(|&(plane, _)| plane).collect();
        let planes = [sources.clone(), output.clone()];
        let plane = output[0];
        self.draft(index, "gather", &[&planes[0], &planes[1]], move |places| Gather {
            channels: places
                .of(&sources)
                .into_iter()
                .zip(channels)
                .map(|(plane, (_, lane))| (plane, lane))
                .collect(),
            output: places.of(&output),
            grid,
        });
        plane
    }

    fn attention(&mut self, index: usize) {
        let node = &self.nodes[index];
        let Operation::Attention(form) = node.operation else { return };
        let [queries, keys, values] = [0, 1, 2].map(|input| self.value(node.inputs[input]));
        let output = self.new_value(index);
        let grid = self.grid(node.shape);
        let isa = self.target.isa;
        let inputs = [queries, keys, values];
        let all = [inputs.concat(), output.clone()].concat();
        let attention = Arc::new(OnceLock::new());
        // Both steps use all planes, so that none of them is taken in between.
        let packed = Arc::clone(&attention);
        self.draft(index, "attention", &[&all], move |places| {
            let [queries, keys, values] = inputs.map(|planes| places.of(&planes));
            let planes = AttentionPlanes { queries, keys, values, output: places.of(&output) };
            let made = || Arc::new(Attention::new(isa, grid, planes, form));
            Pack(Arc::clone(packed.get_or_init(made)))
        });
        self.draft(index, "attention", &[&all], move |_| {
            Attend(Arc::clone(attention.get().expect("steps are made in their order")))
        });
    }

    /// Copies a value to an output of the program.
    fn export(&mut self, node: usize, output: usize) {
        let input = self.value(node);
        let shape = self.shape(node);
        let grid = self.grid(shape);
        let planes = input.clone();
        self.draft(node, "export", &[&planes], move |places| Export {
            channels: shape.channels,
            input: places.of(&input),
            grid,
            output,
        });
    }

    /// Gives every plane its place, and makes the steps.
    fn place(self) -> Plan<E> {
        let used: Vec<Vec<PlaneId>> =
            self.drafts.iter().map(|draft| draft.planes.clone()).collect();
        let places = self.planes.place(&used);
        let made = |draft: Draft<'_, E>| Planned {
            step: (draft.make)(&places),
            kind: draft.kind,
            node: draft.node,
        };
        Plan { steps: self.drafts.into_iter().map(made).collect(), planes: places.numbers }
    }
}

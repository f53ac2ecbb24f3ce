//! Which way a convolution is done, and its steps.

use crate::element::Element;
use crate::graph::{Convolution, Operation, TransposedConvolution};
use crate::grid::Margin;
use crate::planes::{Places, PlaneId};
use crate::shape::Shape;
use crate::simd::LANES;
use crate::step::depthwise::Depthwise;
use crate::step::direct::{Direct, Kernel, Lattice, Source};
use crate::step::finish::Finish;
use crate::step::planar::{self, Picture, Planar};
use crate::step::winograd::{self, Winograd};

use super::Planner;

/// How a convolution is done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Way {
    Planar,
    Depthwise,
    Winograd,
    Direct,
}

impl<'a, E: Element> Planner<'a, E> {
    /// The margin that tensors of each size need, for all who read them.
    pub(super) fn find_margins(&mut self) {
        for (index, node) in self.nodes.iter().enumerate() {
            let Some(&from) = node.inputs.first() else { continue };
            let input = self.shape(from);
            let margin = match &node.operation {
                Operation::Convolution(convolution) => match self.way(index, convolution) {
                    Way::Planar => continue,
                    Way::Winograd => winograd::margin(input.height, input.width, [1, 1]),
                    Way::Depthwise | Way::Direct => {
                        reach(input, node.shape, convolution.stride, &taps(convolution))
                    }
                },
                Operation::TransposedConvolution(convolution) => phases(convolution, node.shape)
                    .iter()
                    .map(|phase| {
                        let shape = Shape { height: phase.size[0], width: phase.size[1], ..input };
                        reach(input, shape, [1, 1], &phase.taps)
                    })
                    .fold(Margin::default(), Margin::union),
                _ => continue,
            };
            let known = self.margins.entry((input.height, input.width)).or_default();
            *known = known.union(margin);
        }
    }

    fn way(&self, node: usize, convolution: &Convolution) -> Way {
        let from = self.nodes[node].inputs[0];
        let input = self.shape(from);
        let &Convolution { kernel, stride, dilation, padding, groups, outputs, .. } = convolution;
        if groups == input.channels && groups == outputs && groups > 1 {
            return Way::Depthwise;
        }
        let is_picture = matches!(self.nodes[from].operation, Operation::Input);
        if is_picture && groups == 1 && planar::can(input.channels, stride[1]) {
            return Way::Planar;
        }
        let is_plain = kernel == [3, 3] && stride == [1, 1] && dilation == [1, 1] && groups == 1;
        if is_plain
            && padding == [1; 4]
            && winograd::is_quicker(input.channels, outputs, input.height, input.width)
        {
            return Way::Winograd;
        }
        Way::Direct
    }

    pub(super) fn convolution(&mut self, index: usize, convolution: &'a Convolution) {
        let way = self.way(index, convolution);
        let from = self.nodes[index].inputs[0];
        let (shape, output_shape) = (self.shape(from), self.shape(index));
        let (grid, output_grid) = (self.grid(shape), self.grid(output_shape));
        let addition = self.additions.get(&index).copied();
        let residual = addition.map(|(_, other)| self.value(other));
        let input = if way == Way::Planar { Vec::new() } else { self.value(from) };
        let output = self.new_value(addition.map_or(index, |(sum, _)| sum));
        let planes = [input.clone(), residual.clone().unwrap_or_default(), output.clone()];
        let planes = [&planes[0][..], &planes[1], &planes[2]];

        let kernel = Kernel {
            given: &convolution.weights,
            weights: &convolution.weights,
            outputs: convolution.outputs,
            inputs: shape.channels,
            groups: convolution.groups,
            taps: (0..convolution.kernel.iter().product()).collect(),
            all_taps: convolution.kernel.iter().product(),
        };
        let finish = move |places: &Places| {
            let residual = residual.as_ref().map(|planes| places.of(planes));
            let output = places.of(&output);
            Finish::new(&convolution.bias, convolution.activation, residual, output)
        };
        let source = move |places: &Places| Source {
            planes: places.of(&input),
            grid,
            stride: convolution.stride,
            taps: taps(convolution),
        };
        let lattice = Lattice::whole(&output_grid);
        let (target, packings) = (self.target, self.packings);
        match way {
            Way::Planar => {
                let picture = Picture {
                    channels: shape.channels,
                    height: shape.height,
                    width: shape.width,
                    kernel: convolution.kernel,
                    stride: convolution.stride,
                    padding: [convolution.padding[0], convolution.padding[1]],
                    dilation: convolution.dilation,
                };
                self.draft(index, "planar", &planes, move |places| {
                    Planar::new(target.isa, packings, picture, &kernel, finish(places), lattice)
                });
            }
            Way::Depthwise => self.draft(index, "depthwise", &planes, move |places| {
                Depthwise::new(packings, source(places), &kernel, finish(places), lattice)
            }),
            Way::Winograd => self.draft(index, "winograd", &planes, move |places| {
                let input = source(places).planes;
                Winograd::new(target, packings, &input, &grid, &kernel, finish(places))
            }),
            Way::Direct => self.draft(index, "direct", &planes, move |places| {
                let (source, finish) = (source(places), finish(places));
                Direct::<E>::new(target, packings, source, &kernel, finish, lattice)
            }),
        }
    }

    /// A convolution for each of the places that lie alike to the input's: with stride 2 the upper
    /// left, upper right, lower left and lower right of each four.
    pub(super) fn transposed(&mut self, index: usize, convolution: &'a TransposedConvolution) {
        let from = self.nodes[index].inputs[0];
        let (shape, output_shape) = (self.shape(from), self.shape(index));
        let (grid, output_grid) = (self.grid(shape), self.grid(output_shape));
        let input = self.value(from);
        let output = self.new_value(index);
        let (target, packings) = (self.target, self.packings);
        for phase in phases(convolution, output_shape) {
            let planes: [Vec<PlaneId>; 2] = [input.clone(), output.clone()];
            let (input, output) = (input.clone(), output.clone());
            self.draft(index, "transposed", &[&planes[0], &planes[1]], move |places| {
                let weights = turned(convolution, shape.channels);
                let all_taps = convolution.kernel.iter().product::<usize>() + 1;
                let kernel = Kernel {
                    given: &convolution.weights,
                    weights: &weights,
                    outputs: convolution.outputs,
                    inputs: shape.channels,
                    groups: convolution.groups,
                    taps: phase.kernel_taps,
                    all_taps,
                };
                let source =
                    Source { planes: places.of(&input), grid, stride: [1, 1], taps: phase.taps };
                let output = places.of(&output);
                let finish = Finish::new(&convolution.bias, convolution.activation, None, output);
                let lattice = Lattice {
                    height: phase.size[0],
                    width: phase.size[1],
                    start: output_grid.at(phase.first[0], phase.first[1]),
                    row: convolution.stride[0] * output_grid.row(),
                    step: convolution.stride[1] * LANES,
                };
                Direct::<E>::new(target, packings, source, &kernel, finish, lattice)
            });
        }
    }
}

/// Where each tap of a convolution lies when its output's first place is computed.
fn taps(convolution: &Convolution) -> Vec<[isize; 2]> {
    let &Convolution { kernel: [rows, columns], padding, dilation, .. } = convolution;
    let offset = |tap: usize, axis: usize| (tap * dilation[axis]) as isize - padding[axis] as isize;
    (0..rows).flat_map(|y| (0..columns).map(move |x| [offset(y, 0), offset(x, 1)])).collect()
}

/// How far taps reach beyond the input.
fn reach(input: Shape, output: Shape, stride: [usize; 2], taps: &[[isize; 2]]) -> Margin {
    let beyond = |axis: usize, input: usize, output: usize| {
        let offsets = taps.iter().map(|tap| tap[axis]);
        let before = offsets.clone().min().map_or(0, |offset| (-offset).max(0));
        let last = ((output - 1) * stride[axis]) as isize;
        let after = offsets.max().map_or(0, |offset| last + offset - (input as isize - 1));
        (before as usize, after.max(0) as usize)
    };
    let (top, bottom) = beyond(0, input.height, output.height);
    let (left, right) = beyond(1, input.width, output.width);
    Margin { top, left, bottom, right }
}

/// The places of a transposed convolution's output that lie alike to the input's.
struct Phase {
    /// The first of them, and how many rows and columns of them there are.
    first: [usize; 2],
    size: [usize; 2],
    /// Where the taps lie for the first, and which they are in the kernel.
    taps: Vec<[isize; 2]>,
    kernel_taps: Vec<usize>,
}

fn phases(convolution: &TransposedConvolution, output: Shape) -> Vec<Phase> {
    let &TransposedConvolution { kernel, stride, padding, .. } = convolution;
    // Along one axis: the taps that reach the places from `first` on, and which input they come
    // from. Place y is reached by tap k of input i where y = i * stride + k - padding.
    let along = |axis: usize, first: usize| -> Vec<(usize, isize)> {
        (0..kernel[axis])
            .filter_map(|tap| {
                let distance = (first + padding[axis]) as isize - tap as isize;
                let stride = stride[axis] as isize;
                (distance.rem_euclid(stride) == 0).then(|| (tap, distance.div_euclid(stride)))
            })
            .collect()
    };
    let mut phases = Vec::new();
    for y in 0..stride[0].min(output.height) {
        for x in 0..stride[1].min(output.width) {
            let (rows, columns) = (along(0, y), along(1, x));
            let pairs: Vec<_> = rows
                .iter()
                .flat_map(|row| columns.iter().map(move |column| (row, column)))
                .collect();
            let mut phase = Phase {
                first: [y, x],
                size: [
                    (output.height - y).div_ceil(stride[0]),
                    (output.width - x).div_ceil(stride[1]),
                ],
                taps: pairs.iter().map(|(row, column)| [row.1, column.1]).collect(),
                kernel_taps: pairs
                    .iter()
                    .map(|(row, column)| row.0 * kernel[1] + column.0)
                    .collect(),
            };
            if pairs.is_empty() {
                // Nothing reaches them: the tap behind the kernel, which is 0.
                phase.taps.push([0, 0]);
                phase.kernel_taps.push(kernel[0] * kernel[1]);
            }
            phases.push(phase);
        }
    }
    phases
}

/// The weights of a transposed convolution as those of a convolution, with a tap of 0 behind them.
fn turned(convolution: &TransposedConvolution, inputs: usize) -> Vec<f32> {
    let taps: usize = convolution.kernel.iter().product();
    let of_group = [inputs, convolution.outputs].map(|channels| channels / convolution.groups);
    let mut weights = Vec::with_capacity(convolution.outputs * of_group[0] * (taps + 1));
    for output in 0..convolution.outputs {
        for input in 0..of_group[0] {
            let input = output / of_group[1] * of_group[0] + input;
            let start = (input * of_group[1] + output % of_group[1]) * taps;
            weights.extend(&convolution.weights[start..start + taps]);
            weights.push(0.0);
        }
    }
    weights
}

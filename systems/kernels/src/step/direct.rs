//! Convolution without a detour.

use std::ops::Range;
use std::sync::Arc;

use crate::element::Element;
use crate::grid::Grid;
use crate::memory::Memory;
use crate::packings::{Order, Packings};
use crate::plan::Target;
use crate::simd::{LANES, Simd};

use super::finish::Finish;
use super::tile::{MAX_BLOCKS, MAX_PLACES, Tile, Tiling, split};
use super::{Context, Step};

/// Numbers of input rows that a task works on, so that they stay in the second cache while it goes
/// through all of its weights.
const ROWS_IN_CACHE: usize = 96 * 1024;

/// A convolution as sums over the taps of its kernel.
///
/// A transposed convolution is several of these, each of which writes every second (third, ...)
/// place of its output.
pub(crate) struct Direct<E: Element> {
    /// Where the input's planes lie, and the taps in them for the output's first place.
    planes: Vec<usize>,
    taps: Vec<isize>,
    /// Steps in the last plane: its channels may be fewer.
    last_steps: usize,
    /// Input numbers from one output row to the next, and from one place to the next.
    input_row: usize,
    input_step: usize,
    bundles: Vec<Bundle>,
    tiles: Vec<(usize, usize)>,
    weights: Arc<Memory<E>>,
    finish: Finish,
    lattice: Lattice,
    /// Rows and bundles of each task.
    tasks: Vec<(Range<usize>, Range<usize>)>,
}

/// Output blocks that are computed together.
struct Bundle {
    first: usize,
    blocks: usize,
    /// Input planes that have a weight that is not 0.
    inputs: Range<usize>,
    /// Where its weights begin.
    weights: usize,
}

/// The output places that a convolution writes, in each plane.
#[derive(Clone, Copy)]
pub(crate) struct Lattice {
    pub height: usize,
    pub width: usize,
    /// The first.
    pub start: usize,
    /// Numbers from one row of them to the next, and from one place to the next.
    pub row: usize,
    pub step: usize,
}

impl Lattice {
    /// Every place of a grid.
    pub fn whole(grid: &Grid) -> Self {
        Self {
            height: grid.height,
            width: grid.width,
            start: grid.at(0, 0),
            row: grid.row(),
            step: LANES,
        }
    }
}

/// A convolution's weights, before they are packed.
pub(crate) struct Kernel<'a> {
    /// As the caller has them: what tells packed weights apart.
    pub given: &'a Arc<[f32]>,
    /// `[outputs, inputs of a group, taps]`
    pub weights: &'a [f32],
    pub outputs: usize,
    pub inputs: usize,
    pub groups: usize,
    /// Which of the taps in `weights` are used: a transposed convolution uses some at a time.
    pub taps: Vec<usize>,
    /// How many there are in `weights`.
    pub all_taps: usize,
}

impl Kernel<'_> {
    fn weight(&self, output: usize, input: usize, tap: usize) -> f32 {
        if output >= self.outputs || input >= self.inputs {
            return 0.0;
        }
        let tap = self.taps[tap];
        // Dividing for each weight would take longer than all else that is done at the start.
        if self.groups == 1 {
            return self.weights[(output * self.inputs + input) * self.all_taps + tap];
        }
        let (inputs, outputs) = (self.inputs / self.groups, self.outputs / self.groups);
        if output / outputs != input / inputs {
            return 0.0;
        }
        self.weights[(output * inputs + input % inputs) * self.all_taps + tap]
    }

    /// The input blocks that the groups of these output blocks take.
    fn inputs_of(&self, blocks: Range<usize>) -> Range<usize> {
        let (inputs, outputs) = (self.inputs / self.groups, self.outputs / self.groups);
        let first = blocks.start * LANES / outputs;
        let last = ((blocks.end * LANES).min(self.outputs) - 1) / outputs;
        first * inputs / LANES..((last + 1) * inputs).div_ceil(LANES)
    }
}

/// What a convolution reads.
pub(crate) struct Source {
    /// Where the planes lie.
    pub planes: Vec<usize>,
    pub grid: Grid,
    pub stride: [usize; 2],
    /// Where each tap lies when the output's first place is computed: row and column.
    pub taps: Vec<[isize; 2]>,
}

impl Source {
    /// Where each tap lies in a plane.
    pub fn offsets(&self) -> Vec<isize> {
        self.taps.iter().map(|&[y, x]| self.grid.offset(y, x)).collect()
    }
}

impl<E: Element> Direct<E> {
    pub fn new(
        target: Target,
        packings: &Packings,
        source: Source,
        kernel: &Kernel,
        finish: Finish,
        lattice: Lattice,
    ) -> Self {
        let grid = source.grid;
        let input_step = source.stride[1] * LANES;
        let blocks = finish.output.len();
        let tiling = Tiling::new::<E>(target.isa, lattice.width, blocks, input_step);
        let mut weights = 0;
        let mut bundle = |&(first, blocks): &(usize, usize)| {
            let inputs = kernel.inputs_of(first..first + blocks);
            let bundle = Bundle { first, blocks, weights, inputs };
            weights += packed_len::<E>(kernel, blocks, bundle.inputs.clone());
            bundle
        };
        let bundles: Vec<Bundle> = tiling.bundles.iter().map(&mut bundle).collect();
        let packed = packings.packed(Order::Direct, kernel, &tiling.bundles, || {
            let mut packed = Vec::with_capacity(weights);
            for Bundle { first, blocks, inputs, .. } in &bundles {
                pack(&mut packed, kernel, *first..first + blocks, inputs.clone());
            }
            packed.into_iter().collect()
        });
        let rows = source.stride[0] * grid.row();
        let taps = source.offsets();
        let last = kernel.inputs - (source.planes.len() - 1) * LANES;
        let row_numbers = rows * source.planes.len();
        let tasks = tasks(lattice.height, bundles.len(), row_numbers, packed.len(), target.threads);
        Self {
            planes: source.planes,
            taps,
            last_steps: last.div_ceil(E::STEP),
            input_row: rows,
            input_step,
            bundles,
            tiles: tiling.tiles,
            weights: packed,
            finish,
            lattice,
            tasks,
        }
    }
}

/// How many numbers [`pack`] makes of some output blocks.
fn packed_len<E: Element>(kernel: &Kernel, blocks: usize, inputs: Range<usize>) -> usize {
    let steps = |input: usize| (kernel.inputs - input * LANES).min(LANES).div_ceil(E::STEP);
    let of_output: usize = inputs.map(steps).sum::<usize>() * kernel.taps.len() * E::STEP;
    blocks * LANES * of_output
}

/// Puts the weights of some output blocks in the order in which a tile reads them.
pub(crate) fn pack<E: Element>(
    packed: &mut Vec<E>,
    kernel: &Kernel,
    outputs: Range<usize>,
    inputs: Range<usize>,
) {
    for input in inputs {
        let channels = (kernel.inputs - input * LANES).min(LANES);
        for tap in 0..kernel.taps.len() {
            for step in 0..channels.div_ceil(E::STEP) {
                for output in outputs.start * LANES..outputs.end * LANES {
                    for half in 0..E::STEP {
                        let input = input * LANES + step * E::STEP + half;
                        packed.push(E::of(kernel.weight(output, input, tap)));
                    }
                }
            }
        }
    }
}

/// The same for input planes of one channel each.
pub(crate) fn pack_planar(packed: &mut Vec<f32>, kernel: &Kernel, outputs: Range<usize>) {
    for input in 0..kernel.inputs {
        for tap in 0..kernel.taps.len() {
            let outputs = outputs.start * LANES..outputs.end * LANES;
            packed.extend(outputs.map(|output| kernel.weight(output, input, tap)));
        }
    }
}

/// Divides rows and bundles among tasks.
fn tasks(
    rows: usize,
    bundles: usize,
    row_numbers: usize,
    weights: usize,
    threads: usize,
) -> Vec<(Range<usize>, Range<usize>)> {
    /// Tasks of each thread at least: a thread that was held up leaves the rest to the others.
    const TASKS_OF_THREAD: usize = 4;

    let wanted = if threads == 1 { 1 } else { threads * TASKS_OF_THREAD };
    let in_cache = (ROWS_IN_CACHE / row_numbers).max(1);
    let mut rows_of_task = rows.min(in_cache);
    let mut bundles_of_task = bundles;
    while rows.div_ceil(rows_of_task) * bundles.div_ceil(bundles_of_task) < wanted {
        // Fewer rows: the weights are read more often. Fewer bundles: the input is.
        let rows_are_dear = weights > row_numbers * rows;
        if bundles_of_task > 1 && (rows_are_dear || rows_of_task == 1) {
            bundles_of_task = bundles_of_task.div_ceil(2);
        } else if rows_of_task > 1 {
            rows_of_task = rows_of_task.div_ceil(2);
        } else {
            break;
        }
    }
    let range = |(start, count): (usize, usize)| start..start + count;
    split(rows, rows_of_task)
        .into_iter()
        .flat_map(|rows| {
            split(bundles, bundles_of_task)
                .into_iter()
                .map(move |bundles| (range(rows), range(bundles)))
        })
        .collect()
}

impl<E: Element> Step<E> for Direct<E> {
    fn tasks(&self) -> usize {
        self.tasks.len()
    }

    fn scratch(&self) -> usize {
        MAX_PLACES * MAX_BLOCKS * LANES
    }

    fn weights(&self) -> usize {
        size_of_val(&**self.weights)
    }

    #[inline(always)]
    unsafe fn run<S: Simd>(&self, simd: S, task: usize, context: &Context<E>) {
        let (rows, bundles) = &self.tasks[task];
        for bundle in &self.bundles[bundles.clone()] {
            let to_end = bundle.inputs.end == self.planes.len();
            let full = LANES / E::STEP;
            let last = if to_end { self.last_steps } else { full };
            for row in rows.clone() {
                for &(x, places) in &self.tiles {
                    // SAFETY: the plan made rows, tiles and planes such that every place lies in
                    // its grid or its margin, and tasks write different places.
                    unsafe {
                        let start = row * self.input_row + x * self.input_step;
                        let tile = Tile {
                            input: context.planes.add(start).cast_const(),
                            planes: &self.planes[bundle.inputs.clone()],
                            taps: &self.taps,
                            steps: [full, last],
                            weights: self.weights.start().add(bundle.weights).cast_const(),
                            sums: context.scratch,
                            sums_block: places * LANES,
                        };
                        tile.compute(simd, places, bundle.blocks, self.input_step);
                        let lattice = &self.lattice;
                        let at = lattice.start + row * lattice.row + x * lattice.step;
                        for block in 0..bundle.blocks {
                            let sums = context.scratch.add(block * places * LANES);
                            let block = bundle.first + block;
                            self.finish.row(simd, sums, block, places, at, lattice.step, context);
                        }
                    }
                }
            }
        }
    }
}

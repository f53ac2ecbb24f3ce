//! Convolution with a kernel of 3x3 and stride 1 by a quarter of the multiplications.
//!
//! Winograd's minimal filtering F(4x4, 3x3), as in Lavin and Gray, "Fast Algorithms for
//! Convolutional Neural Networks" (2015): windows of 6x6 places and the kernel are transformed, so
//! that 36 products of matrices make what, transformed back, is 4x4 places of the output.
//!
//! The transformation of the weights is exact to one rounding; that of the windows multiplies
//! rounding errors by about ten, which leaves five digits of an `f32`. So windows and weights are
//! `f32` here whatever tensors are made of.

use std::ops::Range;
use std::sync::Arc;

use crate::element::Element;
use crate::grid::{Grid, Margin};
use crate::memory::Memory;
use crate::packings::{Order, Packings};
use crate::plan::Target;
use crate::simd::{LANES, Simd};

use super::direct::Kernel;
use super::finish::{Activate, Finish, with_activation};
use super::tile::{MAX_BLOCKS, Tile, Tiling, split};
use super::{Context, Step};

/// Places of a window's side, and of the part of the output that it makes.
const WINDOW: usize = 6;
const OUTPUT: usize = 4;
/// Products of matrices.
const POINTS: usize = WINDOW * WINDOW;

/// Numbers of windows and products that a task has at a time, so that they stay in the second
/// cache together with weights.
const NUMBERS_IN_CACHE: usize = 128 * 1024;

/// A convolution by way of windows.
pub(crate) struct Winograd {
    /// Where the input's planes lie, up to the first window.
    input: Vec<usize>,
    last_steps: usize,
    grid: Grid,
    /// Windows in a row.
    columns: usize,
    weights: Arc<Memory<f32>>,
    /// Numbers of the weights of one point.
    weights_of_point: usize,
    bundles: Vec<(usize, usize)>,
    finish: Finish,
    /// Windows of each task, and the tiles into which they are divided.
    tasks: Vec<(Range<usize>, Vec<(usize, usize)>)>,
    /// Numbers of a plane of transformed windows, and where each plane of a point begins.
    plane: usize,
    planes: Vec<usize>,
}

/// The margin that the windows of a tensor of this size reach into.
pub(crate) fn margin(height: usize, width: usize, padding: [usize; 2]) -> Margin {
    let [top, left] = padding;
    let beyond = |size: usize, padding: usize| {
        // The window of the last output part begins `padding` before it.
        size.div_ceil(OUTPUT) * OUTPUT + (WINDOW - OUTPUT) - padding - size
    };
    Margin { top, left, bottom: beyond(height, top), right: beyond(width, left) }
}

/// Whether this is quicker than multiplying directly.
pub(crate) fn is_quicker(inputs: usize, outputs: usize, height: usize, width: usize) -> bool {
    inputs >= 8 && outputs >= 8 && height >= OUTPUT && width >= OUTPUT
}

impl Winograd {
    /// The convolution of a tensor of `grid`, padded by 1, into one of the same grid.
    pub fn new(
        target: Target,
        packings: &Packings,
        planes: &[usize],
        grid: &Grid,
        kernel: &Kernel,
        finish: Finish,
    ) -> Self {
        let (rows, columns) = (grid.height.div_ceil(OUTPUT), grid.width.div_ceil(OUTPUT));
        let windows = rows * columns;
        let numbers = POINTS * LANES * (planes.len() + finish.output.len());
        let most = (NUMBERS_IN_CACHE / numbers).max(4);
        // As many tasks for each thread.
        let tasks = windows.div_ceil(most).next_multiple_of(target.threads);
        let most_windows = windows.div_ceil(tasks);
        let tiling = Tiling::new::<f32>(target.isa, most_windows, finish.output.len(), LANES);
        let most_places = tiling.tiles.iter().map(|&(_, places)| places).max().unwrap_or(1);
        let tasks = split(windows, most_windows)
            .into_iter()
            .map(|(start, count)| (start..start + count, split(count, most_places)))
            .collect();
        let start = grid.offset(-1, -1) as usize;
        let weights = packings.packed(Order::Winograd, kernel, &tiling.bundles, || {
            transformed_weights(kernel, &tiling.bundles)
        });
        Self {
            input: planes.iter().map(|plane| plane + start).collect(),
            last_steps: kernel.inputs - (planes.len() - 1) * LANES,
            grid: *grid,
            columns,
            weights_of_point: weights.len() / POINTS,
            weights,
            bundles: tiling.bundles,
            finish,
            tasks,
            plane: most_windows * LANES,
            planes: (0..planes.len()).map(|plane| plane * most_windows * LANES).collect(),
        }
    }

    fn windows_in_scratch(&self) -> usize {
        POINTS * self.input.len() * self.plane
    }
}

/// The weights of each point, in the order in which tiles read them.
fn transformed_weights(kernel: &Kernel, bundles: &[(usize, usize)]) -> Memory<f32> {
    const G: [[f64; 3]; WINDOW] = [
        [1.0 / 4.0, 0.0, 0.0],
        [-1.0 / 6.0, -1.0 / 6.0, -1.0 / 6.0],
        [-1.0 / 6.0, 1.0 / 6.0, -1.0 / 6.0],
        [1.0 / 24.0, 1.0 / 12.0, 1.0 / 6.0],
        [1.0 / 24.0, -1.0 / 12.0, 1.0 / 6.0],
        [0.0, 0.0, 1.0],
    ];
    let blocks: usize = bundles.iter().map(|&(_, blocks)| blocks).sum();
    let of_point = blocks * LANES * kernel.inputs;
    let mut weights = Memory::new(POINTS * of_point);
    let mut bundle_start = 0;
    for &(first, blocks) in bundles {
        let outputs = first * LANES..((first + blocks) * LANES).min(kernel.outputs);
        for input in 0..kernel.inputs {
            // Many outputs side by side, so that the compiler vectorizes what follows.
            let mut taps = [[0.0; MAX_BLOCKS * LANES]; 9];
            for (lane, output) in outputs.clone().enumerate() {
                let start = (output * kernel.inputs + input) * 9;
                for (tap, &weight) in taps.iter_mut().zip(&kernel.weights[start..start + 9]) {
                    tap[lane] = f64::from(weight);
                }
            }
            let at = bundle_start + input * blocks * LANES;
            for (y, down) in G.iter().enumerate() {
                let mut half = [[0.0; MAX_BLOCKS * LANES]; 3];
                for (x, half) in half.iter_mut().enumerate() {
                    for (lane, half) in half.iter_mut().enumerate() {
                        *half = down[0] * taps[x][lane]
                            + down[1] * taps[3 + x][lane]
                            + down[2] * taps[6 + x][lane];
                    }
                }
                for (x, across) in G.iter().enumerate() {
                    let at = (y * WINDOW + x) * of_point + at;
                    let weights = &mut weights[at..at + blocks * LANES];
                    for (lane, weight) in weights.iter_mut().enumerate() {
                        *weight = (across[0] * half[0][lane]
                            + across[1] * half[1][lane]
                            + across[2] * half[2][lane]) as f32;
                    }
                }
            }
        }
        bundle_start += blocks * LANES * kernel.inputs;
    }
    weights
}

/// One row or column of a window, transformed.
#[inline(always)]
fn forward<S: Simd>(simd: S, d: [S::Vector; WINDOW]) -> [S::Vector; WINDOW] {
    let number = |value: f32| simd.splat(value);
    let even = simd.multiply_add(number(-4.0), d[2], d[4]);
    let odd = simd.multiply_add(number(-4.0), d[1], d[3]);
    let near = simd.subtract(d[4], d[2]);
    let far = simd.subtract(d[3], d[1]);
    [
        simd.multiply_add(number(4.0), d[0], simd.multiply_add(number(-5.0), d[2], d[4])),
        simd.add(even, odd),
        simd.subtract(even, odd),
        simd.multiply_add(number(2.0), far, near),
        simd.multiply_add(number(-2.0), far, near),
        simd.multiply_add(number(4.0), d[1], simd.multiply_add(number(-5.0), d[3], d[5])),
    ]
}

/// One row or column of products, transformed back.
#[inline(always)]
fn backward<S: Simd>(simd: S, m: [S::Vector; WINDOW]) -> [S::Vector; OUTPUT] {
    let number = |value: f32| simd.splat(value);
    let (sum, difference) = (simd.add(m[1], m[2]), simd.subtract(m[1], m[2]));
    let (wide_sum, wide_difference) = (simd.add(m[3], m[4]), simd.subtract(m[3], m[4]));
    [
        simd.add(simd.add(m[0], sum), wide_sum),
        simd.multiply_add(number(2.0), wide_difference, difference),
        simd.multiply_add(number(4.0), wide_sum, sum),
        simd.add(simd.multiply_add(number(8.0), wide_difference, difference), m[5]),
    ]
}

/// Rows of columns. Loops, since a closure may not become part of its caller.
#[inline(always)]
fn turned<T: Copy, const ROWS: usize>(
    columns: [[T; ROWS]; WINDOW],
    zero: T,
) -> [[T; WINDOW]; ROWS] {
    let mut rows = [[zero; WINDOW]; ROWS];
    for (x, column) in columns.iter().enumerate() {
        for (y, &number) in column.iter().enumerate() {
            rows[y][x] = number;
        }
    }
    rows
}

impl<E: Element> Step<E> for Winograd {
    fn tasks(&self) -> usize {
        self.tasks.len()
    }

    fn scratch(&self) -> usize {
        self.windows_in_scratch() + POINTS * self.finish.output.len() * self.plane
    }

    fn weights(&self) -> usize {
        size_of_val(&**self.weights)
    }

    #[inline(always)]
    unsafe fn run<S: Simd>(&self, simd: S, task: usize, context: &Context<E>) {
        let (windows, tiles) = &self.tasks[task];
        // SAFETY: the scratch holds the windows of a task and their products; the margin of the
        // grid holds what windows reach beyond it; tasks write different places.
        unsafe {
            let transformed = context.scratch;
            let products = context.scratch.add(self.windows_in_scratch());
            self.transform(simd, windows.clone(), transformed, context);
            self.multiply(simd, tiles, transformed, products);
            with_activation!(self.finish.activation, |activation| {
                self.transform_back(simd, windows.clone(), products, context, activation)
            });
        }
    }
}

impl Winograd {
    /// Fills `[points, input blocks, windows, 16]`.
    ///
    /// # Safety
    ///
    /// As [`Step::run`]; `to` has room.
    #[inline(always)]
    unsafe fn transform<S: Simd, E: Element>(
        &self,
        simd: S,
        windows: Range<usize>,
        to: *mut f32,
        context: &Context<E>,
    ) {
        let zero = simd.splat(0.0);
        let from_point_to_point = self.input.len() * self.plane;
        for (block, &plane) in self.input.iter().enumerate() {
            for (index, window) in windows.clone().enumerate() {
                let (y, x) = (window / self.columns * OUTPUT, window % self.columns * OUTPUT);
                // SAFETY: the window lies in the plane with its margin, and `to` has room.
                unsafe {
                    let from = context.planes.add(plane + y * self.grid.row() + x * LANES);
                    let mut columns = [[zero; WINDOW]; WINDOW];
                    for (x, column) in columns.iter_mut().enumerate() {
                        for (y, number) in column.iter_mut().enumerate() {
                            *number = E::load(simd, from.add(y * self.grid.row() + x * LANES));
                        }
                        *column = forward(simd, *column);
                    }
                    let to = to.add(block * self.plane + index * LANES);
                    for (y, row) in turned(columns, zero).into_iter().enumerate() {
                        for (x, &value) in forward(simd, row).iter().enumerate() {
                            simd.store(to.add((y * WINDOW + x) * from_point_to_point), value);
                        }
                    }
                }
            }
        }
    }

    /// Makes `[points, output blocks, windows, 16]` of `[points, input blocks, windows, 16]`.
    ///
    /// # Safety
    ///
    /// Both have as many numbers.
    #[inline(always)]
    unsafe fn multiply<S: Simd>(
        &self,
        simd: S,
        tiles: &[(usize, usize)],
        from: *const f32,
        to: *mut f32,
    ) {
        let channels = (self.input.len() - 1) * LANES + self.last_steps;
        for point in 0..POINTS {
            let mut weights = point * self.weights_of_point;
            for &(first, blocks) in &self.bundles {
                for &(start, places) in tiles {
                    // SAFETY: the tile lies in both, and the weights are as many as planned.
                    unsafe {
                        let input = point * self.input.len() * self.plane + start * LANES;
                        let block = point * self.finish.output.len() + first;
                        let tile = Tile {
                            input: from.add(input),
                            planes: &self.planes,
                            taps: &[0],
                            steps: [LANES, self.last_steps],
                            weights: self.weights.start().add(weights).cast_const(),
                            sums: to.add(block * self.plane + start * LANES),
                            sums_block: self.plane,
                        };
                        tile.compute(simd.plain(), places, blocks, LANES);
                    }
                }
                weights += channels * blocks * LANES;
            }
        }
    }

    /// Writes the output places of windows whose products are `from`.
    ///
    /// # Safety
    ///
    /// As [`Step::run`].
    #[inline(always)]
    unsafe fn transform_back<S: Simd, E: Element>(
        &self,
        simd: S,
        windows: Range<usize>,
        from: *const f32,
        context: &Context<E>,
        activation: impl Activate,
    ) {
        let Finish { bias, residual, output, .. } = &self.finish;
        let zero = simd.splat(0.0);
        let from_point_to_point = output.len() * self.plane;
        for (block, &plane) in output.iter().enumerate() {
            for (index, window) in windows.clone().enumerate() {
                let (y, x) = (window / self.columns * OUTPUT, window % self.columns * OUTPUT);
                let at = self.grid.at(y, x);
                let height = (self.grid.height - y).min(OUTPUT);
                let width = (self.grid.width - x).min(OUTPUT);
                // SAFETY: the products are there; only places of the grid are written.
                unsafe {
                    let bias = simd.load(bias.start().add(block * LANES));
                    let from = from.add(block * self.plane + index * LANES);
                    let mut columns = [[zero; OUTPUT]; WINDOW];
                    for (x, column) in columns.iter_mut().enumerate() {
                        let mut numbers = [zero; WINDOW];
                        for (y, number) in numbers.iter_mut().enumerate() {
                            *number = simd.load(from.add((y * WINDOW + x) * from_point_to_point));
                        }
                        *column = backward(simd, numbers);
                    }
                    for (y, row) in turned(columns, zero).into_iter().enumerate().take(height) {
                        let row = backward(simd, row);
                        let at = at + y * self.grid.row();
                        for (x, &sum) in row.iter().enumerate().take(width) {
                            let at = at + x * LANES;
                            let mut value = activation.apply(simd, simd.add(sum, bias));
                            if let Some(residual) = residual {
                                let residual = context.planes.add(residual[block] + at);
                                value = simd.add(value, E::load(simd, residual));
                            }
                            E::store(simd, context.planes.add(plane + at), value);
                        }
                    }
                }
            }
        }
    }
}

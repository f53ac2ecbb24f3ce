//! The greatest or the mean number of each window.

use crate::element::Element;
use crate::grid::Grid;
use crate::simd::{LANES, Simd};

use super::{Context, Step};

/// What is made of a window.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Pooling {
    Max,
    /// Of the places that are there, or of the whole window with its padding.
    Average {
        with_padding: bool,
    },
}

/// A window that moves over each plane: first along the rows, then along the columns, since the
/// greatest of a window is the greatest of its rows' greatest.
pub(crate) struct Pool {
    pooling: Pooling,
    input: Vec<usize>,
    output: Vec<usize>,
    grid: Grid,
    output_grid: Grid,
    /// For each output row, and for each output column: which input rows, columns it sees.
    rows: Vec<Sight>,
    columns: Vec<Sight>,
    dilations: [usize; 2],
}

/// What a window sees along one axis.
struct Sight {
    first: usize,
    count: usize,
    /// With those that lie in the padding.
    with_padding: usize,
}

/// A window's size and movement along one axis.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Window {
    pub size: usize,
    pub stride: usize,
    /// Places before the first and after the last one.
    pub padding: [usize; 2],
    pub dilation: usize,
}

impl Window {
    /// Whether one of its `steps` over `size` places lies in the padding alone.
    pub fn sees_nothing(&self, size: usize, steps: usize) -> bool {
        self.sights(size, steps).iter().any(|sight| sight.count == 0)
    }

    /// What the window sees at each of its `steps` over `size` places.
    fn sights(&self, size: usize, steps: usize) -> Vec<Sight> {
        let [before, after] = self.padding;
        (0..steps)
            .map(|step| {
                let places = (0..self.size).map(|tap| step * self.stride + tap * self.dilation);
                let real = places.clone().filter(|at| (before..before + size).contains(at));
                Sight {
                    first: real.clone().next().unwrap_or(before) - before,
                    count: real.count(),
                    with_padding: places.filter(|&at| at < before + size + after).count(),
                }
            })
            .collect()
    }
}

impl Pool {
    /// # Shapes
    ///
    /// - `windows`: along the rows' axis (height), then along the columns' (width); each sees a
    ///   place at every step
    pub fn new(
        pooling: Pooling,
        windows: [Window; 2],
        (input, grid): (Vec<usize>, Grid),
        (output, output_grid): (Vec<usize>, Grid),
    ) -> Self {
        Self {
            pooling,
            input,
            output,
            rows: windows[0].sights(grid.height, output_grid.height),
            columns: windows[1].sights(grid.width, output_grid.width),
            dilations: [windows[0].dilation, windows[1].dilation],
            grid,
            output_grid,
        }
    }

    #[inline(always)]
    fn join<S: Simd>(&self, simd: S, a: S::Vector, b: S::Vector) -> S::Vector {
        match self.pooling {
            Pooling::Max => simd.max(a, b),
            Pooling::Average { .. } => simd.add(a, b),
        }
    }

    /// By what a window's sum is multiplied.
    fn share(&self, row: &Sight, column: &Sight) -> f32 {
        match self.pooling {
            Pooling::Max => 1.0,
            Pooling::Average { with_padding: true } => {
                1.0 / (row.with_padding * column.with_padding) as f32
            }
            Pooling::Average { with_padding: false } => 1.0 / (row.count * column.count) as f32,
        }
    }
}

impl<E: Element> Step<E> for Pool {
    fn tasks(&self) -> usize {
        self.input.len()
    }

    fn scratch(&self) -> usize {
        self.grid.height * self.columns.len() * LANES
    }

    #[inline(always)]
    unsafe fn run<S: Simd>(&self, simd: S, block: usize, context: &Context<E>) {
        let pitch = self.columns.len() * LANES;
        // SAFETY: windows see only places of the grid; the scratch holds a row for each of the
        // input's; each task has a plane of its own.
        unsafe {
            for y in 0..self.grid.height {
                for (x, sight) in self.columns.iter().enumerate() {
                    let from = self.input[block] + self.grid.at(y, sight.first);
                    let from = context.planes.add(from);
                    let mut value = E::load(simd, from);
                    for step in 1..sight.count {
                        let next = E::load(simd, from.add(step * self.dilations[1] * LANES));
                        value = self.join(simd, value, next);
                    }
                    simd.store(context.scratch.add(y * pitch + x * LANES), value);
                }
            }
            for (y, row) in self.rows.iter().enumerate() {
                for (x, column) in self.columns.iter().enumerate() {
                    let from = context.scratch.add(row.first * pitch + x * LANES);
                    let mut value = simd.load(from);
                    for step in 1..row.count {
                        let next = simd.load(from.add(step * self.dilations[0] * pitch));
                        value = self.join(simd, value, next);
                    }
                    let value = simd.multiply(value, simd.splat(self.share(row, column)));
                    let to = self.output[block] + self.output_grid.at(y, x);
                    E::store(simd, context.planes.add(to), value);
                }
            }
        }
    }
}

//! The first convolution, which reads the picture as it comes.
//!
//! A picture has three channels; as a block of sixteen it would be mostly zeros.

use std::sync::Arc;

use crate::element::Element;
use crate::memory::Memory;
use crate::packings::{Order, Packings};
use crate::simd::{Isa, LANES, Simd};

use super::direct::{Kernel, Lattice, pack_planar};
use super::finish::Finish;
use super::tile::{MAX_BLOCKS, MAX_PLACES, Tile, Tiling};
use super::{Context, Step};

/// Whether a picture is read like this: few channels, and a stride that there are tiles for.
pub(crate) fn can(channels: usize, stride: usize) -> bool {
    channels <= 4 && stride <= 2
}

/// A convolution of planes that do not have sixteen channels to a place.
pub(crate) struct Planar {
    channels: usize,
    height: usize,
    width: usize,
    kernel: [usize; 2],
    stride: [usize; 2],
    /// Rows above and places left of the picture.
    padding: [usize; 2],
    dilation: [usize; 2],
    /// Numbers of a row with its padding.
    pitch: usize,
    /// Where each channel's rows begin in the scratch, and each tap in them.
    planes: Vec<usize>,
    taps: Vec<isize>,
    bundles: Vec<(usize, usize)>,
    tiles: Vec<(usize, usize)>,
    /// Where each bundle's weights begin.
    starts: Vec<usize>,
    weights: Arc<Memory<f32>>,
    finish: Finish,
    lattice: Lattice,
}

/// What a planar convolution reads.
pub(crate) struct Picture {
    pub channels: usize,
    pub height: usize,
    pub width: usize,
    pub kernel: [usize; 2],
    pub stride: [usize; 2],
    pub padding: [usize; 2],
    pub dilation: [usize; 2],
}

impl Planar {
    pub fn new(
        isa: Isa,
        packings: &Packings,
        picture: Picture,
        kernel: &Kernel,
        finish: Finish,
        lattice: Lattice,
    ) -> Self {
        let Picture { channels, height, width, kernel: [rows, columns], stride, .. } = picture;
        let dilation = picture.dilation;
        // The last output's last tap, and one tile's width more than nothing.
        let reach = (lattice.width - 1) * stride[1] + (columns - 1) * dilation[1] + 1;
        let pitch = reach.max(picture.padding[1] + width);
        let taps = (0..rows)
            .flat_map(|y| (0..columns).map(move |x| (y * pitch + x * dilation[1]) as isize))
            .collect();
        let tiling = Tiling::new::<f32>(isa, lattice.width, finish.output.len(), stride[1]);
        let of_output = kernel.inputs * kernel.taps.len();
        let start = |&(first, _): &(usize, usize)| first * LANES * of_output;
        let starts = tiling.bundles.iter().map(start).collect();
        let weights = packings.packed(Order::Planar, kernel, &tiling.bundles, || {
            let mut packed = Vec::new();
            for &(first, blocks) in &tiling.bundles {
                pack_planar(&mut packed, kernel, first..first + blocks);
            }
            packed.into_iter().collect()
        });
        Self {
            channels,
            height,
            width,
            kernel: [rows, columns],
            stride,
            padding: picture.padding,
            dilation,
            pitch,
            planes: (0..channels).map(|channel| channel * rows * pitch).collect(),
            taps,
            bundles: tiling.bundles,
            tiles: tiling.tiles,
            starts,
            weights,
            finish,
            lattice,
        }
    }

    fn rows_in_scratch(&self) -> usize {
        self.channels * self.kernel[0] * self.pitch
    }

    /// Copies the rows under the kernel, with their padding.
    ///
    /// # Safety
    ///
    /// As [`Step::run`].
    #[inline(always)]
    unsafe fn gather<E>(&self, row: usize, context: &Context<E>) {
        for channel in 0..self.channels {
            for tap in 0..self.kernel[0] {
                let to = (channel * self.kernel[0] + tap) * self.pitch;
                let y = row * self.stride[0] + tap * self.dilation[0];
                // SAFETY: the scratch holds all rows; the picture has `height` of each channel.
                unsafe {
                    let to = context.scratch.add(to);
                    let Some(y) = y.checked_sub(self.padding[0]).filter(|&y| y < self.height)
                    else {
                        to.write_bytes(0, self.pitch);
                        continue;
                    };
                    let from = context.input.add((channel * self.height + y) * self.width);
                    let left = self.padding[1];
                    to.write_bytes(0, left);
                    to.add(left).copy_from_nonoverlapping(from, self.width);
                    let filled = left + self.width;
                    to.add(filled).write_bytes(0, self.pitch - filled);
                }
            }
        }
    }
}

impl<E: Element> Step<E> for Planar {
    fn tasks(&self) -> usize {
        self.lattice.height
    }

    fn scratch(&self) -> usize {
        self.rows_in_scratch() + MAX_PLACES * MAX_BLOCKS * LANES
    }

    fn weights(&self) -> usize {
        size_of_val(&**self.weights)
    }

    #[inline(always)]
    unsafe fn run<S: Simd>(&self, simd: S, row: usize, context: &Context<E>) {
        // SAFETY: as the caller promises; rows of different tasks differ.
        unsafe {
            self.gather(row, context);
            let sums = context.scratch.add(self.rows_in_scratch());
            for (&(first, blocks), &weights) in self.bundles.iter().zip(&self.starts) {
                for &(x, places) in &self.tiles {
                    let tile = Tile {
                        input: context.scratch.add(x * self.stride[1]).cast_const(),
                        planes: &self.planes,
                        taps: &self.taps,
                        steps: [1, 1],
                        weights: self.weights.start().add(weights).cast_const(),
                        sums,
                        sums_block: places * LANES,
                    };
                    tile.compute_planar(simd.plain(), places, blocks, self.stride[1]);
                    let lattice = &self.lattice;
                    let at = lattice.start + row * lattice.row + x * lattice.step;
                    for block in 0..blocks {
                        let sums = sums.add(block * places * LANES);
                        let block = first + block;
                        self.finish.row(simd, sums, block, places, at, lattice.step, context);
                    }
                }
            }
        }
    }
}

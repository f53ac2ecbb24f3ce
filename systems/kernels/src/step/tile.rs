//! The product at the heart of everything: some places by some blocks of output channels.

use crate::element::{Element, sums};
use crate::simd::{Isa, Kernel, LANES, Simd};

/// Most places of a tile, and most blocks of output channels.
pub(crate) const MAX_PLACES: usize = 14;
pub(crate) const MAX_BLOCKS: usize = 4;

/// What a tile is computed of.
///
/// Its numbers are sums over planes, over the taps of a kernel, and over the channels of a place.
/// All of them stay in registers until the last one is added.
#[derive(Clone, Copy)]
pub(crate) struct Tile<'a, E> {
    /// What `planes` is counted from: the first place of the tile in them.
    pub input: *const E,
    /// Where each input plane lies.
    pub planes: &'a [usize],
    /// Where a place's neighbours lie.
    pub taps: &'a [isize],
    /// Steps of a dot product in all planes but the last one, and there.
    pub steps: [usize; 2],
    /// For each plane, tap and step, and each output block: sixteen times [`Element::STEP`].
    pub weights: *const E,
    /// For each output block: sixteen sums of each place.
    pub sums: *mut f32,
    /// Numbers from one block of `sums` to the next.
    pub sums_block: usize,
}

/// One arm for each shape of a tile: the compiler unrolls each by itself. Shapes that an instruction
/// set has no registers for are not compiled for it.
macro_rules! shapes {
    ($tile:expr, $simd:expr, $E:ty, $S:ty, $distance:literal, $places:expr, $blocks:expr,
     { $($many:literal: $($few:literal)+;)+ }) => {
        match ($blocks, $places) {
            $($(($many, $few) => {
                if const { $few * $many <= sums::<$S, $E>() } {
                    $simd.call(Shape::<$E, $few, $many, $distance> { tile: $tile });
                }
            })+)+
            _ => unreachable!("tiles are planned with the shapes that there are"),
        }
    };
}

impl<E: Element> Tile<'_, E> {
    /// Computes a tile of `places` by `blocks`, the places `distance` numbers from each other.
    ///
    /// # Safety
    ///
    /// What the fields describe is readable and writable, and [`fits`] the instruction set and
    /// distance.
    #[inline(always)]
    pub unsafe fn compute<S: Simd>(&self, simd: S, places: usize, blocks: usize, distance: usize) {
        // SAFETY: as the caller promises.
        unsafe {
            match distance {
                STRIDE_2 => shapes!(*self, simd, E, S, 32, places, blocks, {
                    1: 1 2 3 4 5 6 7 8 9 10 11 12 13 14;
                    2: 1 2 3 4 5 6 7 8 9 10 11 12 13 14;
                    3: 1 2 3 4 5 6 7 8 9;
                    4: 1 2 3 4 5 6 7;
                }),
                // With one place there is no distance.
                _ => shapes!(*self, simd, E, S, 16, places, blocks, {
                    1: 1 2 3 4 5 6 7 8 9 10 11 12 13 14;
                    2: 1 2 3 4 5 6 7 8 9 10 11 12 13 14;
                    3: 1 2 3 4 5 6 7 8 9;
                    4: 1 2 3 4 5 6 7;
                }),
            }
        }
    }
}

impl Tile<'_, f32> {
    /// The same for places of one number each, `distance` numbers from each other.
    ///
    /// # Safety
    ///
    /// As [`Tile::compute`], with at most two blocks.
    #[inline(always)]
    pub unsafe fn compute_planar<S: Simd>(
        &self,
        simd: S,
        places: usize,
        blocks: usize,
        distance: usize,
    ) {
        // SAFETY: as the caller promises.
        unsafe {
            match distance {
                2 => shapes!(*self, simd, f32, S, 2, places, blocks, {
                    1: 1 2 3 4 5 6 7 8 9 10 11 12 13 14;
                    2: 1 2 3 4 5 6 7 8 9 10 11 12 13 14;
                }),
                _ => shapes!(*self, simd, f32, S, 1, places, blocks, {
                    1: 1 2 3 4 5 6 7 8 9 10 11 12 13 14;
                    2: 1 2 3 4 5 6 7 8 9 10 11 12 13 14;
                }),
            }
        }
    }
}

/// Numbers from one place to the next with strides of 1 and 2.
const STRIDE_1: usize = LANES;
const STRIDE_2: usize = 2 * LANES;

/// Most places of a tile of so many blocks.
fn most_places(sums: usize, blocks: usize, distance: usize) -> usize {
    /// As many as there are shapes of.
    const SHAPES: [usize; MAX_BLOCKS] = [14, 14, 9, 7];
    match distance {
        1 | 2 if blocks > 2 => 0,
        1 | 2 | STRIDE_1 | STRIDE_2 => SHAPES[blocks - 1].min(sums / blocks),
        _ => (sums / blocks).min(1),
    }
}

struct Shape<'a, E, const PLACES: usize, const BLOCKS: usize, const DISTANCE: usize> {
    tile: Tile<'a, E>,
}

impl<E: Element, const PLACES: usize, const BLOCKS: usize, const DISTANCE: usize> Kernel
    for Shape<'_, E, PLACES, BLOCKS, DISTANCE>
{
    type Output = ();

    const PAIRS: bool = E::PAIRS;

    #[inline(always)]
    unsafe fn run<S: Simd>(self, simd: S) {
        let tile = self.tile;
        let mut sums = [[simd.splat(0.0); BLOCKS]; PLACES];
        let mut weights = tile.weights;
        let last = tile.planes.len() - 1;
        // SAFETY: as the caller promises.
        unsafe {
            for (index, &plane) in tile.planes.iter().enumerate() {
                let steps = tile.steps[usize::from(index == last)];
                let plane = tile.input.add(plane);
                for &tap in tile.taps {
                    let mut place = plane.offset(tap);
                    for _ in 0..steps {
                        let factors: [_; BLOCKS] = std::array::from_fn(|block| {
                            E::factors(simd, weights.add(block * LANES * E::STEP))
                        });
                        for (number, sums) in sums.iter_mut().enumerate() {
                            let same = E::same(simd, place.add(number * DISTANCE));
                            for (sum, &factors) in sums.iter_mut().zip(&factors) {
                                *sum = E::dot(simd, same, factors, *sum);
                            }
                        }
                        weights = weights.add(BLOCKS * LANES * E::STEP);
                        place = place.add(E::STEP);
                    }
                }
            }
            for (number, sums) in sums.iter().enumerate() {
                for (block, &sum) in sums.iter().enumerate() {
                    let to = tile.sums.add(block * tile.sums_block + number * LANES);
                    simd.store(to, sum);
                }
            }
        }
    }
}

/// How many places wide and how many blocks deep the tiles of a product are.
#[derive(Clone, Debug)]
pub(crate) struct Tiling {
    /// For each bundle of output blocks its first one and how many they are.
    pub bundles: Vec<(usize, usize)>,
    /// For each tile of a row its first place and how many they are.
    pub tiles: Vec<(usize, usize)>,
}

impl Tiling {
    /// The quickest one for rows of `places`, `distance` numbers from each other, and `blocks` of
    /// output channels.
    pub fn new<E: Element>(isa: Isa, places: usize, blocks: usize, distance: usize) -> Self {
        let sums = isa.sums()[usize::from(E::PAIRS)];
        let (_, tiling) = (1..=MAX_BLOCKS.min(blocks))
            .filter(|&deep| most_places(sums, deep, distance) > 0)
            .map(|deep| {
                let bundles = split(blocks, deep);
                let tiles = split(places, most_places(sums, deep, distance));
                let cost: usize = bundles
                    .iter()
                    .flat_map(|&(_, blocks)| tiles.iter().map(move |&(_, places)| (places, blocks)))
                    .map(|(places, blocks)| cost(places, blocks))
                    .sum();
                (cost, Self { bundles, tiles })
            })
            .min_by_key(|&(cost, _)| cost)
            .expect("a tile of one place and one block always fits");
        tiling
    }
}

/// Half cycles of one step: two products and two loads a cycle, and four cycles until a sum can be
/// added to again.
fn cost(places: usize, blocks: usize) -> usize {
    const LATENCY: usize = 8;
    // Of tiles that multiply equally long, that which loads less.
    16 * (places * blocks).max(places + blocks).max(LATENCY) + places + blocks
}

/// Parts of nearly equal size, none larger than `most`: the first of each and how many.
pub(crate) fn split(count: usize, most: usize) -> Vec<(usize, usize)> {
    let parts = count.div_ceil(most);
    (0..parts)
        .map(|part| {
            let start = part * count / parts;
            (start, (part + 1) * count / parts - start)
        })
        .collect()
}

//! Attention: each place looks at every other of its area.

use std::ops::Range;

use crate::element::Element;
use crate::grid::Grid;
use crate::simd::{Isa, LANES, Simd};

use super::reduce::softmax;
use super::tile::{Tile, Tiling, split};
use super::{Context, Step};

/// Places whose shares are computed together.
const QUERIES_OF_TASK: usize = 28;

/// What both steps of an attention know.
pub(crate) struct Attention {
    grid: Grid,
    queries: Vec<usize>,
    keys: Vec<usize>,
    values: Vec<usize>,
    output: Vec<usize>,
    areas: usize,
    heads: usize,
    key_channels: usize,
    value_channels: usize,
    scale: f32,
    /// Places of an area.
    places: usize,
    /// Bundles of blocks of places, when scores are computed.
    score_bundles: Vec<(usize, usize)>,
    /// Bundles of blocks of channels, when values are.
    value_bundles: Vec<(usize, usize)>,
    /// Of each area and head: queries of a task, and their tiles in both products.
    chunks: Vec<Chunk>,
    /// Where planes begin: of a head's queries, and of scores.
    query_planes: Vec<usize>,
    score_planes: Vec<usize>,
}

struct Chunk {
    queries: Range<usize>,
    score_tiles: Vec<(usize, usize)>,
    value_tiles: Vec<(usize, usize)>,
}

/// The planes that an attention takes and makes.
pub(crate) struct AttentionPlanes {
    pub queries: Vec<usize>,
    pub keys: Vec<usize>,
    pub values: Vec<usize>,
    pub output: Vec<usize>,
}

/// How an attention divides channels and places.
#[derive(Clone, Copy, Debug)]
pub(crate) struct AttentionForm {
    pub areas: usize,
    pub heads: usize,
    pub key_channels: usize,
    pub value_channels: usize,
    pub scale: f32,
}

impl Attention {
    pub fn new(isa: Isa, grid: Grid, planes: AttentionPlanes, form: AttentionForm) -> Self {
        let AttentionForm { areas, heads, key_channels, value_channels, scale } = form;
        let places = grid.height * grid.width / areas;
        let score_blocks = places.div_ceil(LANES);
        let chunks = split(places, QUERIES_OF_TASK);
        let most = chunks.iter().map(|&(_, count)| count).max().unwrap_or(1);
        let scores = Tiling::new::<f32>(isa, most, score_blocks, LANES);
        let sums = Tiling::new::<f32>(isa, most, value_channels.div_ceil(LANES), LANES);
        let widest = |tiling: &Tiling| tiling.tiles.iter().map(|&(_, places)| places).max();
        let tiles = |tiling: &Tiling, count| split(count, widest(tiling).unwrap_or(1));
        let chunks = chunks
            .into_iter()
            .map(|(start, count)| Chunk {
                queries: start..start + count,
                score_tiles: tiles(&scores, count),
                value_tiles: tiles(&sums, count),
            })
            .collect();
        let key_blocks = key_channels.div_ceil(LANES);
        let AttentionPlanes { queries, keys, values, output } = planes;
        Self {
            grid,
            queries,
            keys,
            values,
            output,
            areas,
            heads,
            key_channels,
            value_channels,
            scale,
            places,
            score_bundles: scores.bundles,
            value_bundles: sums.bundles,
            chunks,
            query_planes: (0..key_blocks).map(|block| block * places * LANES).collect(),
            score_planes: (0..score_blocks).map(|block| block * most * LANES).collect(),
        }
    }

    /// Most queries of a task.
    fn most(&self) -> usize {
        self.chunks.iter().map(|chunk| chunk.queries.len()).max().unwrap_or(0)
    }

    fn query_numbers(&self) -> usize {
        self.query_planes.len() * self.places * LANES
    }

    fn key_numbers(&self) -> usize {
        self.score_planes.len() * LANES * self.key_channels
    }

    fn value_numbers(&self) -> usize {
        self.value_channels.div_ceil(LANES) * LANES * self.places
    }

    /// Numbers of one head in one area.
    fn numbers(&self) -> usize {
        self.query_numbers() + self.key_numbers() + self.value_numbers()
    }

    /// Where a place of an area is.
    fn at(&self, area: usize, place: usize) -> usize {
        let place = area * self.places + place;
        self.grid.at(place / self.grid.width, place % self.grid.width)
    }
}

/// Puts queries, keys and values of each head in the order in which products read them.
pub(crate) struct Pack(pub std::sync::Arc<Attention>);

impl Pack {
    /// # Safety
    ///
    /// The channel is one of the planes'.
    #[inline(always)]
    unsafe fn number<E: Element>(
        context: &Context<E>,
        planes: &[usize],
        channel: usize,
        at: usize,
    ) -> f32 {
        // SAFETY: as the caller promises.
        unsafe { (*context.planes.add(planes[channel / LANES] + at + channel % LANES)).value() }
    }
}

impl<E: Element> Step<E> for Pack {
    fn tasks(&self) -> usize {
        self.0.areas * self.0.heads
    }

    fn shared(&self) -> usize {
        self.0.areas * self.0.heads * self.0.numbers()
    }

    #[inline(always)]
    unsafe fn run<S: Simd>(&self, _: S, task: usize, context: &Context<E>) {
        let all = &*self.0;
        let (area, head) = (task / all.heads, task % all.heads);
        // SAFETY: the shared memory holds as many numbers for each task; channels and places are
        // those of the planes.
        unsafe {
            let queries = context.shared.add(task * all.numbers());
            let keys = queries.add(all.query_numbers());
            let values = keys.add(all.key_numbers());
            for place in 0..all.places {
                let at = all.at(area, place);
                for key in 0..all.key_channels {
                    let channel = head * all.key_channels + key;
                    let value = Self::number(context, &all.queries, channel, at) * all.scale;
                    let to = all.query_planes[key / LANES] + place * LANES + key % LANES;
                    *queries.add(to) = value;
                }
            }
            let mut to = keys;
            for &(first, blocks) in &all.score_bundles {
                for key in 0..all.key_channels {
                    let channel = head * all.key_channels + key;
                    for place in first * LANES..(first + blocks) * LANES {
                        *to = match place < all.places {
                            true => Self::number(context, &all.keys, channel, all.at(area, place)),
                            false => 0.0,
                        };
                        to = to.add(1);
                    }
                }
            }
            let mut to = values;
            for &(first, blocks) in &all.value_bundles {
                for place in 0..all.places {
                    let at = all.at(area, place);
                    for lane in first * LANES..(first + blocks) * LANES {
                        let channel = head * all.value_channels + lane;
                        *to = match lane < all.value_channels {
                            true => Self::number(context, &all.values, channel, at),
                            false => 0.0,
                        };
                        to = to.add(1);
                    }
                }
            }
        }
    }
}

/// Computes shares and sums of what [`Pack`] made.
pub(crate) struct Attend(pub std::sync::Arc<Attention>);

impl<E: Element> Step<E> for Attend {
    fn tasks(&self) -> usize {
        self.0.areas * self.0.heads * self.0.chunks.len()
    }

    fn scratch(&self) -> usize {
        let blocks = self.0.score_planes.len() + self.0.value_channels.div_ceil(LANES);
        blocks * self.0.most() * LANES
    }

    fn shared(&self) -> usize {
        self.0.areas * self.0.heads * self.0.numbers()
    }

    #[inline(always)]
    unsafe fn run<S: Simd>(&self, simd: S, task: usize, context: &Context<E>) {
        let all = &*self.0;
        let (part, chunk) = (task / all.chunks.len(), &all.chunks[task % all.chunks.len()]);
        let (area, head) = (part / all.heads, part % all.heads);
        let plane = all.most() * LANES;
        let count = chunk.queries.len();
        // SAFETY: the shared memory was filled by `Pack`; the scratch holds scores and sums of the
        // largest chunk; tasks write different places or channels.
        unsafe {
            let queries = context.shared.add(part * all.numbers());
            let queries_of_chunk = queries.add(chunk.queries.start * LANES);
            let keys = queries.add(all.query_numbers());
            let values = keys.add(all.key_numbers());
            let scores = context.scratch;
            let sums = scores.add(all.score_planes.len() * plane);

            product(
                simd,
                queries_of_chunk,
                &all.query_planes,
                all.key_channels,
                keys,
                &all.score_bundles,
                &chunk.score_tiles,
                scores,
                plane,
            );
            for query in 0..count {
                let scores = scores.add(query * LANES);
                let last = scores.add((all.score_planes.len() - 1) * plane);
                let places = all.places - (all.score_planes.len() - 1) * LANES;
                for lane in places..LANES {
                    *last.add(lane) = f32::NEG_INFINITY;
                }
                softmax(simd, scores, all.score_planes.len(), plane);
            }
            product(
                simd,
                scores,
                &all.score_planes,
                all.places,
                values,
                &all.value_bundles,
                &chunk.value_tiles,
                sums,
                plane,
            );
            for (index, query) in chunk.queries.clone().enumerate() {
                let at = all.at(area, query);
                for block in 0..all.value_channels.div_ceil(LANES) {
                    let from = sums.add(block * plane + index * LANES);
                    let first = head * all.value_channels + block * LANES;
                    let channels = (all.value_channels - block * LANES).min(LANES);
                    if first.is_multiple_of(LANES) && channels == LANES {
                        let to = context.planes.add(all.output[first / LANES] + at);
                        E::store(simd, to, simd.load(from));
                        continue;
                    }
                    for lane in 0..channels {
                        let channel = first + lane;
                        let to = all.output[channel / LANES] + at + channel % LANES;
                        *context.planes.add(to) = E::of(*from.add(lane));
                    }
                }
            }
        }
    }
}

/// Places times weights, for all bundles and tiles.
///
/// # Safety
///
/// Everything that the tiles read and write is there.
#[inline(always)]
unsafe fn product<S: Simd>(
    simd: S,
    input: *const f32,
    planes: &[usize],
    channels: usize,
    weights: *const f32,
    bundles: &[(usize, usize)],
    tiles: &[(usize, usize)],
    sums: *mut f32,
    sums_block: usize,
) {
    let mut weights = weights;
    for &(first, blocks) in bundles {
        for &(start, places) in tiles {
            // SAFETY: as the caller promises.
            unsafe {
                let tile = Tile {
                    input: input.add(start * LANES),
                    planes,
                    taps: &[0],
                    steps: [LANES, channels - (planes.len() - 1) * LANES],
                    weights,
                    sums: sums.add(first * sums_block + start * LANES),
                    sums_block,
                };
                tile.compute(simd.plain(), places, blocks, LANES);
            }
        }
        // SAFETY: as the caller promises.
        weights = unsafe { weights.add(channels * blocks * LANES) };
    }
}

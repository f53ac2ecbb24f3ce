//! One side of a picture that is resampled: which source samples make each of its samples, and how
//! much of each.
//!
//! The numbers are those of OpenCV's `resize` and of Pillow's, for samples of eight bits. Both work
//! in fixed point, so whoever takes these numbers and does as they do gets the same bits: the code
//! of this crate for the CPU, and the shader.

use detector_components::geometry::{Placement, Size};

/// The part of one side of a resampled picture that lands in the tensor.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Axis {
    /// Where in the tensor it begins.
    pub at: usize,
    /// Its samples.
    pub count: usize,
    /// The first sample of the resampled picture that is seen.
    first: u32,
    /// Samples of the resampled picture, seen or not.
    resized: u32,
    /// Samples that it is made of.
    source: u32,
}

/// A sample that lies between two neighbours of the source.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pair {
    /// The neighbour before it.
    pub low: u32,
    /// The neighbour behind it; at an edge the same one.
    pub high: u32,
    /// How much of each: [`Pair::ONE`] in all.
    pub weights: [i16; 2],
}

impl Pair {
    /// All of a sample: 11 bits behind the point.
    pub const ONE: i16 = 1 << 11;
}

/// Samples that are made of everything that shrinks into them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Windows {
    /// One for each sample.
    pub windows: Vec<Window>,
    /// The weights of all windows: 1 << [`Windows::BITS`] in each.
    pub weights: Vec<i32>,
}

/// What one sample is made of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Window {
    /// The first of the source samples, which lie side by side.
    pub first: u32,
    /// How many they are.
    pub count: u32,
    /// The first of their weights.
    pub weights: u32,
}

impl Axis {
    /// Both sides of what a placement shows: across, down.
    pub fn both(placement: &Placement) -> [Self; 2] {
        let Placement { source, resized, offset: [left, top], tensor, .. } = *placement;
        [
            Self::new(source.width, resized.width, left, tensor.width),
            Self::new(source.height, resized.height, top, tensor.height),
        ]
    }

    fn new(source: u32, resized: u32, offset: i32, tensor: u32) -> Self {
        let first = offset.min(0).unsigned_abs().min(resized);
        let at = offset.max(0).unsigned_abs().min(tensor);
        let count = (resized - first).min(tensor - at) as usize;
        Self { at: at as usize, count, first, resized, source }
    }

    /// Columns as OpenCV's `INTER_LINEAR` mixes them. At an edge, its column has the whole weight.
    pub fn columns(&self) -> Vec<Pair> {
        let whole = |pair: Pair| match pair.low == pair.high {
            true => Pair { weights: [Pair::ONE, 0], ..pair },
            false => pair,
        };
        self.rows().into_iter().map(whole).collect()
    }

    /// Rows as OpenCV's `INTER_LINEAR` mixes them: two neighbours at half-pixel centres, whatever the
    /// scale. At an edge, its row is both neighbours, each with its weight and its rounding.
    pub fn rows(&self) -> Vec<Pair> {
        let scale = 1.0 / (f64::from(self.resized) / f64::from(self.source));
        let last = self.source as i32 - 1;
        self.seen()
            .map(|at| {
                let centre = ((f64::from(at) + 0.5) * scale - 0.5) as f32;
                let low = centre.floor();
                let sample = |at: i32| at.clamp(0, last) as u32;
                let weight = |part: f32| (part * f32::from(Pair::ONE)).round_ties_even() as i16;
                Pair {
                    low: sample(low as i32),
                    high: sample(low as i32 + 1),
                    weights: [weight(1.0 - (centre - low)), weight(centre - low)],
                }
            })
            .collect()
    }

    /// What Pillow's `BILINEAR` makes samples of: a triangle as wide as the scale, so that every
    /// source sample counts when there are fewer of them afterwards.
    pub fn windows(&self) -> Windows {
        let scale = f64::from(self.source) / f64::from(self.resized);
        let reach = scale.max(1.0);
        let narrowing = 1.0 / reach;
        let mut made = Windows::default();
        let mut parts = Vec::new();
        for at in self.seen() {
            let centre = (f64::from(at) + 0.5) * scale;
            let first = (centre - reach + 0.5).max(0.0) as u32;
            let end = ((centre + reach + 0.5) as u32).min(self.source);
            parts.clear();
            parts.extend((first..end).map(|at| {
                let distance = (f64::from(at) - centre + 0.5) * narrowing;
                (1.0 - distance.abs()).max(0.0)
            }));
            let all: f64 = parts.iter().sum();
            let weights = made.weights.len() as u32;
            made.windows.push(Window { first, count: end - first, weights });
            let one = f64::from(1 << Windows::BITS);
            made.weights.extend(parts.iter().map(|part| (part / all * one + 0.5) as i32));
        }
        made
    }

    /// Samples of the resampled picture.
    fn seen(&self) -> std::ops::Range<u32> {
        self.first..self.first + self.count as u32
    }
}

impl Windows {
    /// Bits behind the point of a weight.
    pub const BITS: u32 = 22;
    /// What is added so that the bits behind the point can be cut off.
    pub const HALF: i32 = 1 << (Self::BITS - 1);

    /// A window's weights.
    pub fn weights(&self, window: Window) -> &[i32] {
        &self.weights[window.weights as usize..][..window.count as usize]
    }
}

/// Whether Pillow shrinks a picture down before it shrinks it across. Between the two, samples are
/// rounded to eight bits, so the order is seen.
///
/// Pillow 13 does it where it saves work; before that, across always came first.
pub fn down_first(source: Size, resized: Size) -> bool {
    let less = |source: u32, resized: u32| i64::from(source) - i64::from(resized);
    let across = less(source.width, resized.width);
    let down = less(source.height, resized.height);
    down > 0 && down > 2 * across
}

#[cfg(test)]
mod tests;

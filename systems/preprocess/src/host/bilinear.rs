//! Two by two neighbours: OpenCV's `INTER_LINEAR`.

use std::mem;

use detector_components::frame::Pixels;
use detector_components::geometry::Placement;
use detector_picture::ToRgb;

use super::Sink;
use super::line::{Block, LANES, Lanes, Line};
use super::vectors::Work;
use crate::axis::{Axis, Pair};

/// A placement on its way into a sink.
pub struct Bilinear<'a, S> {
    pixels: &'a Pixels,
    top: u32,
    blocks: Vec<Block>,
    rows: Vec<Pair>,
    /// Columns that are seen.
    count: usize,
    sink: &'a mut S,
}

impl<'a, S: Sink> Bilinear<'a, S> {
    pub fn new(pixels: &'a Pixels, placement: &Placement, sink: &'a mut S) -> Self {
        let [across, down] = Axis::both(placement);
        let source = placement.source;
        let blocks = Block::of(&across.columns(), source.x, pixels.size().width);
        Self { pixels, top: source.y, blocks, rows: down.rows(), count: across.count, sink }
    }
}

impl<S: Sink> Work for Bilinear<'_, S> {
    #[inline(always)]
    fn run(self) {
        let Self { pixels, top, blocks, rows, count, sink } = self;
        let to_rgb = ToRgb::new(pixels.color());
        // A row of the frame is often a neighbour twice.
        let mut low = MixedRow::new(blocks.len());
        let mut high = MixedRow::new(blocks.len());
        let mut mixed = [vec![0; count], vec![0; count], vec![0; count]];
        for (index, row) in rows.iter().enumerate() {
            if high.y == Some(row.low) {
                mem::swap(&mut low, &mut high);
            }
            low.read(row.low, |y| Line::new(pixels, to_rgb, top + y), &blocks);
            // A neighbour that adds nothing is not read.
            if row.weights[1] != 0 {
                high.read(row.high, |y| Line::new(pixels, to_rgb, top + y), &blocks);
            }
            for (channel, mixed) in mixed.iter_mut().enumerate() {
                mix(&low.channels[channel], &high.channels[channel], row.weights, mixed);
            }
            let [red, green, blue] = &mixed;
            sink.row(index, [red, green, blue]);
        }
    }
}

/// A row of the frame whose columns are mixed: 7 bits behind the point.
struct MixedRow {
    /// Which one, when it was read.
    y: Option<u32>,
    channels: [Vec<i16>; 3],
}

impl MixedRow {
    /// Bits that are cut off the sums of two weighted columns. What is left fits into 16.
    const CUT: u32 = 4;

    fn new(blocks: usize) -> Self {
        let zeros = || vec![0; blocks * LANES];
        Self { y: None, channels: [zeros(), zeros(), zeros()] }
    }

    #[inline(always)]
    fn read<'a>(&mut self, y: u32, line: impl Fn(u32) -> Line<'a>, blocks: &[Block]) {
        if self.y == Some(y) {
            return;
        }
        self.y = Some(y);
        let line = line(y);
        let [red, green, blue] = &mut self.channels;
        let red = red.as_chunks_mut().0;
        let green = green.as_chunks_mut().0;
        let blue = blue.as_chunks_mut().0;
        for ((block, red), (green, blue)) in blocks.iter().zip(red).zip(green.iter_mut().zip(blue))
        {
            let [left, right] = line.colors(block);
            mix_across(&left[0], &right[0], block, red);
            mix_across(&left[1], &right[1], block, green);
            mix_across(&left[2], &right[2], block, blue);
        }
    }
}

/// Two columns to one.
#[inline(always)]
fn mix_across(left: &Lanes, right: &Lanes, block: &Block, out: &mut [i16; LANES]) {
    let [of_left, of_right] = &block.weights;
    for lane in 0..LANES {
        let sum = left[lane] * of_left[lane] + right[lane] * of_right[lane];
        out[lane] = (sum >> MixedRow::CUT) as i16;
    }
}

/// Two rows to one, with OpenCV's roundings: each product is cut to its upper 16 bits, and two bits
/// are left to round the sum.
#[inline(always)]
fn mix(low: &[i16], high: &[i16], weights: [i16; 2], out: &mut [u8]) {
    let part = |value: i16, weight: i16| ((i32::from(value) * i32::from(weight)) >> 16) as i16;
    for (out, (&low, &high)) in out.iter_mut().zip(low.iter().zip(high)) {
        *out = ((part(low, weights[0]) + part(high, weights[1]) + 2) >> 2) as u8;
    }
}

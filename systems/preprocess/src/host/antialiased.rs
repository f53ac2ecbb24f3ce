//! Every pixel counts: Pillow's `BILINEAR`.

use detector_components::frame::Pixels;
use detector_components::geometry::{Placement, Region};
use detector_picture::ToRgb;

use super::Sink;
use super::line::{Block, LANES, Line};
use super::vectors::Work;
use crate::axis::{Axis, Pair, Window, Windows, down_first};

/// Red, green, blue, and nothing: four bytes are one word.
type Rgbx = [u8; 4];

/// A placement on its way into a sink.
pub struct Antialiased<'a, S> {
    pixels: &'a Pixels,
    /// The columns that are looked at, and the rows.
    source: Region,
    blocks: Vec<Block>,
    across: Windows,
    down: Windows,
    down_first: bool,
    sink: &'a mut S,
}

impl<'a, S: Sink> Antialiased<'a, S> {
    pub fn new(pixels: &'a Pixels, placement: &Placement, sink: &'a mut S) -> Self {
        let [across, down] = Axis::both(placement).map(|axis| axis.windows());
        let source = placement.source;
        let column = |x: u32| Pair { low: x, high: x, weights: [Pair::ONE, 0] };
        let columns: Vec<Pair> = (0..source.width).map(column).collect();
        Self {
            pixels,
            source,
            blocks: Block::of(&columns, source.x, pixels.size().width),
            down_first: down_first(source.size(), placement.resized),
            across,
            down,
            sink,
        }
    }

    /// A row of the part that is looked at.
    #[inline(always)]
    fn read(&self, to_rgb: ToRgb, y: u32, out: &mut [Rgbx]) {
        let line = Line::new(self.pixels, to_rgb, self.source.y + y);
        for (block, out) in self.blocks.iter().zip(out.as_chunks_mut::<LANES>().0) {
            // Where the left column of a pair is not the one that was asked for, the right one is.
            let [left, right] = line.colors(block);
            let is_right = &block.weights[1];
            for (lane, out) in out.iter_mut().enumerate() {
                let sample = |channel: usize| match is_right[lane] {
                    0 => left[channel][lane],
                    _ => right[channel][lane],
                };
                *out = (sample(0) | sample(1) << 8 | sample(2) << 16).to_le_bytes();
            }
        }
    }

    #[inline(always)]
    fn across_then_down(self, to_rgb: ToRgb) {
        let Some((first, end)) = span(&self.down) else { return };
        let count = self.across.windows.len();
        let mut line = vec![Rgbx::default(); self.blocks.len() * LANES];
        let mut narrow = vec![0; (end - first) as usize * 3 * count];
        for (y, row) in (first..end).zip(narrow.chunks_exact_mut(3 * count)) {
            self.read(to_rgb, y, &mut line);
            shrink_across(&self.across, &line, row);
        }
        let mut sums = vec![0; 3 * count];
        let mut row = vec![0; 3 * count];
        for (index, &window) in self.down.windows.iter().enumerate() {
            let rows =
                narrow[(window.first - first) as usize * 3 * count..].chunks_exact(3 * count);
            shrink_down(rows.zip(self.down.weights(window)), &mut sums, &mut row);
            self.sink.row(index, thirds(&row));
        }
    }

    #[inline(always)]
    fn down_then_across(self, to_rgb: ToRgb) {
        let count = self.across.windows.len();
        let width = self.blocks.len() * LANES;
        let mut line = vec![Rgbx::default(); width];
        let mut sums = vec![0; 4 * width];
        let mut low = vec![Rgbx::default(); width];
        let mut row = vec![0; 3 * count];
        for (index, &window) in self.down.windows.iter().enumerate() {
            sums.fill(Windows::HALF);
            for (y, &weight) in (window.first..).zip(self.down.weights(window)) {
                self.read(to_rgb, y, &mut line);
                add(line.as_flattened(), weight, &mut sums);
            }
            cut(&sums, low.as_flattened_mut());
            shrink_across(&self.across, &low, &mut row);
            self.sink.row(index, thirds(&row));
        }
    }
}

impl<S: Sink> Work for Antialiased<'_, S> {
    #[inline(always)]
    fn run(self) {
        let to_rgb = ToRgb::new(self.pixels.color());
        if self.down_first { self.down_then_across(to_rgb) } else { self.across_then_down(to_rgb) }
    }
}

/// The first and the last but one of the samples that windows are made of.
fn span(windows: &Windows) -> Option<(u32, u32)> {
    let (first, last) = (windows.windows.first()?, windows.windows.last()?);
    Some((first.first, last.first + last.count))
}

/// A row to fewer columns: all of red, then green, then blue.
#[inline(always)]
fn shrink_across(windows: &Windows, line: &[Rgbx], out: &mut [u8]) {
    let count = windows.windows.len();
    for (column, &window) in windows.windows.iter().enumerate() {
        let Window { first, count: length, .. } = window;
        let mut sums = [Windows::HALF; 4];
        let pixels = &line[first as usize..][..length as usize];
        for (pixel, &weight) in pixels.iter().zip(windows.weights(window)) {
            for (sum, &sample) in sums.iter_mut().zip(pixel) {
                *sum += i32::from(sample) * weight;
            }
        }
        for channel in 0..3 {
            out[channel * count + column] = byte(sums[channel]);
        }
    }
}

/// Weighted rows to one.
#[inline(always)]
fn shrink_down<'a>(
    rows: impl Iterator<Item = (&'a [u8], &'a i32)>,
    sums: &mut [i32],
    out: &mut [u8],
) {
    sums.fill(Windows::HALF);
    for (row, &weight) in rows {
        add(row, weight, sums);
    }
    cut(sums, out);
}

#[inline(always)]
fn add(row: &[u8], weight: i32, sums: &mut [i32]) {
    for (sum, &sample) in sums.iter_mut().zip(row) {
        *sum += i32::from(sample) * weight;
    }
}

#[inline(always)]
fn cut(sums: &[i32], out: &mut [u8]) {
    for (out, &sum) in out.iter_mut().zip(sums) {
        *out = byte(sum);
    }
}

/// A sum of weighted samples to eight bits. The half for rounding is already in it.
#[inline(always)]
fn byte(sum: i32) -> u8 {
    (sum >> Windows::BITS).clamp(0, 255) as u8
}

fn thirds(row: &[u8]) -> [&[u8]; 3] {
    let (red, rest) = row.split_at(row.len() / 3);
    let (green, blue) = rest.split_at(row.len() / 3);
    [red, green, blue]
}

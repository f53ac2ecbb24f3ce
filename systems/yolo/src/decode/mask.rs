//! Which pixels belong to what is in a box.

use std::ops::Range;

use contour::ContourBuilder;

/// Which pixels belong to what is in a box.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mask {
    /// First column and row that it covers, in pixels of the input tensor.
    pub origin: [usize; 2],
    /// Columns and rows that it covers.
    pub size: [usize; 2],
    /// Row by row: whether the pixel belongs to it. Pixels outside do not.
    pub pixels: Vec<bool>,
}

impl Mask {
    /// Whether no pixel belongs to it.
    pub fn is_empty(&self) -> bool {
        !self.pixels.contains(&true)
    }

    /// The outer edge of each of its parts, the largest one first, as corners `[x, y]` in pixels of
    /// the input tensor: along the edges of pixels, cut off at their corners. Holes are left out.
    pub fn polygons(&self) -> Vec<Vec<[f32; 2]>> {
        let [width, height] = self.size;
        let values: Vec<f64> =
            self.pixels.iter().map(|&there| f64::from(u8::from(there))).collect();
        // Between 0 and 1, which are what there is.
        let traced = ContourBuilder::new(width, height, false).contours(&values, &[0.5]);
        let parts = traced.ok().and_then(|mut contours| contours.pop());
        let mut polygons: Vec<Vec<[f32; 2]>> = parts
            .into_iter()
            .flat_map(|contour| contour.into_inner().0.0)
            .map(|polygon| {
                let corners = polygon.exterior().0.iter();
                let [left, top] = self.origin.map(|origin| origin as f64);
                corners.map(|at| [(at.x + left) as f32, (at.y + top) as f32]).collect()
            })
            .map(without_straight)
            .collect();
        polygons.sort_by(|a, b| area(b).total_cmp(&area(a)));
        polygons
    }
}

/// A closed ring, its first corner written again at its end or not, without the corners at which it
/// goes straight on.
fn without_straight(mut ring: Vec<[f32; 2]>) -> Vec<[f32; 2]> {
    if ring.first() == ring.last() {
        ring.pop();
    }
    let count = ring.len();
    let turns = |at: usize| {
        let ([ax, ay], [bx, by]) = (ring[(at + count - 1) % count], ring[at]);
        let [cx, cy] = ring[(at + 1) % count];
        (bx - ax) * (cy - by) != (by - ay) * (cx - bx)
    };
    (0..count).filter(|&at| turns(at)).map(|at| ring[at]).collect()
}

/// The area of a ring.
fn area(ring: &[[f32; 2]]) -> f32 {
    let next = ring.iter().skip(1).chain(ring.first());
    let twice: f32 = ring.iter().zip(next).map(|([ax, ay], [bx, by])| ax * by - bx * ay).sum();
    twice.abs() / 2.0
}

/// What the masks of one picture are sums of.
#[derive(Clone, Copy)]
pub(super) struct Prototypes<'a> {
    /// `[coefficients, height, width]`.
    pub values: &'a [f32],
    pub height: usize,
    pub width: usize,
}

impl Prototypes<'_> {
    /// The mask of a box: the weighted sum of the prototypes, made as large as the picture by linear
    /// interpolation and cut to the box, where it is greater than 0.
    ///
    /// # Shapes
    ///
    /// - `bbox`: `[x1, y1, x2, y2]` in pixels of the picture
    /// - `picture`: `[width, height]`
    pub fn mask(&self, coefficients: &[f32], bbox: [f32; 4], picture: [usize; 2]) -> Mask {
        let [columns, rows] = [0, 1].map(|axis| {
            // Negative and large numbers saturate.
            let [start, end] =
                [bbox[axis], bbox[axis + 2]].map(|edge| (edge.ceil() as usize).min(picture[axis]));
            Span::new(start..end.max(start), picture[axis], [self.width, self.height][axis])
        });
        let sums = self.sums(coefficients, &columns.cells, &rows.cells);
        let width = columns.cells.len();
        let mut pixels = Vec::with_capacity(columns.pixels.len() * rows.pixels.len());
        for row in rows.samples() {
            for column in columns.samples() {
                let at = |row: usize| {
                    let [left, right] = [column.low, column.high].map(|x| sums[row * width + x]);
                    left + (right - left) * column.part
                };
                let (above, below) = (at(row.low), at(row.high));
                pixels.push(above + (below - above) * row.part > 0.0);
            }
        }
        let origin = [columns.pixels.start, rows.pixels.start];
        let size = [columns.pixels.len(), rows.pixels.len()];
        Mask { origin, size, pixels }
    }

    /// The weighted sums of some of the cells.
    fn sums(&self, coefficients: &[f32], columns: &Range<usize>, rows: &Range<usize>) -> Vec<f32> {
        let mut sums = vec![0.0; columns.len() * rows.len()];
        if sums.is_empty() {
            return sums;
        }
        let prototypes = self.values.chunks_exact(self.width * self.height);
        for (prototype, coefficient) in prototypes.zip(coefficients) {
            let lines = prototype.chunks_exact(self.width).skip(rows.start);
            for (sums, line) in sums.chunks_exact_mut(columns.len()).zip(lines) {
                for (sum, value) in sums.iter_mut().zip(&line[columns.clone()]) {
                    *sum += coefficient * value;
                }
            }
        }
        sums
    }
}

/// The pixels that a box covers along one axis, and the cells of the prototypes around them.
struct Span {
    pixels: Range<usize>,
    cells: Range<usize>,
    /// Cells to one pixel.
    scale: f32,
}

/// Between which cells of a span a pixel lies.
struct Sample {
    low: usize,
    high: usize,
    /// How far from the lower one to the higher one.
    part: f32,
}

impl Span {
    /// # Shapes
    ///
    /// - `size`, `cells`: pixels and cells of the whole picture
    fn new(pixels: Range<usize>, size: usize, cells: usize) -> Self {
        let scale = cells as f32 / size as f32;
        let cells = match pixels.clone().last() {
            None => 0..0,
            Some(last) => {
                let first = middle(pixels.start, scale) as usize;
                let end = (middle(last, scale) as usize + 2).min(cells);
                first.min(end - 1)..end
            }
        };
        Self { pixels, cells, scale }
    }

    fn samples(&self) -> impl Iterator<Item = Sample> {
        let last = self.cells.len().saturating_sub(1);
        self.pixels.clone().map(move |pixel| {
            let at = middle(pixel, self.scale);
            let low = at as usize - self.cells.start;
            Sample { low, high: (low + 1).min(last), part: at.fract() }
        })
    }
}

/// The middle of a pixel, in cells from the middle of the first one.
fn middle(pixel: usize, scale: f32) -> f32 {
    ((pixel as f32 + 0.5) * scale - 0.5).max(0.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A mask of lines of text, in which an x is a pixel that belongs to it.
    fn drawn<const N: usize>(lines: [&str; N]) -> Mask {
        let pixels =
            lines.iter().flat_map(|line| line.bytes().map(|pixel| pixel == b'x')).collect();
        Mask { origin: [10, 20], size: [lines[0].len(), N], pixels }
    }

    #[test]
    fn a_rectangle_has_its_edges() {
        let polygons = drawn(["...", "xx.", "xx.", "xx."]).polygons();
        assert_eq!(polygons.len(), 1);
        let bounds = |axis: usize| {
            let along = polygons[0].iter().map(|corner| corner[axis]);
            (along.clone().fold(f32::MAX, f32::min), along.fold(f32::MIN, f32::max))
        };
        assert_eq!((bounds(0), bounds(1)), ((10.0, 12.0), (21.0, 24.0)));
        // Each corner of the pixels is cut off: two where one would be.
        assert_eq!(polygons[0].len(), 8);
    }

    #[test]
    fn the_largest_part_comes_first() {
        let areas: Vec<f32> = drawn(["x..xx", "...xx", ".....", "xx..."])
            .polygons()
            .iter()
            .map(|p| area(p))
            .collect();
        assert_eq!(areas.len(), 3);
        assert!(areas.is_sorted_by(|a, b| a >= b), "{areas:?}");
    }

    #[test]
    fn an_empty_mask_has_no_edge() {
        assert_eq!(drawn([".."]).polygons(), Vec::<Vec<[f32; 2]>>::new());
    }
}

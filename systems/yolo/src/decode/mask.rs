//! Which pixels belong to what is in a box.

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

/// What the masks of one picture are sums of.
#[derive(Clone, Copy)]
pub(super) struct Prototypes<'a> {
    /// `[coefficients, height, width]`.
    pub values: &'a [f32],
    pub height: usize,
    pub width: usize,
}

impl Prototypes<'_> {
    /// The mask of a box: the weighted sum of the prototypes, cut to the box, made as large as the
    /// picture by linear interpolation, where it is greater than 0.
    ///
    /// # Shapes
    ///
    /// - `bbox`: `[x1, y1, x2, y2]` in pixels of the picture
    /// - `picture`: `[width, height]`
    pub fn mask(&self, coefficients: &[f32], bbox: [f32; 4], picture: [usize; 2]) -> Mask {
        let [columns, rows] = [0, 1].map(|axis| {
            let cells = [self.width, self.height][axis];
            let scale = cells as f32 / picture[axis] as f32;
            // Negative and large numbers saturate.
            let [first, end] =
                [bbox[axis], bbox[axis + 2]].map(|edge| ((edge * scale).ceil() as usize).min(cells));
            Span { first, end: end.max(first), cells, pixels: picture[axis] }
        });
        let sums = self.sums(coefficients, &columns, &rows);
        let (columns, rows) = (columns.pixels(), rows.pixels());
        let origin = [columns.start, rows.start];
        let size = [columns.samples.len(), rows.samples.len()];
        let pixels = rows
            .samples
            .iter()
            .flat_map(|row| {
                let sums = &sums;
                let width = columns.cells;
                columns.samples.iter().map(move |column| {
                    let at = |row: usize| {
                        let [left, right] =
                            [column.low, column.high].map(|column| sums[row * width + column]);
                        left + (right - left) * column.part
                    };
                    let (above, below) = (at(row.low), at(row.high));
                    above + (below - above) * row.part > 0.0
                })
            })
            .collect();
        Mask { origin, size, pixels }
    }

    /// The weighted sums within the box, and around them a border of zeros.
    fn sums(&self, coefficients: &[f32], columns: &Span, rows: &Span) -> Vec<f32> {
        let (width, height) = (columns.end - columns.first, rows.end - rows.first);
        let mut sums = vec![0.0; (width + 2) * (height + 2)];
        for (prototype, coefficient) in
            self.values.chunks_exact(self.width * self.height).zip(coefficients)
        {
            for row in 0..height {
                let start = (rows.first + row) * self.width + columns.first;
                let values = &prototype[start..start + width];
                let start = (row + 1) * (width + 2) + 1;
                for (sum, value) in sums[start..start + width].iter_mut().zip(values) {
                    *sum += coefficient * value;
                }
            }
        }
        sums
    }
}

/// The cells of the prototypes that a box covers along one axis.
struct Span {
    first: usize,
    end: usize,
    /// Cells of the whole picture.
    cells: usize,
    /// Pixels of the whole picture.
    pixels: usize,
}

/// The pixels that a box covers along one axis.
struct Pixels {
    start: usize,
    samples: Vec<Sample>,
    /// Cells, with the border.
    cells: usize,
}

/// Between which cells a pixel lies, counted with the border.
struct Sample {
    low: usize,
    high: usize,
    /// How far from the lower one to the higher one.
    part: f32,
}

impl Span {
    /// The pixels that lie between the border's zeros.
    fn pixels(&self) -> Pixels {
        let scale = self.cells as f32 / self.pixels as f32;
        let covered = if self.first == self.end {
            0..0
        } else {
            let pixel = |cell: f32| ((cell + 0.5) / scale - 0.5).max(0.0);
            let start = if self.first == 0 { 0.0 } else { pixel(self.first as f32 - 1.0).ceil() };
            let end = if self.end == self.cells {
                self.pixels as f32
            } else {
                (pixel(self.end as f32).floor() + 1.0).min(self.pixels as f32)
            };
            start as usize..end as usize
        };
        let samples = covered
            .clone()
            .map(|pixel| {
                let at = ((pixel as f32 + 0.5) * scale - 0.5).max(0.0);
                let low = (at as usize).min(self.cells - 1);
                let high = (low + 1).min(self.cells - 1);
                // Counted from the border's cell, which is the one before the first.
                let with_border =
                    |cell: usize| (cell + 1).saturating_sub(self.first).min(self.end + 1 - self.first);
                Sample { low: with_border(low), high: with_border(high), part: at - low as f32 }
            })
            .collect();
        Pixels { start: covered.start, samples, cells: self.end - self.first + 2 }
    }
}

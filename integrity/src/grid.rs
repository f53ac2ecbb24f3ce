//! A picture as cells of 16 x 16 pixels, each summed up in eight bytes.
//!
//! H.264's macroblocks have this size, the blocks of H.265 are halves and multiples of it, and so are JPEG's.

use detector_components::frame::{PixelFormat, Pixels};

use crate::planes::{chroma_row, luma_row};

/// Columns and rows of a cell.
pub const CELL: usize = 16;

/// The rows of a cell that are read: two in each half, so that blocks of eight rows are told apart.
const SAMPLED: [usize; 4] = [1, 5, 9, 13];

/// Less luma than this is no texture: what a coder leaves of a wall.
pub const TEXTURE: u8 = 12;

/// What was measured of one cell: of four of its rows of luma, and one of chroma.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[repr(C, align(8))]
pub struct Cell {
    /// Least luma.
    pub low: u8,
    /// Most luma.
    pub high: u8,
    /// Mean luma.
    pub mean: u8,
    /// Mean difference of the two samples of a pair in a row, in quarters of a level; at most 255.
    pub across: u8,
    /// Largest difference between a sample and that of the same column four rows below.
    pub down: u8,
    /// Mean of U; of red for RGB.
    pub u: u8,
    /// Mean of V; of blue for RGB.
    pub v: u8,
    /// Whether chroma is the same all over the cell: 1 or 0.
    pub even_chroma: u8,
}

impl Cell {
    /// Whether all samples are equal.
    pub fn is_flat(self) -> bool {
        (self.low == self.high) & (self.even_chroma == 1)
    }

    /// Whether all samples are 128: what decoders put where they have nothing to predict from.
    pub fn is_grey(self) -> bool {
        self.is_flat() & (self.low == 128) & (self.u == 128) & (self.v == 128)
    }

    /// Whether it has the colour of memory that was never written, zero in all planes, give or take a
    /// residual. No camera sends it: that much green cannot be darker than black.
    pub fn is_unset(self) -> bool {
        (self.mean <= 12) & (self.u <= 64) & (self.v <= 64)
    }

    /// Luma between the darkest and the brightest sample.
    pub fn contrast(self) -> u8 {
        self.high - self.low
    }

    /// Whether two flat cells have the same colour.
    pub fn same_color(self, other: Self) -> bool {
        (self.low, self.u, self.v) == (other.low, other.u, other.v)
    }
}

/// The cells of a picture, row by row. Columns and rows that fill no cell are left out.
#[derive(Debug, Default)]
pub struct Grid {
    cells: Vec<Cell>,
    columns: usize,
    rows: usize,
}

impl Grid {
    /// Measures a picture. Allocates only when it has more cells than any before.
    pub fn measure(&mut self, pixels: &Pixels, scratch: &mut Scratch) {
        let size = pixels.size();
        self.columns = size.width as usize / CELL;
        self.rows = size.height as usize / CELL;
        self.cells.clear();
        for row in 0..self.rows {
            let Scratch { luma, chroma } = &mut *scratch;
            let rows = SAMPLED.map(|offset| row * CELL + offset);
            let mut luma = luma.each_mut().into_iter();
            let rows = rows.map(|y| {
                luma_row(pixels, y, luma.next().expect("there is one for each sampled row"))
            });
            let chroma = chroma_row(pixels, (row * CELL + CELL / 2) / 2, chroma);
            match pixels.format() {
                PixelFormat::Nv12 => {
                    measure_row(&mut self.cells, rows, chroma, |(uv, _), index| {
                        let uv = block::<CELL>(uv, index);
                        (
                            std::array::from_fn(|pixel| uv[2 * pixel]),
                            std::array::from_fn(|pixel| uv[2 * pixel + 1]),
                        )
                    })
                }
                PixelFormat::I420 | PixelFormat::Rgb => {
                    measure_row(&mut self.cells, rows, chroma, |(u, v), index| {
                        (*block(u, index), *block(v, index))
                    });
                }
            }
        }
    }

    /// Cells in a row.
    pub fn columns(&self) -> usize {
        self.columns
    }

    /// Rows of cells.
    pub fn rows(&self) -> usize {
        self.rows
    }

    /// All cells, row by row.
    pub fn cells(&self) -> &[Cell] {
        &self.cells
    }

    /// The cells of one row.
    pub fn row(&self, row: usize) -> &[Cell] {
        &self.cells[row * self.columns..][..self.columns]
    }
}

/// The value that half of the cells do not exceed.
pub fn median(cells: &[Cell], value: impl Fn(&Cell) -> u8) -> u8 {
    let mut counts = [0_usize; 256];
    for cell in cells {
        counts[usize::from(value(cell))] += 1;
    }
    let mut below = 0;
    for (value, count) in (0..=u8::MAX).zip(counts) {
        below += count;
        if below * 2 >= cells.len() {
            return value;
        }
    }
    u8::MAX
}

/// Rows of pictures whose planes are not luma and chroma, taken apart.
#[derive(Debug, Default)]
pub struct Scratch {
    luma: [Vec<u8>; 4],
    chroma: [Vec<u8>; 2],
}

fn block<const N: usize>(row: &[u8], index: usize) -> &[u8; N] {
    row[index * N..].first_chunk().expect("a row is as long as its cells")
}

type Halves = ([u8; CELL / 2], [u8; CELL / 2]);

#[inline]
fn measure_row<'a>(
    cells: &mut Vec<Cell>,
    rows: [&'a [u8]; 4],
    chroma: (&'a [u8], &'a [u8]),
    halves: impl Fn((&'a [u8], &'a [u8]), usize) -> Halves,
) {
    let columns = rows[0].len() / CELL;
    cells.extend((0..columns).map(|index| {
        let luma = rows.map(|row| block::<CELL>(row, index));
        let (u, v) = halves(chroma, index);
        measure_cell(luma, u, v)
    }));
}

/// Written for the vectorizer: sixteen lanes, narrow sums, and lanes halved until one is left.
#[inline]
fn measure_cell(rows: [&[u8; CELL]; 4], u: [u8; CELL / 2], v: [u8; CELL / 2]) -> Cell {
    let (mut low, mut high) = (*rows[0], *rows[0]);
    let mut down = [0_u8; CELL];
    for index in 1..rows.len() {
        let (above, row) = (rows[index - 1], rows[index]);
        for x in 0..CELL {
            low[x] = low[x].min(row[x]);
            high[x] = high[x].max(row[x]);
            down[x] = down[x].max(above[x].max(row[x]) - above[x].min(row[x]));
        }
    }
    let (mut sum, mut across) = ([0_u16; CELL], [0_u16; CELL / 2]);
    for row in rows {
        for x in 0..CELL {
            sum[x] += u16::from(row[x]);
        }
        for x in 0..CELL / 2 {
            let (left, right) = (u16::from(row[2 * x]), u16::from(row[2 * x + 1]));
            across[x] += left.max(right) - left.min(right);
        }
    }
    let (sum, across): (u16, u16) = (sum.iter().sum(), across.iter().sum());
    let mean = |half: [u8; CELL / 2]| {
        (half.into_iter().map(u16::from).sum::<u16>() / (CELL as u16 / 2)) as u8
    };
    let even = |half: [u8; CELL / 2]| half == [half[0]; CELL / 2];
    Cell {
        low: fold(low, Ord::min),
        high: fold(high, Ord::max),
        mean: (sum / (4 * CELL as u16)) as u8,
        // There are 32 pairs.
        across: (across / 8).min(255) as u8,
        down: fold(down, Ord::max),
        u: mean(u),
        v: mean(v),
        even_chroma: u8::from(even(u) & even(v)),
    }
}

#[inline]
fn fold(lanes: [u8; CELL], f: impl Fn(u8, u8) -> u8) -> u8 {
    let lanes: [u8; 8] = std::array::from_fn(|lane| f(lanes[lane], lanes[lane + 8]));
    let lanes: [u8; 4] = std::array::from_fn(|lane| f(lanes[lane], lanes[lane + 4]));
    f(f(lanes[0], lanes[2]), f(lanes[1], lanes[3]))
}

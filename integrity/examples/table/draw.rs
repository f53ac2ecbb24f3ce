//! Noise of sensors, and text.

use crate::random::Random;
use crate::stream::Picture;

/// Normal noise, made once.
pub struct Noise(Vec<f32>);

impl Noise {
    /// Makes it.
    pub fn new() -> Self {
        let mut random = Random::new(3);
        // Twelve uniform numbers make a normal one.
        let normal = |_| (0..12).map(|_| random.next() as f32 / u32::MAX as f32).sum::<f32>() - 6.0;
        Self((0..1 << 16).map(normal).collect())
    }

    /// Adds it to luma, and half as much to chroma.
    pub fn add(&self, picture: &mut Picture, sigma: f32, random: &mut Random) {
        let table: Vec<i8> =
            self.0.iter().map(|noise| (noise * sigma).round().clamp(-127.0, 127.0) as i8).collect();
        let width = picture.size.width as usize;
        for (plane, samples) in picture.planes_mut().into_iter().enumerate() {
            for row in samples.chunks_mut(if plane == 0 { width } else { width / 2 }) {
                let start = random.below((table.len() - row.len()) as u32) as usize;
                for (sample, noise) in row.iter_mut().zip(&table[start..]) {
                    let noise = if plane == 0 { *noise } else { noise / 2 };
                    *sample = sample.saturating_add_signed(noise);
                }
            }
        }
    }
}

/// Five columns of seven rows each: digits, and what else clocks and names need.
const FONT: [(char, [u8; 5]); 20] = [
    ('0', [0x3e, 0x51, 0x49, 0x45, 0x3e]),
    ('1', [0x00, 0x42, 0x7f, 0x40, 0x00]),
    ('2', [0x42, 0x61, 0x51, 0x49, 0x46]),
    ('3', [0x21, 0x41, 0x45, 0x4b, 0x31]),
    ('4', [0x18, 0x14, 0x12, 0x7f, 0x10]),
    ('5', [0x27, 0x45, 0x45, 0x45, 0x39]),
    ('6', [0x3c, 0x4a, 0x49, 0x49, 0x30]),
    ('7', [0x01, 0x71, 0x09, 0x05, 0x03]),
    ('8', [0x36, 0x49, 0x49, 0x49, 0x36]),
    ('9', [0x06, 0x49, 0x49, 0x29, 0x1e]),
    ('-', [0x08, 0x08, 0x08, 0x08, 0x08]),
    (':', [0x00, 0x36, 0x36, 0x00, 0x00]),
    ('A', [0x7e, 0x11, 0x11, 0x11, 0x7e]),
    ('C', [0x3e, 0x41, 0x41, 0x41, 0x22]),
    ('E', [0x7f, 0x49, 0x49, 0x49, 0x41]),
    ('M', [0x7f, 0x02, 0x0c, 0x02, 0x7f]),
    ('R', [0x7f, 0x09, 0x19, 0x29, 0x46]),
    ('N', [0x7f, 0x04, 0x08, 0x10, 0x7f]),
    ('O', [0x3e, 0x41, 0x41, 0x41, 0x3e]),
    (' ', [0; 5]),
];

/// White text with its upper left corner at a place, each dot `scale` pixels wide; on a box of grey or not.
pub fn text(picture: &mut Picture, words: &str, x: usize, y: usize, scale: usize, boxed: bool) {
    let (width, height) = (picture.size.width as usize, picture.size.height as usize);
    let luma = &mut picture.planes_mut()[0];
    for (index, letter) in words.chars().enumerate() {
        let dots =
            FONT.iter().find(|(known, _)| *known == letter).map_or([0; 5], |(_, dots)| *dots);
        for column in 0..6 * scale {
            for row in 0..8 * scale {
                let (x, y) = (x + index * 6 * scale + column, y + row);
                if x >= width || y >= height {
                    continue;
                }
                let dot =
                    dots.get(column / scale).is_some_and(|bits| bits >> (row / scale) & 1 == 1);
                if dot {
                    luma[y * width + x] = 235;
                } else if boxed {
                    luma[y * width + x] = 128;
                }
            }
        }
    }
}

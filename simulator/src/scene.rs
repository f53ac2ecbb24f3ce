//! A drawn world whose truth is known: coloured squares and balls that move on dark, noisy ground.

use detector_components::frame::Pixels;
use detector_components::geometry::{BBox, Size};

/// What moves through a [`Scene`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Shape {
    /// With sides along the picture's.
    Square,
    /// A disc.
    Ball,
}

impl Shape {
    /// Both.
    pub const ALL: [Self; 2] = [Self::Square, Self::Ball];

    /// As a detector's class is called.
    pub fn name(self) -> &'static str {
        match self {
            Self::Square => "square",
            Self::Ball => "ball",
        }
    }
}

/// The colour of a [`Shape`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Color {
    /// `[220, 40, 40]`.
    Red,
    /// `[40, 200, 60]`.
    Green,
    /// `[50, 80, 230]`.
    Blue,
}

impl Color {
    /// All three.
    pub const ALL: [Self; 3] = [Self::Red, Self::Green, Self::Blue];

    /// As a classifier's class is called.
    pub fn name(self) -> &'static str {
        match self {
            Self::Red => "red",
            Self::Green => "green",
            Self::Blue => "blue",
        }
    }

    /// Red, green and blue before noise.
    pub fn rgb(self) -> [u8; 3] {
        match self {
            Self::Red => [220, 40, 40],
            Self::Green => [40, 200, 60],
            Self::Blue => [50, 80, 230],
        }
    }
}

/// A shape as one frame shows it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ShownShape {
    /// What it is.
    pub shape: Shape,
    /// Its colour.
    pub color: Color,
    /// Where it is, in pixels of the frame.
    pub bbox: BBox,
}

/// A drawn world. Everything in it follows from the frame's number.
///
/// Each shape has a column of the picture to itself, in which it goes up and down: shapes never
/// overlap. Its side is 20% to 50% of the picture's shorter side, less where its column is narrow.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Scene {
    /// Columns and rows.
    pub size: Size,
    /// What is in it, from left to right.
    pub shapes: Vec<(Shape, Color)>,
    /// Changes sizes, ways and noise.
    pub seed: u64,
}

impl Default for Scene {
    /// A red square, a green ball and a blue square in 320 x 240 pixels.
    fn default() -> Self {
        Self {
            size: Size { width: 320, height: 240 },
            shapes: vec![
                (Shape::Square, Color::Red),
                (Shape::Ball, Color::Green),
                (Shape::Square, Color::Blue),
            ],
            seed: 1,
        }
    }
}

/// The ground before noise.
const GROUND: u8 = 40;
/// Noise changes a channel by less than this.
const NOISE: u64 = 8;

impl Scene {
    /// What a frame shows, from left to right.
    pub fn shapes_at(&self, frame: u64) -> Vec<ShownShape> {
        let columns = self.shapes.len() as f32;
        let (width, height) = (self.size.width as f32, self.size.height as f32);
        let lane = width / columns;
        (0_u64..)
            .zip(&self.shapes)
            .map(|(index, &(shape, color))| {
                let random = scramble(self.seed ^ (index << 32));
                let part = 0.3 + 0.2 * (random & 0xff) as f32 / 255.0;
                let side = (part * width.min(height)).min(lane * 0.9).floor();
                // Up and down in three to six seconds at ten frames a second.
                let period = 30 + (random >> 8 & 0x1f);
                let phase = (frame + (random >> 16 & 0xff)) % period;
                let way = (2.0 * phase as f32 / period as f32 - 1.0).abs();
                let x1 = (index as f32 * lane + (lane - side) / 2.0).floor();
                let y1 = ((height - side) * way).floor();
                let bbox = BBox { x1, y1, x2: x1 + side, y2: y1 + side };
                ShownShape { shape, color, bbox }
            })
            .collect()
    }

    /// A frame's picture as RGB.
    ///
    /// # Panics
    /// When the scene's size is not one of [`Pixels`].
    pub fn draw(&self, frame: u64) -> Pixels {
        let stride = self.size.width as usize * 3;
        let mut rgb = vec![0; stride * self.size.height as usize];
        self.draw_into(frame, &mut rgb, stride);
        Pixels::rgb(self.size, rgb).expect("a scene has the size of a picture")
    }

    /// Draws rows that are `stride` bytes apart. A buffer that is too short has fewer rows.
    pub(crate) fn draw_into(&self, frame: u64, rgb: &mut [u8], stride: usize) {
        let shapes = self.shapes_at(frame);
        let mut noise = scramble(self.seed.wrapping_add(frame));
        let row_bytes = self.size.width as usize * 3;
        for (y, row) in (0..self.size.height).zip(rgb.chunks_mut(stride.max(1))) {
            for (x, pixel) in (0..self.size.width)
                .zip(row.get_mut(..row_bytes).unwrap_or_default().chunks_exact_mut(3))
            {
                // The middle of the pixel.
                let (x, y) = (x as f32 + 0.5, y as f32 + 0.5);
                let shown = shapes.iter().find(|shown| shown.covers(x, y));
                let color = shown.map_or([GROUND; 3], |shown| shown.color.rgb());
                noise = next(noise);
                // The same for all channels: grain, not coloured snow.
                let grain = (noise >> 40) % NOISE;
                for (channel, color) in pixel.iter_mut().zip(color) {
                    *channel = color.saturating_add(grain as u8);
                }
            }
        }
    }
}

impl ShownShape {
    fn covers(&self, x: f32, y: f32) -> bool {
        let BBox { x1, y1, x2, y2 } = self.bbox;
        match self.shape {
            Shape::Square => (x1..x2).contains(&x) && (y1..y2).contains(&y),
            Shape::Ball => {
                let radius = (x2 - x1) / 2.0;
                (x - (x1 + x2) / 2.0).hypot(y - (y1 + y2) / 2.0) < radius
            }
        }
    }
}

/// A number that looks random, always the same for the same one: SplitMix64.
pub(crate) fn scramble(value: u64) -> u64 {
    let value = value.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let value = (value ^ (value >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let value = (value ^ (value >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    value ^ (value >> 31)
}

/// Knuth's MMIX generator: fast enough for each pixel. Its high bits are the good ones.
fn next(state: u64) -> u64 {
    state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_frame_is_the_same_every_time_and_the_next_one_differs() {
        let scene = Scene::default();
        assert_eq!(scene.draw(7).plane(0), scene.draw(7).plane(0));
        assert_ne!(scene.draw(7).plane(0), scene.draw(8).plane(0));
    }

    #[test]
    fn shapes_are_in_the_picture_and_apart_and_of_the_declared_size() {
        for seed in 0..50 {
            let scene = Scene { seed, ..Scene::default() };
            for frame in 0..100 {
                let shown = scene.shapes_at(frame);
                assert_eq!(shown.len(), 3);
                for (index, a) in shown.iter().enumerate() {
                    let side = a.bbox.x2 - a.bbox.x1;
                    assert!((48.0..=120.0).contains(&side), "{side}");
                    assert!(a.bbox.x1 >= 0.0 && a.bbox.x2 <= 320.0, "{a:?}");
                    assert!(a.bbox.y1 >= 0.0 && a.bbox.y2 <= 240.0, "{a:?}");
                    assert!(shown[..index].iter().all(|b| a.bbox.iou(&b.bbox) == 0.0));
                }
            }
        }
    }

    #[test]
    fn the_picture_shows_what_is_said_of_it() {
        let scene = Scene::default();
        let pixels = scene.draw(3);
        for shown in scene.shapes_at(3) {
            let x = ((shown.bbox.x1 + shown.bbox.x2) / 2.0) as usize;
            let y = ((shown.bbox.y1 + shown.bbox.y2) / 2.0) as usize;
            let found = &pixels.plane(0)[(y * 320 + x) * 3..][..3];
            for (found, color) in found.iter().zip(shown.color.rgb()) {
                assert!(found.abs_diff(color) < NOISE as u8, "{shown:?} {found}");
            }
        }
        assert!(pixels.plane(0)[0].abs_diff(GROUND) < NOISE as u8);
    }
}

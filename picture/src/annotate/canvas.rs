//! Smooth shapes on a picture.

use crate::annotate::text::Line;
use crate::rgb::RgbPicture;

/// A rectangle in pixels of the picture.
#[derive(Clone, Copy, Debug)]
pub struct Rectangle {
    pub x1: f32,
    pub y1: f32,
    pub x2: f32,
    pub y2: f32,
}

impl Rectangle {
    pub fn overlaps(&self, other: &Self) -> bool {
        self.x1 < other.x2 && other.x1 < self.x2 && self.y1 < other.y2 && other.y1 < self.y2
    }

    /// How far a point is from the edge of this rectangle with rounded corners; negative within.
    fn distance(&self, x: f32, y: f32, radius: f32) -> f32 {
        let (half_width, half_height) = ((self.x2 - self.x1) / 2.0, (self.y2 - self.y1) / 2.0);
        let radius = radius.min(half_width).min(half_height);
        let beyond_x = (x - (self.x1 + self.x2) / 2.0).abs() - half_width + radius;
        let beyond_y = (y - (self.y1 + self.y2) / 2.0).abs() - half_height + radius;
        let outside = beyond_x.max(0.0).hypot(beyond_y.max(0.0));
        outside + beyond_x.max(beyond_y).min(0.0) - radius
    }
}

/// A picture that is drawn on.
pub struct Canvas<'a> {
    picture: &'a mut RgbPicture,
}

impl<'a> Canvas<'a> {
    pub fn new(picture: &'a mut RgbPicture) -> Self {
        Self { picture }
    }

    pub fn width(&self) -> f32 {
        self.picture.size.width as f32
    }

    pub fn height(&self) -> f32 {
        self.picture.size.height as f32
    }

    pub fn fill(&mut self, shape: &Rectangle, radius: f32, color: [u8; 3], opacity: f32) {
        for y in span(shape.y1, shape.y2, self.picture.size.height) {
            for x in span(shape.x1, shape.x2, self.picture.size.width) {
                let distance = shape.distance(x as f32 + 0.5, y as f32 + 0.5, radius);
                self.blend(x, y, color, coverage(distance) * opacity);
            }
        }
    }

    pub fn outline(
        &mut self,
        shape: &Rectangle,
        radius: f32,
        width: f32,
        color: [u8; 3],
        opacity: f32,
    ) {
        let half = width / 2.0;
        let (columns, rows) = (self.picture.size.width, self.picture.size.height);
        // The middle of a large box is not looked at: only as far in as corners reach.
        let reach = half + radius + 1.0;
        let left = span(shape.x1 - half, shape.x1 + reach, columns);
        let right = span(shape.x2 - reach, shape.x2 + half, columns);
        for y in span(shape.y1 - half, shape.y2 + half, rows) {
            let centre = y as f32 + 0.5;
            let on_edge = centre < shape.y1 + reach || shape.y2 - reach < centre;
            let (first, second) = if on_edge || right.start <= left.end {
                (left.start..right.end, 0..0)
            } else {
                (left.clone(), right.clone())
            };
            for x in first.chain(second) {
                let distance = shape.distance(x as f32 + 0.5, centre, radius).abs() - half;
                self.blend(x, y, color, coverage(distance) * opacity);
            }
        }
    }

    /// Writes a line of text whose upper left corner is given.
    pub fn write(&mut self, line: &Line, x: f32, y: f32, color: [u8; 3]) {
        line.draw(x, y, |x, y, coverage| self.blend(x, y, color, coverage));
    }

    fn blend(&mut self, x: u32, y: u32, color: [u8; 3], opacity: f32) {
        if self.picture.size.width <= x || self.picture.size.height <= y || opacity <= 0.0 {
            return;
        }
        let start = (y as usize * self.picture.size.width as usize + x as usize) * 3;
        // A picture with too few bytes is its maker's mistake, but none to die of.
        let Some(pixel) = self.picture.data.get_mut(start..start + 3) else {
            return;
        };
        for (channel, color) in pixel.iter_mut().zip(color) {
            let (old, new) = (f32::from(*channel), f32::from(color));
            *channel = (old + (new - old) * opacity.min(1.0)).round() as u8;
        }
    }
}

/// How much of a pixel a shape covers whose edge is so far from the pixel's centre.
fn coverage(distance: f32) -> f32 {
    (0.5 - distance).clamp(0.0, 1.0)
}

/// The pixels that a shape from `start` to `end` can touch.
fn span(start: f32, end: f32, limit: u32) -> std::ops::Range<u32> {
    // Casts saturate: what lies outside begins at 0 or ends at the limit.
    let end = ((end + 1.0).ceil().max(0.0) as u32).min(limit);
    ((start - 1.0).floor().max(0.0) as u32).min(end)..end
}

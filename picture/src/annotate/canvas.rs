//! Smooth shapes on a picture.

use detector_components::geometry::Point;

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

    /// Fills what lies within an odd number of closed lines.
    pub fn fill_polygons(&mut self, polygons: &[Vec<Point>], color: [u8; 3], opacity: f32) {
        let heights = || polygons.iter().flatten().map(|point| point.y);
        let (top, bottom) =
            (heights().fold(f32::MAX, f32::min), heights().fold(f32::MIN, f32::max));
        let mut crossings = Vec::new();
        for y in span(top, bottom, self.picture.size.height) {
            let centre = y as f32 + 0.5;
            crossings.clear();
            for (from, to) in polygons.iter().flat_map(|polygon| sides(polygon)) {
                // Each height belongs to one end of a side only, so that corners count once.
                if (from.y <= centre) != (to.y <= centre) {
                    crossings.push(x_at(from, to, centre));
                }
            }
            crossings.sort_unstable_by(f32::total_cmp);
            for pair in crossings.chunks_exact(2) {
                for x in span(pair[0], pair[1], self.picture.size.width) {
                    let (left, right) = (x as f32, x as f32 + 1.0);
                    let covered = right.min(pair[1]) - left.max(pair[0]);
                    self.blend(x, y, color, covered.clamp(0.0, 1.0) * opacity);
                }
            }
        }
    }

    /// Draws a closed line through points.
    pub fn stroke(&mut self, points: &[Point], width: f32, color: [u8; 3], opacity: f32) {
        let half = width / 2.0;
        let reach = half + 1.0;
        for (from, to) in sides(points) {
            let (top, bottom) = (from.y.min(to.y) - half, from.y.max(to.y) + half);
            for y in span(top, bottom, self.picture.size.height) {
                let centre = y as f32 + 0.5;
                // Only where the side comes near to this row.
                let near = [centre - reach, centre + reach].map(|height| {
                    let height = height.clamp(from.y.min(to.y), from.y.max(to.y));
                    if from.y == to.y { None } else { Some(x_at(from, to, height)) }
                });
                let (left, right) = match near {
                    [Some(one), Some(other)] => (one.min(other), one.max(other)),
                    _ => (from.x.min(to.x), from.x.max(to.x)),
                };
                for x in span(left - reach, right + reach, self.picture.size.width) {
                    let distance = distance_to(x as f32 + 0.5, centre, from, to) - half;
                    self.blend(x, y, color, coverage(distance) * opacity);
                }
            }
        }
    }

    /// Fills a circle.
    pub fn disc(&mut self, centre: Point, radius: f32, color: [u8; 3], opacity: f32) {
        for y in span(centre.y - radius, centre.y + radius, self.picture.size.height) {
            for x in span(centre.x - radius, centre.x + radius, self.picture.size.width) {
                let (from_x, from_y) = (x as f32 + 0.5 - centre.x, y as f32 + 0.5 - centre.y);
                self.blend(x, y, color, coverage(from_x.hypot(from_y) - radius) * opacity);
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

/// The sides of a closed line.
fn sides(points: &[Point]) -> impl Iterator<Item = (Point, Point)> + '_ {
    points.iter().copied().zip(points.iter().copied().cycle().skip(1))
}

/// Where a side that is not level is at a height.
fn x_at(from: Point, to: Point, y: f32) -> f32 {
    from.x + (y - from.y) / (to.y - from.y) * (to.x - from.x)
}

/// How far a place is from a side.
fn distance_to(x: f32, y: f32, from: Point, to: Point) -> f32 {
    let (along_x, along_y) = (to.x - from.x, to.y - from.y);
    let (x, y) = (x - from.x, y - from.y);
    let length = along_x * along_x + along_y * along_y;
    let part =
        if length > 0.0 { ((x * along_x + y * along_y) / length).clamp(0.0, 1.0) } else { 0.0 };
    (x - part * along_x).hypot(y - part * along_y)
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

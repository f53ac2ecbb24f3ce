//! Boxes, forms and names over a picture, for people to look at.

mod canvas;
mod findings;
mod text;

use detector_components::geometry::{BBox, Point, Region, Size};
use detector_components::outline::Outline;

pub use self::findings::labels;

use self::canvas::{Canvas, Rectangle};
use self::text::Line;
use crate::rgb::RgbPicture;

/// Part of the picture's shorter side that a line is wide: 3 pixels of 1080.
const LINE_PART: f32 = 1.0 / 360.0;
/// A thinner line is lost when the picture is encoded as a JPEG.
const MIN_LINE_WIDTH: f32 = 1.5;
/// Part of the picture's shorter side that text is high: 28 pixels of 1080.
const TEXT_PART: f32 = 1.0 / 38.0;
/// Smaller letters cannot be read.
const MIN_TEXT_HEIGHT: f32 = 13.0;
/// No tag takes a larger part of the picture's height than this, not even in a tiny one.
const MAX_TEXT_PART: f32 = 0.25;
/// Tags that are written below each other when several things are in one place.
const STACKED: usize = 4;
/// How much of the picture a mask covers: what is under it can still be made out.
const MASK_OPACITY: f32 = 0.4;
/// Points that are less likely to be seen are not shown.
const MIN_VISIBILITY: f32 = 0.5;
/// How wide a point is, in widths of a line. A narrower one is lost beside a line.
const POINT_PART: f32 = 3.0;

/// What is drawn over a picture for one detection.
#[derive(Clone, Debug, PartialEq)]
pub struct Label {
    /// Where it is, in pixels of the frame.
    pub bbox_in_frame: BBox,
    /// Its form, in pixels of the frame, where more than the box is known: a mask is laid over it,
    /// points of it are marked, a rotated box takes the place of the upright one.
    pub outline_in_frame: Option<Outline>,
    /// What it is. Only the first line is shown; empty for a box without a tag.
    pub text: String,
    /// The box's and the tag's, as red, green and blue: see [`color_of`](crate::color_of).
    pub color: [u8; 3],
}

/// Draws boxes, forms and their tags over a picture.
///
/// `region` is the part of the frame that the picture shows; the picture may have another size.
/// Lines and letters grow with the picture. A box is cut to what is shown, a tag always lies within
/// the picture, beside other tags where there is room. What lies outside `region` is not drawn.
pub fn annotate(picture: &mut RgbPicture, region: Region, labels: &[Label]) {
    let Size { width, height } = picture.size;
    if width == 0 || height == 0 || region.width == 0 || region.height == 0 {
        return;
    }
    let sizes = Sizes::of(picture.size);
    let mut canvas = Canvas::new(picture);
    let shown: Vec<(&Label, Rectangle)> = labels
        .iter()
        .filter_map(|label| Some((label, rectangle(label.bbox_in_frame, region, &canvas, &sizes)?)))
        .collect();
    let laid = Place::of(region, &canvas);
    // Below all boxes, so that no line is covered.
    for (label, _) in &shown {
        if let Some(Outline::Mask(parts)) = &label.outline_in_frame {
            let parts: Vec<_> = parts.iter().filter_map(|part| laid.all(part)).collect();
            canvas.fill_polygons(&parts, label.color, MASK_OPACITY);
        }
    }
    for (label, rectangle) in &shown {
        let corners = match &label.outline_in_frame {
            Some(Outline::Rotated { corners, .. }) => laid.all(corners),
            _ => None,
        };
        // A dark rim tells the line from a background of the same colour.
        let rim = sizes.line * 2.0;
        for (width, color, opacity) in [(rim, [0; 3], 0.35), (sizes.line, label.color, 1.0)] {
            match &corners {
                Some(corners) => canvas.stroke(corners, width, color, opacity),
                None => canvas.outline(rectangle, sizes.radius, width, color, opacity),
            }
        }
    }
    for (label, _) in &shown {
        let Some(Outline::Keypoints(points)) = &label.outline_in_frame else { continue };
        let seen = points.iter().filter(|it| it.visibility.is_none_or(|it| it >= MIN_VISIBILITY));
        let radius = sizes.line * POINT_PART / 2.0;
        for point in seen.filter_map(|keypoint| laid.one(keypoint.point)) {
            canvas.disc(point, radius + sizes.line / 2.0, [0; 3], 0.6);
            canvas.disc(point, radius, label.color, 1.0);
        }
    }
    // After all boxes, so that no line crosses a tag.
    let mut tags = Vec::new();
    for (label, rectangle) in &shown {
        let room = canvas.width() - 2.0 * sizes.padding;
        let line = Line::new(label.text.lines().next().unwrap_or_default(), sizes.text, room);
        if line.is_empty() {
            continue;
        }
        let tag = place(rectangle, &line, &canvas, &sizes, &tags);
        canvas.fill(&tag, sizes.radius, label.color, 1.0);
        canvas.write(&line, tag.x1 + sizes.padding, tag.y1, readable_on(label.color));
        tags.push(tag);
    }
}

/// How large things are drawn, in pixels of the picture.
struct Sizes {
    line: f32,
    text: f32,
    /// Left and right of a tag's text.
    padding: f32,
    /// Of corners.
    radius: f32,
}

impl Sizes {
    fn of(picture: Size) -> Self {
        let shorter = picture.width.min(picture.height) as f32;
        let text = (shorter * TEXT_PART)
            .max(MIN_TEXT_HEIGHT)
            .min(picture.height as f32 * MAX_TEXT_PART)
            .round();
        let line = (shorter * LINE_PART).max(MIN_LINE_WIDTH);
        Self { line, text, padding: text * 0.3, radius: text * 0.2 }
    }
}

/// How points of the frame lie in the picture.
struct Place {
    region: Region,
    scale: Point,
}

impl Place {
    fn of(region: Region, canvas: &Canvas<'_>) -> Self {
        let scale = Point {
            x: canvas.width() / region.width as f32,
            y: canvas.height() / region.height as f32,
        };
        Self { region, scale }
    }

    /// Nothing for what is nowhere.
    fn one(&self, point: Point) -> Option<Point> {
        let placed = Point {
            x: (point.x - self.region.x as f32) * self.scale.x,
            y: (point.y - self.region.y as f32) * self.scale.y,
        };
        (placed.x.is_finite() && placed.y.is_finite()).then_some(placed)
    }

    /// Nothing if any is nowhere.
    fn all(&self, points: &[Point]) -> Option<Vec<Point>> {
        points.iter().map(|point| self.one(*point)).collect()
    }
}

/// Where a box's line runs, or nothing if it is not in the picture.
fn rectangle(
    bbox_in_frame: BBox,
    region: Region,
    canvas: &Canvas<'_>,
    sizes: &Sizes,
) -> Option<Rectangle> {
    let scale_x = canvas.width() / region.width as f32;
    let scale_y = canvas.height() / region.height as f32;
    let BBox { x1, y1, x2, y2 } = bbox_in_frame;
    let (x1, x2) = ((x1 - region.x as f32) * scale_x, (x2 - region.x as f32) * scale_x);
    let (y1, y2) = ((y1 - region.y as f32) * scale_y, (y2 - region.y as f32) * scale_y);
    // False for what is not a number, too.
    let in_picture = 0.0 < x2 && 0.0 < y2 && x1 < canvas.width() && y1 < canvas.height();
    if !(in_picture && x1 <= x2 && y1 <= y2) {
        return None;
    }
    // The whole width of the line stays in the picture, so that a cut box is seen to end there.
    let inset = sizes.line / 2.0;
    let (right, bottom) =
        ((canvas.width() - inset).max(inset), (canvas.height() - inset).max(inset));
    Some(Rectangle {
        x1: x1.clamp(inset, right),
        y1: y1.clamp(inset, bottom),
        x2: x2.clamp(inset, right),
        y2: y2.clamp(inset, bottom),
    })
}

/// A place for a tag: above its box, else within it, else below it, wherever it covers no other.
fn place(
    bbox: &Rectangle,
    line: &Line,
    canvas: &Canvas<'_>,
    sizes: &Sizes,
    taken: &[Rectangle],
) -> Rectangle {
    let (width, height) = (line.width() + 2.0 * sizes.padding, line.height());
    let edge = sizes.line / 2.0;
    let lefts = [bbox.x1 - edge, bbox.x2 + edge - width];
    let above = bbox.y1 + edge - height;
    let within = (0..STACKED).map(|row| bbox.y1 + edge + row as f32 * height);
    let tops = [above].into_iter().chain(within).chain([bbox.y2 - edge]);
    let at = |left: f32, top: f32| {
        let x1 = left.min(canvas.width() - width).max(0.0).round();
        let y1 = top.min(canvas.height() - height).max(0.0).round();
        Rectangle { x1, y1, x2: x1 + width, y2: y1 + height }
    };
    let fits = |top: f32| 0.0 <= top.round() && top.round() + height <= canvas.height();
    tops.filter(|&top| fits(top))
        .flat_map(|top| lefts.map(|left| at(left, top)))
        .find(|tag| !taken.iter().any(|other| other.overlaps(tag)))
        // A crowd: covering another tag is better than saying nothing.
        .unwrap_or_else(|| at(lefts[0], above))
}

/// Black or white, whichever has more contrast: WCAG 2.2, "contrast ratio".
fn readable_on([red, green, blue]: [u8; 3]) -> [u8; 3] {
    let linear = |channel: u8| (f32::from(channel) / 255.0).powf(2.2);
    let luminance = 0.2126 * linear(red) + 0.7152 * linear(green) + 0.0722 * linear(blue);
    let (on_black, on_white) = ((luminance + 0.05) / 0.05, 1.05 / (luminance + 0.05));
    if on_white < on_black { [16; 3] } else { [255; 3] }
}

#[cfg(test)]
mod tests;

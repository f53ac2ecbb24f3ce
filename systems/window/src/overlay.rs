//! Draws marks over a picture.

use std::sync::Arc;

use detector_components::command::Crop;
use detector_components::geometry::{BBox, Point, Size};
use detector_components::outline::Outline;
use egui::{
    Align2, Color32, CornerRadius, FontId, Galley, Painter, Pos2, Rect, Shape, Stroke, StrokeKind,
    Vec2, pos2, vec2,
};

use crate::marks::{Kind, Mark};

/// A keypoint that the network thinks hidden is not drawn.
const LEAST_VISIBILITY: f32 = 0.5;
/// Tags that are tried below each other where several things are in one place.
const STACKED: usize = 4;

/// Around the text of a tag.
const TAG_MARGIN: Vec2 = vec2(4.0, 1.0);

/// A text on its ground.
struct Tag {
    galley: Arc<Galley>,
    ground: Color32,
    /// Whether it is shown even where there is no room.
    essential: bool,
}

/// A picture on the screen, and how large things are drawn over it.
pub struct Overlay<'a> {
    painter: &'a Painter,
    /// Where the picture is.
    at: Rect,
    frame: Size,
    font: FontId,
    line: f32,
    taken: Vec<Rect>,
}

impl<'a> Overlay<'a> {
    /// Over a picture of a frame that fills `at`.
    pub fn new(painter: &'a Painter, at: Rect, frame: Size) -> Self {
        let text = (at.height() / 38.0).clamp(11.0, 15.0).round();
        let line = if at.height() < 300.0 { 1.5 } else { 2.0 };
        let font = FontId::proportional(text);
        Self { painter, at, frame, font, line, taken: Vec::new() }
    }

    /// Draws what is not looked at darker.
    pub fn crop(&self, crop: Crop) {
        let seen = self.rect(crop.bbox()).intersect(self.at);
        let (at, dark) = (self.at, Color32::from_black_alpha(120));
        let around = [
            Rect::from_min_max(at.min, pos2(at.max.x, seen.min.y)),
            Rect::from_min_max(pos2(at.min.x, seen.max.y), at.max),
            Rect::from_min_max(pos2(at.min.x, seen.min.y), pos2(seen.min.x, seen.max.y)),
            Rect::from_min_max(pos2(seen.max.x, seen.min.y), pos2(at.max.x, seen.max.y)),
        ];
        for part in around.into_iter().filter(|part| part.is_positive()) {
            self.painter.rect_filled(part, 0.0, dark);
        }
        self.dashes(&corners(seen), Stroke::new(1.0, Color32::from_white_alpha(160)));
    }

    /// Draws marks, those that come later above the others.
    pub fn marks(&mut self, marks: &[Mark]) {
        for mark in marks {
            self.lines(mark);
        }
        // After all lines, so that none crosses a tag; those of the best things first, so that they
        // have the best places.
        for mark in marks.iter().rev() {
            self.tags(mark);
        }
    }

    fn lines(&self, mark: &Mark) {
        let color = color(mark);
        let rect = self.rect(mark.bbox);
        let shadow = Stroke::new(self.line + 1.5, Color32::from_black_alpha(110));
        let stroke = match mark.kind {
            Kind::Found => Stroke::new(self.line, color),
            Kind::Within => Stroke::new(self.line * 0.75, color),
            Kind::LeftOut => {
                self.dashes(&corners(rect.intersect(self.at)), Stroke::new(1.0, color));
                return;
            }
        };
        if !matches!(mark.outline, Some(Outline::Rotated { .. })) {
            let seen = rect.intersect(self.at);
            for stroke in [shadow, stroke] {
                self.painter.rect_stroke(seen, CornerRadius::same(2), stroke, StrokeKind::Middle);
            }
        }
        let put = |point: &Point| self.point(*point);
        match &mark.outline {
            None => {}
            Some(Outline::Mask(parts)) => {
                for part in parts {
                    let points: Vec<_> = part.iter().map(put).collect();
                    self.painter.add(Shape::closed_line(points.clone(), shadow));
                    self.painter.add(Shape::closed_line(points, stroke));
                }
            }
            Some(Outline::Rotated { corners, .. }) => {
                let points: Vec<_> = corners.iter().map(put).collect();
                self.painter.add(Shape::closed_line(points.clone(), shadow));
                self.painter.add(Shape::closed_line(points, stroke));
            }
            Some(Outline::Keypoints(points)) => {
                let seen =
                    |visibility: Option<f32>| visibility.is_none_or(|v| v >= LEAST_VISIBILITY);
                for keypoint in points.iter().filter(|keypoint| seen(keypoint.visibility)) {
                    let at = self.point(keypoint.point);
                    self.painter.circle(
                        at,
                        self.line * 1.6,
                        color,
                        Stroke::new(1.0, Color32::BLACK),
                    );
                }
            }
        }
    }

    fn tags(&mut self, mark: &Mark) {
        let rect = self.rect(mark.bbox).intersect(self.at);
        if !rect.is_positive() {
            return;
        }
        let (ground, ink) = match mark.kind {
            Kind::LeftOut => (Color32::from_black_alpha(150), color(mark)),
            _ => (color(mark), readable_on(mark.color)),
        };
        let edge = self.line / 2.0;
        let galley = self.galley(&mark.title, ink);
        let height = galley.size().y + TAG_MARGIN.y * 2.0;
        let row = |row: usize| row as f32 * height;
        let within = (0..STACKED).map(|below| rect.min.y + edge + row(below));
        let title = std::iter::once(rect.min.y + edge - height).chain(within);
        let title = title.chain([rect.max.y - edge]).collect();
        // What was left out gives way to what was found.
        let essential = mark.kind != Kind::LeftOut;
        self.tag(rect, title, Tag { galley, ground, essential });
        for note in &mark.notes {
            let galley = self.galley(note, Color32::WHITE);
            let below = (0..STACKED).map(|below| rect.max.y + edge + row(below));
            let within = (1..=STACKED).map(|above| rect.max.y - edge - row(above));
            let ground = Color32::from_black_alpha(190);
            self.tag(rect, below.chain(within).collect(), Tag { galley, ground, essential });
        }
    }

    /// Puts a tag beside a box, where it is in the picture and covers no other.
    fn tag(&mut self, bbox: Rect, tops: Vec<f32>, tag: Tag) {
        let size = tag.galley.size() + TAG_MARGIN * 2.0;
        let edge = self.line / 2.0;
        let lefts = [bbox.min.x - edge, bbox.max.x + edge - size.x];
        let at = |left: f32, top: f32| {
            let left = left.min(self.at.max.x - size.x).max(self.at.min.x);
            Rect::from_min_size(pos2(left, top), size)
        };
        let free = |place: &Rect| {
            self.at.min.y <= place.min.y
                && place.max.y <= self.at.max.y
                && !self.taken.iter().any(|taken| taken.shrink(0.5).intersects(*place))
        };
        let mut places = tops.iter().flat_map(|top| lefts.map(|left| at(left, *top)));
        let place = match places.find(free) {
            Some(place) => place,
            // A crowd: covering another tag is better than saying nothing.
            None if tag.essential => {
                at(lefts[0], tops[0].min(self.at.max.y - size.y).max(self.at.min.y))
            }
            None => return,
        };
        self.painter.rect_filled(place, CornerRadius::same(3), tag.ground);
        self.painter.galley(place.min + TAG_MARGIN, tag.galley, Color32::WHITE);
        self.taken.push(place);
    }

    /// A line of text in a corner of the picture, out of the way of marks.
    pub fn remark(&self, text: &str, ink: Color32) {
        let galley = elided(self.painter, text, self.font.clone(), ink, self.at.width() - 28.0);
        let size = galley.size() + vec2(12.0, 6.0);
        let place = Align2::LEFT_BOTTOM.align_size_within_rect(size, self.at.shrink(8.0));
        self.painter.rect_filled(place, CornerRadius::same(5), Color32::from_black_alpha(200));
        self.painter.galley(place.min + vec2(6.0, 3.0), galley, ink);
    }

    fn galley(&self, text: &str, ink: Color32) -> Arc<Galley> {
        elided(self.painter, text, self.font.clone(), ink, self.at.width() - 12.0)
    }

    fn dashes(&self, corners: &[Pos2], stroke: Stroke) {
        let around: Vec<_> = corners.iter().chain(corners.first()).copied().collect();
        self.painter.extend(Shape::dashed_line(&around, stroke, 5.0, 4.0));
    }

    fn point(&self, point: Point) -> Pos2 {
        let scale = self.at.size() / vec2(self.frame.width as f32, self.frame.height as f32);
        self.at.min + vec2(point.x, point.y) * scale
    }

    fn rect(&self, BBox { x1, y1, x2, y2 }: BBox) -> Rect {
        let (min, max) = (Point { x: x1, y: y1 }, Point { x: x2, y: y2 });
        Rect::from_min_max(self.point(min), self.point(max))
    }
}

/// Text in one line, with an ellipsis where there is no room.
pub fn elided(
    painter: &Painter,
    text: &str,
    font: FontId,
    ink: Color32,
    max_width: f32,
) -> Arc<Galley> {
    let first = text.lines().next().unwrap_or_default().to_owned();
    let mut job = egui::text::LayoutJob::simple_singleline(first, font, ink);
    job.wrap = egui::text::TextWrapping::truncate_at_width(max_width.max(8.0));
    painter.layout_job(job)
}

fn corners(rect: Rect) -> [Pos2; 4] {
    [rect.left_top(), rect.right_top(), rect.right_bottom(), rect.left_bottom()]
}

fn color(mark: &Mark) -> Color32 {
    let [red, green, blue] = mark.color;
    Color32::from_rgb(red, green, blue)
}

/// Black or white, whichever has more contrast: WCAG 2.2, "contrast ratio".
fn readable_on([red, green, blue]: [u8; 3]) -> Color32 {
    let linear = |channel: u8| (f32::from(channel) / 255.0).powf(2.2);
    let luminance = 0.2126 * linear(red) + 0.7152 * linear(green) + 0.0722 * linear(blue);
    let (on_black, on_white) = ((luminance + 0.05) / 0.05, 1.05 / (luminance + 0.05));
    if on_white < on_black { Color32::from_gray(16) } else { Color32::WHITE }
}

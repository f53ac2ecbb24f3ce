//! All cameras beside each other.

use std::time::Duration;

use detector_components::camera::StreamState;
use detector_components::model::ModelState;
use egui::{
    Align2, Color32, Context, CornerRadius, FontId, Frame, Id, Rect, Sense, Stroke, StrokeKind,
    pos2, vec2,
};

use super::{TextureOf, Ui, fit, millis};
use crate::overlay::elided;
use crate::scene::{Look, Scene};
use crate::style;
use crate::why::Mood;

/// Between tiles.
const GAP: f32 = 10.0;
/// Below a picture: its name and how it is.
const CAPTION: f32 = 28.0;
/// Of a tile's picture; another one has dark edges.
const ASPECT: f32 = 16.0 / 9.0;

impl Ui {
    pub(super) fn grid(&mut self, ui: &mut egui::Ui, scene: &Scene, texture_of: &mut TextureOf) {
        let frame = Frame::new().fill(style::GROUND).inner_margin(GAP as i8);
        egui::CentralPanel::default().frame(frame).show(ui, |ui| {
            let space = ui.available_rect_before_wrap();
            if scene.looks.is_empty() {
                let text = "Nobody has subscribed to a camera yet";
                let font = FontId::proportional(16.0);
                ui.painter().text(space.center(), Align2::CENTER_CENTER, text, font, style::QUIET);
                return;
            }
            let (columns, tile) = arrange(scene.looks.len(), space.size());
            ui.data_mut(|data| data.insert_temp(columns_id(), columns));
            let row_width = columns as f32 * (tile.x + GAP) - GAP;
            let left = space.min.x + ((space.width() - row_width) / 2.0).max(0.0);
            egui::ScrollArea::vertical().show_viewport(ui, |ui, _| {
                let rows = scene.looks.len().div_ceil(columns);
                let height = rows as f32 * (tile.y + GAP) - GAP;
                let (all, _) = ui.allocate_exact_size(vec2(space.width(), height), Sense::hover());
                for (index, look) in scene.looks.iter().enumerate() {
                    let (row, column) = (index / columns, index % columns);
                    let corner = vec2(column as f32 * (tile.x + GAP), row as f32 * (tile.y + GAP));
                    let at = Rect::from_min_size(pos2(left, all.min.y) + corner, tile);
                    if ui.is_rect_visible(at) {
                        self.tile(ui, at, look, texture_of);
                    }
                }
            });
        });
    }

    fn tile(&mut self, ui: &mut egui::Ui, at: Rect, look: &Look, texture_of: &mut TextureOf) {
        let response = ui.interact(at, Id::unique(look.view), Sense::click());
        if response.clicked() {
            (self.chosen, self.focused) = (Some(look.view), Some(look.view));
        }
        ui.painter().rect_filled(at, CornerRadius::same(8), style::CARD);
        let picture = at.with_max_y(at.max.y - CAPTION);
        self.picture(ui, picture, look, texture_of, 8);

        let painter = ui.painter_at(at);
        let caption = at.with_min_y(picture.max.y).shrink2(vec2(10.0, 0.0));
        let (color, facts) = (state_color(look), facts(look));
        let font = FontId::proportional(12.5);
        let facts = elided(&painter, &facts, font, style::QUIET, caption.width() * 0.6);
        let facts_at =
            pos2(caption.max.x - facts.size().x, caption.center().y - facts.size().y / 2.0);
        let room = facts_at.x - caption.min.x - 24.0;
        painter.galley(facts_at, facts, style::QUIET);
        painter.circle_filled(pos2(caption.min.x + 4.0, caption.center().y), 4.0, color);
        let name = elided(&painter, &look.name, FontId::proportional(13.5), style::INK, room);
        painter.galley(
            pos2(caption.min.x + 14.0, caption.center().y - name.size().y / 2.0),
            name,
            style::INK,
        );

        let stroke = match (self.focused == Some(look.view), response.hovered()) {
            (true, _) => Stroke::new(2.0, style::CHOSEN),
            (false, true) => Stroke::new(1.0, style::QUIET),
            (false, false) => Stroke::new(1.0, style::EDGE),
        };
        painter.rect_stroke(at, CornerRadius::same(8), stroke, StrokeKind::Inside);
    }
}

/// How many tiles stand beside each other. One before the grid was shown.
pub(super) fn columns_of(context: &Context) -> usize {
    context.data(|data| data.get_temp(columns_id())).unwrap_or(1)
}

fn columns_id() -> Id {
    Id::unique("columns")
}

/// The number of columns with which pictures are largest, and the size of a tile.
fn arrange(count: usize, space: egui::Vec2) -> (usize, egui::Vec2) {
    let with = |columns: usize| {
        let rows = count.div_ceil(columns);
        let width = (space.x + GAP) / columns as f32 - GAP;
        let height = (space.y + GAP) / rows as f32 - GAP - CAPTION;
        (columns, fit(vec2(width, height), ASPECT) + vec2(0.0, CAPTION))
    };
    let best = (1..=count).map(with).max_by(|a, b| a.1.x.total_cmp(&b.1.x));
    let (columns, size) = best.unwrap_or((1, space));
    // So many that they would be stamps: as wide as can be seen, and the grid scrolls.
    if size.x >= LEAST_WIDTH {
        return (columns, size);
    }
    let columns = (((space.x + GAP) / (LEAST_WIDTH + GAP)) as usize).max(1);
    let width = (space.x + GAP) / columns as f32 - GAP;
    (columns, vec2(width, width / ASPECT + CAPTION))
}

/// A narrower picture shows nothing.
const LEAST_WIDTH: f32 = 220.0;

/// How a view is, as a colour.
pub(super) fn state_color(look: &Look) -> Color32 {
    match (&look.stream, &look.model_state) {
        (StreamState::Running, ModelState::Ready) => style::GOOD,
        (StreamState::Stalled | StreamState::Failed { .. }, _) => style::color_of(Mood::Fault),
        (StreamState::Reconnecting { .. } | StreamState::Impaired { .. }, _)
        | (_, ModelState::Failed { .. }) => style::color_of(Mood::Fault),
        _ => style::color_of(Mood::Waiting),
    }
}

/// How a view is, in numbers.
fn facts(look: &Look) -> String {
    let mut facts = vec![format!("{:.1} fps", look.fps)];
    if let Some(results) = look.shown_results() {
        facts.push(format!("age {}", millis(look.results_age)));
        facts.push(format!("inference {}", millis(Duration::from_nanos(results.inference_nanos))));
    }
    facts.join("  ·  ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pictures_are_as_large_as_the_space_allows() {
        assert_eq!(arrange(1, vec2(1_280.0, 700.0)).0, 1);
        assert_eq!(arrange(2, vec2(1_280.0, 700.0)).0, 2);
        assert_eq!(arrange(2, vec2(600.0, 1_000.0)).0, 1);
        assert_eq!(arrange(4, vec2(1_280.0, 700.0)).0, 2);
        assert_eq!(arrange(9, vec2(1_280.0, 700.0)).0, 3);
    }

    #[test]
    fn many_are_not_smaller_than_can_be_seen() {
        let (columns, tile) = arrange(500, vec2(1_280.0, 700.0));
        assert!(LEAST_WIDTH <= tile.x && columns == 5, "{columns} {tile}");
    }
}

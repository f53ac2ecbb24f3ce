//! What the window consists of: a bar, and a grid of cameras or one of them large.

mod grid;
mod large;

use std::sync::Arc;

use bevy_ecs::prelude::Entity;
use egui::{Align, Color32, Context, Frame, Key, Layout, Margin, Rect, RichText, TextureId, Vec2};

use crate::link::{Command, Wishes};
use crate::marks::{Filter, marks};
use crate::overlay::Overlay;
use crate::scene::{Look, Scene};
use crate::style;
use crate::why::chief;

/// What the user chose to see.
#[derive(Default)]
pub struct Ui {
    /// The view that is shown large. None: the grid.
    chosen: Option<Entity>,
    /// The view that keys act on.
    focused: Option<Entity>,
    /// What is shown while the picture stands still.
    still: Option<Arc<Scene>>,
    filter: Filter,
    /// Scenes were seen: the first decides what is shown.
    begun: bool,
}

/// Gives the texture of a view's frame.
pub type TextureOf<'a> = dyn FnMut(&Look) -> Option<TextureId> + 'a;

impl Ui {
    /// Shows what there is, and asks the engine for what the user wants.
    pub fn show(
        &mut self,
        ui: &mut egui::Ui,
        newest: &Arc<Scene>,
        texture_of: &mut TextureOf,
        wishes: &Wishes,
    ) {
        self.begin(newest);
        let scene = self.still.clone().unwrap_or_else(|| newest.clone());
        self.keys(ui.ctx(), newest, &scene, wishes);
        let scene = self.still.clone().unwrap_or(scene);
        self.bar(ui, newest, &scene);
        let chosen = self.chosen.and_then(|chosen| scene.looks.iter().find(|l| l.view == chosen));
        match chosen {
            Some(look) => self.large(ui, &scene, look, texture_of, wishes),
            None => self.grid(ui, &scene, texture_of),
        }
    }

    /// Whether a view's picture is shown.
    pub fn shows(&self, view: Entity) -> bool {
        self.chosen.is_none_or(|chosen| chosen == view)
    }

    /// A single camera is shown large at once.
    fn begin(&mut self, scene: &Scene) {
        if self.begun || scene.looks.is_empty() {
            return;
        }
        self.begun = true;
        if let [only] = scene.looks.as_slice()
            && scene.may_change
        {
            self.chosen = Some(only.view);
            self.filter.left_out = true;
        }
    }

    fn keys(&mut self, context: &Context, newest: &Arc<Scene>, scene: &Scene, wishes: &Wishes) {
        // A slider that is being used takes the same keys.
        if context.egui_wants_keyboard_input() {
            return;
        }
        let pressed = |key| context.input(|input| input.key_pressed(key));
        let views: Vec<Entity> = scene.looks.iter().map(|look| look.view).collect();
        let at = self.focused.and_then(|focused| views.iter().position(|view| *view == focused));
        if pressed(Key::Escape) || pressed(Key::Backspace) {
            self.chosen = None;
        }
        let step = match (pressed(Key::ArrowRight), pressed(Key::ArrowLeft)) {
            (true, false) => Some(1),
            (false, true) => Some(views.len().saturating_sub(1)),
            _ if self.chosen.is_some() => None,
            _ => match (pressed(Key::ArrowDown), pressed(Key::ArrowUp)) {
                (true, false) => Some(grid::columns_of(context)),
                (false, true) => Some(views.len().saturating_sub(grid::columns_of(context))),
                _ => None,
            },
        };
        if let Some(step) = step
            && !views.is_empty()
        {
            let next = at.map_or(0, |at| (at + step) % views.len());
            self.focused = Some(views[next]);
            if self.chosen.is_some() {
                self.chosen = self.focused;
            }
        }
        if pressed(Key::Enter) && self.focused.is_some() {
            self.chosen = self.focused;
        }
        if pressed(Key::Space) {
            self.still = if self.still.is_some() { None } else { Some(newest.clone()) };
        }
        if pressed(Key::Period) {
            self.still = Some(newest.clone());
        }
        if pressed(Key::L) {
            let shown = self.chosen.and_then(|view| scene.looks.iter().find(|l| l.view == view));
            if let Some(look) = shown {
                self.show_left_out(look, !self.filter.left_out, wishes);
            }
        }
    }

    /// Shows what was left out, which the engine then has to tell; or no longer.
    fn show_left_out(&mut self, look: &Look, on: bool, wishes: &Wishes) {
        self.filter.left_out = on;
        if on != look.is_disclosed() {
            wishes.ask(Command::Disclose { view: look.view, on });
        }
    }

    fn bar(&mut self, ui: &mut egui::Ui, newest: &Arc<Scene>, scene: &Scene) {
        let frame = Frame::new().fill(style::CARD).inner_margin(Margin::symmetric(12, 7));
        egui::Panel::top("bar").frame(frame).show_separator_line(false).show(ui, |ui| {
            ui.horizontal(|ui| {
                let chosen =
                    self.chosen.and_then(|view| scene.looks.iter().find(|l| l.view == view));
                match chosen {
                    Some(look) => {
                        if scene.looks.len() > 1 && ui.button("‹ All").clicked() {
                            self.chosen = None;
                        }
                        ui.label(RichText::new(&*look.name).heading());
                    }
                    None => {
                        let count = scene.looks.len();
                        let cameras = if count == 1 { "camera" } else { "cameras" };
                        ui.label(RichText::new(format!("{count} {cameras}")).heading());
                    }
                }
                ui.with_layout(Layout::right_to_left(Align::Center), |ui| {
                    if ui
                        .button("Step  ( . )")
                        .on_hover_text("Show the newest frame and stand still")
                        .clicked()
                    {
                        self.still = Some(newest.clone());
                    }
                    let mut still = self.still.is_some();
                    let name = if still { "Go on  (Space)" } else { "Pause  (Space)" };
                    let hint = "The picture stands still; the worker goes on";
                    if ui.toggle_value(&mut still, name).on_hover_text(hint).clicked() {
                        self.still = still.then(|| newest.clone());
                    }
                    ui.add(
                        egui::Label::new(RichText::new(&*scene.device).small().color(style::QUIET))
                            .truncate(),
                    );
                });
            });
        });
    }

    /// Draws a view's picture with its marks within `at`. None: where there is no picture, and why.
    fn picture(
        &self,
        ui: &egui::Ui,
        at: Rect,
        look: &Look,
        texture_of: &mut TextureOf,
        rounded: u8,
    ) {
        let painter = ui.painter_at(at);
        painter.rect_filled(at, rounded, style::DARK);
        let shown = look.frame().and_then(|frame| Some((frame, texture_of(look)?)));
        let Some((frame, texture)) = shown else {
            let text = chief(look).map_or("No picture yet".to_owned(), |why| why.text);
            let font = egui::FontId::proportional(14.0);
            let galley = painter.layout(text, font, style::QUIET, at.width() - 40.0);
            painter.galley(at.center() - galley.size() / 2.0, galley, style::QUIET);
            return;
        };
        let size = frame.pixels.size();
        let frame_size = egui::vec2(size.width as f32, size.height as f32);
        let scale = (at.width() / frame_size.x).min(at.height() / frame_size.y);
        let place = Rect::from_center_size(at.center(), frame_size * scale);
        let whole = Rect::from_min_max(egui::Pos2::ZERO, egui::pos2(1.0, 1.0));
        painter.image(texture, place, whole, Color32::WHITE);
        let mut overlay = Overlay::new(&painter, place, size);
        if let Some(crop) = look.crop_in_frame {
            overlay.crop(crop);
        }
        let marks = marks(look, &self.filter);
        overlay.marks(&marks);
        if let Some(why) = chief(look)
            && (why.mood != crate::why::Mood::Quiet || marks.is_empty())
        {
            overlay.remark(&why.text, style::color_of(why.mood));
        }
    }
}

/// How long ago, or how long, for people.
fn millis(duration: std::time::Duration) -> String {
    match duration.as_secs_f64() {
        secs if secs >= 10.0 => format!("{secs:.0} s"),
        secs if secs >= 1.0 => format!("{secs:.1} s"),
        secs if secs >= 0.01 => format!("{:.0} ms", secs * 1e3),
        secs => format!("{:.1} ms", secs * 1e3),
    }
}

/// What fits into a space that keeps its shape.
fn fit(space: Vec2, aspect: f32) -> Vec2 {
    let width = space.x.min(space.y * aspect);
    egui::vec2(width, width / aspect)
}

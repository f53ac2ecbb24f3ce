//! One camera, as large as there is room, and all that is known of it.

use std::collections::BTreeMap;
use std::time::Duration;

use detector_components::camera::StreamState;
use detector_components::integrity::Integrity;
use detector_components::model::ModelState;
use detector_components::network::NetworkState;
use egui::{Frame, Margin, RichText, ScrollArea, Slider};

use super::grid::state_color;
use super::{TextureOf, Ui, millis};
use crate::link::{Command, Wishes};
use crate::scene::{Look, LookNode, Scene};
use crate::style;
use crate::why::why;

/// Below it, networks find something everywhere.
const LEAST: f32 = 0.01;
/// Of what is said beside the picture.
const PANEL: f32 = 320.0;

impl Ui {
    pub(super) fn large(
        &mut self,
        ui: &mut egui::Ui,
        scene: &Scene,
        look: &Look,
        texture_of: &mut TextureOf,
        wishes: &Wishes,
    ) {
        let frame = Frame::new().fill(style::CARD).inner_margin(Margin::symmetric(14, 10));
        egui::Panel::right("about").exact_size(PANEL).resizable(false).frame(frame).show(
            ui,
            |ui| {
                ScrollArea::vertical().show(ui, |ui| {
                    state(ui, look);
                    self.thresholds(ui, scene, look, wishes);
                    self.found(ui, look);
                    self.reasons(ui, look, wishes);
                });
            },
        );
        let frame = Frame::new().fill(style::GROUND).inner_margin(10);
        egui::CentralPanel::default().frame(frame).show(ui, |ui| {
            self.picture(ui, ui.available_rect_before_wrap(), look, texture_of, 8);
        });
    }

    /// What each node finds at least, to be changed while one looks.
    fn thresholds(&mut self, ui: &mut egui::Ui, scene: &Scene, look: &Look, wishes: &Wishes) {
        if look.nodes.is_empty() {
            return;
        }
        let hint = match scene.may_change {
            true => "Changes what is found",
            false => "Hides what was found, in this window only",
        };
        heading(ui, "Least confidence").on_hover_text(hint);
        for node in look.nodes.iter().filter(|node| node.finds_boxes != Some(false)) {
            let own = node.min_confidence;
            let wanted = self.filter.hidden_below.get(&node.node).copied();
            let before = if scene.may_change { own } else { wanted.unwrap_or(own) };
            let mut least = before;
            ui.add(
                egui::Label::new(RichText::new(&*node.name).small().color(style::QUIET)).truncate(),
            );
            // Below what the worker finds, there is nothing to show.
            let from = if scene.may_change { LEAST } else { own };
            ui.spacing_mut().slider_width = PANEL - 90.0;
            let slider = Slider::new(&mut least, from..=1.0).fixed_decimals(2).trailing_fill(true);
            let changed = ui.add(slider).on_hover_text(hint).changed();
            if !changed {
                continue;
            }
            if scene.may_change {
                wishes.ask(Command::SetThreshold { node: node.node, min_confidence: least });
            } else {
                self.filter.hidden_below.insert(node.node, least);
            }
        }
    }

    /// How many of each class were found.
    fn found(&self, ui: &mut egui::Ui, look: &Look) {
        let Some(results) = look.shown_results() else { return };
        heading(ui, "Found");
        let mut counts = BTreeMap::<&str, usize>::new();
        let shown = |finding: &&_| self.filter.shows(results.node, finding);
        for finding in results.findings.iter().filter(shown) {
            *counts.entry(&finding.class).or_default() += 1;
        }
        if counts.is_empty() {
            ui.label(RichText::new("nothing").color(style::QUIET));
        }
        for (class, count) in counts {
            let [red, green, blue] = detector_picture::color_of(class);
            ui.horizontal(|ui| {
                let (dot, _) = ui.allocate_exact_size(egui::vec2(10.0, 10.0), egui::Sense::hover());
                ui.painter().circle_filled(
                    dot.center(),
                    5.0,
                    egui::Color32::from_rgb(red, green, blue),
                );
                ui.label(format!("{count} × {class}"));
            });
        }
    }

    /// Why there is no more.
    fn reasons(&mut self, ui: &mut egui::Ui, look: &Look, wishes: &Wishes) {
        heading(ui, "Why no more");
        for why in why(look) {
            ui.label(RichText::new(why.text).color(style::color_of(why.mood)));
        }
        let mut shown = self.filter.left_out;
        let hint =
            "The networks then tell what their nodes leave out. What is found stays the same";
        if ui.checkbox(&mut shown, "Show what was left out  (L)").on_hover_text(hint).changed() {
            self.show_left_out(look, shown, wishes);
        }
    }
}

/// How the camera and the model are.
fn state(ui: &mut egui::Ui, look: &Look) {
    let (stream, model) = (words_of_stream(look), words_of_model(look));
    ui.horizontal(|ui| {
        let (dot, _) = ui.allocate_exact_size(egui::vec2(10.0, 14.0), egui::Sense::hover());
        ui.painter().circle_filled(dot.center(), 5.0, state_color(look));
        ui.label(format!("{stream}, model {model}"));
    });
    ui.add(egui::Label::new(RichText::new(&*look.source).small().color(style::QUIET)).truncate());
    ui.add(egui::Label::new(RichText::new(&*look.model).small().color(style::QUIET)).truncate());
    ui.add_space(4.0);
    egui::Grid::new("facts").num_columns(2).spacing([18.0, 3.0]).show(ui, |ui| {
        let mut fact = |name: &str, value: String| {
            ui.label(RichText::new(name).color(style::QUIET));
            ui.label(value);
            ui.end_row();
        };
        fact("camera", format!("{:.1} fps", look.fps));
        if let Some(frame) = look.frame() {
            let size = frame.pixels.size();
            fact("frame", format!("{} × {}, number {}", size.width, size.height, frame.sequence));
            fact("integrity", words_of_integrity(frame.integrity));
        }
        if let Some(age) = look.latest_age {
            fact("newest frame", format!("{} old", millis(age)));
        }
        if let Some(results) = look.shown_results() {
            fact("results", format!("{} after the frame", millis(look.results_age)));
            fact("inference", millis(Duration::from_nanos(results.inference_nanos)));
        }
        let counts = format!("{}, {} skipped, {} failed", look.finished, look.skipped, look.failed);
        fact("looked at", counts);
    });
}

fn words_of_stream(look: &Look) -> &'static str {
    match &look.stream {
        StreamState::WaitingForKeyFrame { .. } => "waiting for a key frame",
        StreamState::Failed { .. } => "ended",
        other => other.as_str(),
    }
}

fn words_of_integrity(integrity: Integrity) -> String {
    match integrity {
        Integrity::Good => "nothing known to be wrong".to_owned(),
        Integrity::Suspicious(fault) => format!("suspicious: {}", fault.description()),
    }
}

fn words_of_model(look: &Look) -> String {
    let ready = |node: &&LookNode| node.network == NetworkState::Ready;
    match look.model_state {
        ModelState::Fetching => "fetching".to_owned(),
        ModelState::Loading => {
            format!("loading, {} of {}", look.nodes.iter().filter(ready).count(), look.nodes.len())
        }
        ModelState::Ready => "ready".to_owned(),
        ModelState::Failed { .. } => "failed".to_owned(),
    }
}

fn heading(ui: &mut egui::Ui, text: &str) -> egui::Response {
    ui.add_space(12.0);
    ui.label(RichText::new(text).strong().color(style::INK))
}

#[cfg(test)]
mod tests {
    use detector_components::integrity::PictureFault;

    use super::*;

    #[test]
    fn what_may_be_wrong_with_a_frame_is_said_in_words() {
        assert_eq!(words_of_integrity(Integrity::Good), "nothing known to be wrong");
        let smeared = Integrity::Suspicious(PictureFault::Smeared);
        assert_eq!(words_of_integrity(smeared), "suspicious: smeared pictures");
    }
}

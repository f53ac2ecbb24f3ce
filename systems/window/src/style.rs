//! How the window looks: dark, as the page in the dark, with colour only where it means something.

use egui::{Color32, Context, CornerRadius, FontFamily, FontId, Stroke, TextStyle, Theme};

use crate::why::Mood;

/// Behind everything.
pub const GROUND: Color32 = Color32::from_rgb(0x0f, 0x17, 0x1a);
/// Behind what belongs together.
pub const CARD: Color32 = Color32::from_rgb(0x17, 0x22, 0x26);
/// Between things.
pub const EDGE: Color32 = Color32::from_rgb(0x2a, 0x38, 0x3d);
/// Where no picture is.
pub const DARK: Color32 = Color32::from_rgb(0x07, 0x0c, 0x0e);
/// Text.
pub const INK: Color32 = Color32::from_rgb(0xe4, 0xeb, 0xed);
/// Text that matters less.
pub const QUIET: Color32 = Color32::from_rgb(0x96, 0xa5, 0xab);
/// What is chosen.
pub const CHOSEN: Color32 = Color32::from_rgb(0x74, 0xcb, 0xd6);
/// All is well.
pub const GOOD: Color32 = Color32::from_rgb(0x6f, 0xcf, 0x9b);
/// It will come.
pub const BUSY: Color32 = Color32::from_rgb(0xf0, 0xb6, 0x5a);
/// It does not work.
pub const BAD: Color32 = Color32::from_rgb(0xff, 0x8f, 0x86);

/// The colour of a reason.
pub fn color_of(mood: Mood) -> Color32 {
    match mood {
        Mood::Quiet => QUIET,
        Mood::Waiting => BUSY,
        Mood::Fault => BAD,
    }
}

/// Makes everything look so.
pub fn apply(context: &Context) {
    context.set_theme(Theme::Dark);
    context.all_styles_mut(|style| {
        style.text_styles = [
            (TextStyle::Heading, FontId::new(16.0, FontFamily::Proportional)),
            (TextStyle::Body, FontId::new(13.5, FontFamily::Proportional)),
            (TextStyle::Button, FontId::new(13.5, FontFamily::Proportional)),
            (TextStyle::Small, FontId::new(12.0, FontFamily::Proportional)),
            (TextStyle::Monospace, FontId::new(12.5, FontFamily::Monospace)),
        ]
        .into();
        style.spacing.item_spacing = egui::vec2(8.0, 5.0);
        style.spacing.button_padding = egui::vec2(10.0, 4.0);
        let visuals = &mut style.visuals;
        visuals.panel_fill = GROUND;
        visuals.window_fill = CARD;
        visuals.extreme_bg_color = DARK;
        visuals.override_text_color = None;
        visuals.selection.bg_fill = Color32::from_rgb(0x1d, 0x4a, 0x52);
        visuals.selection.stroke = Stroke::new(1.0, CHOSEN);
        visuals.weak_text_color = Some(QUIET);
        let widgets = &mut visuals.widgets;
        widgets.noninteractive.bg_stroke = Stroke::new(1.0, EDGE);
        widgets.noninteractive.fg_stroke = Stroke::new(1.0, INK);
        for widget in [&mut widgets.inactive, &mut widgets.hovered, &mut widgets.active] {
            widget.corner_radius = CornerRadius::same(5);
            widget.weak_bg_fill = Color32::from_rgb(0x22, 0x30, 0x36);
            widget.bg_fill = Color32::from_rgb(0x22, 0x30, 0x36);
            widget.fg_stroke = Stroke::new(1.0, INK);
        }
        widgets.hovered.weak_bg_fill = Color32::from_rgb(0x2c, 0x3e, 0x45);
    });
}

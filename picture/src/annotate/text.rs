//! One line of text, laid out to be drawn.

use std::sync::LazyLock;

use ab_glyph::{Font, FontRef, Glyph, Point, PxScale, ScaleFont};
use epaint_default_fonts::{HACK_REGULAR, UBUNTU_LIGHT};

/// Fonts in the order in which a letter is looked for: the second has more alphabets.
static FONTS: LazyLock<[FontRef<'static>; 2]> = LazyLock::new(|| {
    [UBUNTU_LIGHT, HACK_REGULAR]
        .map(|font| FontRef::try_from_slice(font).expect("the fonts come with the program"))
});

/// Stands for what did not fit.
const ELLIPSIS: char = '…';

/// The font is light: its strokes are widened by this part of the letters' height, or they fade
/// on coloured ground.
const EMBOLDENING: f32 = 1.0 / 32.0;

/// A line of text, cut to the room that it has.
pub struct Line {
    /// Positions are relative to the line's upper left corner.
    glyphs: Vec<(usize, Glyph)>,
    width: f32,
    height: f32,
}

impl Line {
    /// Lays out `text`, no wider than `room`.
    pub fn new(text: &str, height: f32, room: f32) -> Self {
        let whole = Self::laid_out(text.trim(), height, room);
        if whole.width <= room {
            return whole;
        }
        let dots = Self::laid_out(&ELLIPSIS.to_string(), height, room).width;
        let mut kept = String::new();
        for (glyphs, letter) in text.trim().chars().enumerate() {
            // The next glyph's position is where this one ends.
            let end = whole.glyphs.get(glyphs + 1).map_or(whole.width, |(_, g)| g.position.x);
            if end + dots > room {
                break;
            }
            kept.push(letter);
        }
        kept.truncate(kept.trim_end().len());
        kept.push(ELLIPSIS);
        Self::laid_out(&kept, height, f32::INFINITY)
    }

    /// Lays out letters until one begins beyond `room`: what comes from outside may be endless.
    fn laid_out(text: &str, height: f32, room: f32) -> Self {
        let scale = PxScale::from(height);
        let baseline = FONTS[0].as_scaled(scale).ascent().round();
        let mut glyphs = Vec::new();
        let mut width = 0.0;
        let mut before = None;
        for letter in text.chars() {
            if room < width {
                break;
            }
            let font = FONTS.iter().position(|font| font.glyph_id(letter).0 != 0).unwrap_or(0);
            let scaled = FONTS[font].as_scaled(scale);
            let id = scaled.glyph_id(letter);
            if let Some((font_before, id_before)) = before
                && font_before == font
            {
                width += scaled.kern(id_before, id);
            }
            before = Some((font, id));
            let position = Point { x: width, y: baseline };
            glyphs.push((font, id.with_scale_and_position(scale, position)));
            width += scaled.h_advance(id);
        }
        Self { glyphs, width, height }
    }

    pub fn is_empty(&self) -> bool {
        self.glyphs.is_empty()
    }

    pub fn width(&self) -> f32 {
        self.width
    }

    pub fn height(&self) -> f32 {
        self.height
    }

    /// Calls `pixel` with column, row and how much of it is covered.
    pub fn draw(&self, x: f32, y: f32, mut pixel: impl FnMut(u32, u32, f32)) {
        for (font, glyph) in &self.glyphs {
            let bold = self.height * EMBOLDENING;
            for offset in [-bold / 2.0, bold / 2.0] {
                let mut glyph = glyph.clone();
                glyph.position.x += x + offset;
                glyph.position.y += y;
                let Some(outline) = FONTS[*font].outline_glyph(glyph) else {
                    continue;
                };
                let corner = outline.px_bounds().min;
                outline.draw(|column, row, coverage| {
                    let (x, y) = (corner.x + column as f32, corner.y + row as f32);
                    if 0.0 <= x && 0.0 <= y {
                        pixel(x as u32, y as u32, coverage);
                    }
                });
            }
        }
    }
}

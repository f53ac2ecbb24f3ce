//! Scenes that cameras see, made of photographs and videos.

use std::sync::Arc;

use detector_components::geometry::Size;

use crate::draw::{Noise, text};
use crate::random::Random;
use crate::stream::Picture;

/// What pictures are made of.
#[derive(Clone)]
pub enum Footage {
    /// Pictures one after the other, over and over.
    Video(Arc<Vec<Picture>>),
    /// A photograph, larger than what is shown of it.
    Photo(Arc<Picture>),
}

/// What is made of it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Scene {
    /// Shown as it is; a photograph is panned and zoomed.
    Plain,
    /// A still photograph with noise of a sensor.
    Still { noise: f32 },
    /// A dark photograph with noise and lamps.
    Night { gain: f32, noise: f32, lamps: u32 },
    /// Flakes that fall.
    Snow,
    /// Text all over, each line at another place every half second.
    TextRain,
    /// A clock and a name.
    Overlay,
    /// Exposure steps every three seconds.
    Exposure,
    /// Light goes on and off within each picture, as a shutter that rolls sees it.
    Bands,
    /// From night to day.
    Dawn,
    /// The upper part is saturated, or has a gradient without noise.
    Sky { gradient: bool },
    /// Fog or snow with this much of the scene in a hundred, black and white or in colour.
    Fog { left: u32, gray: bool },
    /// A box of one colour passes close by, with noise or without, with ribs or without.
    Truck { color: [u8; 3], noise: f32, ribs: bool },
    /// Black bars above and below, or at the sides.
    Bars { sides: bool },
    /// Masks of a colour that are always there.
    Masks { color: [u8; 3], text: bool },
    /// Without colour, as cameras are at night.
    Gray,
    /// Colour goes and comes back.
    DayNight,
    /// Another part of the photograph every two seconds.
    Cuts,
    /// A fence of vertical bars, panned.
    Fence,
}

/// The pictures of a scene.
pub struct Frames {
    footage: Footage,
    scene: Scene,
    size: Size,
    noise: Noise,
    random: Random,
    number: u64,
    count: u64,
}

impl Frames {
    /// `count` pictures of a scene.
    pub fn new(footage: Footage, scene: Scene, size: Size, count: u64) -> Self {
        Self { footage, scene, size, noise: Noise::new(), random: Random::new(7), number: 0, count }
    }

    fn base(&self) -> Picture {
        let time = self.number as f32 / 10.0;
        match &self.footage {
            Footage::Video(pictures) => pictures[self.number as usize % pictures.len()].clone(),
            Footage::Photo(photo) => match self.scene {
                Scene::Plain | Scene::Gray | Scene::Fence => {
                    let zoom = 1.0 + 0.25 * (time * 0.31).sin();
                    let (x, y) =
                        (0.5 + 0.45 * (time * 0.23).sin(), 0.5 + 0.45 * (time * 0.17).cos());
                    view(photo, self.size, x, y, zoom)
                }
                Scene::Cuts => {
                    let place = (self.number / 20) as f32;
                    view(photo, self.size, (place * 0.37).fract(), (place * 0.71).fract(), 1.0)
                }
                _ => view(photo, self.size, 0.5, 0.5, 1.2),
            },
        }
    }
}

impl Iterator for Frames {
    type Item = Picture;

    fn next(&mut self) -> Option<Picture> {
        if self.number == self.count {
            return None;
        }
        let mut picture = self.base();
        let (number, size) = (self.number, self.size);
        let (width, height) = (size.width as usize, size.height as usize);
        let seconds = number / 10;
        match self.scene {
            Scene::Plain | Scene::Cuts => {}
            Scene::Still { noise } => self.noise.add(&mut picture, noise, &mut self.random),
            Scene::Night { gain, noise, lamps } => {
                expose(&mut picture, gain);
                for lamp in 0..lamps {
                    let mut place = Random::new(u64::from(lamp) + 1);
                    let (x, y) = (place.below(size.width), place.below(size.height));
                    disc(&mut picture, x as i32, y as i32, 2 + lamp as i32 % 5, 235);
                }
                self.noise.add(&mut picture, noise, &mut self.random);
            }
            Scene::Snow => {
                expose(&mut picture, 0.5);
                for flake in 0..300_u64 {
                    let mut place = Random::new(flake + 1);
                    let x = place.below(size.width) as u64 + number * (flake % 5);
                    let y = place.below(size.height) as u64 + number * (8 + flake % 13);
                    let (x, y) = (x as usize % width, y as usize % height);
                    disc(&mut picture, x as i32, y as i32, 1 + flake as i32 % 3, 210);
                }
                self.noise.add(&mut picture, 1.5, &mut self.random);
            }
            Scene::TextRain => {
                self.noise.add(&mut picture, 1.5, &mut self.random);
                for line in 0..24_u64 {
                    let mut place = Random::new(line * 1000 + number / 5);
                    let (x, y) =
                        (place.below(size.width) as usize, place.below(size.height) as usize);
                    let words = format!("{:08} {number}", place.next());
                    text(&mut picture, &words, x, y, 1 + line as usize % 3, line % 4 == 0);
                }
            }
            Scene::Overlay => {
                self.noise.add(&mut picture, 1.5, &mut self.random);
                clock(&mut picture, number);
            }
            Scene::Exposure => {
                expose(&mut picture, [1.0, 2.6, 0.15, 0.6][(seconds / 3 % 4) as usize]);
                self.noise.add(&mut picture, 2.0, &mut self.random);
            }
            Scene::Bands => {
                let top = (number as usize * 53) % height;
                expose_rows(&mut picture, 1.8, top, (top + height / 3).min(height));
                self.noise.add(&mut picture, 2.0, &mut self.random);
            }
            Scene::Dawn => {
                expose(&mut picture, 0.02 + 1.2 * number as f32 / self.count as f32);
                self.noise.add(&mut picture, 3.0, &mut self.random);
            }
            Scene::Sky { gradient } => {
                self.noise.add(&mut picture, 1.5, &mut self.random);
                let drift = (number / 10 % 8) as usize;
                for y in 0..height * 55 / 100 {
                    let level = if gradient { 150 + (y * 80 / height) + drift } else { 235 };
                    row(&mut picture, y, 0, width, [level as u8, 132, 124]);
                }
            }
            Scene::Fog { left, gray } => {
                for (plane, white) in picture.planes_mut().into_iter().zip([190_u32, 128, 128]) {
                    for sample in plane {
                        let fogged = u32::from(*sample) * left + white * (100 - left);
                        *sample = (fogged / 100) as u8;
                    }
                }
                if gray {
                    decolor(&mut picture);
                    // Exposed as cameras expose fog: to a medium grey.
                    for sample in picture.planes_mut()[0].iter_mut() {
                        *sample = sample.saturating_sub(60);
                    }
                }
                self.noise.add(&mut picture, 1.0, &mut self.random);
            }
            Scene::Truck { color, noise, ribs } => {
                self.noise.add(&mut picture, 1.5, &mut self.random);
                let length = width * 3 / 2;
                let left = (number as i64 * width as i64 / 17) % (3 * width as i64) - length as i64;
                let (from, to) = (left.max(0), (left + length as i64).min(width as i64));
                for y in height / 7..height * 9 / 10 {
                    if from < to {
                        row(&mut picture, y, from as usize, to as usize, color);
                        if ribs {
                            rib(&mut picture, y, from as usize, to as usize, left);
                        }
                    }
                }
                if noise > 0.0 {
                    self.noise.add(&mut picture, noise, &mut self.random);
                }
            }
            Scene::Bars { sides } => {
                self.noise.add(&mut picture, 1.5, &mut self.random);
                for y in 0..height {
                    if sides {
                        row(&mut picture, y, 0, width / 8, [16, 128, 128]);
                        row(&mut picture, y, width - width / 8, width, [16, 128, 128]);
                    } else if y < height / 8 || y >= height - height / 8 {
                        row(&mut picture, y, 0, width, [16, 128, 128]);
                    }
                }
            }
            Scene::Masks { color, text: with_text } => {
                self.noise.add(&mut picture, 1.5, &mut self.random);
                for y in height / 5..height / 2 {
                    row(&mut picture, y, width / 10, width / 2, color);
                }
                for y in height * 3 / 5..height {
                    row(&mut picture, y, width * 2 / 3, width, color);
                }
                if with_text {
                    text(
                        &mut picture,
                        &format!("CAMERA {seconds:06}"),
                        width / 9,
                        height / 3,
                        2,
                        false,
                    );
                }
            }
            Scene::Gray => {
                decolor(&mut picture);
                self.noise.add(&mut picture, 2.0, &mut self.random);
                decolor(&mut picture);
            }
            Scene::DayNight => {
                if seconds / 5 % 2 == 1 {
                    decolor(&mut picture);
                }
                self.noise.add(&mut picture, 2.0, &mut self.random);
            }
            Scene::Fence => {
                let shift = number as usize * 3;
                for y in 0..height {
                    for x in (0..width).step_by(2) {
                        if ((x + shift) / 20).is_multiple_of(2) {
                            let shade = 60 + ((x + shift) % 20) as u8 * 4;
                            row(&mut picture, y, x, x + 2, [shade, 126, 130]);
                        }
                    }
                }
                self.noise.add(&mut picture, 1.0, &mut self.random);
            }
        }
        self.number += 1;
        Some(picture)
    }
}

/// A part of a photograph: a place from 0 to 1 each way, and how much is magnified.
fn view(photo: &Picture, size: Size, x: f32, y: f32, zoom: f32) -> Picture {
    let mut shown = Picture::filled(size, [0, 128, 128]);
    let (from, to) = (photo.size, size);
    let seen = (to.width as f32 / zoom, to.height as f32 / zoom);
    let origin = ((from.width as f32 - seen.0) * x, (from.height as f32 - seen.1) * y);
    for (plane, (target, source)) in shown.planes_mut().into_iter().zip(photo.planes()).enumerate()
    {
        let half = if plane == 0 { 1 } else { 2 };
        let (width, height) = ((to.width / half) as usize, (to.height / half) as usize);
        let (stride, last) = ((from.width / half) as usize, (from.height / half) as usize - 1);
        let step = (65536.0 / zoom) as i64;
        let start = |origin: f32| ((origin / half as f32).max(0.0) * 65536.0) as i64;
        for row in 0..height {
            let y = start(origin.1) + step * row as i64;
            let (top, down) = (((y >> 16) as usize).min(last), (y >> 8 & 255) as u32);
            let bottom = (top + 1).min(last);
            for column in 0..width {
                let x = start(origin.0) + step * column as i64;
                let (left, right) = (((x >> 16) as usize).min(stride - 1), (x >> 8 & 255) as u32);
                let next = (left + 1).min(stride - 1);
                let mix = |a: u8, b: u8, part: u32| {
                    (u32::from(a) * (256 - part) + u32::from(b) * part) >> 8
                };
                let above = mix(source[top * stride + left], source[top * stride + next], right);
                let below =
                    mix(source[bottom * stride + left], source[bottom * stride + next], right);
                target[row * width + column] = mix(above as u8, below as u8, down) as u8;
            }
        }
    }
    shown
}

fn expose(picture: &mut Picture, gain: f32) {
    let height = picture.size.height as usize;
    expose_rows(picture, gain, 0, height);
}

/// Multiplies luma above black, and chroma with it.
fn expose_rows(picture: &mut Picture, gain: f32, top: usize, bottom: usize) {
    let width = picture.size.width as usize;
    let luma: [u8; 256] =
        std::array::from_fn(|y| (16.0 + (y as f32 - 16.0) * gain).clamp(16.0, 235.0) as u8);
    let chroma: [u8; 256] = std::array::from_fn(|c| {
        (128.0 + (c as f32 - 128.0) * gain.min(1.0)).clamp(16.0, 240.0) as u8
    });
    let [y, u, v] = picture.planes_mut();
    for sample in &mut y[top * width..bottom * width] {
        *sample = luma[usize::from(*sample)];
    }
    for plane in [u, v] {
        for sample in &mut plane[top / 2 * (width / 2)..bottom / 2 * (width / 2)] {
            *sample = chroma[usize::from(*sample)];
        }
    }
}

fn decolor(picture: &mut Picture) {
    let [_, u, v] = picture.planes_mut();
    u.fill(128);
    v.fill(128);
}

/// Fills a part of a row.
fn row(picture: &mut Picture, y: usize, from: usize, to: usize, color: [u8; 3]) {
    let width = picture.size.width as usize;
    let [luma, u, v] = picture.planes_mut();
    luma[y * width + from..y * width + to].fill(color[0]);
    if y.is_multiple_of(2) {
        let half = y / 2 * (width / 2);
        u[half + from / 2..half + to / 2].fill(color[1]);
        v[half + from / 2..half + to / 2].fill(color[2]);
    }
}

/// Vertical ribs on a thing whose left border is at `left`.
fn rib(picture: &mut Picture, y: usize, from: usize, to: usize, left: i64) {
    let width = picture.size.width as usize;
    let luma = &mut picture.planes_mut()[0][y * width + from..y * width + to];
    for (x, sample) in (from as i64 - left..).zip(luma) {
        *sample = sample.saturating_add_signed(((x % 24) - 12) as i8 * 3);
    }
}

fn disc(picture: &mut Picture, x: i32, y: i32, radius: i32, level: u8) {
    let (width, height) = (picture.size.width as i32, picture.size.height as i32);
    let luma = &mut picture.planes_mut()[0];
    for row in (y - radius).max(0)..(y + radius + 1).min(height) {
        for column in (x - radius).max(0)..(x + radius + 1).min(width) {
            if (row - y).pow(2) + (column - x).pow(2) <= radius.pow(2) {
                luma[(row * width + column) as usize] = level;
            }
        }
    }
}

/// A clock and a name, as cameras draw them.
pub fn clock(picture: &mut Picture, number: u64) {
    let (seconds, height) = (number / 10, picture.size.height as usize);
    let scale = (height / 240).max(1);
    let words =
        format!("2024-11-28 {:02}:{:02}:{:02}", seconds / 3600, seconds / 60 % 60, seconds % 60);
    text(picture, &words, 10 * scale, 8 * scale, scale * 2, false);
    text(picture, "CAMERA 01", 10 * scale, height - 24 * scale, scale * 2, false);
}

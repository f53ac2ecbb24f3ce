//! A picture as Ultralytics puts it into a network, by its own few lines.

use detector_yolo::Pictures;

/// A picture as a network takes it, and the way back.
pub struct Letterboxed {
    pub pictures: Pictures<'static>,
    gain: f64,
    left: f64,
    top: f64,
    size: [f64; 2],
}

/// Scales a picture to fit `width` x `height` and pads it with grey to a multiple of 32.
///
/// # Shapes
///
/// - `rgb`: `[source_height, source_width, 3]`
pub fn letterbox(rgb: &[u8], source: [usize; 2], target: usize) -> Letterboxed {
    let [source_width, source_height] = source.map(|side| side as f64);
    let gain = (target as f64 / source_width).min(target as f64 / source_height);
    let width = (source_width * gain).round_ties_even() as usize;
    let height = (source_height * gain).round_ties_even() as usize;
    let (across, down) = ((target - width) % 32, (target - height) % 32);
    let left = (across as f64 / 2.0 - 0.1).round_ties_even() as usize;
    let top = (down as f64 / 2.0 - 0.1).round_ties_even() as usize;
    let (full_width, full_height) = (width + across, height + down);

    let mut values = vec![114.0 / 255.0; 3 * full_height * full_width];
    for y in 0..height {
        let (y0, y1, fy) = neighbours(y, height, source[1]);
        for x in 0..width {
            let (x0, x1, fx) = neighbours(x, width, source[0]);
            for channel in 0..3 {
                let at = |y: usize, x: usize| f64::from(rgb[(y * source[0] + x) * 3 + channel]);
                let upper = at(y0, x0) * (1.0 - fx) + at(y0, x1) * fx;
                let lower = at(y1, x0) * (1.0 - fx) + at(y1, x1) * fx;
                let value = (upper * (1.0 - fy) + lower * fy).round();
                values[(channel * full_height + top + y) * full_width + left + x] =
                    (value / 255.0) as f32;
            }
        }
    }
    Letterboxed {
        pictures: Pictures::new(values, [1, 3, full_height, full_width]),
        gain,
        left: left as f64,
        top: top as f64,
        size: [source_width, source_height],
    }
}

/// The two source pixels around the middle of a target pixel, and the weight of the second.
fn neighbours(at: usize, target: usize, source: usize) -> (usize, usize, f64) {
    let place = (at as f64 + 0.5) * source as f64 / target as f64 - 0.5;
    let place = place.clamp(0.0, source as f64 - 1.0);
    let first = place as usize;
    (first, (first + 1).min(source - 1), place - first as f64)
}

impl Letterboxed {
    /// A box in pixels of the picture, from one in pixels of the tensor.
    pub fn picture_from_tensor(&self, [x1, y1, x2, y2]: [f32; 4]) -> [f64; 4] {
        let x = |x: f32| ((f64::from(x) - self.left) / self.gain).clamp(0.0, self.size[0]);
        let y = |y: f32| ((f64::from(y) - self.top) / self.gain).clamp(0.0, self.size[1]);
        [x(x1), y(y1), x(x2), y(y2)]
    }
}

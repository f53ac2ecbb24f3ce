//! Frames into input slots, on the CPU.

use detector_components::frame::Pixels;
use detector_components::geometry::{Filter, Placement, Region, Size};
use detector_picture::rgb;
use fast_image_resize::images::{Image, ImageRef};
use fast_image_resize::{FilterType, PixelType, ResizeAlg, ResizeOptions, Resizer};

/// What a byte is in the network's input.
const SCALE: f32 = 1.0 / 255.0;

/// Lays a part of a frame into one row of an input slot, as its placement says.
///
/// Samples are rounded to eight bits before they are scaled to 0-1, as in the pictures that
/// networks are trained on.
///
/// # Shapes
/// `out`: `[3, height, width]` of the placement's tensor: red, green, blue.
///
/// # Panics
/// When `out` is not as long as the tensor, or the source lies outside the frame.
pub fn fill_host(pixels: &Pixels, placement: &Placement, out: &mut [f32]) {
    let Size { width, height } = placement.tensor;
    assert_eq!(out.len(), 3 * width as usize * height as usize, "a row of the slot");
    let frame = pixels.size();
    let source = placement.source;
    assert!(
        source.x + source.width <= frame.width && source.y + source.height <= frame.height,
        "the source lies in the frame"
    );
    out.fill(f32::from(Placement::PADDING) * SCALE);
    match placement.filter {
        Filter::Bilinear => bilinear(pixels, placement, out),
        Filter::Antialiased => antialiased(pixels, placement, out),
    }
}

/// The part of the resampled picture that lands in the tensor, along one side.
struct Visible {
    /// First sample of the resampled picture that is seen.
    first: usize,
    /// Where in the tensor it lands.
    at: usize,
    /// How many are seen.
    count: usize,
}

impl Visible {
    fn new(resized: u32, offset: i32, tensor: u32) -> Self {
        let first = (-offset).max(0).min(resized as i32) as usize;
        let at = offset.max(0).min(tensor as i32) as usize;
        let count = (resized as usize - first).min(tensor as usize - at);
        Self { first, at, count }
    }
}

/// Between which two source samples a sample of the resampled picture lies.
#[derive(Clone, Copy)]
struct Between {
    low: usize,
    high: usize,
    weight_of_high: f32,
}

/// Two neighbours at half-pixel centres, the edge repeated: OpenCV's `INTER_LINEAR`.
fn between(visible: &Visible, source: u32, resized: u32) -> Vec<Between> {
    let scale = f64::from(source) / f64::from(resized);
    let last = source as usize - 1;
    (visible.first..visible.first + visible.count)
        .map(|at| {
            let centre = ((at as f64 + 0.5) * scale - 0.5).clamp(0.0, last as f64);
            let low = centre as usize;
            let high = (low + 1).min(last);
            Between { low, high, weight_of_high: (centre - low as f64) as f32 }
        })
        .collect()
}

fn bilinear(pixels: &Pixels, placement: &Placement, out: &mut [f32]) {
    let Placement { source, resized, offset, tensor, .. } = *placement;
    let across = Visible::new(resized.width, offset[0], tensor.width);
    let down = Visible::new(resized.height, offset[1], tensor.height);
    let columns = between(&across, source.width, resized.width);
    let rows = between(&down, source.height, resized.height);
    let (width, plane) = (tensor.width as usize, tensor.width as usize * tensor.height as usize);

    // Source rows that were read and resampled across: a row is needed by its neighbours too.
    let mut low = Row::new(across.count);
    let mut high = Row::new(across.count);
    for (index, row) in rows.iter().enumerate() {
        if high.is(row.low) {
            std::mem::swap(&mut low, &mut high);
        }
        low.read(pixels, source, row.low, &columns);
        let start = (down.at + index) * width + across.at;
        if row.low == row.high || row.weight_of_high == 0.0 {
            for channel in 0..3 {
                let out = &mut out[channel * plane + start..][..across.count];
                for (out, &low) in out.iter_mut().zip(low.channel(channel)) {
                    *out = byte(low) * SCALE;
                }
            }
            continue;
        }
        high.read(pixels, source, row.high, &columns);
        for channel in 0..3 {
            let out = &mut out[channel * plane + start..][..across.count];
            let pairs = low.channel(channel).iter().zip(high.channel(channel));
            for (out, (&low, &high)) in out.iter_mut().zip(pairs) {
                *out = byte(low + (high - low) * row.weight_of_high) * SCALE;
            }
        }
    }
}

/// To the nearest whole number. All values here are positive, and `round` is slow without SSE 4.1.
#[inline]
fn byte(value: f32) -> f32 {
    (value + 0.5) as u8 as f32
}

/// One source row, resampled across: three channels, one after the other.
struct Row {
    y: Option<usize>,
    count: usize,
    values: Vec<f32>,
}

impl Row {
    fn new(count: usize) -> Self {
        Self { y: None, count, values: vec![0.0; 3 * count] }
    }

    fn is(&self, y: usize) -> bool {
        self.y == Some(y)
    }

    fn channel(&self, channel: usize) -> &[f32] {
        &self.values[channel * self.count..][..self.count]
    }

    fn read(&mut self, pixels: &Pixels, source: Region, y: usize, columns: &[Between]) {
        if self.is(y) {
            return;
        }
        self.y = Some(y);
        let line = Region { y: source.y + y as u32, height: 1, ..source };
        let line = rgb(pixels, line).data;
        let (red, rest) = self.values.split_at_mut(self.count);
        let (green, blue) = rest.split_at_mut(self.count);
        let channels = red.iter_mut().zip(green).zip(blue);
        for (((red, green), blue), column) in channels.zip(columns) {
            let (low, high) = (&line[column.low * 3..][..3], &line[column.high * 3..][..3]);
            let mix = |channel: usize| {
                let (low, high) = (f32::from(low[channel]), f32::from(high[channel]));
                low + (high - low) * column.weight_of_high
            };
            (*red, *green, *blue) = (mix(0), mix(1), mix(2));
        }
    }
}

/// Every source pixel counts: Pillow's `BILINEAR`.
fn antialiased(pixels: &Pixels, placement: &Placement, out: &mut [f32]) {
    let Placement { source, resized, offset, tensor, .. } = *placement;
    let picture = rgb(pixels, source);
    let from = ImageRef::new(source.width, source.height, &picture.data, PixelType::U8x3)
        .expect("the picture has the size of its region");
    let mut to = Image::new(resized.width, resized.height, PixelType::U8x3);
    let options = ResizeOptions::new()
        .resize_alg(ResizeAlg::Convolution(FilterType::Bilinear))
        .use_alpha(false);
    Resizer::new().resize(&from, &mut to, &options).expect("both pictures have three channels");

    let across = Visible::new(resized.width, offset[0], tensor.width);
    let down = Visible::new(resized.height, offset[1], tensor.height);
    let (width, plane) = (tensor.width as usize, tensor.width as usize * tensor.height as usize);
    for index in 0..down.count {
        let from = ((down.first + index) * resized.width as usize + across.first) * 3;
        let line = &to.buffer()[from..][..across.count * 3];
        let start = (down.at + index) * width + across.at;
        for (at, pixel) in line.chunks_exact(3).enumerate() {
            for (channel, &value) in pixel.iter().enumerate() {
                out[channel * plane + start + at] = f32::from(value) * SCALE;
            }
        }
    }
}

#[cfg(test)]
mod tests;

//! Frames into input slots, on the CPU.
//!
//! A picture is never converted as a whole: what a row of the tensor is made of is read from one or
//! a few rows of the frame, and goes straight to its place.

mod antialiased;
mod bilinear;
mod line;
#[cfg(test)]
mod plain;
mod planar;
mod vectors;

use detector_components::frame::Pixels;
use detector_components::geometry::{Filter, Placement, Region, Size};
use detector_picture::rgb;

use antialiased::Antialiased;
use bilinear::Bilinear;
use line::MIN_WIDTH;
use planar::Planar;
use vectors::Vectors;

/// Takes the rows of a resampled picture, each once, from the top.
trait Sink {
    /// Red, green and blue of the columns that are seen, 0 to 255.
    fn row(&mut self, index: usize, channels: [&[u8]; 3]);
}

/// Lays a part of a frame into one row of an input slot, as its placement says.
///
/// The samples are those that OpenCV and Pillow give, bit for bit, from the same RGB picture:
/// rounded to eight bits, then divided by 255.
///
/// # Shapes
/// `out`: `[3, height, width]` of the placement's tensor: red, green, blue.
///
/// # Panics
/// When `out` is not as long as the tensor, or the source lies outside the frame.
pub fn fill_host(pixels: &Pixels, placement: &Placement, out: &mut [f32]) {
    fill_with(Vectors::widest(), pixels, placement, out);
}

fn fill_with(vectors: Vectors, pixels: &Pixels, placement: &Placement, out: &mut [f32]) {
    let frame = pixels.size();
    let source = placement.source;
    assert!(
        source.x + source.width <= frame.width && source.y + source.height <= frame.height,
        "the source lies in the frame"
    );
    if frame.width < MIN_WIDTH {
        return fill_with(vectors, &widened(pixels), placement, out);
    }
    let mut sink = Planar::new(out, placement);
    match placement.filter {
        Filter::Bilinear => vectors.run(Bilinear::new(pixels, placement, &mut sink)),
        Filter::Antialiased => vectors.run(Antialiased::new(pixels, placement, &mut sink)),
    }
}

/// A frame with columns behind the last, which nothing looks at: neighbours are read together.
fn widened(pixels: &Pixels) -> Pixels {
    let Size { width, height } = pixels.size();
    let picture = rgb(pixels, Region::whole(pixels.size()));
    let mut data = Vec::with_capacity((MIN_WIDTH * height * 3) as usize);
    for row in picture.data.chunks_exact(width as usize * 3) {
        data.extend_from_slice(row);
        data.resize(data.len() + ((MIN_WIDTH - width) * 3) as usize, 0);
    }
    Pixels::rgb(Size { width: MIN_WIDTH, height }, data).expect("as high as the frame, and narrow")
}

#[cfg(test)]
mod tests;

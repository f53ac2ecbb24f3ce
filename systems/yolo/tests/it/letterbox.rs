//! A picture as the worker puts it into a network.

use detector_components::frame::Pixels;
use detector_components::geometry::{BBox, Placement, Region, Size};
use detector_preprocess::fill_host;
use detector_yolo::Pictures;

/// A picture as a network takes it, and the way back.
pub struct Letterboxed {
    pub pictures: Pictures<'static>,
    placement: Placement,
}

/// Scales a picture to fit a square and pads it with grey to a multiple of 32.
///
/// # Shapes
///
/// - `rgb`: `[height, width, 3]`
pub fn letterbox(rgb: Vec<u8>, [width, height]: [usize; 2], longest: u32) -> Letterboxed {
    let size = Size { width: width as u32, height: height as u32 };
    let pixels = Pixels::rgb(size, rgb).unwrap();
    let placement = Placement::rect(Region::whole(size), longest, 32);
    let [width, height] =
        [placement.tensor.width, placement.tensor.height].map(|side| side as usize);
    let mut values = vec![0.0; 3 * width * height];
    fill_host(&pixels, &placement, &mut values);
    Letterboxed { pictures: Pictures::new(values, [1, 3, height, width]), placement }
}

impl Letterboxed {
    /// A box in pixels of the picture, from one in pixels of the tensor.
    pub fn picture_from_tensor(&self, [x1, y1, x2, y2]: [f32; 4]) -> [f64; 4] {
        let BBox { x1, y1, x2, y2 } = self.placement.frame_from_tensor(BBox { x1, y1, x2, y2 });
        [x1, y1, x2, y2].map(f64::from)
    }
}

//! What OpenCV and Pillow make of pictures: `tests/fixtures/pictures/resized.py` wrote it.

use std::path::Path;
use std::sync::Arc;

use detector_components::frame::{ColorSpace, PixelFormat, Pixels};
use detector_components::geometry::{Placement, Region, Size};
use safetensors::SafeTensors;

/// A picture, and what the reference puts into a network's input.
pub struct Golden {
    pub name: String,
    pub pixels: Arc<Pixels>,
    pub placement: Placement,
    /// `[height, width, 3]`
    pub expected: Vec<u8>,
}

pub fn all() -> Vec<Golden> {
    // Where it is run, not where it was built: a build cache outlives the checkout that filled it.
    let file = Path::new("../../tests/fixtures/pictures/resized.safetensors");
    let bytes = std::fs::read(file).unwrap();
    let tensors = SafeTensors::deserialize(&bytes).unwrap();
    let golden = tensors.iter().map(|(name, tensor)| {
        let [kind, source, tensor_size] = name.split(' ').collect::<Vec<_>>()[..] else {
            panic!("{name}: not KIND SOURCE TENSOR")
        };
        let (source, asked) = (size(source), size(tensor_size));
        let region = Region::whole(source);
        let placement = match kind {
            "letterbox" => Placement::letterbox(region, asked),
            "rect" => Placement::rect(region, asked.width, 32),
            "crop" => Placement::centre_crop(region, asked),
            _ => panic!("{name}: no such kind"),
        };
        let Size { width, height } = placement.tensor;
        assert_eq!(tensor.shape(), [height as usize, width as usize, 3], "{name}");
        Golden {
            name: name.to_owned(),
            pixels: noise(PixelFormat::Rgb, source, 0, ColorSpace::JPEG),
            placement,
            expected: tensor.data().to_vec(),
        }
    });
    golden.collect()
}

fn size(text: &str) -> Size {
    let (width, height) = text.split_once('x').unwrap();
    Size { width: width.parse().unwrap(), height: height.parse().unwrap() }
}

/// Noise, the same on every run, with rows padded by `pad` bytes of something else.
pub fn noise(format: PixelFormat, size: Size, pad: usize, color: ColorSpace) -> Arc<Pixels> {
    let mut state = 1_u32;
    let mut next = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 24) as u8
    };
    let mut strides = Vec::new();
    let mut planes = Vec::new();
    for (row, rows) in format.plane_sizes(size) {
        strides.push(row + pad);
        planes.push((0..(row + pad) * rows).map(|_| next()).collect::<Vec<u8>>());
    }
    Arc::new(Pixels::new(format, size, strides, color, planes).unwrap())
}

//! From a picture file to what is in it.
//!
//! ```text
//! predict CHECKPOINT PICTURE
//! ```
//!
//! The picture is a JPEG, PNG, BMP or WebP. Boxes are printed in its pixels.

use std::path::Path;

use detector_yolo::{
    Checkpoint, Criteria, Detail, LoadOptions, Network, Pictures, Prediction, ScoredBox,
};
use image::RgbImage;
use image::imageops::{self, FilterType};

type Result<T> = std::result::Result<T, Box<dyn std::error::Error>>;

/// Colour of what is around the picture, as in the training.
const GREY: image::Rgb<u8> = image::Rgb([114; 3]);
/// Classes of a whole picture that are printed.
const BEST: usize = 5;

fn main() -> Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [checkpoint, picture] = arguments.as_slice() else {
        return Err("usage: predict CHECKPOINT PICTURE".into());
    };
    let checkpoint = Checkpoint::open(checkpoint)?;
    let network = Network::load(&checkpoint, &LoadOptions::default())?;

    let picture = Letterboxed::new(&open(Path::new(picture))?, network.info().input);
    let found = network.predict(picture.input(), &[Criteria::default()])?;
    for prediction in &found {
        match prediction {
            Prediction::Boxes(boxes) => {
                boxes.iter().for_each(|found| println!("{}", line(found, &network, &picture)));
            }
            Prediction::Probabilities(probabilities) => {
                let mut classes: Vec<_> =
                    probabilities.iter().zip(&network.info().classes).collect();
                classes.sort_by(|(a, _), (b, _)| b.total_cmp(a));
                classes.iter().take(BEST).for_each(|(p, class)| println!("{p:.3} {class}"));
            }
        }
    }
    Ok(())
}

fn open(path: &Path) -> Result<RgbImage> {
    let bytes = std::fs::read(path)?;
    if !bytes.starts_with(&[0xff, 0xd8]) {
        return Ok(image::load_from_memory(&bytes)?.into_rgb8());
    }
    let jpeg = turbojpeg::decompress(&bytes, turbojpeg::PixelFormat::RGB)?;
    let (width, height) = (jpeg.width.try_into()?, jpeg.height.try_into()?);
    Ok(RgbImage::from_raw(width, height, jpeg.pixels).expect("rows without padding were asked for"))
}

/// A picture as a network sees it: as large as fits into its input, with grey around it.
struct Letterboxed {
    picture: RgbImage,
    /// Pixels of the input for each of the picture.
    scale: f32,
    /// Where the picture begins in the input.
    origin: [f32; 2],
    /// Width and height of the picture.
    size: [f32; 2],
}

impl Letterboxed {
    fn new(picture: &RgbImage, [width, height]: [usize; 2]) -> Self {
        let size = [picture.width() as f32, picture.height() as f32];
        let scale = (width as f32 / size[0]).min(height as f32 / size[1]);
        let [inner_width, inner_height] = size.map(|side| (side * scale).round().max(1.0) as u32);
        let inner = imageops::resize(picture, inner_width, inner_height, FilterType::Triangle);
        let mut whole = RgbImage::from_pixel(width as u32, height as u32, GREY);
        let left = i64::from((whole.width() - inner_width) / 2);
        let top = i64::from((whole.height() - inner_height) / 2);
        imageops::replace(&mut whole, &inner, left, top);
        Self { picture: whole, scale, origin: [left as f32, top as f32], size }
    }

    /// Red, green and blue from 0 to 1, one after the other.
    fn input(&self) -> Pictures<'static> {
        let (width, height) = self.picture.dimensions();
        let channel = |at: usize| self.picture.iter().skip(at).step_by(3);
        let values: Vec<f32> =
            (0..3).flat_map(channel).map(|&value| f32::from(value) / 255.0).collect();
        Pictures::new(values, [1, 3, height as usize, width as usize])
    }

    /// A point of the picture, from one of the input.
    fn picture_from_tensor(&self, point: [f32; 2]) -> [f32; 2] {
        [0, 1].map(|axis| {
            ((point[axis] - self.origin[axis]) / self.scale).clamp(0.0, self.size[axis])
        })
    }
}

/// A box in words.
fn line(found: &ScoredBox, network: &Network, picture: &Letterboxed) -> String {
    let class = &network.info().classes[found.class as usize];
    let [x1, y1, x2, y2] = found.bbox;
    let [left, top] = picture.picture_from_tensor([x1, y1]);
    let [right, bottom] = picture.picture_from_tensor([x2, y2]);
    let detail = match &found.detail {
        None => String::new(),
        Some(Detail::Mask(mask)) => {
            let pixels = mask.pixels.iter().filter(|&&there| there).count();
            format!(", {pixels} pixels of the input")
        }
        Some(Detail::Keypoints(points)) => {
            let points = points.iter().map(|point| picture.picture_from_tensor(point.position));
            format!(", points {:.0?}", points.collect::<Vec<_>>())
        }
        Some(Detail::Rotated(rotated)) => format!(", turned by {:.1}°", rotated.angle.to_degrees()),
    };
    format!("{:.3} {class} {left:.0} {top:.0} {right:.0} {bottom:.0}{detail}", found.confidence)
}

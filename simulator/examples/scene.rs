//! Writes one frame of a drawn scene as a PNG: `scene FILE [FRAME]`.

use std::error::Error;

use detector_components::geometry::{Region, Size};
use detector_picture::encode_png;
use detector_simulator::{Color, Scene, Shape};

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let file = arguments.next().ok_or("usage: scene FILE [FRAME]")?;
    let frame = arguments.next().map_or(Ok(7), |frame| frame.parse())?;
    let scene = Scene {
        size: Size { width: 800, height: 450 },
        shapes: vec![
            (Shape::Square, Color::Red),
            (Shape::Ball, Color::Green),
            (Shape::Square, Color::Blue),
            (Shape::Ball, Color::Red),
        ],
        ..Scene::default()
    };
    let picture = scene.draw(frame);
    std::fs::write(file, encode_png(&picture, Region::whole(picture.size()))?)?;
    Ok(())
}

//! Writes numbered pictures as uncompressed video (YUV4MPEG2) to standard output, for any encoder:
//! `numbered WIDTHxHEIGHT FPS PICTURES | ffmpeg -i - ...`

use std::error::Error;
use std::io::{self, BufWriter, Write};

use detector_simulator::NumberedScene;

const USAGE: &str = "usage: numbered WIDTHxHEIGHT FPS PICTURES";

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [size, fps, pictures] = arguments.as_slice() else { return Err(USAGE.into()) };
    let (width, height) = size.split_once('x').ok_or(USAGE)?;
    let scene = NumberedScene::default().with_size(width.parse()?, height.parse()?);
    let (fps, pictures): (u32, u64) = (fps.parse()?, pictures.parse()?);
    let mut out = BufWriter::new(io::stdout().lock());
    writeln!(out, "YUV4MPEG2 W{width} H{height} F{fps}:1 Ip A1:1 C420mpeg2 XCOLORRANGE=LIMITED")?;
    for number in 0..pictures {
        let picture = scene.draw(number);
        out.write_all(b"FRAME\n")?;
        for plane in 0..3 {
            // The scene's rows follow each other without a gap.
            out.write_all(picture.plane(plane))?;
        }
    }
    out.flush()?;
    Ok(())
}

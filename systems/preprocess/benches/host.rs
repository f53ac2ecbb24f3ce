//! How long a frame takes into a network's input on one core.
//!
//!     cargo bench -p detector_preprocess
//!
//! Shortest and median of many runs, since other programs only ever make it longer.

use std::hint::black_box;
use std::time::{Duration, Instant};

use detector_components::frame::{ColorMatrix, ColorSpace, PixelFormat, Pixels};
use detector_components::geometry::{Placement, Region, Size};
use detector_preprocess::fill_host;

const RUNS: usize = 100;
const VIDEO: ColorSpace = ColorSpace { matrix: ColorMatrix::Bt709, full_range: false };

fn main() {
    let full_hd = Size { width: 1920, height: 1080 };
    let person = Region { x: 801, y: 203, width: 211, height: 633 };
    let [nv12, i420] = [PixelFormat::Nv12, PixelFormat::I420];
    letterbox("1080p, thirds", nv12, full_hd);
    letterbox("1080p, thirds", i420, full_hd);
    letterbox("1080p, thirds", PixelFormat::Rgb, full_hd);
    letterbox("4K", nv12, Size { width: 3840, height: 2160 });
    letterbox("odd", nv12, Size { width: 1899, height: 1079 });
    letterbox("720p, halves", nv12, Size { width: 1280, height: 720 });
    letterbox("SD", i420, Size { width: 768, height: 576 });
    let crop = |region| Placement::centre_crop(region, square(224));
    time("1080p, whole", "classifier 224", &noise(nv12, full_hd), &crop(Region::whole(full_hd)));
    time("a person of 1080p", "classifier 224", &noise(nv12, full_hd), &crop(person));
}

fn letterbox(name: &str, format: PixelFormat, size: Size) {
    let placement = Placement::letterbox(Region::whole(size), square(640));
    time(name, "letterbox 640", &noise(format, size), &placement);
}

fn time(name: &str, what: &str, pixels: &Pixels, placement: &Placement) {
    let mut out = vec![0.0; 3 * (placement.tensor.width * placement.tensor.height) as usize];
    let mut times: Vec<Duration> = (0..RUNS)
        .map(|_| {
            let start = Instant::now();
            fill_host(black_box(pixels), placement, black_box(&mut out));
            start.elapsed()
        })
        .collect();
    times.sort_unstable();
    let [shortest, median] = [times[0], times[RUNS / 2]].map(|time| time.as_secs_f64() * 1e3);
    println!("{what} of {name} ({:?}): {shortest:.3} ms, median {median:.3} ms", pixels.format());
}

fn square(side: u32) -> Size {
    Size { width: side, height: side }
}

/// A picture that no part of is like another.
fn noise(format: PixelFormat, size: Size) -> Pixels {
    let mut state = 1_u32;
    let mut next = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 24) as u8
    };
    let sizes = format.plane_sizes(size);
    let strides = sizes.iter().map(|(row, _)| *row).collect();
    let planes: Vec<Vec<u8>> =
        sizes.iter().map(|(row, rows)| (0..row * rows).map(|_| next()).collect()).collect();
    Pixels::new(format, size, strides, VIDEO, planes).expect("the planes were made for it")
}

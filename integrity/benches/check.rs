//! How long the check of a picture takes on one core.
//!
//!     cargo bench -p detector_integrity
//!
//! Shortest and median of many runs, since other programs only ever make it longer.

use std::hint::black_box;
use std::time::{Duration, Instant};

use detector_components::clock::Moment;
use detector_components::frame::{ColorMatrix, ColorSpace, PixelFormat, Pixels};
use detector_components::geometry::Size;
use detector_integrity::{CheckConfig, PictureCheck};

const RUNS: u64 = 400;
const VIDEO: ColorSpace = ColorSpace { matrix: ColorMatrix::Bt709, full_range: false };
const FULL_HD: Size = Size { width: 1920, height: 1080 };

fn main() {
    let [nv12, i420, rgb] = [PixelFormat::Nv12, PixelFormat::I420, PixelFormat::Rgb];
    for format in [nv12, i420, rgb] {
        time("moving, 1080p", &[scene(format, FULL_HD, 1), scene(format, FULL_HD, 2)]);
    }
    time("still, 1080p", &[scene(nv12, FULL_HD, 1)]);
    time("black, 1080p", &[filled(nv12, FULL_HD, 16)]);
    time("missing, 1080p", &[filled(nv12, FULL_HD, 128)]);
    time("moving, 4K", &[1, 2].map(|seed| scene(nv12, Size { width: 3840, height: 2160 }, seed)));
    time("moving, SD", &[1, 2].map(|seed| scene(nv12, Size { width: 768, height: 576 }, seed)));
}

fn time(name: &str, pictures: &[Pixels]) {
    let mut check = PictureCheck::new(CheckConfig::default());
    let mut times: Vec<Duration> = (0..RUNS)
        .map(|run| {
            let pixels = &pictures[run as usize % pictures.len()];
            let start = Instant::now();
            black_box(check.check(black_box(pixels), Moment { nanos: run * 40_000_000 }));
            start.elapsed()
        })
        .collect();
    times.sort_unstable();
    let [shortest, median] =
        [times[0], times[times.len() / 2]].map(|time| time.as_secs_f64() * 1e3);
    println!("{name} ({:?}): {shortest:.3} ms, median {median:.3} ms", pictures[0].format());
}

/// Noise on a slope: a picture in which every rule has something to look at.
fn scene(format: PixelFormat, size: Size, seed: u32) -> Pixels {
    let mut state = seed;
    picture(format, size, move |index, row| {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (index * 200 / row % 200) as u8 + (state >> 28) as u8
    })
}

fn filled(format: PixelFormat, size: Size, luma: u8) -> Pixels {
    let sizes = format.plane_sizes(size);
    let strides = sizes.iter().map(|(row, _)| *row).collect();
    let planes: Vec<Vec<u8>> = sizes
        .iter()
        .enumerate()
        .map(|(plane, (row, rows))| vec![if plane == 0 { luma } else { 128 }; row * rows])
        .collect();
    Pixels::new(format, size, strides, VIDEO, planes).expect("the planes were made for it")
}

fn picture(format: PixelFormat, size: Size, mut sample: impl FnMut(usize, usize) -> u8) -> Pixels {
    let sizes = format.plane_sizes(size);
    let strides = sizes.iter().map(|(row, _)| *row).collect();
    let planes: Vec<Vec<u8>> = sizes
        .iter()
        .map(|(row, rows)| (0..row * rows).map(|index| sample(index, *row)).collect())
        .collect();
    Pixels::new(format, size, strides, VIDEO, planes).expect("the planes were made for it")
}

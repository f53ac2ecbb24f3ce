use std::time::Duration;

use detector_components::frame::{ColorSpace, PixelFormat};

use super::*;
use crate::grid::CELL;

const SIZE: Size = Size { width: 320, height: 240 };
const GREY: [u8; 3] = [128; 3];
const FORMATS: [PixelFormat; 3] = [PixelFormat::Nv12, PixelFormat::I420, PixelFormat::Rgb];

/// A picture to draw on, in luma and chroma.
#[derive(Clone)]
struct Canvas {
    size: Size,
    samples: Vec<[u8; 3]>,
}

impl Canvas {
    fn new(size: Size, sample: impl Fn(usize, usize) -> [u8; 3]) -> Self {
        let (width, height) = (size.width as usize, size.height as usize);
        let samples = (0..width * height).map(|at| sample(at % width, at / width)).collect();
        Self { size, samples }
    }

    /// Something with texture all over, another for each seed.
    fn scene(seed: usize) -> Self {
        Self::new(SIZE, |x, y| {
            let slope = 40 + (x * 3 + y * 2 + seed * 5) % 170;
            let grain = noise(x, y, seed) % 24;
            [(slope + grain) as u8, 110 + (x / 40) as u8, 140 - (y / 30) as u8]
        })
    }

    /// One brightness with noise.
    fn uniform(luma: u8, seed: usize) -> Self {
        Self::new(SIZE, |x, y| [luma + (noise(x, y, seed) % 8) as u8, 128, 128])
    }

    /// Fills a part, up to but without its last column and row.
    fn fill(mut self, columns: [usize; 2], rows: [usize; 2], color: [u8; 3]) -> Self {
        let width = self.size.width as usize;
        for y in rows[0]..rows[1] {
            self.samples[y * width + columns[0]..y * width + columns[1]].fill(color);
        }
        self
    }

    /// White letters on what is there, as cameras write the time.
    fn with_text(mut self) -> Self {
        let width = self.size.width as usize;
        for y in 24..40 {
            for x in 20..140 {
                if x % 8 < 3 || y % 8 < 2 {
                    self.samples[y * width + x][0] = 235;
                }
            }
        }
        self
    }

    fn pixels(&self, format: PixelFormat) -> Pixels {
        let (width, height) = (self.size.width as usize, self.size.height as usize);
        let luma: Vec<u8> = self.samples.iter().map(|[y, ..]| *y).collect();
        let half = |plane: usize| -> Vec<u8> {
            let rows = (0..height).step_by(2);
            rows.flat_map(|y| (0..width).step_by(2).map(move |x| y * width + x))
                .map(|at| self.samples[at][plane])
                .collect()
        };
        let half_width = width.div_ceil(2);
        let (planes, strides) = match format {
            PixelFormat::I420 => {
                (vec![luma, half(1), half(2)], vec![width, half_width, half_width])
            }
            PixelFormat::Nv12 => {
                let both = half(1).into_iter().zip(half(2)).flat_map(|(u, v)| [u, v]).collect();
                (vec![luma, both], vec![width, half_width * 2])
            }
            // Good enough for a test: green stands for luma.
            PixelFormat::Rgb => {
                let rgb = self.samples.iter().flat_map(|[y, u, v]| [*v, *y, *u]).collect();
                (vec![rgb], vec![width * 3])
            }
        };
        Pixels::new(format, self.size, strides, ColorSpace::JPEG, planes).expect("it has this size")
    }
}

fn noise(x: usize, y: usize, seed: usize) -> usize {
    let mixed = (x * 73_856_093) ^ (y * 19_349_663) ^ (seed * 83_492_791);
    mixed.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 40
}

/// A camera with two pictures a second.
struct Camera {
    check: PictureCheck,
    format: PixelFormat,
    now: Moment,
}

impl Camera {
    fn new(format: PixelFormat) -> Self {
        Self { check: PictureCheck::new(CheckConfig::default()), format, now: Moment::default() }
    }

    fn show(&mut self, canvas: &Canvas) -> Verdict {
        self.now = self.now + Duration::from_millis(500);
        self.check.check(&canvas.pixels(self.format), self.now)
    }

    /// Shows pictures for some time, each judged in the same way.
    #[track_caller]
    fn show_for(&mut self, seconds: u64, verdict: Verdict, canvas: impl Fn(usize) -> Canvas) {
        for seed in 0..seconds as usize * 2 {
            let found = self.show(&canvas(seed));
            assert_eq!(found, verdict, "{:?}, picture {seed}", self.format);
        }
    }
}

const BLOCKS: Verdict = Verdict::Broken(PictureFault::Blocks);
const SMEARED: Verdict = Verdict::Broken(PictureFault::Smeared);
const COVERED: Verdict = Verdict::Suspicious(PictureFault::Covered);
const FROZEN: Verdict = Verdict::Suspicious(PictureFault::Frozen);

/// After good pictures, a picture is judged so, whatever its format; and the next good one is good.
#[track_caller]
fn check_after_good(damaged: &Canvas, verdict: Verdict) {
    for format in FORMATS {
        let mut camera = Camera::new(format);
        camera.show_for(1, Verdict::Good, Canvas::scene);
        assert_eq!(camera.show(damaged), verdict, "{format:?}");
        assert_eq!(camera.show(&Canvas::scene(11)), Verdict::Good, "{format:?}, afterwards");
    }
}

#[test]
fn the_same_picture_for_half_a_minute_is_frozen() {
    for format in FORMATS {
        let mut camera = Camera::new(format);
        camera.show_for(30, Verdict::Good, |_| Canvas::scene(1));
        camera.show(&Canvas::scene(1).fill([0, 1], [239, 240], GREY));
        camera.show_for(30, Verdict::Good, |_| Canvas::scene(1));
        camera.show(&Canvas::scene(1));
        camera.show_for(5, FROZEN, |_| Canvas::scene(1));
        camera.show_for(1, Verdict::Good, Canvas::scene);
    }
}

#[test]
fn a_sample_that_is_in_no_cell_s_rows_thaws_a_picture() {
    let mut camera = Camera::new(PixelFormat::Nv12);
    camera.show_for(60, Verdict::Good, |seed| {
        Canvas::scene(1).fill([7, 8], [16, 17], [100 + (seed % 2) as u8, 110, 140])
    });
}

#[test]
fn noise_is_not_frozen() {
    let mut camera = Camera::new(PixelFormat::Nv12);
    camera.show_for(40, Verdict::Good, |seed| {
        let mut canvas = Canvas::scene(1);
        canvas.samples[seed * 7][0] ^= 1;
        canvas
    });
}

#[test]
fn one_brightness_for_five_seconds_is_covered() {
    for (format, luma) in FORMATS.into_iter().zip([16, 60, 180]) {
        let mut camera = Camera::new(format);
        camera.show_for(1, Verdict::Good, Canvas::scene);
        camera.show_for(5, Verdict::Good, |seed| Canvas::uniform(luma, seed));
        camera.show(&Canvas::uniform(luma, 1));
        camera.show_for(2, COVERED, |seed| Canvas::uniform(luma, seed).with_text());
        camera.show_for(1, Verdict::Good, Canvas::scene);
    }
}

#[test]
fn a_lamp_in_the_dark_is_not_covered() {
    let mut camera = Camera::new(PixelFormat::Nv12);
    camera.show_for(10, Verdict::Good, |seed| {
        Canvas::uniform(16, seed).with_text().fill([200, 208], [150, 156], [220, 128, 128])
    });
}

#[test]
fn a_dark_wall_beside_a_darker_one_is_not_covered() {
    let mut camera = Camera::new(PixelFormat::Nv12);
    camera.show_for(10, Verdict::Good, |seed| {
        let mut canvas = Canvas::uniform(20, seed);
        let width = SIZE.width as usize;
        for (at, sample) in canvas.samples.iter_mut().enumerate() {
            sample[0] += if at % width > width / 2 { 10 } else { 0 };
        }
        canvas
    });
}

#[test]
fn memory_that_was_never_written_is_broken() {
    let green = Canvas::scene(10).fill([160, 320], [128, 192], [0; 3]);
    for format in [PixelFormat::Nv12, PixelFormat::I420] {
        let mut camera = Camera::new(format);
        assert_eq!(camera.show(&green), BLOCKS, "the first picture");
        camera.show_for(1, Verdict::Good, Canvas::scene);
        assert_eq!(camera.show(&green), BLOCKS);
    }
}

#[test]
fn a_missing_picture_is_broken_from_the_first_one_on() {
    // Grey, and here and there a ghost.
    let ghosts = |seed: usize| {
        Canvas::new(SIZE, move |x, y| {
            let edge = (x / 48 + y / 48) % 2 == 0 && x % 48 == 20;
            let dark = if y % 2 == 0 { 148 } else { 108 };
            if edge { [dark + (seed % 2) as u8, 128, 128] } else { GREY }
        })
    };
    check_after_good(&ghosts(0), BLOCKS);
    let mut camera = Camera::new(PixelFormat::I420);
    camera.show_for(9, BLOCKS, ghosts);
    camera.show_for(1, Verdict::Good, Canvas::scene);
}

#[test]
fn a_missing_slice_is_broken() {
    check_after_good(&Canvas::scene(10).fill([0, 320], [64, 128], GREY), BLOCKS);
}

#[test]
fn nothing_but_grey_is_covered_in_the_end() {
    let mut camera = Camera::new(PixelFormat::Nv12);
    camera.show_for(5, BLOCKS, |_| Canvas::new(SIZE, |_, _| GREY));
    camera.show(&Canvas::new(SIZE, |_, _| GREY));
    camera.show_for(1, COVERED, |_| Canvas::new(SIZE, |_, _| GREY));
}

#[test]
fn a_cut_file_is_broken() {
    // The row of blocks at 120 is there up to column 64.
    let cut = |seed| {
        Canvas::scene(seed).fill([64, 320], [120, 128], GREY).fill([0, 320], [128, 240], GREY)
    };
    check_after_good(&cut(10), BLOCKS);
    assert_eq!(Camera::new(PixelFormat::I420).show(&cut(1)), BLOCKS, "the first picture");
    // Another decoder fills with the last colour.
    check_after_good(&Canvas::scene(10).fill([0, 320], [136, 240], [70, 120, 140]), BLOCKS);
}

#[test]
fn filled_blocks_are_broken() {
    let color = [90, 120, 135];
    let filled =
        Canvas::scene(10).fill([32, 160], [48, 96], color).fill([192, 256], [128, 192], color);
    check_after_good(&filled, BLOCKS);
}

#[test]
fn a_thing_of_one_color_that_ends_anywhere_is_good() {
    for color in [GREY, [90, 120, 135], [235, 128, 128], [16, 128, 128]] {
        check_after_good(&Canvas::scene(10).fill([37, 165], [43, 101], color), Verdict::Good);
        check_after_good(&Canvas::scene(10).fill([0, 320], [91, 240], color), Verdict::Good);
    }
}

#[test]
fn a_smeared_slice_is_broken() {
    let above = Canvas::scene(10);
    let width = SIZE.width as usize;
    let mut smeared = above.clone();
    for y in 80..160 {
        let row = above.samples[79 * width..80 * width].to_vec();
        smeared.samples[y * width..][..width].copy_from_slice(&row);
    }
    check_after_good(&smeared, SMEARED);
}

#[test]
fn what_was_always_there_is_good() {
    let masked = |color: [u8; 3]| {
        move |seed| {
            Canvas::scene(seed)
                .fill([32, 160], [48, 112], color)
                .fill([208, 320], [160, 240], color)
                .with_text()
        }
    };
    for format in FORMATS {
        for color in [GREY, [16, 128, 128], [235, 128, 128]] {
            Camera::new(format).show_for(2, Verdict::Good, masked(color));
        }
        // Bars of a test card, which look like a smear.
        Camera::new(format).show_for(2, Verdict::Good, |seed| {
            let bars = |x, _| [(x / 40 * 30) as u8, 120, 120];
            Canvas::new(SIZE, bars).fill([seed, seed + 9], [90, 99], [235, 128, 128])
        });
    }
}

#[test]
fn a_new_mask_is_accepted_after_a_minute() {
    let masked = |seed| Canvas::scene(seed).fill([32, 160], [48, 112], GREY);
    let mut camera = Camera::new(PixelFormat::Nv12);
    camera.show_for(1, Verdict::Good, Canvas::scene);
    camera.show_for(60, BLOCKS, masked);
    camera.show_for(20, Verdict::Good, masked);
}

#[test]
fn what_continues_damage_is_broken_until_a_whole_picture_comes() {
    let still = |seed| Canvas::scene(seed % 2);
    let mut camera = Camera::new(PixelFormat::Nv12);
    camera.show_for(1, Verdict::Good, still);
    let green = |seed| Canvas::scene(seed % 2).fill([0, 320], [80, 240], [0; 3]);
    assert_eq!(camera.show(&green(0)), BLOCKS);
    // The green has become another colour, which no rule knows.
    let later = |seed| {
        let mut canvas = green(seed);
        for sample in canvas.samples.iter_mut().filter(|sample| sample[0] == 0) {
            *sample = [5, 70, 80];
        }
        canvas
    };
    camera.show_for(5, BLOCKS, later);
    camera.show_for(1, Verdict::Good, still);
    camera.show_for(1, Verdict::Good, later);
}

#[test]
fn another_size_or_format_begins_anew() {
    let mut check = PictureCheck::new(CheckConfig::default());
    let mut now = Moment::default();
    for (width, height) in
        [(320, 240), (1, 1), (15, 400), (400, 15), (16, 16), (33, 17), (640, 480)]
    {
        for format in FORMATS {
            for seed in 0..3 {
                now = now + Duration::from_secs(1);
                let size = Size { width, height };
                let canvas = Canvas::new(size, |x, y| [(noise(x, y, seed) % 200) as u8, 120, 130]);
                let verdict = check.check(&canvas.pixels(format), now);
                assert_eq!(verdict, Verdict::Good, "{width} x {height} {format:?}");
            }
        }
    }
}

#[test]
fn rows_may_be_padded() {
    let canvas = Canvas::scene(1);
    let packed = canvas.pixels(PixelFormat::I420);
    let planes = (0..3).map(|plane| {
        let row = packed.strides()[plane];
        packed.plane(plane).chunks(row).flat_map(|row| [row, &[0; 13]].concat()).collect()
    });
    let strides = packed.strides().iter().map(|stride| stride + 13).collect();
    let color = ColorSpace::JPEG;
    let planes: Vec<Vec<u8>> = planes.collect();
    let padded = Pixels::new(PixelFormat::I420, SIZE, strides, color, planes).expect("it fits");
    let mut grids = [Grid::default(), Grid::default()];
    grids[0].measure(&packed, &mut Scratch::default());
    grids[1].measure(&padded, &mut Scratch::default());
    assert_eq!(grids[0].cells(), grids[1].cells());
    assert_eq!(grids[0].rows(), SIZE.height as usize / CELL);
}

//! A check allocates nothing once it has seen a picture of each size.

use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::atomic::{AtomicUsize, Ordering};

use detector_components::clock::Moment;
use detector_components::frame::{ColorSpace, PixelFormat, Pixels};
use detector_components::geometry::Size;
use detector_integrity::{CheckConfig, PictureCheck};

/// The system's allocator, which counts how often it is asked.
struct Counting;

static ALLOCATIONS: AtomicUsize = AtomicUsize::new(0);

// SAFETY: everything is left to the system's allocator.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        ALLOCATIONS.fetch_add(1, Ordering::Relaxed);
        // SAFETY: the caller's promise.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        // SAFETY: the caller's promise.
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// One test in this process: others would allocate meanwhile.
#[test]
fn pictures_are_judged_without_allocating() {
    let size = Size { width: 640, height: 368 };
    for format in [PixelFormat::Nv12, PixelFormat::I420, PixelFormat::Rgb] {
        // Good ones, equal ones, grey, one with unwritten memory, one that is cut.
        let pictures: Vec<_> =
            [1, 2, 2, 0, 2, 3, 3, 4, 1].map(|kind| picture(format, size, kind)).into();
        let mut check = PictureCheck::new(CheckConfig::default());
        let mut show = |turn: u64| {
            for (index, pixels) in (0..).zip(&pictures) {
                check.check(pixels, Moment { nanos: (turn * 10 + index) * 1_000_000_000 });
            }
        };
        show(0);
        let before = ALLOCATIONS.load(Ordering::Relaxed);
        (1..20).for_each(&mut show);
        assert_eq!(ALLOCATIONS.load(Ordering::Relaxed), before, "{format:?}");
    }
}

fn picture(format: PixelFormat, size: Size, kind: usize) -> Pixels {
    let sizes = format.plane_sizes(size);
    let strides = sizes.iter().map(|(row, _)| *row).collect();
    let planes: Vec<Vec<u8>> = sizes
        .iter()
        .map(|(row, rows)| {
            let sample = |at: usize| match kind {
                0 => 128,
                3 if at > row * rows / 2 => 0,
                4 if at > row * (rows / 16 * 8) => 128,
                _ => (at * kind * 31 % 199) as u8,
            };
            (0..row * rows).map(sample).collect()
        })
        .collect();
    Pixels::new(format, size, strides, ColorSpace::JPEG, planes)
        .expect("the planes were made for it")
}

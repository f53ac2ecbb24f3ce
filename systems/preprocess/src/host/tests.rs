use detector_components::frame::{ColorMatrix, ColorSpace, PixelFormat};
use proptest::prelude::*;

use super::plain::fill_plainly;
use super::*;
use crate::golden;

/// Red counts columns, green counts rows, blue is what it is.
fn ramp(size: Size) -> Pixels {
    let rgb = (0..size.height)
        .flat_map(|y| (0..size.width).flat_map(move |x| [x as u8 * 10, y as u8 * 10, 200]));
    Pixels::rgb(size, rgb.collect()).unwrap()
}

fn filled(pixels: &Pixels, placement: &Placement) -> Vec<[u8; 3]> {
    let plane = (placement.tensor.width * placement.tensor.height) as usize;
    let mut out = vec![-1.0; 3 * plane];
    fill_host(pixels, placement, &mut out);
    let byte = |value: f32| (value * 255.0).round() as u8;
    (0..plane).map(|at| [0, 1, 2].map(|channel| byte(out[channel * plane + at]))).collect()
}

#[test]
fn a_picture_of_the_right_size_is_not_changed() {
    let size = Size { width: 4, height: 4 };
    let out = filled(&ramp(size), &Placement::letterbox(Region::whole(size), size));
    assert_eq!(out[0], [0, 0, 200]);
    assert_eq!(out[5], [10, 10, 200]);
    assert_eq!(out[15], [30, 30, 200]);
}

#[test]
fn what_the_picture_does_not_cover_is_grey() {
    let (size, tensor) = (Size { width: 4, height: 2 }, Size { width: 4, height: 4 });
    let out = filled(&ramp(size), &Placement::letterbox(Region::whole(size), tensor));
    assert_eq!(out[0], [114; 3]);
    assert_eq!(out[4], [0, 0, 200]);
    assert_eq!(out[11], [30, 10, 200]);
    assert_eq!(out[15], [114; 3]);
}

#[test]
fn a_part_is_looked_at_alone() {
    let size = Size { width: 8, height: 8 };
    let part = Region { x: 2, y: 3, width: 2, height: 2 };
    let out = filled(&ramp(size), &Placement::letterbox(part, part.size()));
    assert_eq!(out, [[20, 30, 200], [30, 30, 200], [20, 40, 200], [30, 40, 200]]);
}

/// OpenCV: `cv2.resize(ramp, (8, 8))[0, :, 0]`.
#[test]
fn enlarging_keeps_half_pixel_centres() {
    let size = Size { width: 4, height: 4 };
    let tensor = Size { width: 8, height: 8 };
    let out = filled(&ramp(size), &Placement::letterbox(Region::whole(size), tensor));
    let reds: Vec<u8> = out[..8].iter().map(|pixel| pixel[0]).collect();
    // 0, 2.5, 7.5, 12.5, ...: at the edge, the parts of both rows are cut before they are added.
    assert_eq!(reds, [0, 2, 7, 12, 17, 22, 27, 30]);
}

#[test]
fn shrinking_by_a_factor_takes_two_neighbours_only() {
    let size = Size { width: 8, height: 8 };
    let tensor = Size { width: 2, height: 2 };
    let out = filled(&ramp(size), &Placement::letterbox(Region::whole(size), tensor));
    // Centres 1.5 and 5.5, whatever lies farther away.
    assert_eq!(out, [[15, 15, 200], [55, 15, 200], [15, 55, 200], [55, 55, 200]]);
}

#[test]
fn a_classifiers_crop_counts_every_pixel() {
    let size = Size { width: 8, height: 4 };
    let mut rgb = vec![0; 8 * 4 * 3];
    // One bright column in the middle, which two neighbours alone would miss.
    for row in rgb.chunks_exact_mut(8 * 3) {
        row[3 * 3..4 * 3].fill(240);
    }
    let pixels = Pixels::rgb(size, rgb).unwrap();
    let placement = Placement::centre_crop(Region::whole(size), Size { width: 2, height: 2 });
    let out = filled(&pixels, &placement);
    assert!(out.iter().any(|pixel| (40..=140).contains(&pixel[0])), "{out:?}");
}

#[test]
fn pictures_are_scaled_as_opencv_and_pillow_scale_them() {
    let all = golden::all();
    assert_eq!(all.len(), 33);
    for golden in all {
        let found = filled(&golden.pixels, &golden.placement);
        let expected = golden.expected.chunks_exact(3);
        let differing = found
            .iter()
            .zip(expected)
            .enumerate()
            .filter(|(_, (found, expected))| found != expected);
        assert_eq!(differing.collect::<Vec<_>>(), [], "{}", golden.name);
    }
}

#[test]
fn a_sample_is_divided_by_255() {
    let size = Size { width: 16, height: 16 };
    let grey = (0..=255).flat_map(|value| [value; 3]).collect();
    let mut out = [0.0; 3 * 256];
    let placement = Placement::letterbox(Region::whole(size), size);
    fill_host(&Pixels::rgb(size, grey).unwrap(), &placement, &mut out);
    for (value, sample) in (0..=255).cycle().zip(out) {
        assert_eq!(sample, value as f32 / 255.0);
    }
}

fn sizes(most: u32) -> impl Strategy<Value = Size> {
    (1..most, 1..most).prop_map(|(width, height)| Size { width, height })
}

fn pictures() -> impl Strategy<Value = Pixels> {
    let formats = [PixelFormat::Rgb, PixelFormat::Nv12, PixelFormat::I420];
    let colors = [ColorMatrix::Bt601, ColorMatrix::Bt709];
    let kinds = (
        prop::sample::select(formats.to_vec()),
        prop::sample::select(colors.to_vec()),
        any::<bool>(),
    );
    (kinds, sizes(90), 0..20_usize).prop_flat_map(|((format, matrix, full_range), size, pad)| {
        let lengths: Vec<usize> =
            format.plane_sizes(size).into_iter().map(|(row, rows)| (row + pad) * rows).collect();
        let planes = lengths.into_iter().map(|length| prop::collection::vec(any::<u8>(), length));
        planes.collect::<Vec<_>>().prop_map(move |planes| {
            let strides = format.plane_sizes(size).into_iter().map(|(row, _)| row + pad).collect();
            Pixels::new(format, size, strides, ColorSpace { matrix, full_range }, planes).unwrap()
        })
    })
}

fn placements() -> impl Strategy<Value = (Pixels, Placement)> {
    let kinds: [fn(Region, Size) -> Placement; 3] = [
        Placement::letterbox,
        |region, size| Placement::rect(region, size.width, 8),
        Placement::centre_crop,
    ];
    (
        pictures(),
        any::<[prop::sample::Index; 4]>(),
        sizes(70),
        any::<bool>(),
        prop::sample::select(kinds.to_vec()),
    )
        .prop_map(|(pixels, cuts, tensor, square, place)| {
            let span = |side: u32, [one, other]: [prop::sample::Index; 2]| {
                let [one, other] = [one, other].map(|index| index.index(side as usize) as u32);
                (one.min(other), one.abs_diff(other) + 1)
            };
            let Size { width, height } = pixels.size();
            let (x, width) = span(width, [cuts[0], cuts[1]]);
            let (y, height) = span(height, [cuts[2], cuts[3]]);
            let tensor = if square { Size { height: tensor.width, ..tensor } } else { tensor };
            (pixels, place(Region { x, y, width, height }, tensor))
        })
}

proptest! {
    #[test]
    fn every_processor_gives_the_same_bits_as_the_plain_way((pixels, placement) in placements()) {
        let expected = fill_plainly(&pixels, &placement);
        for vectors in Vectors::all() {
            let mut out = vec![-1.0; expected.len()];
            fill_with(vectors, &pixels, &placement, &mut out);
            prop_assert_eq!(&out, &expected, "{:?} {:?} {:?}", vectors, pixels.size(), placement);
        }
    }
}

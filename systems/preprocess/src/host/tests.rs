use detector_components::geometry::Region;

use super::*;

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

/// OpenCV: `cv2.resize(ramp, (8, 1), interpolation=cv2.INTER_LINEAR)` of one row of four.
#[test]
fn enlarging_keeps_half_pixel_centres() {
    let size = Size { width: 4, height: 4 };
    let tensor = Size { width: 8, height: 8 };
    let out = filled(&ramp(size), &Placement::letterbox(Region::whole(size), tensor));
    let reds: Vec<u8> = out[..8].iter().map(|pixel| pixel[0]).collect();
    // 0, 2.5, 7.5, 12.5, ...: halves are rounded up.
    assert_eq!(reds, [0, 3, 8, 13, 18, 23, 28, 30]);
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

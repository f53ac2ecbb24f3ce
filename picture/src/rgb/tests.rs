use detector_components::frame::{ColorMatrix, ColorSpace};

use super::*;

const VIDEO: ColorSpace = ColorSpace { matrix: ColorMatrix::Bt601, full_range: false };

/// One colour, in planes whose rows are padded by 3 bytes.
fn plain(format: PixelFormat, size: Size, [y, u, v]: [u8; 3]) -> Pixels {
    let mut strides = Vec::new();
    let mut planes = Vec::new();
    for (plane, (row, rows)) in format.plane_sizes(size).into_iter().enumerate() {
        let stride = row + 3;
        let mut bytes = vec![0; stride * rows];
        for line in bytes.chunks_exact_mut(stride) {
            for (at, byte) in line[..row].iter_mut().enumerate() {
                *byte = match (format, plane) {
                    (_, 0) => y,
                    (PixelFormat::Nv12, _) => [u, v][at % 2],
                    (_, 1) => u,
                    _ => v,
                };
            }
        }
        strides.push(stride);
        planes.push(bytes);
    }
    Pixels::new(format, size, strides, VIDEO, planes).unwrap()
}

/// Red in television's BT.601: 81, 90, 240.
#[test]
fn red_is_red_in_every_layout() {
    let size = Size { width: 5, height: 3 };
    for format in [PixelFormat::Nv12, PixelFormat::I420] {
        let picture = rgb(&plain(format, size, [81, 90, 240]), Region::whole(size));
        assert_eq!(picture.size, size);
        for pixel in picture.data.chunks_exact(3) {
            assert!(pixel[0] >= 253 && pixel[1] <= 2 && pixel[2] <= 2, "{format:?} {pixel:?}");
        }
    }
}

#[test]
fn a_part_with_odd_corners_is_cut_out() {
    let size = Size { width: 4, height: 4 };
    let bytes: Vec<u8> = (0..48).collect();
    let pixels = Pixels::rgb(size, bytes).unwrap();
    let part = rgb(&pixels, Region { x: 1, y: 3, width: 9, height: 9 });
    assert_eq!(part.size, Size { width: 3, height: 1 });
    assert_eq!(part.data, (39..48).collect::<Vec<u8>>());
}

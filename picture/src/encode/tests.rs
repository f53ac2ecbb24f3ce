use detector_components::geometry::Size;

use super::*;
use crate::decode;

fn grey(size: Size) -> Pixels {
    Pixels::rgb(size, vec![90; size.width as usize * size.height as usize * 3]).unwrap()
}

#[test]
fn pictures_come_back_as_they_went() {
    let size = Size { width: 21, height: 13 };
    let part = Region { x: 3, y: 5, width: 11, height: 7 };
    for bytes in
        [encode_jpeg(&grey(size), part, 90).unwrap(), encode_png(&grey(size), part).unwrap()]
    {
        let picture = decode(&bytes).unwrap();
        assert_eq!(picture.size(), part.size());
        assert!(picture.plane(0).iter().all(|&value| value.abs_diff(90) <= 2));
    }
}

#[test]
fn a_part_outside_is_refused() {
    let size = Size { width: 8, height: 8 };
    let outside = Region { x: 8, y: 0, width: 4, height: 4 };
    assert!(matches!(encode_jpeg(&grey(size), outside, 90), Err(PictureError::Empty)));
    assert!(matches!(encode_png(&grey(size), outside), Err(PictureError::Empty)));
}

use super::*;

fn region(width: u32, height: u32) -> Region {
    Region::whole(Size { width, height })
}

fn square(side: u32) -> Size {
    Size { width: side, height: side }
}

#[test]
fn a_wide_frame_is_padded_above_and_below() {
    let placement = Placement::letterbox(region(1920, 1080), square(640));
    assert_eq!(placement.resized, Size { width: 640, height: 360 });
    assert_eq!(placement.offset, [0, 140]);
}

#[test]
fn an_odd_padding_goes_right_and_below() {
    // 640 x 479 in 640 x 640: 161 rows of padding, 80 above and 81 below.
    let placement = Placement::letterbox(region(640, 479), square(640));
    assert_eq!(placement.offset, [0, 80]);
}

#[test]
fn a_half_rounds_to_even() {
    // 5 * 0.5 = 2.5 -> 2.
    let placement = Placement::letterbox(region(5, 8), square(4));
    assert_eq!(placement.resized, Size { width: 2, height: 4 });
}

#[test]
fn a_sliver_keeps_one_pixel() {
    let placement = Placement::letterbox(region(1, 4000), square(640));
    assert_eq!(placement.resized, Size { width: 1, height: 640 });
}

#[test]
fn rect_keeps_only_what_the_stride_needs() {
    // Ultralytics prints 640x480 for its bus.jpg (810 x 1080).
    let placement = Placement::rect(region(810, 1080), 640, 32);
    assert_eq!(placement.tensor, Size { width: 480, height: 640 });
    assert_eq!(placement.offset, [0, 0]);
}

#[test]
fn a_classifier_sees_the_middle() {
    let placement = Placement::centre_crop(region(810, 1080), square(224));
    assert_eq!(placement.resized, Size { width: 224, height: 298 });
    assert_eq!(placement.offset, [0, -37]);
}

#[test]
fn a_box_comes_back_into_the_frame() {
    let source = Region { x: 100, y: 50, width: 320, height: 160 };
    let placement = Placement::letterbox(source, square(640));
    let bbox = placement.frame_from_tensor(BBox { x1: 0.0, y1: 160.0, x2: 640.0, y2: 480.0 });
    assert_eq!(bbox, source.bbox());
}

#[test]
fn a_box_in_the_padding_is_cut_to_the_region() {
    let placement = Placement::letterbox(region(640, 320), square(640));
    let bbox = placement.frame_from_tensor(BBox { x1: -5.0, y1: 0.0, x2: 700.0, y2: 640.0 });
    assert_eq!(bbox, region(640, 320).bbox());
}

#[test]
fn a_box_covers_its_pixels() {
    let bbox = BBox { x1: 1.2, y1: -3.0, x2: 4.1, y2: 2.0 };
    assert_eq!(
        bbox.region_within(region(10, 10)),
        Some(Region { x: 1, y: 0, width: 4, height: 2 })
    );
}

#[test]
fn a_box_outside_covers_nothing() {
    let bbox = BBox { x1: 11.0, y1: 0.0, x2: 14.0, y2: 2.0 };
    assert_eq!(bbox.region_within(region(10, 10)), None);
}

#[test]
fn a_box_that_is_no_number_covers_nothing() {
    let bbox = BBox { x1: f32::NAN, y1: f32::NAN, x2: f32::NAN, y2: f32::NAN };
    assert_eq!(bbox.region_within(region(10, 10)), None);
}

#[test]
fn a_point_beside_the_picture_lies_beyond_it_until_it_is_moved() {
    let source = Region { x: 100, y: 50, width: 200, height: 100 };
    let placement = Placement::letterbox(source, Size { width: 100, height: 100 });
    let beside = placement.frame_point_from_tensor(Point { x: 50.0, y: 5.0 });
    assert_eq!(beside, Point { x: 200.0, y: 10.0 });
    assert_eq!(beside.within(source), Point { x: 200.0, y: 50.0 });
}

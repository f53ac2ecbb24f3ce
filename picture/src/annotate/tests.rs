use detector_components::outline::Keypoint;

use super::*;

const GREEN: [u8; 3] = [0, 200, 0];

fn grey(width: u32, height: u32) -> RgbPicture {
    let size = Size { width, height };
    RgbPicture { size, data: vec![128; (width * height * 3) as usize] }
}

fn label(x1: f32, y1: f32, x2: f32, y2: f32, text: &str) -> Label {
    let bbox_in_frame = BBox { x1, y1, x2, y2 };
    Label { bbox_in_frame, outline_in_frame: None, text: text.to_owned(), color: GREEN }
}

fn pixel(picture: &RgbPicture, x: u32, y: u32) -> [u8; 3] {
    let start = ((y * picture.size.width + x) * 3) as usize;
    picture.data[start..start + 3].try_into().unwrap()
}

fn draw(picture: &mut RgbPicture, labels: &[Label]) {
    let region = Region::whole(picture.size);
    annotate(picture, region, labels);
}

#[test]
fn a_box_has_its_colour_on_its_edge_and_nothing_in_its_middle() {
    let mut picture = grey(200, 150);
    draw(&mut picture, &[label(50.0, 40.0, 150.0, 120.0, "")]);
    for (x, y) in [(50, 80), (100, 40), (100, 119)] {
        let [red, green, blue] = pixel(&picture, x, y);
        assert!(green > 150 && red < 90 && blue < 90, "{x} {y}: {red} {green} {blue}");
    }
    assert_eq!(pixel(&picture, 100, 80), [128; 3]);
    assert_eq!(pixel(&picture, 10, 10), [128; 3]);
}

fn outlined(outline: Outline) -> Label {
    Label { outline_in_frame: Some(outline), ..label(50.0, 40.0, 150.0, 120.0, "") }
}

fn is_green([red, green, blue]: [u8; 3]) -> bool {
    // A thin line that lies across pixels is mixed with what is under it.
    green > red.saturating_add(60) && green > blue.saturating_add(60)
}

fn points<const N: usize>(points: [(f32, f32); N]) -> [Point; N] {
    points.map(|(x, y)| Point { x, y })
}

#[test]
fn a_mask_lies_over_what_it_covers_and_over_nothing_else() {
    let mut picture = grey(200, 150);
    let triangle = points([(60.0, 110.0), (140.0, 110.0), (60.0, 50.0)]).to_vec();
    draw(&mut picture, &[outlined(Outline::Mask(vec![triangle]))]);
    let [red, green, blue] = pixel(&picture, 70, 100);
    // What is under it is seen through it.
    assert!(green > 140 && (60..120).contains(&red) && red == blue, "{red} {green} {blue}");
    assert_eq!(pixel(&picture, 130, 60), [128; 3]);
    assert!(is_green(pixel(&picture, 50, 80)), "its box is drawn as well");
}

#[test]
fn points_are_marked_where_they_are_seen() {
    let mut picture = grey(200, 150);
    let [seen, known, hidden] = points([(70.0, 60.0), (100.0, 80.0), (130.0, 100.0)]);
    let keypoint = |point, visibility| Keypoint { point, visibility };
    let keypoints =
        vec![keypoint(seen, Some(0.9)), keypoint(known, None), keypoint(hidden, Some(0.1))];
    draw(&mut picture, &[outlined(Outline::Keypoints(keypoints))]);
    assert!(is_green(pixel(&picture, 70, 60)) && is_green(pixel(&picture, 100, 80)));
    assert_eq!(pixel(&picture, 130, 100), [128; 3]);
    assert_eq!(pixel(&picture, 85, 70), [128; 3]);
}

#[test]
fn a_rotated_box_takes_the_place_of_the_upright_one() {
    let mut picture = grey(200, 150);
    let corners = points([(100.0, 40.0), (150.0, 80.0), (100.0, 120.0), (50.0, 80.0)]);
    draw(&mut picture, &[outlined(Outline::Rotated { corners, angle: 0.7 })]);
    for (x, y) in [(125, 60), (125, 100), (75, 60), (75, 99)] {
        assert!(is_green(pixel(&picture, x, y)), "{x} {y}: {:?}", pixel(&picture, x, y));
    }
    for (x, y) in [(50, 40), (100, 80), (150, 119), (50, 119)] {
        assert_eq!(pixel(&picture, x, y), [128; 3], "{x} {y}");
    }
}

#[test]
fn forms_are_seen_in_the_smallest_and_the_largest_pictures() {
    for (width, height) in [(64, 48), (3_840, 2_160)] {
        let mut picture = grey(width, height);
        // The same part of the frame, in another size.
        let region = Region { x: 0, y: 0, width: 640, height: 480 };
        let whole = BBox { x1: 100.0, y1: 100.0, x2: 500.0, y2: 400.0 };
        let triangle = points([(100.0, 100.0), (500.0, 100.0), (100.0, 400.0)]).to_vec();
        let point = Point { x: 400.0, y: 300.0 };
        let of = |outline| Label { bbox_in_frame: whole, ..outlined(outline) };
        let keypoints = Outline::Keypoints(vec![Keypoint { point, visibility: None }]);
        annotate(&mut picture, region, &[of(Outline::Mask(vec![triangle])), of(keypoints)]);
        let at = |x: u32, y: u32| pixel(&picture, x * width / 640, y * height / 480);
        assert!(is_green(at(400, 300)), "{width}: {:?}", at(400, 300));
        assert!(at(160, 160)[1] > 140, "{width}: {:?}", at(160, 160));
        assert_eq!(at(450, 350), [128; 3], "{width}");
    }
}

#[test]
fn forms_that_are_nowhere_draw_nothing() {
    let untouched = {
        let mut picture = grey(200, 150);
        draw(&mut picture, &[label(50.0, 40.0, 150.0, 120.0, "")]);
        picture
    };
    let nowhere = Point { x: f32::NAN, y: f32::INFINITY };
    let far = points([(1e30, 1e30), (-1e30, 1e30), (3e30, 2e30)]).to_vec();
    let forms = [
        Outline::Mask(vec![vec![], vec![nowhere; 3], far, vec![Point { x: 80.0, y: 80.0 }]]),
        Outline::Keypoints(vec![Keypoint { point: nowhere, visibility: None }]),
        Outline::Rotated { corners: [nowhere; 4], angle: f32::NAN },
    ];
    for form in forms {
        let mut picture = grey(200, 150);
        draw(&mut picture, &[outlined(form)]);
        assert!(picture == untouched);
    }
}

#[test]
fn a_tag_at_the_upper_edge_stays_in_the_picture() {
    let mut picture = grey(320, 240);
    draw(&mut picture, &[label(250.0, 0.0, 320.0, 60.0, "motorcycle 0.91")]);
    // Wider than what is right of the box's left edge: moved to the left.
    let ground = (0..240).flat_map(|x| (2..14).map(move |y| (x, y)));
    let drawn = ground.filter(|&(x, y)| pixel(&picture, x, y) == GREEN).count();
    assert!(drawn > 20, "{drawn}");
}

#[test]
fn a_picture_of_a_part_shows_what_lies_in_that_part() {
    let mut picture = grey(100, 100);
    let region = Region { x: 400, y: 300, width: 200, height: 200 };
    annotate(&mut picture, region, &[label(440.0, 340.0, 560.0, 460.0, "")]);
    let [red, green, _] = pixel(&picture, 20, 50);
    assert!(green > 150 && red < 90);
}

#[test]
fn boxes_elsewhere_draw_nothing() {
    let untouched = grey(64, 48);
    let mut picture = untouched.clone();
    let nan = f32::NAN;
    draw(
        &mut picture,
        &[
            label(70.0, 10.0, 90.0, 20.0, "right"),
            label(-30.0, 10.0, -1.0, 20.0, "left"),
            label(nan, nan, nan, nan, "nowhere"),
            label(40.0, 40.0, 10.0, 10.0, "inside out"),
        ],
    );
    assert!(picture == untouched);
}

#[test]
fn endless_boxes_and_endless_texts_are_drawn() {
    let mut picture = grey(64, 48);
    let huge = f32::INFINITY;
    draw(&mut picture, &[label(-huge, -1e30, huge, 1e30, &"endless ".repeat(100_000))]);
    assert_ne!(pixel(&picture, 1, 24), [128; 3]);
}

#[test]
fn letters_of_other_alphabets_and_controls_do_no_harm() {
    let mut picture = grey(320, 240);
    draw(&mut picture, &[label(50.0, 50.0, 90.0, 90.0, "Ж ł 車 🚗 \u{7} \u{202e}\nsecond")]);
}

#[test]
fn the_smallest_pictures_can_be_drawn_on() {
    for (width, height) in [(1, 1), (2, 1), (1, 40), (40, 3), (0, 0)] {
        let mut picture = grey(width, height);
        draw(&mut picture, &[label(0.0, 0.0, 40.0, 40.0, "person 0.91")]);
    }
}

#[test]
fn tags_of_neighbours_do_not_cover_each_other() {
    let mut picture = grey(640, 480);
    let canvas = Canvas::new(&mut picture);
    let sizes = Sizes::of(Size { width: 640, height: 480 });
    let line = Line::new("person 0.91", sizes.text, 600.0);
    let bbox = Rectangle { x1: 100.0, y1: 100.0, x2: 200.0, y2: 300.0 };
    let mut tags: Vec<Rectangle> = Vec::new();
    for _ in 0..4 {
        let tag = place(&bbox, &line, &canvas, &sizes, &tags);
        assert!(!tags.iter().any(|other| other.overlaps(&tag)), "{tags:?} {tag:?}");
        tags.push(tag);
    }
}

#[test]
fn text_is_black_on_yellow_and_white_on_blue() {
    assert_eq!(readable_on([250, 220, 40]), [16; 3]);
    assert_eq!(readable_on([20, 30, 160]), [255; 3]);
}

/// Writes an example to look at: the file is named by `ANNOTATED_EXAMPLE`.
#[test]
#[ignore = "writes a picture for people"]
fn an_example_can_be_looked_at() {
    let file = std::env::var_os("ANNOTATED_EXAMPLE").expect("where to write it");
    let size = Size { width: 960, height: 540 };
    let data = (0..540_u32)
        .flat_map(|y| {
            (0..960_u32).flat_map(move |x| {
                let sky = [150 + (y / 6) as u8, 170 + (y / 8) as u8, 200];
                if y < 260 { sky } else { [(70 + x % 7) as u8, 74, 78] }
            })
        })
        .collect();
    let mut picture = RgbPicture { size, data };
    let label = |x1, y1, x2, y2, class: &str, confidence: f32| Label {
        bbox_in_frame: BBox { x1, y1, x2, y2 },
        outline_in_frame: None,
        text: format!("{class} {confidence:.2}"),
        color: crate::color_of(class),
    };
    let form = |outline, label: Label| Label { outline_in_frame: Some(outline), ..label };
    let body =
        points([(95.0, 200.0), (80.0, 250.0), (110.0, 250.0), (85.0, 330.0), (108.0, 330.0)]);
    let body = body.map(|point| Keypoint { point, visibility: Some(0.9) }).to_vec();
    let car = points([
        (270.0, 410.0),
        (270.0, 340.0),
        (340.0, 320.0),
        (380.0, 250.0),
        (480.0, 250.0),
        (530.0, 330.0),
        (555.0, 410.0),
    ]);
    let ship = points([(660.0, 400.0), (740.0, 450.0), (700.0, 510.0), (620.0, 460.0)]);
    draw(
        &mut picture,
        &[
            form(Outline::Keypoints(body), label(60.0, 180.0, 160.0, 430.0, "person", 0.91)),
            label(130.0, 170.0, 230.0, 440.0, "person", 0.84),
            form(Outline::Mask(vec![car.to_vec()]), label(260.0, 240.0, 560.0, 420.0, "car", 0.97)),
            form(
                Outline::Rotated { corners: ship, angle: 0.56 },
                label(620.0, 400.0, 740.0, 510.0, "ship", 0.8),
            ),
            label(330.0, 370.0, 420.0, 400.0, "plate", 0.66),
            label(540.0, -20.0, 900.0, 330.0, "bus", 0.88),
            label(880.0, 300.0, 990.0, 500.0, "motorcycle", 0.51),
            label(-10.0, 480.0, 50.0, 560.0, "truck", 0.42),
        ],
    );
    let png = crate::encode_png(&picture.try_into().unwrap(), Region::whole(size)).unwrap();
    std::fs::write(file, png).unwrap();
}

use super::*;

const GREEN: [u8; 3] = [0, 200, 0];

fn grey(width: u32, height: u32) -> RgbPicture {
    let size = Size { width, height };
    RgbPicture { size, data: vec![128; (width * height * 3) as usize] }
}

fn label(x1: f32, y1: f32, x2: f32, y2: f32, text: &str) -> Label {
    Label { bbox_in_frame: BBox { x1, y1, x2, y2 }, text: text.to_owned(), color: GREEN }
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
        text: format!("{class} {confidence:.2}"),
        color: crate::color_of(class),
    };
    draw(
        &mut picture,
        &[
            label(60.0, 180.0, 160.0, 430.0, "person", 0.91),
            label(130.0, 170.0, 230.0, 440.0, "person", 0.84),
            label(260.0, 240.0, 560.0, 420.0, "car", 0.97),
            label(330.0, 370.0, 420.0, 400.0, "plate", 0.66),
            label(540.0, -20.0, 900.0, 330.0, "bus", 0.88),
            label(880.0, 300.0, 990.0, 500.0, "motorcycle", 0.51),
            label(600.0, 380.0, 760.0, 520.0, "bicycle", 0.73),
            label(-10.0, 480.0, 50.0, 560.0, "truck", 0.42),
        ],
    );
    let png = crate::encode_png(&picture.try_into().unwrap(), Region::whole(size)).unwrap();
    std::fs::write(file, png).unwrap();
}

//! The two trained fixtures do what the tests of the whole engine rely on: the detector finds
//! squares and balls, the classifier tells their colours.

use detector_yolo::{Criteria, Pictures, Prediction, ScoredBox, Task};

use crate::fixture;

const GROUND: f32 = 40.0;
const COLOURS: [(&str, [f32; 3]); 3] =
    [("red", [220.0, 40.0, 40.0]), ("green", [40.0, 200.0, 60.0]), ("blue", [50.0, 80.0, 230.0])];

#[derive(Clone, Copy)]
struct Drawn {
    ball: bool,
    middle: [f32; 2],
    size: f32,
    colour: [f32; 3],
}

impl Drawn {
    fn covers(&self, x: usize, y: usize) -> bool {
        let dx = (x as f32 + 0.5 - self.middle[0]).abs();
        let dy = (y as f32 + 0.5 - self.middle[1]).abs();
        let half = self.size / 2.0;
        if self.ball { dx * dx + dy * dy <= half * half } else { dx <= half && dy <= half }
    }

    fn overlap(&self, [x1, y1, x2, y2]: [f32; 4]) -> f32 {
        let half = self.size / 2.0;
        let [left, top] = self.middle.map(|middle| middle - half);
        let width = (x2.min(left + self.size) - x1.max(left)).max(0.0);
        let height = (y2.min(top + self.size) - y1.max(top)).max(0.0);
        let both = width * height;
        both / ((x2 - x1) * (y2 - y1) + self.size * self.size - both)
    }
}

/// A dark grey picture with shapes on it.
fn draw(side: usize, shapes: &[Drawn]) -> Pictures<'static> {
    let mut values = vec![GROUND / 255.0; 3 * side * side];
    for y in 0..side {
        for x in 0..side {
            for shape in shapes.iter().filter(|shape| shape.covers(x, y)) {
                for (channel, value) in shape.colour.iter().enumerate() {
                    values[(channel * side + y) * side + x] = value / 255.0;
                }
            }
        }
    }
    Pictures::new(values, [1, 3, side, side])
}

#[test]
fn squares_and_balls_are_found() {
    let network = fixture::network("tiny-color-detect");
    assert_eq!(network.info().task, Task::Detect);
    assert_eq!(network.info().input, [128, 128]);
    let classes: Vec<&str> = network.info().classes.iter().map(AsRef::as_ref).collect();
    assert_eq!(classes, ["square", "ball"]);

    for (step, percent) in (15..=60).step_by(5).enumerate() {
        for ball in [false, true] {
            let (_, colour) = COLOURS[step % 3];
            let size = 128.0 * percent as f32 / 100.0;
            let room = 128.0 - size;
            let middle = [size / 2.0 + room * 0.3, size / 2.0 + room * 0.7].map(f32::round);
            let drawn = Drawn { ball, middle, size, colour };
            let criteria = Criteria { min_confidence: 0.5, ..Criteria::default() };
            let found = network.predict(draw(128, &[drawn]), &[criteria]).unwrap();
            let [Prediction::Boxes(boxes)] = found.as_slice() else {
                panic!("a detector finds boxes");
            };
            let &[ScoredBox { bbox, class, .. }] = boxes.as_slice() else {
                panic!("one shape of {percent}%, ball: {ball}, but {boxes:?}");
            };
            assert_eq!(class, u32::from(ball), "{percent}%");
            assert!(drawn.overlap(bbox) > 0.7, "{percent}%, ball: {ball}: {bbox:?}");
        }
    }
}

/// Run by `script/test` on the software Vulkan device.
mod half {
    use detector_yolo::LoadOptions;

    use super::*;

    #[test]
    #[ignore = "needs a GPU: DETECTOR_TEST_DEVICE=gpu, or =software"]
    fn the_same_is_found_in_16_bits() {
        let options = LoadOptions { engine: fixture::half(), ..LoadOptions::default() };
        let half = fixture::network_with("tiny-color-detect", &options);
        let whole = fixture::network("tiny-color-detect");
        let criteria = [Criteria { min_confidence: 0.3, ..Criteria::default() }];
        let mut count = 0;
        for (step, ball) in [false, true, false, true].into_iter().enumerate() {
            let size = 24.0 + 16.0 * step as f32;
            let middle = [40.0 + 10.0 * step as f32, 80.0 - 5.0 * step as f32];
            let drawn = [Drawn { ball, middle, size, colour: COLOURS[step % 3].1 }];
            let found = half.predict(draw(128, &drawn), &criteria).unwrap();
            let expected = whole.predict(draw(128, &drawn), &criteria).unwrap();
            let ([Prediction::Boxes(found)], [Prediction::Boxes(expected)]) =
                (found.as_slice(), expected.as_slice())
            else {
                panic!("a detector finds boxes");
            };
            assert_eq!(found.len(), expected.len());
            for (found, expected) in found.iter().zip(expected) {
                assert_eq!(found.class, expected.class);
                assert!((found.confidence - expected.confidence).abs() <= 0.01, "{found:?}");
                assert!(iou(found.bbox, expected.bbox) >= 0.98, "{found:?}, not {expected:?}");
                count += 1;
            }
        }
        assert!(count >= 4, "every shape is found");
    }

    fn iou(a: [f32; 4], b: [f32; 4]) -> f32 {
        let area = |[x1, y1, x2, y2]: [f32; 4]| (x2 - x1).max(0.0) * (y2 - y1).max(0.0);
        let both = area([a[0].max(b[0]), a[1].max(b[1]), a[2].min(b[2]), a[3].min(b[3])]);
        both / (area(a) + area(b) - both)
    }
}

#[test]
fn nothing_is_found_on_the_ground() {
    let network = fixture::network("tiny-color-detect");
    let criteria = Criteria { min_confidence: 0.3, ..Criteria::default() };
    let found = network.predict(draw(128, &[]), &[criteria]).unwrap();
    assert_eq!(found, [Prediction::Boxes(Vec::new())]);
}

#[test]
fn colours_are_told() {
    let network = fixture::network("tiny-color-classify");
    assert_eq!(network.info().task, Task::Classify);
    assert_eq!(network.info().input, [32, 32]);
    for (class, (name, colour)) in COLOURS.into_iter().enumerate() {
        assert_eq!(&*network.info().classes[class], name);
        for ball in [false, true] {
            for size in [22.0, 27.0, 32.0] {
                let picture = draw(32, &[Drawn { ball, middle: [16.0, 16.0], size, colour }]);
                let found = network.predict(picture, &[Criteria::default()]).unwrap();
                let [Prediction::Probabilities(probabilities)] = found.as_slice() else {
                    panic!("a classifier gives probabilities");
                };
                assert!(probabilities[class] > 0.8, "{name}, ball: {ball}: {probabilities:?}");
            }
        }
    }
}

//! An operator who runs `detect` on a picture gets what Ultralytics finds in it: the same boxes,
//! confidences, masks, keypoints and probabilities. From the file's bytes on: decoding, scaling, the
//! network, suppression, and the way back into pixels of the picture.
//!
//! The pictures have odd sizes, stand and lie, are larger and smaller than the network's input.
//! `tests/fixtures/pictures/expected.py` wrote what Ultralytics finds.

use std::path::{Path, PathBuf};
use std::process::Command;

use detector_components::geometry::{BBox, Placement, Point, Region, Size};
use serde_json::Value;
use sha2::{Digest, Sha256};

const OVERLAP: f64 = 0.7;

/// The least overlap of a box or a mask with what the reference found.
const SAME: f32 = 0.99;
/// The largest difference of a confidence or a probability.
const TOLERANCE: f64 = 1e-3;
/// The largest distance of a keypoint or a corner, in pixels of a network's input: what is printed has
/// two digits.
const DISTANCE: f32 = 0.1;

#[test]
fn small_networks_find_what_ultralytics_finds_in_pictures_of_odd_sizes() {
    let pictures = Path::new("tests/fixtures/pictures");
    let found =
        check_all(&pictures.join("expected.json"), Path::new("tests/fixtures/models"), pictures);
    assert!(found > 500, "{found}");
}

#[test]
#[ignore = "needs the assets: script/assets"]
fn real_networks_find_what_ultralytics_finds_in_photographs() {
    let cache = std::env::var_os("XDG_CACHE_HOME").map(PathBuf::from).unwrap_or_else(|| {
        PathBuf::from(std::env::var_os("HOME").expect("a home folder")).join(".cache")
    });
    let assets = cache.join("detector-worker/assets");
    let expected = Path::new("tests/fixtures/pictures/expected_assets.json");
    let found = check_all(expected, &assets, &assets);
    assert!(found > 40, "{found}");
}

/// Checks everything that a file expects. How many things were found.
fn check_all(expected: &Path, models: &Path, pictures: &Path) -> usize {
    let expected = std::fs::read_to_string(expected).unwrap();
    let checkpoints: Vec<Value> = serde_json::from_str(&expected).unwrap();
    let mut count = 0;
    for checkpoint in &checkpoints {
        let file = models.join(text(&checkpoint["checkpoint"]));
        let digest = Sha256::digest(std::fs::read(&file).unwrap());
        let digest: String = digest.iter().map(|byte| format!("{byte:02x}")).collect();
        assert_eq!(
            digest,
            text(&checkpoint["sha256"]),
            "{}: another checkpoint than that which was recorded: run expected.py again",
            file.display()
        );
        for rect in [true, false] {
            let shapes = |picture: &&Value| picture["rect"] == rect;
            let expected: Vec<&Value> =
                list(&checkpoint["pictures"]).iter().filter(shapes).collect();
            if expected.is_empty() {
                continue;
            }
            let files = expected.iter().map(|each| pictures.join(text(&each["picture"])));
            let confidence = checkpoint["confidence"].as_f64().unwrap();
            let found = detect(&file, rect, confidence, &files.collect::<Vec<_>>());
            assert_eq!(found.len(), expected.len());
            for (found, expected) in found.iter().zip(expected) {
                let of = format!("{} rect: {rect} {}", file.display(), expected["picture"]);
                count += Comparison { of, confidence, found, expected }.check();
            }
        }
    }
    count
}

/// The lines that `detect` prints.
fn detect(model: &Path, rect: bool, confidence: f64, pictures: &[PathBuf]) -> Vec<Value> {
    let mut command = Command::new(env!("CARGO_BIN_EXE_detector-worker"));
    // As the reference computes; `auto` may be faster and less exact.
    command.args(["detect", "--device", "cpu", "--precision", "f32", "--model"]).arg(model);
    command.args(["--conf", &confidence.to_string(), "--iou", &OVERLAP.to_string()]);
    command.arg(if rect { "--rect" } else { "--square" });
    let output = command.args(pictures).output().unwrap();
    let printed = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    printed.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// What was found in a picture, and what should be.
struct Comparison<'a> {
    of: String,
    confidence: f64,
    found: &'a Value,
    expected: &'a Value,
}

impl Comparison<'_> {
    fn check(&self) -> usize {
        if let Some(expected) = self.expected["probabilities"].as_array() {
            return self.check_probabilities(expected);
        }
        let rotated = self.expected["rotated"].as_array();
        let expected = rotated.unwrap_or_else(|| list(&self.expected["boxes"]));
        let mut rest: Vec<&Value> = list(&self.found["detections"]).iter().collect();
        for (at, row) in expected.iter().enumerate() {
            let row = numbers(row);
            let same = |found: &&Value| match rotated {
                Some(_) => self.is_same_rotated(found, &row),
                None => is_same_box(found, &row),
            };
            let Some(same) = rest.iter().position(same) else {
                // On the edge of what is reported, it may fall either way.
                let confidence = row[row.len() - 2];
                assert!(
                    confidence < self.confidence + TOLERANCE,
                    "{}: none is {row:?}: {rest:?}",
                    self.of
                );
                continue;
            };
            let found = rest.swap_remove(same);
            if let Some(masks) = self.expected["masks"].as_array() {
                self.check_mask(found, &row, &numbers(&masks[at]));
            }
            if let Some(keypoints) = self.expected["keypoints"].as_array() {
                self.check_keypoints(found, list(&keypoints[at]));
            }
        }
        for found in rest {
            assert!(
                number(&found["confidence"]) < self.confidence + TOLERANCE,
                "{}: {found}",
                self.of
            );
        }
        expected.len()
    }

    fn check_probabilities(&self, expected: &[Value]) -> usize {
        let found = list(&self.found["probs"]);
        assert!(!found.is_empty(), "{}", self.of);
        for found in found {
            let expected = number(&expected[number(&found["classId"]) as usize]);
            let difference = (number(&found["confidence"]) - expected).abs();
            assert!(difference <= TOLERANCE, "{}: {found}, not {expected}", self.of);
        }
        found.len()
    }

    /// `expected`: x, y, width, height, angle, confidence, class.
    fn is_same_rotated(&self, found: &Value, expected: &[f64]) -> bool {
        let [x, y, width, height, angle, confidence, class] = expected[..] else { panic!("a row") };
        let corners: Vec<Vec<f64>> = list(&found["corners"]).iter().map(numbers).collect();
        let (sin, cos) = angle.sin_cos();
        // Ultralytics takes a rotated box to the picture side by side, whatever its angle, though both
        // axes are scaled alike only up to half a pixel: much, in a picture of few columns.
        let Size { width: columns, height: rows } = self.picture();
        let uneven = 0.5 * f64::from(self.scale()) / f64::from(columns.min(rows));
        let all_there =
            [(-1.0, -1.0), (-1.0, 1.0), (1.0, -1.0), (1.0, 1.0)].iter().all(|(a, b)| {
                let (across, down) = (a * width / 2.0, b * height / 2.0);
                let corner = [x + across * cos - down * sin, y + across * sin + down * cos];
                let distance = |at: &Vec<f64>| (at[0] - corner[0]).hypot(at[1] - corner[1]);
                // A hundredth of an area is half of that of each side.
                let most = (0.005 + uneven / 2.0) * width.hypot(height)
                    + f64::from(DISTANCE * self.scale());
                corners.iter().any(|at| distance(at) <= most)
            });
        all_there && is_same(found, confidence, class)
    }

    fn check_keypoints(&self, found: &Value, expected: &[Value]) {
        let found = list(&found["keypoints"]);
        assert_eq!(found.len(), expected.len(), "{}", self.of);
        for (found, expected) in found.iter().zip(expected) {
            let (at, wanted) = (numbers(found), numbers(expected));
            let distance = (at[0] - wanted[0]).hypot(at[1] - wanted[1]);
            assert!(
                distance <= f64::from(DISTANCE * self.scale()),
                "{}: {at:?}, not {wanted:?}",
                self.of
            );
            if let ([.., seen], 3) = (&at[..], wanted.len()) {
                assert!(
                    (seen - wanted[2]).abs() <= TOLERANCE,
                    "{}: {at:?}, not {wanted:?}",
                    self.of
                );
            }
        }
    }

    /// `bbox`: x1, y1, x2, y2. `runs`: how many pixels of the tensor do not belong to it, how many do,
    /// and so on.
    fn check_mask(&self, found: &Value, bbox: &[f64], runs: &[f64]) {
        let Size { width, height } = self.tensor();
        let placement = self.placement();
        let expected = runs.iter().zip([false, true].into_iter().cycle());
        let mut expected: Vec<bool> =
            expected.flat_map(|(&run, there)| std::iter::repeat_n(there, run as usize)).collect();
        expected.resize((width * height) as usize, false);
        // Only the outer edges of a mask are told.
        fill_holes(&mut expected, width as usize);
        let parts: Vec<Vec<Vec<f64>>> = list(&found["mask"])
            .iter()
            .map(|part| list(part).iter().map(numbers).collect())
            .collect();
        let (mut both, mut either) = (0, 0);
        for y in 0..height {
            let middle = |x: u32| Point { x: x as f32 + 0.5, y: y as f32 + 0.5 };
            let in_frame = |x: u32| placement.frame_point_from_tensor(middle(x));
            let crossings: Vec<_> =
                parts.iter().map(|part| crossings(part, f64::from(in_frame(0).y))).collect();
            for x in 0..width {
                let at = f64::from(in_frame(x).x);
                // What lies over the padding is told by nobody.
                let source = placement.source;
                let inside = (0.0..f64::from(source.width)).contains(&at)
                    && (0.0..source.height as f32).contains(&in_frame(x).y);
                if !inside {
                    continue;
                }
                // A part may lie in a hole of another.
                let is_in = crossings.iter().any(|crossings| {
                    crossings.iter().filter(|&&crossing| crossing < at).count() % 2 == 1
                });
                let expected = expected[(y * width + x) as usize];
                both += u32::from(is_in && expected);
                either += u32::from(is_in || expected);
            }
        }
        // A mask ends where its box does, which may be on either side of a row of pixels.
        let row = (bbox[2] - bbox[0]).max(bbox[3] - bbox[1]) as f32 / self.scale() + 1.0;
        let most = (1.0 - SAME) * either as f32 + row;
        assert!((either - both) as f32 <= most, "{}: {both} of {either} pixels", self.of);
    }

    fn tensor(&self) -> Size {
        let [height, width] = numbers(&self.expected["tensor"])[..] else { panic!("two sides") };
        Size { width: width as u32, height: height as u32 }
    }

    /// How the picture lies in the network's input.
    fn placement(&self) -> Placement {
        Placement::letterbox(Region::whole(self.picture()), self.tensor())
    }

    fn picture(&self) -> Size {
        let side = |name: &str| number(&self.found[name]) as u32;
        Size { width: side("width"), height: side("height") }
    }

    /// Pixels of the picture to one of the network's input, at least one.
    fn scale(&self) -> f32 {
        let Size { width, height } = self.picture();
        let longest = number(&self.expected["longest"]) as f32;
        (width.max(height) as f32 / longest).max(1.0)
    }
}

/// Where the edges of a polygon cross a row.
fn crossings(ring: &[Vec<f64>], y: f64) -> Vec<f64> {
    ring.iter()
        .zip(ring.iter().cycle().skip(1))
        .filter(|(from, to)| (from[1] <= y) != (to[1] <= y))
        .map(|(from, to)| from[0] + (y - from[1]) / (to[1] - from[1]) * (to[0] - from[0]))
        .collect()
}

/// `expected`: x1, y1, x2, y2, confidence, class.
fn is_same_box(found: &Value, expected: &[f64]) -> bool {
    let [.., confidence, class] = expected[..] else { panic!("a row") };
    let bbox = |corners: &[f64]| {
        let [x1, y1, x2, y2] = [0, 1, 2, 3].map(|at| corners[at] as f32);
        BBox { x1, y1, x2, y2 }
    };
    let (found_box, expected) = (bbox(&numbers(&found["bbox"])), bbox(expected));
    // At the edge of a picture, what is left of a box may have no area.
    let close = |one: f32, other: f32| (one - other).abs() <= DISTANCE;
    let is_there = SAME <= found_box.iou(&expected)
        || close(found_box.x1, expected.x1)
            && close(found_box.y1, expected.y1)
            && close(found_box.x2, expected.x2)
            && close(found_box.y2, expected.y2);
    is_there && is_same(found, confidence, class)
}

fn is_same(found: &Value, confidence: f64, class: f64) -> bool {
    number(&found["classId"]) == class
        && (number(&found["confidence"]) - confidence).abs() <= TOLERANCE
}

#[track_caller]
fn list(value: &Value) -> &Vec<Value> {
    value.as_array().unwrap_or_else(|| panic!("a list, not {value}"))
}

#[track_caller]
fn numbers(value: &Value) -> Vec<f64> {
    list(value).iter().map(number).collect()
}

#[track_caller]
fn number(value: &Value) -> f64 {
    value.as_f64().unwrap_or_else(|| panic!("a number, not {value}"))
}

#[track_caller]
fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_else(|| panic!("a text, not {value}"))
}

/// Sets what cannot be reached from the edge of the picture.
fn fill_holes(pixels: &mut [bool], width: usize) {
    let height = pixels.len() / width;
    let at_edge = |at: &usize| {
        let (x, y) = (at % width, at / width);
        x == 0 || y == 0 || x + 1 == width || y + 1 == height
    };
    let mut open: Vec<usize> =
        (0..pixels.len()).filter(at_edge).filter(|&at| !pixels[at]).collect();
    let mut outside = vec![false; pixels.len()];
    while let Some(at) = open.pop() {
        if std::mem::replace(&mut outside[at], true) {
            continue;
        }
        let (x, y) = (at % width, at / width);
        let beside = [
            (x > 0).then(|| at - 1),
            (x + 1 < width).then(|| at + 1),
            (y > 0).then(|| at - width),
            (y + 1 < height).then(|| at + width),
        ];
        open.extend(beside.into_iter().flatten().filter(|&at| !pixels[at] && !outside[at]));
    }
    pixels.iter_mut().zip(outside).for_each(|(pixel, outside)| *pixel = !outside);
}

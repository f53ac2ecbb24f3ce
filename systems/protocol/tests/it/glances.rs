//! Someone draws detections over pictures: what was found, and the very frame that it was found in,
//! come in one answer.

use detector_components::clock::Moment;
use detector_components::command::Crop;
use detector_components::frame::Pixels;
use detector_components::geometry::Size;
use detector_components::view::LatestResults;
use serde_json::{Value, json};

use crate::pictures::{Answer, get, get_with};
use crate::scene::{SIZE, Scene, finding, frame, results};
use crate::stand::Engine;

/// The parts of an answer, taken apart as RFC 7578 says.
#[track_caller]
fn parts(answer: &Answer) -> (Value, Pixels) {
    assert_eq!(answer.status, 200, "{}", String::from_utf8_lossy(&answer.body));
    let kind = answer.headers["content-type"].to_str().unwrap();
    let boundary = kind.strip_prefix("multipart/form-data; boundary=").unwrap();
    let found: Vec<&[u8]> = split(&answer.body, format!("--{boundary}").as_bytes());
    let [_, told, picture, end] = found[..] else { panic!("{} parts", found.len()) };
    assert_eq!(end, b"--\r\n");
    let body = |part: &'_ [u8], head: &str| -> Vec<u8> {
        let at = part.windows(4).position(|four| four == b"\r\n\r\n").unwrap();
        assert!(String::from_utf8_lossy(&part[..at]).contains(head), "{head}");
        part[at + 4..].strip_suffix(b"\r\n").unwrap().to_vec()
    };
    let told = serde_json::from_slice(&body(told, "name=\"results\"")).unwrap();
    (told, detector_picture::decode(&body(picture, "name=\"image\"")).unwrap())
}

fn split<'a>(mut body: &'a [u8], boundary: &[u8]) -> Vec<&'a [u8]> {
    let mut parts = Vec::new();
    while let Some(at) = body.windows(boundary.len()).position(|found| found == boundary) {
        parts.push(&body[..at]);
        body = &body[at + boundary.len()..];
    }
    parts.push(body);
    parts
}

/// A camera whose newest frame is 42, and whose newest results are of frame 41.
fn scene(engine: &Engine) -> Scene {
    engine.advance(1_500);
    engine.ask(|world| {
        let scene = Scene::new(world);
        scene.subscribe(world, "gate;cam", None);
        scene.subscribe(world, "blue;cam", Some(Crop { x1: 32, y1: 0, x2: 90, y2: 90 }));
        scene.show(world, frame(42, Moment { nanos: 1_400_000_000 }));
        let car = finding("car", 0.9, [4.0, 4.0, 60.0, 44.0]);
        let found = results(frame(41, Moment { nanos: 1_250_000_000 }), vec![car]);
        world.entity_mut(scene.view).insert(LatestResults(found));
        scene
    })
}

#[test]
fn results_come_with_the_frame_that_they_were_found_in() {
    let engine = Engine::start();
    scene(&engine);
    let answer = get(&engine, "/camera/gate%3Bcam/results");
    let (told, picture) = parts(&answer);
    assert_eq!(
        told,
        json!({
            "frame": 41, "timestamp": "1970-01-01T00:00:01.250Z", "frameAgeMs": 250,
            "imageWidth": 64, "imageHeight": 48, "region": [0, 0, 64, 48], "inferenceMs": 12.3,
            "detections": [{"class": "car", "confidence": 0.9, "bbox": [4, 4, 60, 44]}],
        })
    );
    assert_eq!(picture.size(), SIZE);
    assert_eq!(answer.headers["x-frame-sequence"], "41");
}

#[test]
fn a_crop_says_which_part_of_the_frame_it_is() {
    let engine = Engine::start();
    scene(&engine);
    let (told, picture) = parts(&get(&engine, "/camera/blue%3Bcam/results"));
    assert_eq!(told["region"], json!([32, 0, 64, 48]));
    assert_eq!(picture.size(), Size { width: 32, height: 48 });
}

#[test]
fn before_anything_was_found_out_there_is_the_newest_frame() {
    let engine = Engine::start();
    engine.ask(|world| {
        let scene = Scene::new(world);
        scene.subscribe(world, "gate;cam", None);
        scene.show(world, frame(7, Moment::default()));
    });
    let (told, _) = parts(&get(&engine, "/camera/gate%3Bcam/results"));
    assert_eq!((&told["frame"], &told["detections"]), (&json!(7), &json!([])));
    assert_eq!(told.get("inferenceMs"), None);
}

#[test]
fn a_picture_is_made_no_wider_than_it_is_asked_for() {
    let engine = Engine::start();
    engine.ask(|world| {
        let scene = Scene::new(world);
        scene.subscribe(world, "gate;cam", None);
        let wide = Pixels::rgb(Size { width: 256, height: 96 }, vec![200; 256 * 96 * 3]).unwrap();
        let wide = detector_components::frame::Frame {
            pixels: std::sync::Arc::new(wide),
            ..frame(1, Moment::default())
        };
        scene.show(world, wide);
    });
    let (told, picture) = parts(&get(&engine, "/camera/gate%3Bcam/results?width=128"));
    assert_eq!(picture.size(), Size { width: 128, height: 48 });
    // What is told stays in pixels of the camera.
    assert_eq!(told["region"], json!([0, 0, 256, 96]));
    let (_, picture) = parts(&get(&engine, "/camera/gate%3Bcam/results?width=4000"));
    assert_eq!(picture.size(), Size { width: 256, height: 96 });
}

#[test]
fn what_a_viewer_has_is_not_sent_again() {
    let engine = Engine::start();
    scene(&engine);
    let path = "/camera/gate%3Bcam/results?width=100";
    let tag = get(&engine, path).headers["etag"].to_str().unwrap().to_owned();
    let again = get_with(&engine, path, &[("if-none-match", &tag)]);
    assert_eq!((again.status, again.body.len()), (304, 0));
    let wider = get_with(&engine, "/camera/gate%3Bcam/results", &[("if-none-match", &tag)]);
    assert_eq!(wider.status, 200);
}

#[test]
fn what_cannot_be_shown_is_said() {
    let engine = Engine::start();
    let told = |path: &str| {
        let answer = get(&engine, path);
        (answer.status, answer.json()["error"].as_str().unwrap().to_owned())
    };
    let unknown = "no subscription or camera is called so".to_owned();
    assert_eq!(told("/camera/gate%3Bcam/results"), (404, unknown));
    let (status, why) = told("/camera/gate%3Bcam/results?width=wide");
    assert_eq!(status, 400);
    assert!(why.starts_with("width: expected"), "{why}");
}

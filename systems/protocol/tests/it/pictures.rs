//! Someone looks at what a camera shows, over HTTP.

use bevy_ecs::prelude::*;
use detector_components::camera::LatestFrame;
use detector_components::clock::Moment;
use detector_components::command::Crop;
use detector_components::frame::Pixels;
use detector_components::geometry::{Point, Region, Size};
use detector_components::outline::Outline;
use detector_components::view::LatestResults;
use reqwest::header::HeaderMap;
use serde_json::{Value, json};

use crate::scene::{SIZE, Scene, finding, frame, results};
use crate::stand::Engine;

/// An answer over HTTP.
pub struct Answer {
    pub status: u16,
    pub headers: HeaderMap,
    pub body: Vec<u8>,
}

impl Answer {
    #[track_caller]
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap()
    }

    #[track_caller]
    fn picture(&self) -> Pixels {
        assert_eq!(self.status, 200, "{}", String::from_utf8_lossy(&self.body));
        assert_eq!(self.headers["content-type"], "image/jpeg");
        detector_picture::decode(&self.body).unwrap()
    }
}

pub fn get(engine: &Engine, path: &str) -> Answer {
    get_with(engine, path, &[])
}

pub fn get_with(engine: &Engine, path: &str, headers: &[(&str, &str)]) -> Answer {
    // Whether another test of this process was first does not matter.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let mut request = reqwest::Client::new().get(format!("http://{}{path}", engine.address));
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    engine.runtime.block_on(async {
        let response = request.send().await.unwrap();
        Answer {
            status: response.status().as_u16(),
            headers: response.headers().clone(),
            body: response.bytes().await.unwrap().to_vec(),
        }
    })
}

/// The colour in the middle of a picture.
fn middle(pixels: &Pixels) -> [u8; 3] {
    let Size { width, height } = pixels.size();
    let picture = detector_picture::rgb(pixels, Region::whole(pixels.size()));
    let at = (height / 2 * width + width / 2) as usize * 3;
    picture.data[at..at + 3].try_into().unwrap()
}

#[track_caller]
fn check_color(pixels: &Pixels, expected: [u8; 3]) {
    let found = middle(pixels);
    let far = found.iter().zip(expected).any(|(&found, expected)| found.abs_diff(expected) > 20);
    assert!(!far, "{found:?}, expected {expected:?}");
}

const RED: [u8; 3] = [255, 0, 0];
const BLUE: [u8; 3] = [0, 0, 255];

/// A scene with a frame, cropped to its red half as `red;cam` and to its blue half as `blue;cam`.
fn scene(engine: &Engine) -> Scene {
    engine.advance(1_500);
    engine.ask(|world| {
        let scene = Scene::new(world);
        scene.subscribe(world, "red;cam", Some(Crop { x1: -5, y1: 0, x2: 32, y2: 24 }));
        scene.subscribe(world, "blue;cam", Some(Crop { x1: 32, y1: 0, x2: 90, y2: 90 }));
        scene.show(world, frame(42, Moment { nanos: 1_234_567_890 }));
        scene
    })
}

#[test]
fn a_subscription_shows_its_crop() {
    let engine = Engine::start();
    scene(&engine);
    let red = get(&engine, "/camera/red%3Bcam/image").picture();
    assert_eq!(red.size(), Size { width: 32, height: 24 });
    check_color(&red, RED);
    let blue = get(&engine, "/camera/blue;cam/image").picture();
    assert_eq!(blue.size(), Size { width: 32, height: 48 });
    check_color(&blue, BLUE);
}

#[test]
fn a_camera_by_its_name_shows_all_of_the_frame() {
    let engine = Engine::start();
    scene(&engine);
    assert_eq!(get(&engine, "/camera/cam/image").picture().size(), SIZE);
}

#[test]
fn a_picture_says_when_it_was_taken() {
    let engine = Engine::start();
    scene(&engine);
    let headers = get(&engine, "/camera/cam/image").headers;
    assert_eq!(headers["last-modified"], "Thu, 01 Jan 1970 00:00:01 GMT");
    assert_eq!(headers["x-frame-age-ms"], "265");
    assert_eq!(headers["x-frame-sequence"], "42");
}

#[test]
fn a_picture_that_the_client_has_is_not_sent_again() {
    let engine = Engine::start();
    let scene = scene(&engine);
    let tag = get(&engine, "/camera/cam/image").headers["etag"].to_str().unwrap().to_owned();
    let again = get_with(&engine, "/camera/cam/image", &[("if-none-match", &tag)]);
    assert_eq!((again.status, again.body.len()), (304, 0));
    assert_eq!(again.headers["etag"], *tag);

    engine.ask(move |world| scene.show(world, frame(43, Moment { nanos: 1_400_000_000 })));
    let newer = get_with(&engine, "/camera/cam/image", &[("if-none-match", &tag)]);
    assert_eq!(newer.headers["x-frame-sequence"], "43");
    newer.picture();
}

#[test]
fn detections_are_drawn_on_the_frame_that_they_were_found_in() {
    let engine = Engine::start();
    let scene = scene(&engine);
    engine.ask(move |world| {
        let car = finding("car", 0.9, [4.0, 4.0, 60.0, 44.0]);
        let found = results(frame(41, Moment { nanos: 1_000_000_000 }), vec![car]);
        world.entity_mut(scene.view).insert(LatestResults(found));
    });
    let plain = get(&engine, "/camera/cam/image");
    let drawn = get(&engine, "/camera/cam/image?annotated=1");
    assert_eq!(plain.headers["x-frame-sequence"], "42");
    assert_eq!(drawn.headers["x-frame-sequence"], "41");
    assert_ne!(plain.headers["etag"], drawn.headers["etag"]);
    assert_eq!(drawn.picture().size(), SIZE);
    assert_ne!(plain.body, drawn.body);
}

#[test]
fn forms_are_drawn_where_a_network_tells_more_than_a_box() {
    let engine = Engine::start();
    let scene = scene(&engine);
    let [red, blue] = [4.0_f32, 36.0].map(|left| {
        let corner = |x, y| Point { x: left + x, y };
        vec![corner(0.0, 8.0), corner(24.0, 8.0), corner(24.0, 40.0), corner(0.0, 40.0)]
    });
    let show = |outline| {
        let mut car = finding("car", 0.9, [2.0, 2.0, 62.0, 46.0]);
        car.outline_in_frame = outline;
        let found = results(frame(41, Moment { nanos: 1_000_000_000 }), vec![car]);
        engine.ask(move |world| {
            world.entity_mut(scene.view).insert(LatestResults(found));
        });
        get(&engine, "/camera/red;cam/image?annotated=1").picture()
    };
    let (bare, masked) = (show(None), show(Some(Outline::Mask(vec![red]))));
    let elsewhere = show(Some(Outline::Mask(vec![blue])));
    check_color(&bare, RED);
    let [bare, masked, elsewhere] = [bare, masked, elsewhere].map(|picture| middle(&picture));
    assert!(bare.iter().zip(masked).any(|(bare, masked)| bare.abs_diff(masked) > 30), "{masked:?}");
    assert!(
        bare.iter().zip(elsewhere).all(|(bare, other)| bare.abs_diff(other) < 10),
        "{elsewhere:?}"
    );
}

#[test]
fn a_frame_is_shared_not_taken() {
    let engine = Engine::start();
    let scene = scene(&engine);
    for _ in 0..3 {
        get(&engine, "/camera/cam/image").picture();
    }
    let sequence =
        engine.ask(move |world| world.get::<LatestFrame>(scene.camera).unwrap().0.sequence);
    assert_eq!(sequence, 42);
}

#[track_caller]
fn check_refused(engine: &Engine, path: &str, status: u16, error: &str) {
    let answer = get(engine, path);
    assert_eq!((answer.status, answer.json()), (status, json!({"error": error})));
}

#[test]
fn what_cannot_be_shown_is_said() {
    let engine = Engine::start();
    let unknown = "no subscription or camera is called so";
    check_refused(&engine, "/camera/cam/image", 404, unknown);
    let no_frame = "the camera has not given a frame yet";
    engine.ask(|world| {
        let scene = Scene::new(world);
        scene.subscribe(world, "gate;cam", Some(Crop { x1: 64, y1: 0, x2: 90, y2: 90 }));
    });
    check_refused(&engine, "/camera/cam/image", 503, no_frame);
    check_refused(&engine, "/camera/gate%3Bcam/image?annotated=1", 503, no_frame);
    check_refused(&engine, "/camera/other%2Fcam/image", 404, unknown);
}

#[test]
fn a_crop_beside_the_frame_is_said() {
    let engine = Engine::start();
    engine.ask(|world: &mut World| {
        let scene = Scene::new(world);
        scene.subscribe(world, "gate;cam", Some(Crop { x1: 64, y1: 0, x2: 90, y2: 90 }));
        scene.show(world, frame(1, Moment::default()));
    });
    let beside = "nothing of the crop lies within the camera's frame";
    check_refused(&engine, "/camera/gate%3Bcam/image", 422, beside);
}

#[test]
fn a_busy_engine_is_not_waited_for_without_end() {
    let engine = Engine::start_with(|config| {
        config.request_timeout = std::time::Duration::from_millis(50);
    });
    scene(&engine);
    let pause = engine.pause();
    check_refused(&engine, "/camera/cam/image", 504, "no answer within 50 ms");
    drop(pause);
}

//! A camera gives one picture at a time.

use std::time::Duration;

use detector_components::camera::CameraSource;
use detector_components::geometry::Region;
use detector_components::secret::SecretUrl;
use detector_picture::encode_jpeg;
use detector_simulator::{HttpServer, Scene};

use crate::stand::Engine;

pub fn jpeg(number: u64) -> Vec<u8> {
    let picture = Scene::default().draw(number);
    encode_jpeg(&picture, Region::whole(picture.size()), 90).unwrap()
}

fn source(server: &HttpServer) -> CameraSource {
    CameraSource::Snapshot {
        url: SecretUrl::new(server.url("/still.jpg")),
        interval: Duration::from_millis(50),
    }
}

#[test]
fn pictures_come_at_their_interval() {
    let server = HttpServer::start().unwrap();
    server.put_with("/still.jpg", |hit| ("image/jpeg".to_owned(), jpeg(hit)));
    let mut engine = Engine::new();
    let camera = engine.open(source(&server));
    let frame = engine.frame_after(camera, 2);
    assert_eq!(frame.pixels.size(), Scene::default().size);
    engine.wait_for(camera, "Running");
}

#[test]
fn what_is_no_picture_is_said() {
    let server = HttpServer::start().unwrap();
    server.put("/still.jpg", "text/html", "<html>please log in");
    let mut engine = Engine::new();
    let camera = engine.open(source(&server));
    let reason = engine.reason(camera);
    assert!(reason.contains("this is no picture") && reason.contains("<html>"), "{reason}");

    server.put("/still.jpg", "image/jpeg", jpeg(1));
    engine.wait_for(camera, "Running");
    engine.frame_after(camera, 0);
}

#[test]
fn half_a_picture_is_not_shown() {
    let server = HttpServer::start().unwrap();
    let mut half = jpeg(1);
    half.truncate(half.len() / 2);
    server.put("/still.jpg", "image/jpeg", half);
    let mut engine = Engine::new();
    let camera = engine.open(source(&server));
    let reason = engine.reason(camera);
    assert!(reason.contains("broken"), "{reason}");
    assert!(engine.frame(camera).is_none());
}

#[test]
fn a_refusal_is_said() {
    let server = HttpServer::start().unwrap();
    server.put("/still.jpg", "image/jpeg", jpeg(1));
    server.fail("/still.jpg", 503);
    let mut engine = Engine::new();
    let camera = engine.open(source(&server));
    assert_eq!(engine.reason(camera), "the camera says 503 Service Unavailable");
}

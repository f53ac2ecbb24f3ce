//! Somebody wants to see what the worker sees, without a CMS or beside one. A window shows the camera
//! with boxes where the objects are; whatever becomes of the window, the worker goes on.

use detector_components::geometry::BBox;
use detector_picture::{RgbPicture, color_of};
use serde_json::Value;

use crate::desktop::{Desktop, is_framed, place};
use crate::program::Program;
use crate::stand::{Cms, PATIENCE, fixture, start_camera, start_web_server};
use crate::webcam::Webcam;

const ENTER: u32 = 0xff0d;
const ESCAPE: u32 = 0xff1b;
const RIGHT: u32 = 0xff53;

/// A pixel of the scene's red square. Nothing of the window is as red.
fn is_red([red, green, blue]: [u8; 3]) -> bool {
    red > 150 && green < 90 && blue < 90
}

/// Where the red square is, if a box in the colour of squares is around it.
fn boxed_square(picture: &RgbPicture) -> Option<BBox> {
    let square = place(picture, is_red)?;
    let side = square.x2 - square.x1;
    is_framed(picture, square, color_of("square"), side * 0.12 + 3.0).then_some(square)
}

#[test]
fn a_camera_is_viewed_with_boxes_where_the_objects_are() {
    let (desktop, camera) = (Desktop::start(), start_camera());
    let (model, source) = (fixture("tiny-color-detect.pt"), camera.url("/drawn").to_string());
    let program = Program::begin_on(
        desktop.display(),
        &["view", "--device", "cpu", "--model", model.to_str().unwrap(), "--source", &source],
    );

    let square = desktop.wait_for("box around the red square", boxed_square);
    // One camera is shown large: its frame has 320 columns, of which the square has 48 at least.
    assert!(square.x2 - square.x1 > 96.0, "{square:?}");
    // It follows the object.
    desktop.wait_for("box that follows it", |picture| {
        boxed_square(picture).filter(|moved| (moved.y1 - square.y1).abs() > 20.0)
    });

    desktop.close_window();
    let (status, said) = program.wait_for_end();
    assert_eq!(status, Some(0), "{said}");
    camera.wait_for_clients("/drawn", 0, PATIENCE).unwrap();
}

#[test]
fn the_camera_of_this_machine_is_viewed() {
    let (desktop, webcam) = (Desktop::start(), Webcam::new());
    let (model, source) = (fixture("tiny-color-detect.pt"), Webcam::DEVICE);
    let program = Program::begin_on_with(
        desktop.display(),
        &webcam.variables(),
        &["view", "--device", "cpu", "--model", model.to_str().unwrap(), "--source", source],
    );
    desktop.wait_for("box around the red square", boxed_square);
    desktop.close_window();
    let (status, said) = program.wait_for_end();
    assert_eq!(status, Some(0), "{said}");
}

#[test]
fn a_closed_window_leaves_the_worker_running() {
    let (desktop, camera, web) = (Desktop::start(), start_camera(), start_web_server(1));
    let args = ["run", "--window", "--device", "cpu", "--listen", "127.0.0.1:0"];
    let mut program = Program::begin_on(desktop.display(), &args);
    program.wait_until_it_listens();
    let mut cms = Cms::connect(program.address());
    let (url, model) = (camera.url("/drawn").to_string(), web.url("/colors.mpta").to_string());
    cms.subscribe("gate;drawn", &url, &model);
    cms.subscribe("office;yard", web.url("/nothing.jpg").as_str(), &model);

    // Two cameras beside each other, one of which is not there; then the other large, and back.
    let width = |picture: &RgbPicture| boxed_square(picture).map(|square| square.x2 - square.x1);
    let small = desktop.wait_for("tile with a box", width);
    desktop.press(RIGHT);
    desktop.press(ENTER);
    desktop.wait_for("large picture", |picture| width(picture).filter(|wide| small * 1.3 < *wide));
    desktop.press(ESCAPE);
    desktop.wait_for("tile again", |picture| width(picture).filter(|wide| *wide < small * 1.3));

    desktop.close_window();
    program.wait_for_line(&["the window is closed; the worker goes on"]);
    cms.wait_for_detection("gate;drawn");
    assert_eq!(program.end(), Some(0));
}

#[test]
fn without_a_display_the_worker_runs_and_says_so() {
    let args = ["run", "--window", "--device", "cpu", "--listen", "127.0.0.1:0"];
    let mut program = Program::begin_on(":99999", &args);
    program.wait_for_line(&["no display can be opened", "the worker runs without one"]);
    program.wait_until_it_listens();
    let report = |message: &Value| message["type"] == "stateReport";
    Cms::connect(program.address()).wait_for("report", report);
    assert_eq!(program.end(), Some(0));
}

#[test]
fn without_a_display_view_says_what_to_do() {
    let model = fixture("tiny-color-detect.pt");
    let args = ["view", "--model", model.to_str().unwrap(), "--source", "0"];
    let (status, said) = Program::begin_on(":99999", &args).wait_for_end();
    assert_eq!(status, Some(1), "{said}");
    assert!(said.contains("set DISPLAY") && said.contains("the worker's page"), "{said}");
}

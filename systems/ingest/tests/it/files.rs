//! A file is played like a camera.

use std::path::{Path, PathBuf};

use detector_components::camera::{CameraSource, StreamState};
use gstreamer as gst;
use gstreamer::prelude::*;
use tempfile::TempDir;

use crate::stand::Engine;

/// Half a second of a test picture.
pub fn video(folder: &TempDir, muxer: &str) -> PathBuf {
    detector_ingest::init().unwrap();
    let file = folder.path().join("clip");
    let pipeline = gst::parse::launch(&format!(
        "videotestsrc num-buffers=15 ! video/x-raw,format=I420,width=64,height=48,framerate=30/1 \
         ! x264enc tune=zerolatency ! {muxer} ! filesink location={}",
        file.display()
    ))
    .unwrap();
    pipeline.set_state(gst::State::Playing).unwrap();
    let bus = pipeline.bus().unwrap();
    let wanted = [gst::MessageType::Eos, gst::MessageType::Error];
    let end = bus.timed_pop_filtered(gst::ClockTime::from_seconds(30), &wanted).unwrap();
    assert_eq!(end.type_(), gst::MessageType::Eos);
    pipeline.set_state(gst::State::Null).unwrap();
    file
}

fn source(path: &Path, looped: bool) -> CameraSource {
    CameraSource::File { path: path.to_owned(), looped, real_time: true }
}

#[test]
fn a_file_ends_and_says_so() {
    let folder = tempfile::tempdir().unwrap();
    let mut engine = Engine::new();
    let camera = engine.open(source(&video(&folder, "mp4mux"), false));
    engine.frame_after(camera, 0);
    let state = engine.wait_for(camera, "Failed");
    assert_eq!(state, StreamState::Failed { reason: "the file has ended".into() });
}

#[test]
fn a_looped_file_goes_on() {
    let folder = tempfile::tempdir().unwrap();
    let mut engine = Engine::new();
    let camera = engine.open(source(&video(&folder, "mp4mux"), true));
    engine.frame_after(camera, 40);
    assert_eq!(engine.state(camera), StreamState::Running);
}

#[test]
fn a_missing_device_is_said() {
    let mut engine = Engine::new();
    let camera = engine.open(CameraSource::Device("/dev/video-nowhere".into()));
    let reason = engine.reason(camera);
    assert!(reason.contains("/dev/video-nowhere"), "{reason}");
}

#[test]
fn a_missing_file_is_said() {
    let mut engine = Engine::new();
    let camera = engine.open(source(Path::new("/nowhere/clip.mp4"), false));
    assert!(engine.reason(camera).contains("No such file"));
}

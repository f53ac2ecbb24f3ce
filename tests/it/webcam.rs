//! Somebody has a camera at this machine. It is seen at a rate that keeps up, and where it gives
//! nothing, the reason is said.
//!
//! The camera is one of the test's own: GStreamer asks it, over Video4Linux's own calls, what it would
//! ask any other.

use std::path::Path;
use std::process::Command;

use detector_components::geometry::{Region, Size};
use detector_picture::encode_jpeg;
use detector_simulator::Scene;
use serde_json::Value;
use tempfile::TempDir;

use crate::program::{Program, Variables};
use crate::stand::{Cms, fixture};

/// A webcam at `/dev/full`, for programs that are given its variables.
pub struct Webcam {
    folder: TempDir,
}

impl Webcam {
    /// Where it is.
    pub const DEVICE: &str = "/dev/full";

    pub fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/webcam/webcam.c");
        let status = Command::new("cc")
            .args(["-O2", "-shared", "-fPIC", "-o"])
            .args([&folder.path().join("webcam.so"), &source])
            .status()
            .expect("cc: install the Debian package build-essential");
        assert!(status.success());
        for (width, height) in [(640, 480), (1280, 720), (1920, 1080)] {
            let scene = Scene { size: Size { width, height }, ..Scene::default() };
            let jpeg = encode_jpeg(&scene.draw(0), Region::whole(scene.size), 90).unwrap();
            std::fs::write(folder.path().join(format!("{width}x{height}.jpg")), jpeg).unwrap();
        }
        Self { folder }
    }

    pub fn variables(&self) -> Variables {
        let folder = self.folder.path();
        vec![
            ("LD_PRELOAD", folder.join("webcam.so").into()),
            ("WEBCAM", Self::DEVICE.into()),
            ("WEBCAM_PICTURES", folder.into()),
        ]
    }

    /// When another program has its pictures (`WEBCAM_BUSY`), or it offers raw ones only (`WEBCAM_RAW`).
    fn when(&self, what: &'static str) -> Variables {
        [self.variables(), vec![(what, "1".into())]].concat()
    }
}

fn probe(variables: &Variables, device: &str) -> (Option<i32>, Value, TempDir) {
    let folder = tempfile::tempdir().unwrap();
    let frame = folder.path().join("frame.jpg");
    let args = ["probe", "--json", "--seconds", "1", "-o", frame.to_str().unwrap(), device];
    let (status, said) = Program::run_with(variables, &args);
    let report = serde_json::from_str(&said).unwrap_or_else(|_| panic!("{said}"));
    (status, report, folder)
}

#[test]
fn a_webcam_is_opened_in_a_mode_that_keeps_up() {
    let webcam = Webcam::new();
    let (status, report, folder) = probe(&webcam.variables(), Webcam::DEVICE);
    assert_eq!(status, Some(0), "{report:#}");
    // Raw, it would come in this size five times a second.
    let video = &report["video"];
    assert_eq!(video["codec"], "JPEG", "{video}");
    assert_eq!((&video["width"], &video["height"]), (&1920.into(), &1080.into()));
    assert_eq!(video["declared_fps"], 30.0, "{video}");
    let frame = std::fs::read(folder.path().join("frame.jpg")).unwrap();
    let size = detector_picture::decode(&frame).unwrap().size();
    assert_eq!(size, Size { width: 1920, height: 1080 });
}

#[test]
fn a_webcam_without_encoded_pictures_is_opened_in_a_small_size_that_keeps_up() {
    let webcam = Webcam::new();
    let (status, report, folder) = probe(&webcam.when("WEBCAM_RAW"), Webcam::DEVICE);
    assert_eq!(status, Some(0), "{report:#}");
    assert_eq!(report["video"]["codec"], "none: raw pictures", "{report:#}");
    assert_eq!(report["video"]["declared_fps"], 30.0, "{report:#}");
    let frame = std::fs::read(folder.path().join("frame.jpg")).unwrap();
    let picture = detector_picture::decode(&frame).unwrap();
    assert_eq!(picture.size(), Size { width: 640, height: 480 });
    // The red square in its middle, and the grey around it.
    let picture = detector_picture::rgb(&picture, Region::whole(picture.size()));
    let pixel = |x: usize, y: usize| &picture.data[(y * 640 + x) * 3..][..3];
    let (middle, corner) = (pixel(320, 240), pixel(20, 20));
    assert!(middle[0] > 180 && middle[1] < 80 && middle[2] < 80, "{middle:?}");
    assert!(corner.iter().all(|value| value.abs_diff(corner[0]) < 8), "{corner:?}");
}

#[test]
fn a_webcam_that_gives_nothing_is_told_with_what_to_do() {
    let webcam = Webcam::new();
    for (variables, device, reason, advice) in [
        (webcam.when("WEBCAM_BUSY"), Webcam::DEVICE, "another program uses it", "fuser"),
        (Variables::new(), "/dev/null", "/dev/null", "several devices"),
        (Variables::new(), "/dev/video-none", "No such file", "ls /dev/video*"),
    ] {
        let (status, report, _folder) = probe(&variables, device);
        assert_eq!(status, Some(1), "{report:#}");
        let problem = &report["problem"];
        assert!(problem["reason"].as_str().unwrap().contains(reason), "{device}: {problem}");
        assert!(problem["advice"].as_str().unwrap().contains(advice), "{device}: {problem}");
    }
}

#[test]
fn a_client_is_shown_a_webcam_where_it_may_name_files() {
    let (webcam, model) = (Webcam::new(), fixture("tiny-color-detect.pt"));
    let (folder, name) = (model.parent().unwrap(), model.file_name().unwrap());
    let models_dir = format!("models_dir={}", folder.display());
    let url = format!("file://{}", Webcam::DEVICE);
    for allowed in [true, false] {
        let allow = format!("allow_file_urls={allowed}");
        let args = ["run", "--device", "cpu", "--set", &models_dir, "--set", &allow];
        let program = Program::start_with(&webcam.variables(), &args);
        let mut cms = Cms::connect(program.address());
        cms.subscribe("gate;webcam", &url, name.to_str().unwrap());
        if allowed {
            cms.wait_for_detection("gate;webcam");
        } else {
            let refused = cms.wait_for("an error", |message| message["type"] == "error");
            assert!(refused.to_string().contains("devices of this machine"), "{refused}");
        }
        assert_eq!(program.end(), Some(0));
    }
}

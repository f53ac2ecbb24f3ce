//! Cameras as a client meets them: GStreamer's own RTSP source, over loopback.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;
use std::time::{Duration, Instant};

use detector_components::geometry::Size;
use detector_simulator::{Footage, Login, RtspServer, Scene, SimulatorError, Stream};
use gstreamer as gst;
use gstreamer::prelude::*;
use gstreamer_app::AppSink;

/// The longest that anything may take. Reaching it is a failure.
const PATIENCE: Duration = Duration::from_secs(20);

fn start() -> RtspServer {
    RtspServer::start((Ipv4Addr::LOCALHOST, 0).into()).unwrap()
}

/// A client that watches a camera over TCP.
struct Client {
    pipeline: gst::Pipeline,
    sink: AppSink,
}

struct Picture {
    rgb: Vec<u8>,
    size: Size,
    pts: gst::ClockTime,
}

impl Client {
    fn watch(url: &url::Url) -> Self {
        let pipeline = gst::parse::launch(
            "rtspsrc name=camera protocols=tcp latency=0 tcp-timeout=5000000 ! \
             rtph264depay ! avdec_h264 ! videoconvert ! video/x-raw,format=RGB ! \
             appsink name=pictures sync=false max-buffers=200",
        )
        .unwrap()
        .downcast::<gst::Pipeline>()
        .unwrap();
        pipeline.by_name("camera").unwrap().set_property("location", url.as_str());
        let sink = pipeline.by_name("pictures").unwrap().downcast::<AppSink>().unwrap();
        // A refusal is found on the bus.
        let _ = pipeline.set_state(gst::State::Playing);
        Self { pipeline, sink }
    }

    /// The next picture, or why there is none.
    fn next_within(&self, timeout: Duration) -> Result<Picture, String> {
        let deadline = Instant::now() + timeout;
        let bus = self.pipeline.bus().unwrap();
        loop {
            if let Some(sample) = self.sink.try_pull_sample(gst::ClockTime::from_mseconds(50)) {
                let caps = sample.caps().unwrap().structure(0).unwrap();
                let side = |name| caps.get::<i32>(name).unwrap() as u32;
                let buffer = sample.buffer().unwrap();
                let size = Size { width: side("width"), height: side("height") };
                let rgb = buffer.map_readable().unwrap().to_vec();
                return Ok(Picture { rgb, size, pts: buffer.pts().unwrap() });
            }
            if let Some(message) = bus.pop_filtered(&[gst::MessageType::Error])
                && let gst::MessageView::Error(error) = message.view()
            {
                return Err(format!("{} ({:?})", error.error(), error.debug()));
            }
            if self.sink.is_eos() {
                return Err("the stream ended".to_owned());
            }
            if deadline < Instant::now() {
                return Err("no picture in time".to_owned());
            }
        }
    }

    #[track_caller]
    fn next(&self) -> Picture {
        self.next_within(PATIENCE).unwrap()
    }

    /// Why the stream ended, at last.
    #[track_caller]
    fn end(&self) -> String {
        let deadline = Instant::now() + PATIENCE;
        while Instant::now() < deadline {
            if let Err(reason) = self.next_within(PATIENCE) {
                return reason;
            }
        }
        panic!("the stream did not end");
    }
}

impl Drop for Client {
    fn drop(&mut self) {
        let _ = self.pipeline.set_state(gst::State::Null);
    }
}

/// Whether a picture shows a frame of a scene, as far as a video's compression lets it.
fn shows(picture: &Picture, scene: &Scene, frame: u64) -> bool {
    scene.shapes_at(frame).iter().all(|shown| {
        let x = ((shown.bbox.x1 + shown.bbox.x2) / 2.0) as usize;
        // The upper and the lower end: a shape elsewhere is not taken for this one.
        [shown.bbox.y1 + 6.0, shown.bbox.y2 - 6.0].into_iter().all(|y| {
            let pixel = &picture.rgb[(y as usize * picture.size.width as usize + x) * 3..][..3];
            pixel.iter().zip(shown.color.rgb()).all(|(a, b)| a.abs_diff(b) < 50)
        })
    })
}

fn write_video(file: &Path, encoder: &str) {
    gst::init().unwrap();
    let pipeline = gst::parse::launch(&format!(
        "videotestsrc num-buffers=10 pattern=ball ! \
         video/x-raw,format=I420,width=160,height=120,framerate=10/1 ! {encoder} ! \
         filesink name=file"
    ))
    .unwrap()
    .downcast::<gst::Pipeline>()
    .unwrap();
    pipeline.by_name("file").unwrap().set_property("location", file);
    pipeline.set_state(gst::State::Playing).unwrap();
    let ends = [gst::MessageType::Eos, gst::MessageType::Error];
    let message =
        pipeline.bus().unwrap().timed_pop_filtered(gst::ClockTime::from_seconds(20), &ends);
    assert_eq!(message.expect("an end").type_(), gst::MessageType::Eos);
    pipeline.set_state(gst::State::Null).unwrap();
}

#[test]
fn a_drawn_scene_arrives_in_its_colours_and_places() {
    let server = start();
    server.add("/drawn", Stream::new(Footage::drawn())).unwrap();
    let client = Client::watch(&server.url("/drawn"));
    let scene = Scene::default();
    let mut last = 0;
    for _ in 0..5 {
        let picture = client.next();
        assert_eq!(picture.size, scene.size);
        // Which frame this is, is not said; only that they come in their order.
        let frame = (last..last + 100).find(|&frame| shows(&picture, &scene, frame));
        last = frame.expect("a picture of a frame of the scene");
    }
}

#[test]
fn a_pattern_has_the_size_that_was_asked_for() {
    let server = start();
    let size = Size { width: 202, height: 118 };
    server.add("/pattern", Stream::new(Footage::Pattern { size, fps: 15 })).unwrap();
    assert_eq!(Client::watch(&server.url("/pattern")).next().size, size);
}

#[track_caller]
fn check_that_it_loops(encoder: &str) {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("video.mp4");
    write_video(&file, encoder);
    let server = start();
    server.add("/file", Stream::new(Footage::File { path: file })).unwrap();
    let client = Client::watch(&server.url("/file"));
    let started = Instant::now();
    let mut before = client.next().pts;
    // Ten pictures are in the file.
    for _ in 0..25 {
        let pts = client.next().pts;
        let step = pts.checked_sub(before).expect("timestamps do not fall");
        // A tenth of a second, as the client's clock estimates it while the machine is busy. A picture
        // that is missing makes two tenths, one that is shown twice makes none.
        assert!((40..=160).contains(&step.mseconds()), "{step}");
        before = pts;
    }
    assert!(started.elapsed() > Duration::from_millis(1_500), "faster than life");
}

#[test]
fn a_video_goes_on_with_its_beginning() {
    check_that_it_loops("x264enc tune=zerolatency ! h264parse ! mp4mux");
}

#[test]
fn a_video_with_b_frames_goes_on_with_its_beginning() {
    check_that_it_loops("x264enc bframes=3 b-adapt=false ! h264parse ! mp4mux");
}

#[test]
fn a_video_of_another_codec_goes_on_with_its_beginning() {
    check_that_it_loops("jpegenc ! qtmux");
}

#[test]
fn what_is_no_video_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("not-a-video.mp4");
    std::fs::write(&file, "this is text").unwrap();
    let refused = start().add("/file", Stream::new(Footage::File { path: file }));
    assert!(matches!(refused, Err(SimulatorError::File { .. })), "{refused:?}");
    let missing = Footage::File { path: folder.path().join("nothing.mp4") };
    assert!(matches!(start().add("/x", Stream::new(missing)), Err(SimulatorError::File { .. })));
}

#[test]
fn odd_sizes_are_refused() {
    let size = Size { width: 321, height: 240 };
    let refused = start().add("/odd", Stream::new(Footage::Pattern { size, fps: 10 }));
    assert!(matches!(refused, Err(SimulatorError::Format { .. })), "{refused:?}");
}

#[test]
fn clients_are_counted_as_they_come_and_go() {
    let server = start();
    server.add("/drawn", Stream::new(Footage::drawn())).unwrap();
    server.add("/other", Stream::new(Footage::pattern())).unwrap();
    assert_eq!(server.clients("/drawn"), 0);
    let first = Client::watch(&server.url("/drawn"));
    first.next();
    let second = Client::watch(&server.url("/drawn"));
    second.next();
    server.wait_for_clients("/drawn", 2, PATIENCE).unwrap();
    assert_eq!(server.clients("/other"), 0);
    drop(first);
    server.wait_for_clients("/drawn", 1, PATIENCE).unwrap();
    // Whoever is left goes on.
    second.next();
    drop(second);
    server.wait_for_clients("/drawn", 0, PATIENCE).unwrap();
    let error = server.wait_for_clients("/drawn", 1, Duration::ZERO).unwrap_err();
    assert!(error.to_string().starts_with("/drawn has 0 clients"), "{error}");
}

#[test]
fn a_frozen_camera_keeps_its_clients_and_goes_on_where_it_is_resumed() {
    let server = start();
    server.add("/drawn", Stream::new(Footage::drawn())).unwrap();
    let client = Client::watch(&server.url("/drawn"));
    client.next();
    server.freeze("/drawn").unwrap();
    // What was on its way may still arrive.
    while client.next_within(Duration::from_millis(700)).is_ok() {}
    assert_eq!(client.next_within(Duration::from_millis(700)).err().unwrap(), "no picture in time");
    assert_eq!(server.clients("/drawn"), 1);
    server.resume("/drawn").unwrap();
    client.next();
}

#[test]
fn dropped_clients_see_an_end_and_may_come_back() {
    let server = start();
    server.add("/drawn", Stream::new(Footage::drawn())).unwrap();
    let client = Client::watch(&server.url("/drawn"));
    client.next();
    server.wait_for_clients("/drawn", 1, PATIENCE).unwrap();
    server.drop_clients("/drawn");
    client.end();
    server.wait_for_clients("/drawn", 0, PATIENCE).unwrap();
    Client::watch(&server.url("/drawn")).next();
}

#[test]
fn a_removed_camera_is_not_found() {
    let server = start();
    server.add("/drawn", Stream::new(Footage::drawn())).unwrap();
    server.remove("/drawn");
    let reason = Client::watch(&server.url("/drawn")).end();
    assert!(reason.contains("Not found") || reason.contains("404"), "{reason}");
    assert!(matches!(server.freeze("/drawn"), Err(SimulatorError::NoCamera { .. })));
}

#[test]
fn a_replaced_camera_shows_its_new_size() {
    let server = start();
    server.add("/cam", Stream::new(Footage::drawn())).unwrap();
    let client = Client::watch(&server.url("/cam"));
    client.next();
    server.wait_for_clients("/cam", 1, PATIENCE).unwrap();
    let size = Size { width: 160, height: 160 };
    server.replace("/cam", Footage::Pattern { size, fps: 10 }).unwrap();
    client.end();
    assert_eq!(Client::watch(&server.url("/cam")).next().size, size);
}

#[track_caller]
fn check_login(digest: bool) {
    let server = start();
    let login = Login { user: "admin".to_owned(), password: "s3cret".to_owned(), digest };
    server.add("/locked", Stream::new(Footage::drawn()).login(login)).unwrap();
    server.add("/open", Stream::new(Footage::drawn())).unwrap();
    let url = |user: &str, password: &str| {
        let mut url = server.url("/locked");
        url.set_username(user).unwrap();
        url.set_password(Some(password)).unwrap();
        url
    };
    for refused in [server.url("/locked"), url("admin", "wrong"), url("other", "s3cret")] {
        let reason = Client::watch(&refused).end();
        assert!(reason.contains("Unauthorized") || reason.contains("401"), "{reason}");
    }
    Client::watch(&url("admin", "s3cret")).next();
    Client::watch(&server.url("/open")).next();
}

#[test]
fn a_locked_camera_asks_for_its_password_by_the_basic_scheme() {
    check_login(false);
}

#[test]
fn a_locked_camera_asks_for_its_password_by_the_digest_scheme() {
    check_login(true);
}

#[test]
fn a_login_does_not_print_its_password() {
    let login = Login { user: "admin".to_owned(), password: "s3cret".to_owned(), digest: true };
    let stream = Stream::new(Footage::drawn()).login(login);
    let printed = format!("{stream:?}");
    assert!(!printed.contains("s3cret") && !printed.contains("admin"), "{printed}");
}

#[test]
fn a_server_that_died_can_be_restarted_on_its_port() {
    let server = start();
    server.add("/drawn", Stream::new(Footage::drawn())).unwrap();
    let client = Client::watch(&server.url("/drawn"));
    client.next();
    let address: SocketAddr = server.address();
    drop(server);
    client.end();
    let server = RtspServer::start(address).unwrap();
    server.add("/drawn", Stream::new(Footage::drawn())).unwrap();
    Client::watch(&server.url("/drawn")).next();
}

#[test]
fn a_taken_port_is_refused() {
    let taken = start();
    let refused = RtspServer::start(taken.address());
    assert!(matches!(refused, Err(SimulatorError::Listen { .. })), "{refused:?}");
}

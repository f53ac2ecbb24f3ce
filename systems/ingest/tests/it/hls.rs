//! Segments over HTTP come faster than they are to be seen.

use std::time::{Duration, Instant};

use detector_components::camera::StreamState;
use detector_simulator::HttpServer;
use gstreamer as gst;
use gstreamer::prelude::*;

use crate::stand::Engine;

/// Pictures a second of the test video.
const FPS: u32 = 20;

/// A video of so many seconds, as it comes out of `muxer`.
fn clip(seconds: u32, muxer: &str) -> Vec<u8> {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("clip");
    encode(seconds, "", &format!("! {muxer} ! filesink location={}", file.display()));
    std::fs::read(file).unwrap()
}

/// Segments of one second.
fn segments(count: u32) -> Vec<Vec<u8>> {
    let folder = tempfile::tempdir().unwrap();
    let place = folder.path().display();
    let sink = format!(
        "hlssink2 name=out target-duration=1 max-files=0 playlist-length=0 \
         location={place}/%05d.ts playlist-location={place}/list.m3u8"
    );
    encode(count, &sink, "! out.video");
    (0..count).map(|n| std::fs::read(folder.path().join(format!("{n:05}.ts"))).unwrap()).collect()
}

/// Writes a video with a key frame each second.
fn encode(seconds: u32, before: &str, after: &str) {
    detector_ingest::init().unwrap();
    let pipeline = gst::parse::launch(&format!(
        "{before} videotestsrc num-buffers={} ! \
         video/x-raw,format=I420,width=64,height=48,framerate={FPS}/1 ! \
         x264enc tune=zerolatency key-int-max={FPS} ! h264parse {after}",
        FPS * seconds
    ))
    .unwrap();
    pipeline.set_state(gst::State::Playing).unwrap();
    let bus = pipeline.bus().unwrap();
    let wanted = [gst::MessageType::Eos, gst::MessageType::Error];
    let end = bus.timed_pop_filtered(gst::ClockTime::from_seconds(60), &wanted).unwrap();
    assert_eq!(end.type_(), gst::MessageType::Eos, "{end:?}");
    pipeline.set_state(gst::State::Null).unwrap();
}

/// A camera whose segments of a second appear one every `pace`; its playlist names three at a time.
fn start_live(segments: Vec<Vec<u8>>, pace: Duration) -> HttpServer {
    let server = HttpServer::start().unwrap();
    let count = segments.len();
    for (number, bytes) in segments.into_iter().enumerate() {
        server.put(&format!("/{number}.ts"), "video/mp2t", bytes);
    }
    let began = Instant::now();
    server.put_with("/live.m3u8", move |_| {
        let first = (began.elapsed().as_secs_f64() / pace.as_secs_f64()) as usize;
        let first = first.min(count - 3);
        let mut list = format!(
            "#EXTM3U\n#EXT-X-VERSION:3\n#EXT-X-TARGETDURATION:1\n#EXT-X-MEDIA-SEQUENCE:{first}\n"
        );
        list.extend((first..first + 3).map(|number| format!("#EXTINF:1.0,\n{number}.ts\n")));
        ("application/vnd.apple.mpegurl".to_owned(), list.into_bytes())
    });
    server
}

/// Frames come at the pace at which they were taken.
#[track_caller]
fn check_pace(url: &str) {
    let mut engine = Engine::new();
    let began = Instant::now();
    let camera = engine.open_stream(url);
    engine.frame_after(camera, 30);
    // The 31st is to be seen a second and a half after the first.
    assert!(began.elapsed() >= Duration::from_millis(1_500), "{:?}", began.elapsed());
}

#[test]
fn segments_are_played_in_their_own_time() {
    let server = start_live(segments(8), Duration::from_secs(1));
    check_pace(server.url("/live.m3u8").as_str());
}

#[test]
fn videos_over_http_are_played_in_their_own_time() {
    for muxer in ["mp4mux faststart=true", "matroskamux", "flvmux", "mpegtsmux"] {
        let server = HttpServer::start().unwrap();
        server.put("/clip", "application/octet-stream", clip(3, muxer));
        check_pace(server.url("/clip").as_str());
    }
}

#[test]
fn a_segment_that_is_late_is_waited_for() {
    // Each comes a second late, and frames are missed after 0.7 s.
    let server = start_live(segments(8), Duration::from_secs(2));
    let mut engine = Engine::new();
    let camera = engine.open_stream(server.url("/live.m3u8").as_str());
    let frames = u64::from(FPS) * 5;
    engine.run_until("five segments", |engine| {
        let state = engine.state(camera);
        assert!(!matches!(state, StreamState::Reconnecting { .. }), "{state:?}");
        engine.frame(camera).filter(|frame| frame.sequence >= frames)
    });
}

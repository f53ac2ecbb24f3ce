//! Footage as a stream of RTP packets.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use gstreamer as gst;
use gstreamer::prelude::*;
use gstreamer_app::{AppSrc, AppSrcCallbacks};
use gstreamer_rtsp_server::prelude::*;
use gstreamer_rtsp_server::{RTSPMedia, RTSPMediaFactory};

use crate::clip::Clip;
use crate::error::SimulatorError;
use crate::footage::{Footage, Stream};
use crate::scene::Scene;

/// Elements that every stream needs, and where Debian has them.
const ELEMENTS: [(&str, &str); 11] = [
    ("appsrc", "gstreamer1.0-plugins-base"),
    ("appsink", "gstreamer1.0-plugins-base"),
    ("videotestsrc", "gstreamer1.0-plugins-base"),
    ("videoconvert", "gstreamer1.0-plugins-base"),
    ("decodebin", "gstreamer1.0-plugins-base"),
    ("parsebin", "gstreamer1.0-plugins-base"),
    ("clocksync", "libgstreamer1.0-0"),
    ("rtph264pay", "gstreamer1.0-plugins-good"),
    ("qtdemux", "gstreamer1.0-plugins-good"),
    ("h264parse", "gstreamer1.0-plugins-bad"),
    ("x264enc", "gstreamer1.0-plugins-ugly"),
];

/// Sends parameter sets with every key frame, as whoever joins later needs them.
const PAY: &str = "rtph264pay name=pay0 pt=96 config-interval=-1";
/// A key frame at least every fifteen frames: who joins a shared stream waits no longer than that.
const ENCODE: &str = "videoconvert ! video/x-raw,format=I420 ! \
                      x264enc tune=zerolatency speed-preset=ultrafast key-int-max=15 bitrate=4000";

/// Whether all that is needed is installed.
pub fn check_elements() -> Result<(), SimulatorError> {
    for (element, package) in ELEMENTS {
        if gst::ElementFactory::find(element).is_none() {
            return Err(SimulatorError::MissingElement { element, package });
        }
    }
    Ok(())
}

/// Makes what makes the streams of one camera. While `frozen` is set they carry nothing.
pub fn factory(
    stream: &Stream,
    frozen: Arc<AtomicBool>,
) -> Result<RTSPMediaFactory, SimulatorError> {
    stream.footage.check()?;
    let factory = RTSPMediaFactory::new();
    factory.set_shared(stream.shared);
    // No packets that wait for a client that is slow: what is late is of no use to a watcher.
    factory.set_eos_shutdown(false);
    match &stream.footage {
        Footage::Pattern { size, fps } => {
            factory.set_launch(&format!(
                "( videotestsrc is-live=true pattern=ball ! \
                 video/x-raw,format=I420,width={},height={},framerate={fps}/1 ! {ENCODE} ! {PAY} )",
                size.width, size.height
            ));
            factory.connect_media_configure(move |_, media| freeze_on(media, frozen.clone()));
        }
        Footage::Drawn { scene, fps } => {
            // The test source keeps the time; its black pictures are drawn over.
            factory.set_launch(&format!(
                "( videotestsrc name=source is-live=true pattern=black ! \
                 video/x-raw,format=RGB,width={},height={},framerate={fps}/1 ! {ENCODE} ! {PAY} )",
                scene.size.width, scene.size.height
            ));
            let scene = Arc::new(scene.clone());
            factory.connect_media_configure(move |_, media| {
                draw_on(media, scene.clone());
                freeze_on(media, frozen.clone());
            });
        }
        Footage::File { path } => {
            let clip = Arc::new(Clip::read(path)?);
            // The clock is waited for here: what plays a file fast would play it faster than life.
            factory.set_launch(&format!(
                "( appsrc name=source format=time is-live=true ! clocksync ! {PAY} )"
            ));
            factory.connect_media_configure(move |_, media| {
                play_on(media, clip.clone());
                freeze_on(media, frozen.clone());
            });
        }
    }
    Ok(factory)
}

fn element(media: &RTSPMedia, name: &str) -> Option<gst::Element> {
    media.element().downcast::<gst::Bin>().ok()?.by_name(name)
}

fn draw_on(media: &RTSPMedia, scene: Arc<Scene>) {
    let Some(pad) = element(media, "source").and_then(|source| source.static_pad("src")) else {
        return;
    };
    let next = AtomicU64::new(0);
    pad.add_probe(gst::PadProbeType::BUFFER, move |_, info| {
        if let Some(buffer) = info.buffer_mut() {
            let number = next.fetch_add(1, Ordering::Relaxed);
            if let Ok(mut map) = buffer.make_mut().map_writable() {
                let stride = map.len() / scene.size.height as usize;
                scene.draw_into(number, &mut map, stride);
            }
        }
        gst::PadProbeReturn::Ok
    });
}

fn play_on(media: &RTSPMedia, clip: Arc<Clip>) {
    let source = element(media, "source").and_then(|source| source.downcast::<AppSrc>().ok());
    let Some(source) = source else {
        return;
    };
    source.set_caps(Some(&clip.caps));
    // A few pictures ahead of the clock are enough.
    source.set_max_bytes(1 << 20);
    let mut next = 0;
    source.set_callbacks(
        AppSrcCallbacks::builder()
            .need_data(move |source, _| {
                // Refused when the stream is being closed: nobody is asked for more then.
                if source.push_buffer(clip.picture(next)).is_ok() {
                    next += 1;
                }
            })
            .build(),
    );
}

fn freeze_on(media: &RTSPMedia, frozen: Arc<AtomicBool>) {
    let Some(pad) = element(media, "pay0").and_then(|pay| pay.static_pad("sink")) else {
        return;
    };
    let wants_key = AtomicBool::new(false);
    pad.add_probe(gst::PadProbeType::BUFFER, move |_, info| {
        if frozen.load(Ordering::Relaxed) {
            wants_key.store(true, Ordering::Relaxed);
            return gst::PadProbeReturn::Drop;
        }
        // A picture that builds on one that was not sent would come out broken.
        let delta = info.buffer().is_some_and(|b| b.flags().contains(gst::BufferFlags::DELTA_UNIT));
        if delta && wants_key.load(Ordering::Relaxed) {
            return gst::PadProbeReturn::Drop;
        }
        wants_key.store(false, Ordering::Relaxed);
        gst::PadProbeReturn::Ok
    });
}

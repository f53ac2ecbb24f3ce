//! A camera of this machine, over Video4Linux.
//!
//! Such a camera offers modes: raw pictures, which USB carries slowly when they are large, and encoded
//! ones. GStreamer would take the largest raw one, at whatever rate: from many a webcam that is 1920x1080
//! five times a second. What is wanted here is a mode that keeps up, and shows as much as it can.

use std::cmp::Reverse;
use std::path::Path;

use gstreamer as gst;
use gstreamer::prelude::*;
use tracing::debug;

use crate::element::make;
use crate::failure::{Failure, FailureKind};

/// Pictures a second that keep up with what moves. A mode with fewer is taken when there is no other.
const ENOUGH: f64 = 15.0;
/// Pictures a second that are enough. More only cost time to decode.
const WANTED: i32 = 30;
/// More pixels than this cost time to decode and show a network nothing more.
const MOST_PIXELS: i64 = 1920 * 1080;

/// Adds the device to a pipeline, in its best mode, and what decodes its pictures. Returns the latter,
/// whose pads appear as `uridecodebin`'s do.
///
/// # Errors
/// When there is no such device, it is none that gives pictures, or may not be opened.
pub fn open(pipeline: &gst::Pipeline, path: &Path) -> Result<gst::Element, Failure> {
    // GStreamer's element says of a device that is not there only that it failed.
    std::fs::File::options()
        .read(true)
        .write(true)
        .open(path)
        .map_err(|error| Failure::of_device(path, &error))?;
    let (source, filter, decoder) = (make("v4l2src")?, make("capsfilter")?, make("decodebin")?);
    source.set_property("device", path.to_str().ok_or_else(|| Failure::other("no such path"))?);
    let modes = opened(&source, path)?;
    if let Some(mode) = best(&modes) {
        debug!(device = %path.display(), %mode, "the mode of this camera");
        filter.set_property("caps", mode);
    }
    let placed = pipeline
        .add_many([&source, &filter, &decoder])
        .and_then(|()| gst::Element::link_many([&source, &filter, &decoder]));
    if let Err(error) = placed {
        // Nobody else would close it.
        let _ = source.set_state(gst::State::Null);
        return Err(Failure::other(error.to_string()));
    }
    Ok(decoder)
}

/// Opens the device. Its modes.
fn opened(source: &gst::Element, path: &Path) -> Result<gst::Caps, Failure> {
    let bus = gst::Bus::new();
    source.set_bus(Some(&bus));
    if source.set_state(gst::State::Ready).is_err() {
        let message = bus.pop_filtered(&[gst::MessageType::Error]);
        let failure = message.map(|message| Failure::of_message(&message));
        return Err(failure.unwrap_or_else(|| {
            Failure::new(
                FailureKind::Undecodable,
                format!("{} is no camera that gives pictures", path.display()),
            )
        }));
    }
    source.set_bus(None);
    let pad = source.static_pad("src").ok_or_else(|| Failure::other("v4l2src has no pad"))?;
    Ok(pad.query_caps(None))
}

/// The mode that keeps up and shows most. None when there is nothing to choose from.
fn best(modes: &gst::CapsRef) -> Option<gst::Caps> {
    modes
        .iter_with_features()
        // What stays in the memory of a GPU is of no use to what decodes here.
        .filter(|(_, features)| features.contains("memory:SystemMemory"))
        .filter_map(|(mode, _)| Mode::of(mode))
        .max_by_key(|mode| {
            let many = mode.pixels > MOST_PIXELS;
            let pixels = if many { -mode.pixels } else { mode.pixels };
            (mode.keeps_up, !many, pixels, Reverse(mode.cost))
        })
        .map(|mode| gst::Caps::builder_full().structure(mode.whole).build())
}

/// One size of one encoding, at one rate.
struct Mode {
    whole: gst::Structure,
    pixels: i64,
    keeps_up: bool,
    /// How long decoding takes, among encodings.
    cost: u8,
}

impl Mode {
    /// None for what nothing here decodes, and for sizes that are ranges.
    fn of(structure: &gst::StructureRef) -> Option<Self> {
        let cost = match structure.name().as_str() {
            "video/x-raw" => 0,
            "image/jpeg" => 1,
            "video/x-h264" | "video/x-h265" => 2,
            _ => return None,
        };
        let (width, height) =
            (structure.get::<i32>("width").ok()?, structure.get::<i32>("height").ok()?);
        let rate = best_rate(structure)?;
        let mut whole = structure.to_owned();
        whole.set("framerate", rate);
        Some(Self {
            whole,
            pixels: i64::from(width) * i64::from(height),
            keeps_up: keeps_up(rate),
            cost,
        })
    }
}

/// The rate nearest to what is wanted, of those that keep up; else the highest.
fn best_rate(structure: &gst::StructureRef) -> Option<gst::Fraction> {
    let value = structure.value("framerate").ok()?;
    if let Ok(rate) = value.get::<gst::Fraction>() {
        return Some(rate);
    }
    if let Ok(range) = value.get::<gst::FractionRange>() {
        return Some(gst::Fraction::from(WANTED).clamp(range.min(), range.max()));
    }
    let list = value.get::<gst::List>().ok()?;
    let wanted = f64::from(WANTED);
    list.iter().filter_map(|rate| rate.get::<gst::Fraction>().ok()).max_by(|one, other| {
        let apart = |rate: gst::Fraction| (hertz(rate) - wanted).abs();
        keeps_up(*one).cmp(&keeps_up(*other)).then(apart(*other).total_cmp(&apart(*one)))
    })
}

fn keeps_up(rate: gst::Fraction) -> bool {
    hertz(rate) >= ENOUGH
}

fn hertz(rate: gst::Fraction) -> f64 {
    f64::from(rate.numer()) / f64::from(rate.denom())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(modes: &str, expected: &str) {
        gst::init().unwrap();
        let modes: gst::Caps = modes.parse().unwrap();
        let expected: gst::Caps = expected.parse().unwrap();
        assert_eq!(best(&modes), Some(expected));
    }

    #[test]
    fn a_mode_that_keeps_up_is_taken_rather_than_a_larger_one() {
        check(
            "video/x-raw, format=YUY2, width=1920, height=1080, framerate=5/1; \
             video/x-raw, format=YUY2, width=640, height=480, framerate={30/1, 15/1}",
            "video/x-raw, format=YUY2, width=640, height=480, framerate=30/1",
        );
    }

    #[test]
    fn a_large_encoded_mode_is_taken_rather_than_a_small_raw_one() {
        check(
            "video/x-raw, format=YUY2, width=640, height=480, framerate=30/1; \
             image/jpeg, width=1280, height=720, framerate=30/1; \
             image/jpeg, width=3840, height=2160, framerate=30/1; \
             video/x-bayer, format=grbg, width=1920, height=1080, framerate=60/1",
            "image/jpeg, width=1280, height=720, framerate=30/1",
        );
    }

    #[test]
    fn of_one_size_what_need_not_be_decoded_is_taken() {
        check(
            "image/jpeg, width=1280, height=720, framerate=60/1; \
             video/x-raw, format=YUY2, width=1280, height=720, framerate=30/1",
            "video/x-raw, format=YUY2, width=1280, height=720, framerate=30/1",
        );
    }

    #[test]
    fn no_more_pictures_are_taken_than_are_wanted() {
        for (rates, expected) in
            [("{60/1, 30/1, 5/1}", "30/1"), ("{60/1, 5/1}", "60/1"), ("[1/1, 90/1]", "30/1")]
        {
            let mode = |rate| format!("image/jpeg, width=1280, height=720, framerate={rate}");
            check(&mode(rates), &mode(expected));
        }
    }

    #[test]
    fn what_stays_in_the_memory_of_a_gpu_is_left_out() {
        check(
            "video/x-raw(memory:DMABuf), format=DMA_DRM, width=1920, height=1080, framerate=30/1; \
             image/jpeg, width=1280, height=720, framerate=30/1",
            "image/jpeg, width=1280, height=720, framerate=30/1",
        );
    }

    #[test]
    fn a_slow_camera_is_taken_as_it_is() {
        check(
            "video/x-raw, format=YUY2, width=4000, height=3000, framerate=2/1; \
             video/x-raw, format=YUY2, width=1280, height=960, framerate=5/1",
            "video/x-raw, format=YUY2, width=1280, height=960, framerate=5/1",
        );
    }

    #[test]
    fn sizes_that_are_ranges_are_left_to_the_device() {
        gst::init().unwrap();
        let modes: gst::Caps =
            "video/x-raw, width=[1, 4000], height=[1, 3000], framerate=[0/1, 30/1]"
                .parse()
                .unwrap();
        assert_eq!(best(&modes), None);
    }
}

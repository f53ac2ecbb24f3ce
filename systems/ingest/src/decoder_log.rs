//! What libav's decoders complain of, by thread.
//!
//! A decoder that conceals errors says so in its log and nowhere else: its pictures carry no mark. The
//! elements of GStreamer's that wrap them pass those lines to GStreamer's log. With one thread each, a
//! decoder works in the thread that gives it a picture, so that a line is that picture's.

use std::cell::Cell;
use std::sync::Once;

use gstreamer as gst;

/// The category of GStreamer's log that libav's lines are in.
const CATEGORY: &str = "libav";

/// Errors that say nothing of the picture: bookkeeping of references, odd headers.
const HARMLESS: [&str; 12] = [
    "mmco",
    "SEI type",
    "Invalid NAL unit",
    "VUI",
    "co located POCs",
    "sps_id",
    "Overread",
    "deprecated",
    "no picture",
    "no frame",
    "Application has requested",
    "Unknown SAR",
];

/// Lines that say that something was concealed, though libav does not call them errors.
const CONCEALED: [&str; 2] = ["concealing", "Missing reference picture"];

thread_local! {
    static COMPLAINTS: Cell<u64> = const { Cell::new(0) };
}

/// Begins to listen. GStreamer's own log goes on where `GST_DEBUG` asks for it.
pub fn listen() {
    static LISTENING: Once = Once::new();
    LISTENING.call_once(|| {
        if std::env::var_os("GST_DEBUG").is_none() {
            gst::log::remove_default_log_function();
        }
        gst::log::set_threshold_for_name(CATEGORY, gst::DebugLevel::Info);
        gst::log::add_log_function(|category, level, _, _, _, _, message| {
            if category.name() == CATEGORY
                && message.get().is_some_and(|text| is_complaint(level, &text))
            {
                COMPLAINTS.set(COMPLAINTS.get() + 1);
            }
        });
    });
}

/// How often decoders in this thread have complained of a picture.
pub fn complaints() -> u64 {
    COMPLAINTS.get()
}

fn is_complaint(level: gst::DebugLevel, text: &str) -> bool {
    let has = |words: &[&str]| words.iter().any(|word| text.contains(word));
    match level {
        gst::DebugLevel::Error => !has(&HARMLESS),
        _ => has(&CONCEALED),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn concealment_is_told_from_bookkeeping() {
        for (level, text, expected) in [
            (gst::DebugLevel::Error, "error while decoding MB 12 3, bytestream -7", true),
            (gst::DebugLevel::Error, "mmco: unref short failure", false),
            (gst::DebugLevel::Info, "concealing 1200 DC, 1200 AC, 1200 MV errors in P frame", true),
            (gst::DebugLevel::Info, "Reinit context to 1920x1088", false),
            (gst::DebugLevel::Error, "Could not find ref with POC 7", true),
        ] {
            assert_eq!(is_complaint(level, text), expected, "{text}");
        }
    }
}

//! A number that travels with a buffer through parser and decoder.
//!
//! Decoders reorder pictures and correct their times, so that a time does not lead back to the coded
//! picture; what is attached to its buffer does.

use std::sync::Once;

use gstreamer as gst;
use gstreamer::meta::CustomMeta;

const NAME: &str = "detector-mark";
const FIELD: &str = "number";

/// Makes marks known. Before anything else here.
pub fn register() {
    static REGISTERED: Once = Once::new();
    REGISTERED.call_once(|| CustomMeta::register(NAME, &[]));
}

/// Marks a buffer.
pub fn set(buffer: &mut gst::BufferRef, number: u64) {
    if let Ok(mut meta) = CustomMeta::add(buffer, NAME) {
        meta.mut_structure().set(FIELD, number);
    }
}

/// The mark of a buffer, or of the one that it was decoded from.
pub fn get(buffer: &gst::BufferRef) -> Option<u64> {
    CustomMeta::from_buffer(buffer, NAME).ok()?.structure().get(FIELD).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mark_survives_a_copy() {
        gst::init().unwrap();
        register();
        let mut buffer = gst::Buffer::with_size(8).unwrap();
        set(buffer.make_mut(), 7);
        assert_eq!(get(&buffer.copy()), Some(7));
        assert_eq!(get(&gst::Buffer::with_size(8).unwrap()), None);
    }
}

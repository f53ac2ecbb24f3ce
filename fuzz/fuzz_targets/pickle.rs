//! A pickle that nobody wrote, in an archive that is right: it is refused, or all of it can be read.
#![no_main]

use detector_fuzz::{archive, limits, read_all};
use detector_yolo::Checkpoint;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|pickle: &[u8]| {
    let numbers = [0x3c; 64];
    let bytes = archive(&[
        ("x/data.pkl", pickle),
        ("x/byteorder", b"little".as_slice()),
        ("x/data/0", numbers.as_slice()),
    ]);
    if let Ok(checkpoint) = Checkpoint::from_bytes_with(bytes, &limits()) {
        read_all(&checkpoint);
    }
});

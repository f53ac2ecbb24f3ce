//! The whole way of a checkpoint, from the bytes of its file to what its network answers: a file that
//! nobody wrote, or a real one with changes in its pickle, its numbers and its entries.
#![no_main]

use std::sync::LazyLock;

use detector_fuzz::{Changed, limits, read_all};
use detector_yolo::{Checkpoint, Criteria, LoadOptions, Network, Pictures};
use libfuzzer_sys::fuzz_target;

/// One of each way through the network's code that a few changes do not find.
const FILES: [&[u8]; 6] = [
    include_bytes!("../../tests/fixtures/models/tiny-color-classify.pt"),
    include_bytes!("../../tests/fixtures/models/tiny-v3-tiny.pt"),
    include_bytes!("../../tests/fixtures/models/tiny-v8-obb.pt"),
    include_bytes!("../../tests/fixtures/models/tiny-26-pose.pt"),
    include_bytes!("../../tests/fixtures/models/tiny-12x.pt"),
    include_bytes!("../../tests/fixtures/models/tiny-v10n.pt"),
];

static REAL: LazyLock<Vec<Changed>> =
    LazyLock::new(|| FILES.iter().map(|file| Changed::of(file)).collect());

fuzz_target!(|data: &[u8]| {
    let Some((&which, data)) = data.split_first() else { return };
    let bytes = match REAL.get(usize::from(which) % (FILES.len() + 1)) {
        Some(real) => real.by(data),
        None => data.to_vec(),
    };
    let Ok(checkpoint) = Checkpoint::from_bytes_with(bytes, &limits()) else { return };
    if usize::from(which) % (FILES.len() + 1) == FILES.len() {
        read_all(&checkpoint);
    }
    let Ok(network) = Network::load(&checkpoint, &LoadOptions::default()) else { return };
    let stride = network.info().stride;
    if stride <= 64 {
        let _ = network.predict(
            Pictures::new(vec![0.0; 3 * stride * stride], [1, 3, stride, stride]),
            &[Criteria { min_confidence: 0.0, max_detections: 4, ..Criteria::default() }],
        );
    }
});

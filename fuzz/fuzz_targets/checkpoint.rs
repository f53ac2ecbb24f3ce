//! The whole way of a checkpoint, from the bytes of its file to what its network answers: a file that
//! nobody wrote, or a real one with changes in its pickle, its numbers and its entries.
#![no_main]

use std::sync::LazyLock;

use detector_fuzz::{Changed, limits, read_all};
use detector_yolo::{
    Checkpoint, CpuPrecision, Criteria, Engine, LoadOptions, Network, Pictures,
};
use libfuzzer_sys::fuzz_target;

/// Together they have each module and each head. `seeds.py` made them.
const FILES: [&[u8]; 7] = [
    include_bytes!("../seeds/detect.pt"),
    include_bytes!("../seeds/masks.pt"),
    include_bytes!("../seeds/keypoints.pt"),
    include_bytes!("../seeds/rotated.pt"),
    include_bytes!("../seeds/once.pt"),
    include_bytes!("../seeds/classes.pt"),
    include_bytes!("../seeds/ghosts.pt"),
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
    // Other threads would take longer to wake than all else takes.
    let engine = Engine::Cpu { precision: CpuPrecision::F32, threads: 1 };
    let options = LoadOptions { engine, ..LoadOptions::default() };
    let Ok(network) = Network::load(&checkpoint, &options) else { return };
    let side = 16_usize.next_multiple_of(network.info().stride);
    if side <= 64 {
        let _ = network.predict(
            Pictures::new(vec![0.0; 3 * side * side], [1, 3, side, side]),
            &[Criteria { min_confidence: 0.0, max_detections: 4, ..Criteria::default() }],
        );
    }
});

//! What a network is, and how long it takes on the CPU.
//!
//! ```text
//! predict CHECKPOINT [WIDTH HEIGHT]
//! ```

use std::time::{Duration, Instant};

use detector_yolo::{Checkpoint, Criteria, LoadOptions, Network, Pictures};

/// Runs that are measured, after one that warms the caches.
const RUNS: u32 = 20;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip(1);
    let path = arguments.next().ok_or("usage: predict CHECKPOINT [WIDTH HEIGHT]")?;
    let start = Instant::now();
    let checkpoint = Checkpoint::open(path)?;
    let network = Network::load(&checkpoint, &LoadOptions::default())?;
    println!("{:#?}\nloaded in {:.0?}", network.info(), start.elapsed());

    let [mut width, mut height] = network.info().input;
    if let (Some(first), Some(second)) = (arguments.next(), arguments.next()) {
        (width, height) = (first.parse()?, second.parse()?);
    }
    let picture = vec![0.5; 3 * height * width];
    let mut times = Vec::new();
    for _ in 0..=RUNS {
        let start = Instant::now();
        let pictures = Pictures::new(&picture, [1, 3, height, width]);
        network.predict(pictures, &[Criteria::default()])?;
        times.push(start.elapsed());
    }
    let times = &mut times[1..];
    times.sort();
    let mean = times.iter().sum::<Duration>() / RUNS;
    let (least, middle) = (times[0], times[times.len() / 2]);
    println!("{width}x{height}: median {middle:.1?}, mean {mean:.1?}, best {least:.1?}");
    Ok(())
}

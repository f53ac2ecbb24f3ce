//! The devices that networks can run on, and a network that is run on the configured one.

use std::path::Path;
use std::time::Instant;

use anyhow::{Result, bail};
use detector_components::results::Results;
use detector_infer::adapters;

use crate::cli::{DetectArgs, DeviceArgs};
use crate::config::Config;
use crate::detect::Detector;
use crate::findings::Finding;
use crate::tiny;

const GROUP: &str = "Inference";

/// What the tiny model says of each shape of the first frame of its scene, from left to right, on
/// the CPU with 32 bits.
const KNOWN: [(&str, f32); 3] = [("square", 0.948), ("ball", 0.942), ("square", 0.937)];
/// How far a device with 16 bits may be from that.
const TOLERANCE: f32 = 0.02;
/// How well a found box must lie over the drawn one.
const LEAST_OVERLAP: f32 = 0.8;

/// Looks at the devices, and runs a network.
pub fn look(config: &Config) -> Vec<Finding> {
    vec![devices(config), inference(config)]
}

fn devices(config: &Config) -> Finding {
    let found: Vec<_> = adapters()
        .into_iter()
        .map(|adapter| {
            let kind = if adapter.software { ", in software" } else { "" };
            format!("{} ({}{kind})", adapter.name, adapter.driver)
        })
        .collect();
    if !found.is_empty() {
        return Finding::good(GROUP, "graphics devices", found.join("\n"));
    }
    let none = "none with a Vulkan driver: networks run on the CPU";
    if config.device.starts_with("gpu") {
        let advice = "install the GPU's driver with Vulkan (`vulkaninfo --summary` tells), or set \
                      device: \"auto\"";
        return Finding::bad(GROUP, "graphics devices", none, advice);
    }
    Finding::good(GROUP, "graphics devices", none)
}

fn inference(config: &Config) -> Finding {
    const NAME: &str = "a real inference";
    match run(config) {
        Ok(detail) => Finding::good(GROUP, NAME, detail),
        Err(error) => {
            let advice = "device: \"cpu\" works everywhere; if a GPU computes wrong numbers, update \
                          its driver";
            Finding::bad(GROUP, NAME, format!("{error:#}"), advice)
        }
    }
}

/// Runs the tiny model on the configured device, over a picture whose truth is known.
fn run(config: &Config) -> Result<String> {
    let checkpoint = tiny::checkpoint()?;
    let (device, precision) = (config.device.clone(), config.precision.clone());
    let args =
        DetectArgs { on: DeviceArgs { device, precision }, ..DetectArgs::of_model(&checkpoint) };
    let mut detector = Detector::start(&args)?;
    let began = Instant::now();
    let results = detector.results(tiny::scene().draw(0), Path::new("the drawn picture"))?;
    let took = began.elapsed();
    compare(&results)?;
    let millis = took.as_secs_f64() * 1e3;
    Ok(format!(
        "on {}: {} shapes, as they should be, in {millis:.1} ms",
        detector.device(),
        KNOWN.len()
    ))
}

/// Every shape must be found where it was drawn, with what is known of it.
fn compare(results: &Results) -> Result<()> {
    let mut faults = Vec::new();
    for (shown, (class, confidence)) in tiny::scene().shapes_at(0).iter().zip(KNOWN) {
        let name = format!("the {} {}", shown.color.name(), shown.shape.name());
        let over = |overlap: f32| overlap >= LEAST_OVERLAP;
        let found =
            results.findings.iter().find(|finding| over(finding.bbox_in_frame.iou(&shown.bbox)));
        match found {
            None => faults.push(format!("{name} was not found")),
            Some(found)
                if &*found.class != class || (found.confidence - confidence).abs() > TOLERANCE =>
            {
                let (wrong, wrongly) = (&found.class, found.confidence);
                faults.push(format!(
                    "{name}: expected {class} with {confidence:.3}, found {wrong} with {wrongly:.3}"
                ));
            }
            Some(_) => {}
        }
    }
    if faults.is_empty() { Ok(()) } else { bail!("{}", faults.join("\n")) }
}

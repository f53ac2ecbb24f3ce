//! Whether a device computes a network right.

use detector_gpu::Precision;
use detector_yolo::{Criteria, Network, Pictures};

use crate::device::InferenceDevice;
use crate::predict::predict;

/// Largest deviation that is rounding. In 16 bits, torch's YOLO11n-seg deviates from its own 32 by 2e-3.
const F32: f32 = 1e-3;
const F16: f32 = 2e-2;
/// In bf16 a number has eight bits. What networks make of it is within a few steps of the last one.
const BF16: f32 = 4e-2;

/// What of the test picture is looked at: as much as there is.
const CRITERIA: Criteria =
    Criteria { min_confidence: 0.01, max_overlap: 0.7, max_detections: 300, classes: None };

/// Runs a network on its device beside a copy of it that is known to be right.
///
/// # Errors
/// What is wrong with it.
pub fn prove(
    network: &Network,
    device: &InferenceDevice,
    reference: &Network,
) -> Result<(), String> {
    let limit = match device.precision {
        Precision::F32 => F32,
        Precision::F16 => F16,
    };
    let deviation = network.deviation(reference).map_err(|error| error.to_string())?;
    agree(deviation, limit, "the CPU")?;
    let picture = || Pictures::from(network.test_picture());
    let picked =
        predict(network, device, picture(), &[CRITERIA]).map_err(|error| error.to_string());
    let all = network.predict(picture(), &[CRITERIA]).map_err(|error| error.to_string());
    if picked? != all? {
        return Err("it finds other boxes when they are picked on the device".to_owned());
    }
    Ok(())
}

/// Compares a network in bf16 with the test output of the same network in 32 bits.
///
/// # Errors
/// What is wrong with it.
pub fn prove_bf16(network: &Network, expected: &[f32]) -> Result<(), String> {
    let deviation = network.deviation_from(expected).map_err(|error| error.to_string())?;
    agree(deviation, BF16, "f32")
}

fn agree(deviation: f32, limit: f32, other: &str) -> Result<(), String> {
    if deviation > limit {
        return Err(format!(
            "it computes other numbers than {other}: they deviate by {deviation:.1e}, and {limit:.0e} \
             would be rounding"
        ));
    }
    Ok(())
}

//! Whether a device computes a network right.

use detector_gpu::Precision;
use detector_yolo::Network;

/// Largest deviation that is rounding.
const F32: f32 = 1e-3;
const F16: f32 = 2e-2;

/// Runs a network beside a copy of it that is known to be right.
///
/// # Errors
/// What is wrong with it.
pub fn prove(network: &Network, reference: &Network, precision: Precision) -> Result<(), String> {
    let limit = match precision {
        Precision::F32 => F32,
        Precision::F16 => F16,
    };
    match network.deviation(reference) {
        Ok(deviation) if deviation <= limit => Ok(()),
        Ok(deviation) => Err(format!(
            "it computes other numbers than the CPU: they deviate by {deviation:.1e}, and {limit:.0e} \
             would be rounding"
        )),
        Err(error) => Err(error.to_string()),
    }
}

//! A checkpoint becomes a network on a device.

use detector_yolo::{Checkpoint, CpuPrecision, LoadOptions, Network, NetworkError};
use tracing::info;

use crate::choice::PrecisionChoice;
use crate::device::InferenceDevice;
use crate::proof;

/// The network of a checkpoint, as it runs on a device: on the CPU in the fastest numbers that agree
/// with 32 bits, where the operator leaves the choice.
///
/// # Errors
/// When the checkpoint has no network that can run.
pub fn load(checkpoint: &Checkpoint, device: &InferenceDevice) -> Result<Network, NetworkError> {
    let built = |precision| built(checkpoint, device, precision);
    match device.wanted {
        PrecisionChoice::Bf16 => built(CpuPrecision::Bf16),
        PrecisionChoice::Auto if device.shared().is_none() && CpuPrecision::Bf16.is_fast() => {
            // One after the other: they need not have memory at the same time.
            let expected = built(CpuPrecision::F32)?.test_output()?;
            let network = built(CpuPrecision::Bf16)?;
            match proof::prove_bf16(&network, &expected) {
                Ok(()) => {
                    info!("the network computes in bf16, which agrees with f32");
                    Ok(network)
                }
                Err(reason) => {
                    info!(reason, "the network computes in f32: bf16 would change what it finds");
                    built(CpuPrecision::F32)
                }
            }
        }
        _ => built(CpuPrecision::F32),
    }
}

/// The network in 32 bits on the CPU: what others are compared with.
///
/// # Errors
/// As [`load`].
pub(crate) fn reference(
    checkpoint: &Checkpoint,
    cpu: &InferenceDevice,
) -> Result<Network, NetworkError> {
    built(checkpoint, cpu, CpuPrecision::F32)
}

fn built(
    checkpoint: &Checkpoint,
    device: &InferenceDevice,
    precision: CpuPrecision,
) -> Result<Network, NetworkError> {
    let options = LoadOptions { engine: device.engine(precision), branch: device.head };
    Network::load(checkpoint, &options)
}

//! How busy the GPU is, where NVIDIA's library can say. It is looked for when the worker starts, not
//! when it is built: without it there is nothing to report.

use nvml_wrapper::Nvml;
use tracing::debug;

/// Asks the first GPU of the machine.
pub struct GpuGauge(Nvml);

impl GpuGauge {
    /// None where there is no such GPU, or no library to ask.
    pub fn open() -> Option<Self> {
        let opened = Nvml::init().and_then(|nvml| nvml.device_by_index(0).map(drop).map(|()| nvml));
        match opened {
            Ok(nvml) => Some(Self(nvml)),
            Err(error) => {
                debug!(%error, "how busy a GPU is cannot be asked");
                None
            }
        }
    }

    /// Load, and memory in use, in percent. 0 for what it does not say.
    pub fn look(&self) -> (f32, f32) {
        let Ok(device) = self.0.device_by_index(0) else { return (0.0, 0.0) };
        let load = device.utilization_rates().map_or(0, |rates| rates.gpu);
        let memory = device
            .memory_info()
            .map_or(0.0, |memory| 100.0 * memory.used as f64 / memory.total.max(1) as f64);
        (load.min(100) as f32, memory.clamp(0.0, 100.0) as f32)
    }
}

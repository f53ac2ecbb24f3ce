//! Frames into input slots, on the GPU.
use std::sync::Arc;

use detector_components::frame::Pixels;
use detector_components::geometry::Placement;
use detector_gpu::{DeviceSlot, Gpu};

use crate::error::FillError;

/// Runs the shaders.
pub struct DeviceFiller {
    gpu: Gpu,
}

impl DeviceFiller {
    pub fn new(gpu: Gpu) -> Self {
        Self { gpu }
    }

    pub fn fill(
        &mut self,
        _slot: &mut DeviceSlot,
        _rows: &[(Arc<Pixels>, Placement)],
    ) -> Result<(), FillError> {
        let _ = &self.gpu;
        Err(FillError::NoDevice)
    }
}

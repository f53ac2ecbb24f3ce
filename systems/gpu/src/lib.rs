//! The one shared device and its input slots: what `preprocess`, `infer` and the window have in
//! common.
//!
//! burn makes the device, because only it knows which features its kernels need; the shaders of
//! `preprocess` run on the same device and write straight into the memory that burn reads.

mod device;
mod slot;

pub use device::Gpu;
pub use slot::{DeviceSlot, Filled, HostSlot, InputSlot, Precision, SlotPool, SlotShape};

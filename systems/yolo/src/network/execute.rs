//! Who executes plans.

mod burn;
mod cpu;
mod host;

use ::burn::tensor::Device;

pub(crate) use self::burn::Burn;
pub(crate) use self::cpu::Cpu;
pub use self::cpu::StepTime;
pub(crate) use self::host::HostOutput;

/// Who executes the plans of a network.
pub(crate) enum Executor {
    Cpu(Cpu),
    Burn(Burn),
}

impl Executor {
    /// Where burn's tensors are to be for it.
    pub fn device(&self) -> Device {
        match self {
            Self::Cpu(_) => Device::flex(),
            Self::Burn(burn) => burn.device().clone(),
        }
    }
}

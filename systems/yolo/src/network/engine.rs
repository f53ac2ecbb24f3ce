//! What computes a network.

use std::borrow::Cow;

use burn::tensor::{DType, Device, Tensor, TensorData};

use super::error::NetworkError;

/// What computes a network.
#[derive(Clone, Debug)]
pub enum Engine {
    /// This project's own kernels, on the CPU.
    Cpu {
        /// Type of the numbers between operations; sums have 32 bits.
        precision: CpuPrecision,
        /// How many threads work on a picture; 0 for as many as there are cores.
        threads: usize,
    },
    /// burn, on one of its devices: a GPU, or the CPU as a reference.
    Burn {
        /// Where.
        device: Device,
        /// Type of the numbers.
        precision: Precision,
        /// Whether the weights of convolutions lie channel by channel in memory. Right for GPUs,
        /// whose kernels would otherwise turn them at every run; wrong for the CPU.
        channels_last: bool,
    },
}

impl Default for Engine {
    /// The CPU in 32 bits, with all of its cores.
    fn default() -> Self {
        Self::Cpu { precision: CpuPrecision::F32, threads: 0 }
    }
}

impl Engine {
    /// burn on the CPU, in 32 bits: slow, and what others are compared with.
    pub fn reference() -> Self {
        Self::Burn { device: Device::flex(), precision: Precision::F32, channels_last: false }
    }
}

/// Type of the numbers that burn computes with.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Precision {
    /// 32 bits.
    #[default]
    F32,
    /// 16 bits: faster on GPUs that have units for it.
    F16,
}

impl Precision {
    pub(super) fn dtype(self) -> DType {
        match self {
            Self::F32 => DType::F32,
            Self::F16 => DType::F16,
        }
    }
}

/// Type of the numbers that the CPU computes with.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum CpuPrecision {
    /// 32 bits.
    #[default]
    F32,
    /// 16 bits, as many of them for the exponent as in 32: faster where [`CpuPrecision::is_fast`].
    Bf16,
}

impl CpuPrecision {
    /// Whether this CPU has instructions for it.
    pub fn is_fast(self) -> bool {
        match self {
            Self::F32 => true,
            Self::Bf16 => detector_kernels::Isa::best().has_bf16(),
        }
    }

    /// Additions and multiplications a second that so many threads of this CPU reach at most, in
    /// registers alone; 0 threads are one for each core. Measures for a few milliseconds.
    pub fn peak(self, threads: usize) -> f64 {
        let precision = self.of_kernels();
        detector_kernels::peak(&detector_kernels::Options { threads, precision, isa: None })
    }

    pub(super) fn of_kernels(self) -> detector_kernels::Precision {
        match self {
            Self::F32 => detector_kernels::Precision::F32,
            Self::Bf16 => detector_kernels::Precision::Bf16,
        }
    }
}

/// Pictures for a network: red, green and blue from 0 to 1. Each engine takes both forms, and its own
/// without a copy.
#[derive(Clone, Debug)]
pub enum Pictures<'a> {
    /// In main memory, as the CPU takes them.
    Values {
        /// The numbers, in the order of the shape.
        values: Cow<'a, [f32]>,
        /// `[batch, 3, height, width]`
        shape: [usize; 4],
    },
    /// On a device of burn: `[batch, 3, height, width]`.
    Tensor(Tensor<4>),
}

impl<'a> Pictures<'a> {
    /// Pictures in main memory.
    ///
    /// # Shapes
    ///
    /// - `values`: in the order of `shape`, which is `[batch, 3, height, width]`
    pub fn new(values: impl Into<Cow<'a, [f32]>>, shape: [usize; 4]) -> Self {
        Self::Values { values: values.into(), shape }
    }

    /// `[batch, 3, height, width]`
    pub fn shape(&self) -> [usize; 4] {
        match self {
            Self::Values { shape, .. } => *shape,
            Self::Tensor(tensor) => tensor.dims(),
        }
    }

    /// The same, where an engine reads them: from there they are not copied at each run.
    pub fn placed_for(self, engine: &Engine) -> Result<Self, NetworkError> {
        Ok(match engine {
            Engine::Cpu { .. } => {
                let shape = self.shape();
                Self::Values { values: self.into_values()?, shape }
            }
            Engine::Burn { device, .. } => Self::Tensor(self.into_tensor(device)),
        })
    }

    pub(super) fn into_values(self) -> Result<Cow<'a, [f32]>, NetworkError> {
        match self {
            Self::Values { values, .. } => Ok(values),
            Self::Tensor(tensor) => Ok(Cow::Owned(tensor.try_into_vec_as::<f32>()?)),
        }
    }

    pub(super) fn into_tensor(self, device: &Device) -> Tensor<4> {
        match self {
            Self::Tensor(tensor) => tensor,
            Self::Values { values, shape } => {
                Tensor::from_data(TensorData::new(values.into_owned(), shape), device)
            }
        }
    }
}

impl From<Tensor<4>> for Pictures<'_> {
    fn from(tensor: Tensor<4>) -> Self {
        Self::Tensor(tensor)
    }
}

//! What an operator says about the device.

use std::fmt;
use std::str::FromStr;

/// What inference is to run on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum DeviceChoice {
    /// A GPU when there is a real one, else the CPU. `auto`.
    #[default]
    Auto,
    /// The CPU. `cpu`.
    Cpu,
    /// The GPU with this number, counted from 0; the first if none is said. `gpu`, `gpu:1`.
    Gpu(usize),
    /// A Vulkan device in software: correct, and hundreds of times slower. `gpu:software`.
    Software,
}

/// A text that names no device.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("expected auto, cpu, gpu, gpu:N or gpu:software, found {0:?}")]
pub struct UnknownDevice(String);

impl FromStr for DeviceChoice {
    type Err = UnknownDevice;

    fn from_str(text: &str) -> Result<Self, UnknownDevice> {
        match text.trim().to_ascii_lowercase().as_str() {
            "auto" => Ok(Self::Auto),
            "cpu" => Ok(Self::Cpu),
            "gpu" => Ok(Self::Gpu(0)),
            "gpu:software" => Ok(Self::Software),
            other => other
                .strip_prefix("gpu:")
                .and_then(|number| number.parse().ok())
                .map(Self::Gpu)
                .ok_or_else(|| UnknownDevice(text.to_owned())),
        }
    }
}

impl fmt::Display for DeviceChoice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Auto => f.write_str("auto"),
            Self::Cpu => f.write_str("cpu"),
            Self::Gpu(number) => write!(f, "gpu:{number}"),
            Self::Software => f.write_str("gpu:software"),
        }
    }
}

/// The numbers that networks are to compute with.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum PrecisionChoice {
    /// What is right for the device. `auto`.
    #[default]
    Auto,
    /// 32 bits. `f32`.
    F32,
    /// 16 bits, on GPUs that can. `f16`.
    F16,
    /// 16 bits with the range of 32, on CPUs that can. `bf16`.
    Bf16,
}

/// A text that names no precision.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("expected auto, f32, f16 or bf16, found {0:?}")]
pub struct UnknownPrecision(String);

impl FromStr for PrecisionChoice {
    type Err = UnknownPrecision;

    fn from_str(text: &str) -> Result<Self, UnknownPrecision> {
        match text.trim().to_ascii_lowercase().as_str() {
            "auto" => Ok(Self::Auto),
            "f32" => Ok(Self::F32),
            "f16" => Ok(Self::F16),
            "bf16" => Ok(Self::Bf16),
            _ => Err(UnknownPrecision(text.to_owned())),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn devices_are_named() {
        for text in ["auto", "cpu", "gpu:0", "gpu:12", "gpu:software"] {
            assert_eq!(text.parse::<DeviceChoice>().unwrap().to_string(), text);
        }
        assert_eq!("GPU".parse(), Ok(DeviceChoice::Gpu(0)));
    }

    #[test]
    fn other_devices_are_refused_with_what_would_be_right() {
        let error = "gpu:first".parse::<DeviceChoice>().unwrap_err().to_string();
        assert_eq!(error, r#"expected auto, cpu, gpu, gpu:N or gpu:software, found "gpu:first""#);
    }
}

//! The device that inference runs on.

use std::fmt;

use burn::tensor::wgpu::{WgpuBackend, WgpuSetup};
use burn::tensor::{Device, DeviceKind, Tensor};
use detector_gpu::{Gpu, Precision};
use detector_yolo::{Branch, CpuPrecision, Engine};
use wgpu::{Backends, DeviceType, InstanceDescriptor};

use crate::choice::{DeviceChoice, PrecisionChoice};

/// What people call the CPU.
const CPU: &str = "the CPU";

/// A device, opened, and why it is this one.
pub struct InferenceDevice {
    pub(crate) burn: Device,
    pub(crate) precision: Precision,
    /// What networks on the CPU are to compute with.
    pub(crate) wanted: PrecisionChoice,
    pub(crate) head: Branch,
    /// Threads that work on a picture on the CPU; 0: one for each core.
    threads: usize,
    gpu: Option<Gpu>,
    name: String,
    why: String,
}

/// Why no device could be opened.
#[derive(Debug, thiserror::Error)]
pub enum DeviceError {
    /// The machine has no such GPU.
    #[error(
        "there is no {wanted}: {found}; expected a GPU with a Vulkan driver, or `cpu` as the device"
    )]
    NotFound {
        /// What was asked for.
        wanted: DeviceChoice,
        /// What there is.
        found: String,
    },
    /// The GPU is there and cannot be used.
    #[error("{name} cannot be opened: {reason}")]
    Open {
        /// Which.
        name: String,
        /// What the driver says.
        reason: String,
    },
    /// The device cannot compute with these numbers.
    #[error("{name} cannot compute with {wanted}: {reason}")]
    Precision {
        /// Which.
        name: String,
        /// What was asked for.
        wanted: &'static str,
        /// Why not.
        reason: &'static str,
    },
}

impl InferenceDevice {
    /// Opens the device that is asked for. `auto` never takes a software device.
    ///
    /// # Errors
    /// When there is no such device or it cannot be used.
    pub fn open(choice: DeviceChoice, precision: PrecisionChoice) -> Result<Self, DeviceError> {
        if choice == DeviceChoice::Cpu {
            return Self::cpu(precision, "as asked for");
        }
        let adapters = Adapters::list();
        let picked = match choice {
            DeviceChoice::Gpu(number) => adapters.gpus.get(number),
            DeviceChoice::Software => adapters.software.first(),
            DeviceChoice::Auto | DeviceChoice::Cpu => adapters.gpus.first(),
        };
        match (picked, choice) {
            (Some(adapter), DeviceChoice::Auto) => {
                match Self::gpu(adapter, precision, &format!("of {}", adapters.described())) {
                    // A machine whose driver is broken still has work to do.
                    Err(DeviceError::Open { name, reason }) => {
                        let why = format!("{name} cannot be opened: {reason}");
                        Self::cpu(precision, &why)
                    }
                    opened => opened,
                }
            }
            (Some(adapter), _) => Self::gpu(adapter, precision, "as asked for"),
            (None, DeviceChoice::Auto) => Self::cpu(precision, &adapters.described()),
            (None, wanted) => Err(DeviceError::NotFound { wanted, found: adapters.described() }),
        }
    }

    fn cpu(precision: PrecisionChoice, why: &str) -> Result<Self, DeviceError> {
        let refused = |wanted| {
            let reason = "it has no instructions for it, so that it would be slower than f32";
            DeviceError::Precision { name: CPU.to_owned(), wanted, reason }
        };
        match precision {
            PrecisionChoice::F16 => return Err(refused("f16")),
            PrecisionChoice::Bf16 if !CpuPrecision::Bf16.is_fast() => return Err(refused("bf16")),
            _ => {}
        }
        Ok(Self::on_cpu(precision, Branch::Auto, why))
    }

    fn on_cpu(wanted: PrecisionChoice, head: Branch, why: &str) -> Self {
        let (name, why) = (CPU.to_owned(), why.to_owned());
        let (burn, precision) = (Device::flex(), Precision::F32);
        Self { burn, precision, wanted, head, threads: 0, gpu: None, name, why }
    }

    fn gpu(adapter: &Adapter, precision: PrecisionChoice, why: &str) -> Result<Self, DeviceError> {
        let name = adapter.name.clone();
        // burn makes the device: only it knows which features its kernels need.
        let (burn, setup) = Device::wgpu_options()
            .graphics_api(WgpuBackend::Vulkan)
            .device_kind(adapter.kind.clone())
            .init_with_setup()
            .map_err(|error| DeviceError::Open { name: name.clone(), reason: error.to_string() })?;
        Self::on(burn, setup, precision, name, why)
    }

    /// A GPU that burn has opened.
    fn on(
        burn: Device,
        setup: WgpuSetup,
        precision: PrecisionChoice,
        name: String,
        why: &str,
    ) -> Result<Self, DeviceError> {
        let WgpuSetup { instance, adapter, device, queue, .. } = setup;
        let gpu = Gpu { instance, adapter, device, queue };
        let half = gpu.device.features().contains(wgpu::Features::SHADER_F16);
        let precision = match precision {
            PrecisionChoice::F16 if !half => {
                let reason = "its driver has no 16-bit arithmetic";
                return Err(DeviceError::Precision { name, wanted: "f16", reason });
            }
            PrecisionChoice::F16 => Precision::F16,
            PrecisionChoice::Bf16 => {
                let reason = "a GPU computes with f32 or f16";
                return Err(DeviceError::Precision { name, wanted: "bf16", reason });
            }
            // Answers then agree with the CPU's; f16 is for who asks for it.
            PrecisionChoice::Auto | PrecisionChoice::F32 => Precision::F32,
        };
        let (head, why) = (Branch::Auto, why.to_owned());
        let wanted = PrecisionChoice::Auto;
        Ok(Self { burn, precision, wanted, head, threads: 0, gpu: Some(gpu), name, why })
    }

    /// The same GPU once more, after it was lost.
    ///
    /// # Errors
    /// When it cannot be opened.
    pub(crate) fn reopen(&self) -> Result<Self, DeviceError> {
        let refused = |reason: String| DeviceError::Open { name: self.name.clone(), reason };
        let gpu = self.gpu.as_ref().ok_or_else(|| refused("it is no GPU".to_owned()))?;
        let adapter = gpu.adapter.clone();
        // burn knows its devices by what they are; one that it was given counts as another.
        let (device, queue) = request(&adapter).map_err(&refused)?;
        let setup = WgpuSetup {
            instance: gpu.instance.clone(),
            backend: adapter.get_info().backend,
            adapter,
            device,
            queue,
        };
        let burn = Device::wgpu_options()
            .setup(setup.clone())
            .init()
            .map_err(|error| refused(error.to_string()))?;
        let precision = match self.precision {
            Precision::F32 => PrecisionChoice::F32,
            Precision::F16 => PrecisionChoice::F16,
        };
        let opened = Self::on(burn, setup, precision, self.name.clone(), "opened again")?;
        Ok(opened.with_head(self.head))
    }

    /// The CPU, in the place of this device, which was lost for good.
    pub(crate) fn instead(&self, why: &str) -> Self {
        Self::on_cpu(PrecisionChoice::Auto, self.head, why)
    }

    /// Whether the device computes at all. Waits for it.
    pub(crate) fn responds(&self) -> bool {
        let two = Tensor::<1>::ones([1], &self.burn) + 1.0;
        two.try_into_vec_as::<f32>().is_ok_and(|values| values == [2.0])
    }

    /// Which branch of a head that has two is run. Else what Ultralytics does.
    pub fn with_head(self, head: Branch) -> Self {
        Self { head, ..self }
    }

    /// How many threads work on a picture on the CPU; 0: one for each core, as without this.
    pub fn with_threads(self, threads: usize) -> Self {
        Self { threads, ..self }
    }

    /// What computes networks on it: on the CPU in numbers of `precision`.
    pub(crate) fn engine(&self, precision: CpuPrecision) -> Engine {
        match (&self.gpu, self.precision) {
            (None, _) => Engine::Cpu { precision, threads: self.threads },
            (Some(_), precision) => Engine::Burn {
                device: self.burn.clone(),
                precision: match precision {
                    Precision::F32 => detector_yolo::Precision::F32,
                    Precision::F16 => detector_yolo::Precision::F16,
                },
                channels_last: true,
            },
        }
    }

    /// Waits until the device has done what it was asked for.
    ///
    /// # Errors
    /// When it has failed.
    pub fn wait(&self) -> Result<(), DeviceError> {
        self.burn.sync().map_err(|error| DeviceError::Open {
            name: self.name.clone(),
            reason: error.to_string(),
        })
    }

    /// The device's handles, for those who share it. None: inference runs on the CPU.
    pub fn shared(&self) -> Option<Gpu> {
        self.gpu.clone()
    }
}

impl fmt::Display for InferenceDevice {
    /// Which device, and why: `the CPU (no GPU was found)`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({})", self.name, self.why)
    }
}

/// A device with all that burn's kernels may need.
#[cfg(not(feature = "vulkan"))]
fn request(adapter: &wgpu::Adapter) -> Result<(wgpu::Device, wgpu::Queue), String> {
    pollster::block_on(adapter.request_device(&wgpu::DeviceDescriptor {
        required_features: adapter.features() - wgpu::Features::MAPPABLE_PRIMARY_BUFFERS,
        required_limits: adapter.limits(),
        // As burn asks for it: it divides large blocks by itself.
        memory_hints: wgpu::MemoryHints::MemoryUsage,
        ..wgpu::DeviceDescriptor::default()
    }))
    .map_err(|error| error.to_string())
}

/// A device with all that burn's kernels in SPIR-V may need: more than wgpu itself can ask for.
#[cfg(feature = "vulkan")]
fn request(adapter: &wgpu::Adapter) -> Result<(wgpu::Device, wgpu::Queue), String> {
    pollster::block_on(burn::cubecl::wgpu::vulkan::try_request_vulkan_device(adapter))
        .map_err(|error| error.to_string())?
        .ok_or_else(|| "its driver lacks what the kernels need".to_owned())
}

/// A device that there is.
struct Adapter {
    name: String,
    kind: DeviceKind,
}

/// The devices that there are.
struct Adapters {
    gpus: Vec<Adapter>,
    software: Vec<Adapter>,
}

impl Adapters {
    fn list() -> Self {
        let instance = wgpu::Instance::new(InstanceDescriptor {
            backends: Backends::VULKAN,
            ..InstanceDescriptor::new_without_display_handle()
        });
        let mut found = Self { gpus: Vec::new(), software: Vec::new() };
        // burn counts each kind by itself.
        let (mut discrete, mut integrated, mut virtuals) = (0, 0, 0);
        let next = |count: &mut usize| {
            *count += 1;
            *count - 1
        };
        for adapter in pollster::block_on(instance.enumerate_adapters(Backends::VULKAN)) {
            let info = adapter.get_info();
            let kind = match info.device_type {
                DeviceType::DiscreteGpu => DeviceKind::DiscreteGpu(next(&mut discrete)),
                DeviceType::IntegratedGpu => DeviceKind::IntegratedGpu(next(&mut integrated)),
                DeviceType::VirtualGpu => DeviceKind::VirtualGpu(next(&mut virtuals)),
                DeviceType::Cpu => {
                    found.software.push(Adapter { name: info.name, kind: DeviceKind::Cpu });
                    continue;
                }
                DeviceType::Other => continue,
            };
            found.gpus.push(Adapter { name: info.name, kind });
        }
        found
    }

    /// What there is, for people.
    fn described(&self) -> String {
        let names = |adapters: &[Adapter]| {
            adapters.iter().map(|adapter| adapter.name.as_str()).collect::<Vec<_>>().join(", ")
        };
        match (self.gpus.as_slice(), self.software.as_slice()) {
            ([], []) => "no GPU was found".to_owned(),
            ([], software) => {
                format!("no GPU was found, only software: {}", names(software))
            }
            (gpus, _) => names(gpus),
        }
    }
}

/// The software Vulkan device. burn opens each device once in a process.
#[cfg(test)]
pub(crate) fn software() -> &'static InferenceDevice {
    static DEVICE: std::sync::OnceLock<InferenceDevice> = std::sync::OnceLock::new();
    DEVICE.get_or_init(|| {
        InferenceDevice::open(DeviceChoice::Software, PrecisionChoice::F32)
            .expect("a software Vulkan device: install the Debian package mesa-vulkan-drivers")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn auto_never_takes_a_software_device() {
        let device = InferenceDevice::open(DeviceChoice::Auto, PrecisionChoice::Auto).unwrap();
        let software = device.shared().map(|gpu| gpu.adapter.get_info().device_type);
        assert_ne!(software, Some(DeviceType::Cpu), "{device}");
    }

    #[test]
    fn a_gpu_that_is_not_there_is_refused_with_what_there_is() {
        let error = InferenceDevice::open(DeviceChoice::Gpu(99), PrecisionChoice::Auto);
        let error = error.err().unwrap().to_string();
        assert!(error.starts_with("there is no gpu:99: "), "{error}");
    }

    #[test]
    fn numbers_that_the_cpu_is_slow_with_are_refused() {
        let error = InferenceDevice::open(DeviceChoice::Cpu, PrecisionChoice::F16).err().unwrap();
        let error = error.to_string();
        assert!(error.starts_with("the CPU cannot compute with f16: "), "{error}");
    }

    #[test]
    fn the_cpu_says_why_it_was_taken() {
        let device = InferenceDevice::open(DeviceChoice::Cpu, PrecisionChoice::Auto).unwrap();
        assert_eq!(device.to_string(), "the CPU (as asked for)");
    }
}

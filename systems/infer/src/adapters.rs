//! The graphics devices of this machine, for people.

use wgpu::{Backends, DeviceType, InstanceDescriptor};

/// A Vulkan device.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AdapterInfo {
    /// Its name.
    pub name: String,
    /// Its driver and the driver's version.
    pub driver: String,
    /// Whether it is a program that behaves like a GPU. `auto` never takes one.
    pub software: bool,
}

/// The Vulkan devices of this machine, real ones first.
pub fn adapters() -> Vec<AdapterInfo> {
    let instance = wgpu::Instance::new(InstanceDescriptor {
        backends: Backends::VULKAN,
        ..InstanceDescriptor::new_without_display_handle()
    });
    let found = pollster::block_on(instance.enumerate_adapters(Backends::VULKAN));
    let mut adapters: Vec<_> = found
        .into_iter()
        .map(|adapter| {
            let info = adapter.get_info();
            let driver = format!("{} {}", info.driver, info.driver_info).trim().to_owned();
            let software = info.device_type == DeviceType::Cpu;
            AdapterInfo { name: info.name, driver, software }
        })
        .collect();
    adapters.sort_by_key(|adapter| adapter.software);
    adapters
}

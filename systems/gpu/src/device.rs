use bevy_ecs::prelude::*;

/// The shared device. Absent when inference runs on the CPU.
#[derive(Resource, Clone, Debug)]
pub struct Gpu {
    /// Surfaces of a window are made from it.
    pub instance: wgpu::Instance,
    /// Which hardware.
    pub adapter: wgpu::Adapter,
    /// Shared with burn, which has set its error callbacks: own validation errors must be caught in
    /// error scopes, or they end up as burn's.
    pub device: wgpu::Device,
    /// The only queue. What is submitted first runs first.
    pub queue: wgpu::Queue,
}

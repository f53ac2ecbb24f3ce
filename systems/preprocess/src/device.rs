//! Frames into input slots, on the GPU.

mod frames;
mod job;

use std::num::NonZeroU64;
use std::sync::Arc;

use detector_components::frame::Pixels;
use detector_components::geometry::Placement;
use detector_gpu::{DeviceSlot, Gpu};
use detector_picture::PLANES_SHADER;

use crate::error::FillError;
use frames::{FrameOnDevice, Frames};
use job::{ShaderJob, Tables};

/// Invocations of a workgroup, each for two pixels.
const PIXELS_PER_GROUP: u32 = 128;
/// What every device allows in one dimension of a dispatch.
const MAX_GROUPS: u32 = 65_535;

/// Runs the shader.
pub struct DeviceFiller {
    gpu: Gpu,
    pipeline: Result<wgpu::ComputePipeline, String>,
    frames: Frames,
    /// What is looked up, of all rows of a batch.
    tables: Tables,
    tables_on_device: Scratch,
    /// The jobs of all rows of a batch, each where a binding may begin.
    jobs: Vec<u8>,
    jobs_on_device: Scratch,
}

impl DeviceFiller {
    /// Compiles the shader.
    pub fn new(gpu: Gpu) -> Self {
        let pipeline = checked(&gpu.device, || pipeline(&gpu.device));
        Self {
            gpu,
            pipeline,
            frames: Frames::default(),
            tables: Tables::default(),
            tables_on_device: Scratch::new("letterbox tables", wgpu::BufferUsages::STORAGE),
            jobs: Vec::new(),
            jobs_on_device: Scratch::new("letterbox jobs", wgpu::BufferUsages::UNIFORM),
        }
    }

    /// Whether this is the device that it fills slots of.
    pub fn is_of(&self, gpu: &Gpu) -> bool {
        self.gpu.device == gpu.device
    }

    /// Lays parts of frames into the first rows of a slot. Returns when the work is on the queue:
    /// what is submitted later reads the slot as it is then.
    ///
    /// However many rows there are, it is one submission, and each frame is uploaded once.
    pub fn fill(
        &mut self,
        slot: &DeviceSlot,
        rows: &[(Arc<Pixels>, Placement)],
    ) -> Result<(), FillError> {
        let pipeline = match &self.pipeline {
            Ok(pipeline) => pipeline.clone(),
            Err(reason) => return Err(FillError::Refused(reason.clone())),
        };
        let gpu = self.gpu.clone();
        checked(&gpu.device, || {
            let frames: Vec<FrameOnDevice> =
                rows.iter().map(|(pixels, _)| self.frames.uploaded(&gpu, pixels)).collect();
            let pace = self.write_jobs(slot, rows, &frames);
            let mut encoder = gpu.device.create_command_encoder(&Default::default());
            {
                let mut pass = encoder.begin_compute_pass(&Default::default());
                pass.set_pipeline(&pipeline);
                let mut bound = None;
                for (index, (frame, (_, placement))) in (0..).zip(frames.iter().zip(rows)) {
                    // Rows often look at the same frame as the row before.
                    let group = match bound.take() {
                        Some((buffer, group)) if buffer == frame.buffer => group,
                        _ => self.bind_group(&pipeline, &frame.buffer, slot),
                    };
                    pass.set_bind_group(0, &group, &[index * pace]);
                    bound = Some((frame.buffer.clone(), group));
                    let groups = (placement.tensor.width * placement.tensor.height)
                        .div_ceil(PIXELS_PER_GROUP);
                    pass.dispatch_workgroups(
                        groups.min(MAX_GROUPS),
                        groups.div_ceil(MAX_GROUPS),
                        1,
                    );
                }
            }
            gpu.queue.submit([encoder.finish()]);
        })
        .map_err(FillError::Refused)
    }

    /// Puts on the device what the shader is to know of each row. The bytes from one job to the next.
    fn write_jobs(
        &mut self,
        slot: &DeviceSlot,
        rows: &[(Arc<Pixels>, Placement)],
        frames: &[FrameOnDevice],
    ) -> u32 {
        let alignment = self.gpu.device.limits().min_uniform_buffer_offset_alignment as usize;
        let pace = size_of::<ShaderJob>().next_multiple_of(alignment);
        self.tables.begin(slot.precision);
        self.jobs.clear();
        for (index, (frame, (_, placement))) in (0..).zip(frames.iter().zip(rows)) {
            let places = self.tables.add(placement);
            let job = ShaderJob::new(frame.planes, placement, places, slot, index);
            self.jobs.extend_from_slice(bytemuck::bytes_of(&job));
            self.jobs.resize((index as usize + 1) * pace, 0);
        }
        self.jobs_on_device.write(&self.gpu, &self.jobs);
        self.tables_on_device.write(&self.gpu, bytemuck::cast_slice(self.tables.words()));
        pace as u32
    }

    fn bind_group(
        &self,
        pipeline: &wgpu::ComputePipeline,
        planes: &wgpu::Buffer,
        slot: &DeviceSlot,
    ) -> wgpu::BindGroup {
        let part = |buffer, offset, size| {
            wgpu::BindingResource::Buffer(wgpu::BufferBinding {
                buffer,
                offset,
                size: NonZeroU64::new(size),
            })
        };
        let job = size_of::<ShaderJob>() as u64;
        let entry = |binding, resource| wgpu::BindGroupEntry { binding, resource };
        self.gpu.device.create_bind_group(&wgpu::BindGroupDescriptor {
            label: Some("letterbox"),
            layout: &pipeline.get_bind_group_layout(0),
            entries: &[
                entry(0, planes.as_entire_binding()),
                // The buffer holds other tensors too: only the slot's part of it is bound.
                entry(1, part(&slot.buffer, slot.offset, slot.bytes)),
                entry(2, part(self.jobs_on_device.buffer(), 0, job)),
                entry(3, self.tables_on_device.buffer().as_entire_binding()),
            ],
        })
    }
}

fn pipeline(device: &wgpu::Device) -> wgpu::ComputePipeline {
    let own = include_str!("../../../assets/shaders/letterbox.wgsl");
    let source = format!("{PLANES_SHADER}\n{own}");
    let module = device.create_shader_module(wgpu::ShaderModuleDescriptor {
        label: Some("letterbox"),
        source: wgpu::ShaderSource::Wgsl(source.into()),
    });
    let entry = |binding, ty, has_dynamic_offset| wgpu::BindGroupLayoutEntry {
        binding,
        visibility: wgpu::ShaderStages::COMPUTE,
        ty: wgpu::BindingType::Buffer { ty, has_dynamic_offset, min_binding_size: None },
        count: None,
    };
    let storage = |read_only| wgpu::BufferBindingType::Storage { read_only };
    let bindings = device.create_bind_group_layout(&wgpu::BindGroupLayoutDescriptor {
        label: Some("letterbox"),
        entries: &[
            entry(0, storage(true), false),
            entry(1, storage(false), false),
            entry(2, wgpu::BufferBindingType::Uniform, true),
            entry(3, storage(true), false),
        ],
    });
    let layout = device.create_pipeline_layout(&wgpu::PipelineLayoutDescriptor {
        label: Some("letterbox"),
        bind_group_layouts: &[Some(&bindings)],
        immediate_size: 0,
    });
    device.create_compute_pipeline(&wgpu::ComputePipelineDescriptor {
        label: Some("letterbox"),
        layout: Some(&layout),
        module: &module,
        entry_point: Some("letterbox"),
        compilation_options: wgpu::PipelineCompilationOptions::default(),
        cache: None,
    })
}

/// Memory on the device that is written anew for each batch, and grows with the largest.
struct Scratch {
    label: &'static str,
    usage: wgpu::BufferUsages,
    buffer: Option<wgpu::Buffer>,
}

impl Scratch {
    fn new(label: &'static str, usage: wgpu::BufferUsages) -> Self {
        Self { label, usage: usage | wgpu::BufferUsages::COPY_DST, buffer: None }
    }

    /// Work that reads what was there before is before this write on the queue.
    fn write(&mut self, gpu: &Gpu, bytes: &[u8]) {
        let size = bytes.len() as u64;
        let buffer = self.buffer.take().filter(|buffer| size <= buffer.size());
        let buffer = buffer.unwrap_or_else(|| {
            gpu.device.create_buffer(&wgpu::BufferDescriptor {
                label: Some(self.label),
                size: size.next_power_of_two(),
                usage: self.usage,
                mapped_at_creation: false,
            })
        });
        gpu.queue.write_buffer(&buffer, 0, bytes);
        self.buffer = Some(buffer);
    }

    fn buffer(&self) -> &wgpu::Buffer {
        self.buffer.as_ref().expect("written before it is bound")
    }
}

/// Does something with the device, and says what the device did not like about it. Without this,
/// burn's own handler would take the complaint for one about its work.
fn checked<T>(device: &wgpu::Device, work: impl FnOnce() -> T) -> Result<T, String> {
    let scope = device.push_error_scope(wgpu::ErrorFilter::Validation);
    let done = work();
    match pollster::block_on(scope.pop()) {
        None => Ok(done),
        Some(error) => Err(error.to_string()),
    }
}

#[cfg(test)]
mod tests;

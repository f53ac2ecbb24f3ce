//! Frames into input slots, on the GPU.

use std::num::NonZeroU64;
use std::sync::{Arc, Weak};

use bytemuck::{Pod, Zeroable};
use detector_components::frame::{PixelFormat, Pixels};
use detector_components::geometry::{Filter, Placement};
use detector_gpu::{DeviceSlot, Gpu, Precision};
use detector_picture::ToRgb;
use wgpu::util::DeviceExt;

use crate::error::FillError;

/// Frames that are kept on the device, as several jobs look at each. One for each camera and a few
/// more; the one that was used longest ago makes room.
const MAX_UPLOADS: usize = 48;
/// Invocations of a workgroup, each for two pixels.
const PIXELS_PER_GROUP: u32 = 128;
/// What every device allows in one dimension of a dispatch.
const MAX_GROUPS: u32 = 65_535;

/// Runs the shader.
pub struct DeviceFiller {
    gpu: Gpu,
    pipeline: Result<wgpu::ComputePipeline, String>,
    uploads: Vec<Upload>,
}

/// A frame on the device.
struct Upload {
    /// Which one. Another frame may come to lie where a dropped one was; a weak pointer knows.
    pixels: Weak<Pixels>,
    buffer: wgpu::Buffer,
    layout: PlaneLayout,
}

/// Where the planes of a frame lie in a buffer.
#[derive(Clone, Copy, Default)]
struct PlaneLayout {
    offsets: [u32; 4],
    strides: [u32; 4],
}

/// What the shader calls `Job`.
#[repr(C)]
#[derive(Clone, Copy, Pod, Zeroable)]
struct ShaderJob {
    plane: [u32; 4],
    stride: [u32; 4],
    source: [u32; 4],
    resized: [u32; 2],
    offset: [i32; 2],
    tensor: [u32; 2],
    first_pixel: u32,
    format: u32,
    antialiased: u32,
    half: u32,
    padding: f32,
    black: i32,
    luma: i32,
    red_from_v: i32,
    green_from_u: i32,
    green_from_v: i32,
    blue_from_u: i32,
    unused: [u32; 3],
}

impl DeviceFiller {
    /// Compiles the shader.
    pub fn new(gpu: Gpu) -> Self {
        let device = &gpu.device;
        let pipeline = checked(device, || {
            let source = include_str!("../../../assets/shaders/letterbox.wgsl");
            let module = device.create_shader_module(wgpu::ShaderModuleDescriptor {
                label: Some("letterbox"),
                source: wgpu::ShaderSource::Wgsl(source.into()),
            });
            device.create_compute_pipeline(&wgpu::ComputePipelineDescriptor {
                label: Some("letterbox"),
                layout: None,
                module: &module,
                entry_point: Some("letterbox"),
                compilation_options: wgpu::PipelineCompilationOptions::default(),
                cache: None,
            })
        });
        Self { gpu, pipeline, uploads: Vec::new() }
    }

    /// Whether this is the device that it fills slots of.
    pub fn is_of(&self, gpu: &Gpu) -> bool {
        self.gpu.device == gpu.device
    }

    /// Lays parts of frames into the first rows of a slot. Returns when the work is on the queue:
    /// what is submitted later reads the slot as it is then.
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
            let mut encoder = gpu.device.create_command_encoder(&Default::default());
            {
                let mut pass = encoder.begin_compute_pass(&Default::default());
                pass.set_pipeline(&pipeline);
                for (row, (pixels, placement)) in (0..).zip(rows) {
                    let (planes, layout) = self.uploaded(pixels);
                    let job = shader_job(pixels, placement, layout, slot, row);
                    let group = self.bind_group(&pipeline, &planes, slot, &job);
                    pass.set_bind_group(0, &group, &[]);
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

    fn bind_group(
        &self,
        pipeline: &wgpu::ComputePipeline,
        planes: &wgpu::Buffer,
        slot: &DeviceSlot,
        job: &ShaderJob,
    ) -> wgpu::BindGroup {
        let device = &self.gpu.device;
        let uniform = device.create_buffer_init(&wgpu::util::BufferInitDescriptor {
            label: Some("letterbox job"),
            contents: bytemuck::bytes_of(job),
            usage: wgpu::BufferUsages::UNIFORM,
        });
        let entry = |binding, resource| wgpu::BindGroupEntry { binding, resource };
        device.create_bind_group(&wgpu::BindGroupDescriptor {
            label: Some("letterbox"),
            layout: &pipeline.get_bind_group_layout(0),
            entries: &[
                entry(0, planes.as_entire_binding()),
                // The buffer holds other tensors too: only the slot's part of it is bound.
                entry(
                    1,
                    wgpu::BindingResource::Buffer(wgpu::BufferBinding {
                        buffer: &slot.buffer,
                        offset: slot.offset,
                        size: NonZeroU64::new(slot.bytes),
                    }),
                ),
                entry(2, uniform.as_entire_binding()),
            ],
        })
    }

    /// A frame on the device: uploaded once, whoever looks at it.
    fn uploaded(&mut self, pixels: &Arc<Pixels>) -> (wgpu::Buffer, PlaneLayout) {
        let known = self
            .uploads
            .iter()
            .position(|upload| std::ptr::eq(upload.pixels.as_ptr(), Arc::as_ptr(pixels)));
        if let Some(known) = known {
            // Used last goes last.
            let upload = self.uploads.remove(known);
            let found = (upload.buffer.clone(), upload.layout);
            self.uploads.push(upload);
            return found;
        }
        let (bytes, layout) = packed(pixels);
        let size = bytes.len() as u64;
        // A frame that is gone leaves its buffer to the next of its size. Work that reads it is
        // before this write on the queue.
        let free = self
            .uploads
            .iter()
            .position(|upload| upload.pixels.strong_count() == 0 && upload.buffer.size() == size);
        let buffer = match free {
            Some(free) => self.uploads.remove(free).buffer,
            None => {
                if self.uploads.len() >= MAX_UPLOADS {
                    self.uploads.remove(0);
                }
                self.gpu.device.create_buffer(&wgpu::BufferDescriptor {
                    label: Some("frame"),
                    size,
                    usage: wgpu::BufferUsages::STORAGE | wgpu::BufferUsages::COPY_DST,
                    mapped_at_creation: false,
                })
            }
        };
        self.gpu.queue.write_buffer(&buffer, 0, &bytes);
        let pixels = Arc::downgrade(pixels);
        self.uploads.push(Upload { pixels, buffer: buffer.clone(), layout });
        (buffer, layout)
    }
}

/// The planes of a frame one after the other, each from a whole word on.
fn packed(pixels: &Pixels) -> (Vec<u8>, PlaneLayout) {
    let mut layout = PlaneLayout::default();
    let mut bytes = Vec::new();
    let sizes = pixels.format().plane_sizes(pixels.size());
    for (index, (row, rows)) in sizes.into_iter().enumerate() {
        let stride = pixels.strides()[index];
        layout.offsets[index] = bytes.len() as u32;
        layout.strides[index] = stride as u32;
        // Up to the last sample: what lies behind it belongs to nobody.
        bytes.extend_from_slice(&pixels.plane(index)[..stride * (rows - 1) + row]);
        bytes.resize(bytes.len().next_multiple_of(4), 0);
    }
    (bytes, layout)
}

fn shader_job(
    pixels: &Pixels,
    placement: &Placement,
    layout: PlaneLayout,
    slot: &DeviceSlot,
    row: u32,
) -> ShaderJob {
    let Placement { source, resized, offset, filter, tensor } = *placement;
    let to_rgb = ToRgb::new(pixels.color());
    ShaderJob {
        plane: layout.offsets,
        stride: layout.strides,
        source: [source.x, source.y, source.width, source.height],
        resized: [resized.width, resized.height],
        offset,
        tensor: [tensor.width, tensor.height],
        first_pixel: row * tensor.width * tensor.height,
        format: match pixels.format() {
            PixelFormat::Rgb => 0,
            PixelFormat::Nv12 => 1,
            PixelFormat::I420 => 2,
        },
        antialiased: u32::from(filter == Filter::Antialiased),
        half: u32::from(slot.precision == Precision::F16),
        padding: f32::from(Placement::PADDING) / 255.0,
        black: to_rgb.black,
        luma: to_rgb.luma,
        red_from_v: to_rgb.red_from_v,
        green_from_u: to_rgb.green_from_u,
        green_from_v: to_rgb.green_from_v,
        blue_from_u: to_rgb.blue_from_u,
        unused: [0; 3],
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

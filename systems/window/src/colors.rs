//! A frame's colours, on the device.

use bytemuck::{Pod, Zeroable};
use detector_components::frame::Pixels;
use detector_picture::{PLANES_SHADER, ShaderPlanes, planes};

/// Runs the shader that makes a picture of a frame's planes.
pub struct Colors(wgpu::RenderPipeline);

/// What the shader calls `Picture`.
#[repr(C)]
#[derive(Clone, Copy, Debug, Pod, Zeroable)]
struct ShaderPicture {
    frame: ShaderPlanes,
    pace: u32,
    /// A shader's structures are whole vectors.
    unused: [u32; 3],
}

impl Colors {
    /// What pictures are made of: red, green, blue and one that is full.
    pub const TARGET: wgpu::TextureFormat = wgpu::TextureFormat::Rgba8Unorm;

    /// Compiles the shader.
    pub fn new(device: &wgpu::Device) -> Self {
        let own = include_str!("../../../assets/shaders/frame.wgsl");
        let source = format!("{PLANES_SHADER}\n{own}");
        let module = device.create_shader_module(wgpu::ShaderModuleDescriptor {
            label: Some("frame"),
            source: wgpu::ShaderSource::Wgsl(source.into()),
        });
        Self(device.create_render_pipeline(&wgpu::RenderPipelineDescriptor {
            label: Some("frame"),
            layout: None,
            vertex: wgpu::VertexState {
                module: &module,
                entry_point: Some("cover"),
                compilation_options: Default::default(),
                buffers: &[],
            },
            primitive: wgpu::PrimitiveState::default(),
            depth_stencil: None,
            multisample: wgpu::MultisampleState::default(),
            fragment: Some(wgpu::FragmentState {
                module: &module,
                entry_point: Some("show"),
                compilation_options: Default::default(),
                targets: &[Some(Self::TARGET.into())],
            }),
            multiview_mask: None,
            cache: None,
        }))
    }

    /// How much memory the planes of a frame take on a device.
    pub fn bytes(pixels: &Pixels) -> u64 {
        let (parts, _) = planes(pixels);
        let end = parts.last().map_or(0, |(start, plane)| start + plane.len());
        end.next_multiple_of(4) as u64
    }

    /// Memory for planes.
    pub fn planes(device: &wgpu::Device, bytes: u64) -> wgpu::Buffer {
        device.create_buffer(&wgpu::BufferDescriptor {
            label: Some("planes"),
            size: bytes,
            usage: wgpu::BufferUsages::STORAGE | wgpu::BufferUsages::COPY_DST,
            mapped_at_creation: false,
        })
    }

    /// Uploads a frame into `buffer`, which has [`Colors::bytes`], and paints it into `target`: every
    /// `pace` columns and rows of it.
    pub fn paint(
        &self,
        device: &wgpu::Device,
        queue: &wgpu::Queue,
        pixels: &Pixels,
        buffer: &wgpu::Buffer,
        target: &wgpu::TextureView,
        pace: u32,
    ) {
        let (parts, frame) = planes(pixels);
        // Straight into the memory that the device copies from: the one copy that there is.
        let whole = buffer.size().try_into().expect("a frame has pixels");
        if let Some(mut staging) = queue.write_buffer_with(buffer, 0, whole) {
            for (start, plane) in parts {
                staging.slice(start..start + plane.len()).copy_from_slice(plane);
            }
        }
        let picture = ShaderPicture { frame, pace, unused: [0; 3] };
        let about = device.create_buffer(&wgpu::BufferDescriptor {
            label: Some("picture"),
            size: size_of::<ShaderPicture>() as u64,
            usage: wgpu::BufferUsages::UNIFORM | wgpu::BufferUsages::COPY_DST,
            mapped_at_creation: false,
        });
        queue.write_buffer(&about, 0, bytemuck::bytes_of(&picture));
        let group = device.create_bind_group(&wgpu::BindGroupDescriptor {
            label: Some("frame"),
            layout: &self.0.get_bind_group_layout(0),
            entries: &[
                wgpu::BindGroupEntry { binding: 0, resource: buffer.as_entire_binding() },
                wgpu::BindGroupEntry { binding: 1, resource: about.as_entire_binding() },
            ],
        });
        let mut encoder = device.create_command_encoder(&Default::default());
        {
            let mut pass = encoder.begin_render_pass(&wgpu::RenderPassDescriptor {
                label: Some("frame"),
                color_attachments: &[Some(wgpu::RenderPassColorAttachment {
                    view: target,
                    depth_slice: None,
                    resolve_target: None,
                    ops: wgpu::Operations {
                        load: wgpu::LoadOp::Clear(wgpu::Color::BLACK),
                        store: wgpu::StoreOp::Store,
                    },
                })],
                ..Default::default()
            });
            pass.set_pipeline(&self.0);
            pass.set_bind_group(0, &group, &[]);
            pass.draw(0..3, 0..1);
        }
        queue.submit([encoder.finish()]);
    }
}

#[cfg(test)]
mod tests;

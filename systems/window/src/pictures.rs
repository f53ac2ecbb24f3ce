//! Frames as textures: each frame that is shown is uploaded once, as it lies in memory, and gets its
//! colours on the device.

use std::collections::HashMap;
use std::sync::{Arc, Weak};

use bevy_ecs::prelude::Entity;
use bytemuck::{Pod, Zeroable};
use detector_components::frame::{Frame, PixelFormat, Pixels};
use detector_components::geometry::Size;
use detector_gpu::planes;
use detector_picture::ToRgb;
use egui::TextureId;

use crate::screen::Screen;

/// The longest side of a picture that is shown. More is more than screens have.
const MAX_SIDE: u32 = 4_096;

/// The newest frame of each view that is shown, as a texture.
pub struct Pictures {
    pipeline: wgpu::RenderPipeline,
    of_views: HashMap<Entity, Picture>,
}

/// A frame as a texture.
struct Picture {
    /// Which frame. As long as there is a weak pointer to it, no other lies where it lay.
    of: Weak<Pixels>,
    size: Size,
    planes: wgpu::Buffer,
    target: wgpu::TextureView,
    id: TextureId,
}

/// What the shader calls `Picture`.
#[repr(C)]
#[derive(Clone, Copy, Debug, Pod, Zeroable)]
struct ShaderPicture {
    plane: [u32; 4],
    stride: [u32; 4],
    format: u32,
    black: i32,
    luma: i32,
    red_from_v: i32,
    green_from_u: i32,
    green_from_v: i32,
    blue_from_u: i32,
    pace: u32,
}

impl Pictures {
    /// Compiles the shader.
    pub fn new(screen: &Screen) -> Self {
        let module = screen.device.create_shader_module(wgpu::ShaderModuleDescriptor {
            label: Some("frame"),
            source: wgpu::ShaderSource::Wgsl(
                include_str!("../../../assets/shaders/frame.wgsl").into(),
            ),
        });
        let pipeline = screen.device.create_render_pipeline(&wgpu::RenderPipelineDescriptor {
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
                targets: &[Some(wgpu::TextureFormat::Rgba8Unorm.into())],
            }),
            multiview_mask: None,
            cache: None,
        });
        Self { pipeline, of_views: HashMap::new() }
    }

    /// The texture of a view's frame. None for a frame that the device has no room for.
    pub fn of(&mut self, screen: &mut Screen, view: Entity, frame: &Frame) -> Option<TextureId> {
        let pixels = &frame.pixels;
        let known = self.of_views.get(&view);
        if let Some(known) = known.filter(|known| known.of.as_ptr() == Arc::as_ptr(pixels)) {
            return Some(known.id);
        }
        let (parts, layout) = planes(pixels);
        let bytes =
            parts.last().map_or(0, |(start, plane)| start + plane.len()).next_multiple_of(4) as u64;
        if screen.device.limits().max_storage_buffer_binding_size < bytes {
            return None;
        }
        let Size { width, height } = pixels.size();
        let pace = width.max(height).div_ceil(MAX_SIDE.min(screen.max_texture_side()));
        let size = Size { width: width.div_ceil(pace), height: height.div_ceil(pace) };
        let mut picture = match self.of_views.remove(&view) {
            Some(old) if old.size == size && old.planes.size() == bytes => old,
            old => {
                if let Some(old) = old {
                    screen.renderer.free_texture(&old.id);
                }
                Picture::new(screen, size, bytes)
            }
        };
        picture.of = Arc::downgrade(pixels);
        let whole = bytes.try_into().ok()?;
        if let Some(mut staging) = screen.queue.write_buffer_with(&picture.planes, 0, whole) {
            for (start, plane) in parts {
                staging.slice(start..start + plane.len()).copy_from_slice(plane);
            }
        }
        let to_rgb = ToRgb::new(pixels.color());
        let job = ShaderPicture {
            plane: layout.offsets,
            stride: layout.strides,
            format: match pixels.format() {
                PixelFormat::Rgb => 0,
                PixelFormat::Nv12 => 1,
                PixelFormat::I420 => 2,
            },
            black: to_rgb.black,
            luma: to_rgb.luma,
            red_from_v: to_rgb.red_from_v,
            green_from_u: to_rgb.green_from_u,
            green_from_v: to_rgb.green_from_v,
            blue_from_u: to_rgb.blue_from_u,
            pace,
        };
        self.color(screen, &picture, &job);
        let id = picture.id;
        self.of_views.insert(view, picture);
        Some(id)
    }

    /// Gives back the memory of views that are not shown any more.
    pub fn keep(&mut self, screen: &mut Screen, shown: impl Fn(Entity) -> bool) {
        self.of_views.retain(|view, picture| {
            let keep = shown(*view);
            if !keep {
                screen.renderer.free_texture(&picture.id);
            }
            keep
        });
    }

    fn color(&self, screen: &Screen, picture: &Picture, job: &ShaderPicture) {
        let about = screen.device.create_buffer(&wgpu::BufferDescriptor {
            label: Some("picture"),
            size: size_of::<ShaderPicture>() as u64,
            usage: wgpu::BufferUsages::UNIFORM | wgpu::BufferUsages::COPY_DST,
            mapped_at_creation: false,
        });
        screen.queue.write_buffer(&about, 0, bytemuck::bytes_of(job));
        let group = screen.device.create_bind_group(&wgpu::BindGroupDescriptor {
            label: Some("frame"),
            layout: &self.pipeline.get_bind_group_layout(0),
            entries: &[
                wgpu::BindGroupEntry { binding: 0, resource: picture.planes.as_entire_binding() },
                wgpu::BindGroupEntry { binding: 1, resource: about.as_entire_binding() },
            ],
        });
        let mut encoder = screen.device.create_command_encoder(&Default::default());
        {
            let mut pass = encoder.begin_render_pass(&wgpu::RenderPassDescriptor {
                label: Some("frame"),
                color_attachments: &[Some(wgpu::RenderPassColorAttachment {
                    view: &picture.target,
                    depth_slice: None,
                    resolve_target: None,
                    ops: wgpu::Operations {
                        load: wgpu::LoadOp::Clear(wgpu::Color::BLACK),
                        store: wgpu::StoreOp::Store,
                    },
                })],
                ..Default::default()
            });
            pass.set_pipeline(&self.pipeline);
            pass.set_bind_group(0, &group, &[]);
            pass.draw(0..3, 0..1);
        }
        screen.queue.submit([encoder.finish()]);
    }
}

impl Picture {
    fn new(screen: &mut Screen, size: Size, bytes: u64) -> Self {
        let texture = screen.device.create_texture(&wgpu::TextureDescriptor {
            label: Some("frame"),
            size: wgpu::Extent3d {
                width: size.width,
                height: size.height,
                depth_or_array_layers: 1,
            },
            mip_level_count: 1,
            sample_count: 1,
            dimension: wgpu::TextureDimension::D2,
            format: wgpu::TextureFormat::Rgba8Unorm,
            usage: wgpu::TextureUsages::RENDER_ATTACHMENT | wgpu::TextureUsages::TEXTURE_BINDING,
            view_formats: &[],
        });
        let target = texture.create_view(&Default::default());
        let planes = screen.device.create_buffer(&wgpu::BufferDescriptor {
            label: Some("planes"),
            size: bytes,
            usage: wgpu::BufferUsages::STORAGE | wgpu::BufferUsages::COPY_DST,
            mapped_at_creation: false,
        });
        let id = screen.renderer.register_native_texture(
            &screen.device,
            &target,
            wgpu::FilterMode::Linear,
        );
        Self { of: Weak::new(), size, planes, target, id }
    }
}

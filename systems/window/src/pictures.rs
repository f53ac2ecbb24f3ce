//! Frames as textures: each frame that is shown is uploaded once, as it lies in memory, and gets its
//! colours on the device.

use std::collections::HashMap;
use std::sync::{Arc, Weak};

use bevy_ecs::prelude::Entity;
use detector_components::frame::{Frame, Pixels};
use detector_components::geometry::Size;
use egui::TextureId;

use crate::colors::Colors;
use crate::screen::Screen;

/// The longest side of a picture that is shown. More is more than screens have.
const MAX_SIDE: u32 = 4_096;

/// The newest frame of each view that is shown, as a texture.
pub struct Pictures {
    colors: Colors,
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

impl Pictures {
    /// Compiles the shader.
    pub fn new(screen: &Screen) -> Self {
        Self { colors: Colors::new(&screen.device), of_views: HashMap::new() }
    }

    /// The texture of a view's frame. None for a frame that the device has no room for.
    pub fn of(&mut self, screen: &mut Screen, view: Entity, frame: &Frame) -> Option<TextureId> {
        let pixels = &frame.pixels;
        let known = self.of_views.get(&view);
        if let Some(known) = known.filter(|known| known.of.as_ptr() == Arc::as_ptr(pixels)) {
            return Some(known.id);
        }
        let bytes = Colors::bytes(pixels);
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
        let (planes, target) = (&picture.planes, &picture.target);
        self.colors.paint(&screen.device, &screen.queue, pixels, planes, target, pace);
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
            format: Colors::TARGET,
            usage: wgpu::TextureUsages::RENDER_ATTACHMENT | wgpu::TextureUsages::TEXTURE_BINDING,
            view_formats: &[],
        });
        let target = texture.create_view(&Default::default());
        let planes = Colors::planes(&screen.device, bytes);
        let id = screen.renderer.register_native_texture(
            &screen.device,
            &target,
            wgpu::FilterMode::Linear,
        );
        Self { of: Weak::new(), size, planes, target, id }
    }
}

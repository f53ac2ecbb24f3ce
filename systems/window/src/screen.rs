//! Draws on a window, with a device of its own.
//!
//! Not with the device that inference runs on: to give a surface another size, wgpu waits until its
//! device is idle, and takes what somebody else submits meanwhile for a mistake. A window that is
//! resized would hold up inference or fail it. So frames that are shown are uploaded once more.

use std::sync::Arc;

use egui::{ClippedPrimitive, TexturesDelta};
use egui_wgpu::{Renderer, RendererOptions, ScreenDescriptor};
use tracing::warn;
use wgpu::CurrentSurfaceTexture;
use winit::dpi::PhysicalSize;
use winit::window::Window;

use crate::error::WindowError;

/// A window's surface, and what draws on it.
pub struct Screen {
    /// What draws.
    pub device: wgpu::Device,
    /// In which order.
    pub queue: wgpu::Queue,
    /// Draws shapes and knows the textures in them.
    pub renderer: Renderer,
    surface: wgpu::Surface<'static>,
    config: wgpu::SurfaceConfiguration,
}

impl Screen {
    /// Opens a device that can draw on the window.
    ///
    /// # Errors
    /// When there is none.
    pub fn new(window: Arc<Window>) -> Result<Self, WindowError> {
        let size = window.inner_size();
        let refused = |error: &dyn std::error::Error| WindowError::Device(error.to_string());
        let instance = wgpu::Instance::new(wgpu::InstanceDescriptor {
            backends: wgpu::Backends::VULKAN,
            ..wgpu::InstanceDescriptor::new_without_display_handle()
        });
        let surface = instance.create_surface(window).map_err(|error| refused(&error))?;
        let adapter = pollster::block_on(instance.request_adapter(&wgpu::RequestAdapterOptions {
            // The stronger one has inference to run.
            power_preference: wgpu::PowerPreference::LowPower,
            compatible_surface: Some(&surface),
            ..Default::default()
        }))
        .map_err(|error| refused(&error))?;
        let (device, queue) = pollster::block_on(adapter.request_device(&wgpu::DeviceDescriptor {
            label: Some("window"),
            required_limits: adapter.limits(),
            memory_hints: wgpu::MemoryHints::MemoryUsage,
            ..wgpu::DeviceDescriptor::default()
        }))
        .map_err(|error| refused(&error))?;
        // The default ends the process: a picture that is not drawn is no reason for that.
        device.on_uncaptured_error(Arc::new(|error: wgpu::Error| {
            warn!(%error, "the window was not drawn as it should be");
        }));

        let capabilities = surface.get_capabilities(&adapter);
        let mut config = surface
            .get_default_config(&adapter, size.width.max(1), size.height.max(1))
            .ok_or_else(|| WindowError::Device("it offers no format".to_owned()))?;
        // Shapes are blended as screens show them.
        let plain = capabilities.formats.iter().find(|format| !format.is_srgb());
        config.format = plain.copied().unwrap_or(config.format);
        config.present_mode = wgpu::PresentMode::AutoVsync;
        surface.configure(&device, &config);
        let options = RendererOptions { dithering: false, ..RendererOptions::default() };
        let renderer = Renderer::new(&device, config.format, options);
        Ok(Self { device, queue, renderer, surface, config })
    }

    /// The longest side of a texture.
    pub fn max_texture_side(&self) -> u32 {
        self.device.limits().max_texture_dimension_2d
    }

    /// Follows the window's size.
    pub fn resize(&mut self, size: PhysicalSize<u32>) {
        // A minimised window has no pixels, and keeps its surface.
        if size.width > 0 && size.height > 0 {
            (self.config.width, self.config.height) = (size.width, size.height);
            self.surface.configure(&self.device, &self.config);
        }
    }

    /// Draws on the window. A window that nobody sees is not drawn on.
    ///
    /// # Errors
    /// When the device refuses to.
    pub fn present(
        &mut self,
        shapes: &[ClippedPrimitive],
        textures: &TexturesDelta,
        pixels_per_point: f32,
    ) -> Result<(), WindowError> {
        // Whether or not it can be drawn now: these come once.
        for (id, deltas) in &textures.set {
            for delta in deltas {
                self.renderer.update_texture(&self.device, &self.queue, *id, delta);
            }
        }
        let drawn = self.draw(shapes, pixels_per_point);
        for id in &textures.free {
            self.renderer.free_texture(id);
        }
        drawn
    }

    fn draw(
        &mut self,
        shapes: &[ClippedPrimitive],
        pixels_per_point: f32,
    ) -> Result<(), WindowError> {
        let texture = match self.surface.get_current_texture() {
            CurrentSurfaceTexture::Success(texture)
            | CurrentSurfaceTexture::Suboptimal(texture) => texture,
            CurrentSurfaceTexture::Timeout | CurrentSurfaceTexture::Occluded => return Ok(()),
            CurrentSurfaceTexture::Outdated | CurrentSurfaceTexture::Lost => {
                self.surface.configure(&self.device, &self.config);
                return Ok(());
            }
            CurrentSurfaceTexture::Validation => {
                return Err(WindowError::Drawing("the device refuses the window".to_owned()));
            }
        };
        let descriptor = ScreenDescriptor {
            size_in_pixels: [self.config.width, self.config.height],
            pixels_per_point,
        };
        let mut encoder = self.device.create_command_encoder(&Default::default());
        let mut commands = self.renderer.update_buffers(
            &self.device,
            &self.queue,
            &mut encoder,
            shapes,
            &descriptor,
        );
        let view = texture.texture.create_view(&Default::default());
        {
            let pass = encoder.begin_render_pass(&wgpu::RenderPassDescriptor {
                label: Some("window"),
                color_attachments: &[Some(wgpu::RenderPassColorAttachment {
                    view: &view,
                    depth_slice: None,
                    resolve_target: None,
                    ops: wgpu::Operations {
                        load: wgpu::LoadOp::Clear(wgpu::Color::BLACK),
                        store: wgpu::StoreOp::Store,
                    },
                })],
                ..Default::default()
            });
            self.renderer.render(&mut pass.forget_lifetime(), shapes, &descriptor);
        }
        commands.push(encoder.finish());
        self.queue.submit(commands);
        self.queue.present(texture);
        Ok(())
    }
}

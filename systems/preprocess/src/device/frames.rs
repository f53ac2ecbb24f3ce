//! Frames in the device's memory.

use std::sync::{Arc, Weak};

use detector_components::frame::Pixels;
use detector_gpu::Gpu;
use detector_picture::{ShaderPlanes, planes};

/// Frames that are kept on the device, as several jobs look at each. One for each camera and a few
/// more; the one that was used longest ago makes room.
pub const MAX_FRAMES: usize = 48;

/// A frame on the device.
#[derive(Clone)]
pub struct FrameOnDevice {
    /// Its planes one after the other.
    pub buffer: wgpu::Buffer,
    /// Where in the buffer, and their colours.
    pub planes: ShaderPlanes,
}

/// The frames that were uploaded, the one that was used last behind the others.
#[derive(Default)]
pub struct Frames(Vec<(Weak<Pixels>, FrameOnDevice)>);

impl Frames {
    /// A frame on the device: uploaded once, whoever looks at it.
    pub fn uploaded(&mut self, gpu: &Gpu, pixels: &Arc<Pixels>) -> FrameOnDevice {
        // Another frame may come to lie where a dropped one was. As long as there is a weak pointer
        // to that one, it does not.
        let known = self.0.iter().position(|(weak, _)| weak.as_ptr() == Arc::as_ptr(pixels));
        let frame = match known {
            Some(known) => self.0.remove(known).1,
            None => self.upload(gpu, pixels),
        };
        self.0.push((Arc::downgrade(pixels), frame.clone()));
        frame
    }

    fn upload(&mut self, gpu: &Gpu, pixels: &Pixels) -> FrameOnDevice {
        let (parts, planes) = planes(pixels);
        let size = parts.last().map_or(0, |(start, plane)| start + plane.len()).next_multiple_of(4);
        let buffer = self.free(size as u64).unwrap_or_else(|| {
            gpu.device.create_buffer(&wgpu::BufferDescriptor {
                label: Some("frame"),
                size: size as u64,
                usage: wgpu::BufferUsages::STORAGE | wgpu::BufferUsages::COPY_DST,
                mapped_at_creation: false,
            })
        });
        // Straight into the memory that the device copies from: the one copy that there is.
        let whole = (size as u64).try_into().expect("a frame has pixels");
        if let Some(mut staging) = gpu.queue.write_buffer_with(&buffer, 0, whole) {
            for (start, plane) in parts {
                staging.slice(start..start + plane.len()).copy_from_slice(plane);
            }
        }
        FrameOnDevice { buffer, planes }
    }

    /// Memory of a frame that is gone, for the next of its size: work that reads it is before the
    /// next write on the queue. Makes room when there is none.
    fn free(&mut self, size: u64) -> Option<wgpu::Buffer> {
        let gone = self
            .0
            .iter()
            .position(|(weak, frame)| weak.strong_count() == 0 && frame.buffer.size() == size);
        if let Some(gone) = gone {
            return Some(self.0.remove(gone).1.buffer);
        }
        if MAX_FRAMES <= self.0.len() {
            self.0.remove(0);
        }
        None
    }

    #[cfg(test)]
    pub fn len(&self) -> usize {
        self.0.len()
    }
}

//! The shader and the CPU give the same bits, on the software Vulkan device.

use detector_components::frame::{ColorMatrix, ColorSpace, PixelFormat};
use detector_components::geometry::{Region, Size};
use detector_gpu::{Precision, SlotShape};
use half::f16;

use super::frames::MAX_FRAMES;
use super::*;
use crate::golden::{self, noise};
use crate::host::fill_host;

fn software_gpu() -> Gpu {
    let instance = wgpu::Instance::new(wgpu::InstanceDescriptor {
        backends: wgpu::Backends::VULKAN,
        ..wgpu::InstanceDescriptor::new_without_display_handle()
    });
    let adapter = pollster::block_on(instance.enumerate_adapters(wgpu::Backends::VULKAN))
        .into_iter()
        .find(|adapter| adapter.get_info().device_type == wgpu::DeviceType::Cpu)
        .expect("a software Vulkan device: install the Debian package mesa-vulkan-drivers");
    let (device, queue) = pollster::block_on(adapter.request_device(&Default::default())).unwrap();
    Gpu { instance, adapter, device, queue }
}

fn slot(gpu: &Gpu, shape: SlotShape, precision: Precision) -> DeviceSlot {
    let each = if precision == Precision::F16 { 2 } else { 4 };
    let bytes = (shape.values() * each).next_multiple_of(4) as u64;
    // As burn's memory: the slot is a part of a larger buffer.
    let offset = 256;
    let buffer = gpu.device.create_buffer(&wgpu::BufferDescriptor {
        label: None,
        size: offset + bytes + 256,
        usage: wgpu::BufferUsages::STORAGE | wgpu::BufferUsages::COPY_SRC,
        mapped_at_creation: false,
    });
    let (gpu, keep) = (gpu.clone(), Arc::new(()));
    DeviceSlot { id: 0, gpu, shape, precision, buffer, offset, bytes, keep }
}

fn read(gpu: &Gpu, slot: &DeviceSlot) -> Vec<f32> {
    let staging = gpu.device.create_buffer(&wgpu::BufferDescriptor {
        label: None,
        size: slot.bytes,
        usage: wgpu::BufferUsages::COPY_DST | wgpu::BufferUsages::MAP_READ,
        mapped_at_creation: false,
    });
    let mut encoder = gpu.device.create_command_encoder(&Default::default());
    encoder.copy_buffer_to_buffer(&slot.buffer, slot.offset, &staging, 0, slot.bytes);
    gpu.queue.submit([encoder.finish()]);
    staging.slice(..).map_async(wgpu::MapMode::Read, Result::unwrap);
    gpu.device.poll(wgpu::PollType::wait_indefinitely()).unwrap();
    let view = staging.slice(..).get_mapped_range().unwrap();
    let bytes: Vec<u8> = view.to_vec();
    match slot.precision {
        Precision::F32 => bytemuck::pod_collect_to_vec(&bytes),
        Precision::F16 => bytes
            .chunks_exact(2)
            .map(|pair| f16::from_le_bytes([pair[0], pair[1]]).to_f32())
            .collect(),
    }
}

#[track_caller]
fn agree(gpu: &Gpu, filler: &mut DeviceFiller, pixels: &Arc<Pixels>, placements: &[Placement]) {
    for precision in [Precision::F32, Precision::F16] {
        let tensor = placements[0].tensor;
        let (width, height) = (tensor.width as usize, tensor.height as usize);
        let shape = SlotShape { batch: placements.len(), height, width };
        let slot = slot(gpu, shape, precision);
        let rows: Vec<_> = placements.iter().map(|place| (pixels.clone(), *place)).collect();
        filler.fill(&slot, &rows).unwrap();
        let device = read(gpu, &slot);
        let plane = width * height;
        for (row, placement) in placements.iter().enumerate() {
            let mut host = vec![0.0; 3 * plane];
            fill_host(pixels, placement, &mut host);
            for index in 0..plane {
                for channel in 0..3 {
                    let on_device = device[(row * plane + index) * 3 + channel];
                    let on_host = host[channel * plane + index];
                    let on_host = match precision {
                        Precision::F32 => on_host,
                        Precision::F16 => f16::from_f32(on_host).to_f32(),
                    };
                    assert_eq!(
                        on_device,
                        on_host,
                        "{:?} {placement:?} {precision:?} pixel {index} channel {channel}",
                        pixels.format(),
                    );
                }
            }
        }
    }
}

#[test]
fn the_shader_and_the_cpu_agree_on_every_layout() {
    let gpu = software_gpu();
    let mut filler = DeviceFiller::new(gpu.clone());
    let video = ColorSpace { matrix: ColorMatrix::Bt709, full_range: false };
    let size = Size { width: 37, height: 23 };
    let whole = Region::whole(size);
    let crop = Region { x: 5, y: 3, width: 21, height: 13 };
    let tensor = Size { width: 32, height: 32 };
    for format in [PixelFormat::Rgb, PixelFormat::Nv12, PixelFormat::I420] {
        for (pad, color) in [(0, ColorSpace::JPEG), (11, video)] {
            let pixels = noise(format, size, pad, color);
            // Two rows of one slot: a letterbox of all and one of a part.
            let letterboxes =
                [Placement::letterbox(whole, tensor), Placement::letterbox(crop, tensor)];
            agree(&gpu, &mut filler, &pixels, &letterboxes);
            let smaller = Size { width: 10, height: 10 };
            let crops =
                [Placement::centre_crop(whole, smaller), Placement::centre_crop(crop, smaller)];
            agree(&gpu, &mut filler, &pixels, &crops);
            let tall = Region { x: 3, y: 1, width: 3, height: 22 };
            agree(&gpu, &mut filler, &pixels, &[Placement::centre_crop(tall, smaller)]);
        }
    }
}

#[test]
fn an_input_with_an_odd_number_of_pixels_is_filled_to_its_end() {
    let gpu = software_gpu();
    let mut filler = DeviceFiller::new(gpu.clone());
    let size = Size { width: 16, height: 12 };
    let pixels = noise(PixelFormat::Nv12, size, 0, ColorSpace::JPEG);
    let tensor = Size { width: 7, height: 7 };
    let placement = Placement::centre_crop(Region::whole(size), tensor);
    agree(&gpu, &mut filler, &pixels, &[placement]);
}

#[test]
fn a_frame_is_uploaded_once_and_its_memory_used_again() {
    let gpu = software_gpu();
    let mut filler = DeviceFiller::new(gpu.clone());
    let size = Size { width: 16, height: 12 };
    let tensor = Size { width: 16, height: 16 };
    let placement = Placement::letterbox(Region::whole(size), tensor);
    for _ in 0..3 * MAX_FRAMES {
        let pixels = noise(PixelFormat::I420, size, 0, ColorSpace::JPEG);
        agree(&gpu, &mut filler, &pixels, &[placement, placement]);
    }
    assert_eq!(filler.frames.len(), 1);
}

#[test]
fn the_shader_scales_pictures_as_opencv_and_pillow_scale_them() {
    let gpu = software_gpu();
    let mut filler = DeviceFiller::new(gpu.clone());
    for golden in golden::all() {
        let Size { width, height } = golden.placement.tensor;
        let shape = SlotShape { batch: 1, height: height as usize, width: width as usize };
        let slot = slot(&gpu, shape, Precision::F32);
        filler.fill(&slot, &[(golden.pixels, golden.placement)]).unwrap();
        let expected = golden.expected.into_iter().map(|sample| f32::from(sample) / 255.0);
        assert!(read(&gpu, &slot).into_iter().eq(expected), "{}", golden.name);
    }
}

#[test]
fn rows_of_different_frames_fill_one_slot() {
    let gpu = software_gpu();
    let mut filler = DeviceFiller::new(gpu.clone());
    let tensor = Size { width: 16, height: 16 };
    let shape = SlotShape { batch: 4, height: 16, width: 16 };
    let slot = slot(&gpu, shape, Precision::F32);
    let row = |format, size: Size| {
        let pixels = noise(format, size, 3, ColorSpace::JPEG);
        (pixels, Placement::letterbox(Region::whole(size), tensor))
    };
    let one = row(PixelFormat::Nv12, Size { width: 30, height: 20 });
    let other = row(PixelFormat::I420, Size { width: 9, height: 17 });
    let crop =
        (one.0.clone(), Placement::centre_crop(Region { x: 4, y: 2, width: 7, height: 9 }, tensor));
    let rows = [one.clone(), other, one, crop];
    filler.fill(&slot, &rows).unwrap();
    let device = read(&gpu, &slot);
    for ((pixels, placement), device) in rows.iter().zip(device.chunks_exact(3 * 256)) {
        let mut host = vec![0.0; 3 * 256];
        fill_host(pixels, placement, &mut host);
        let interleaved = (0..3 * 256).map(|at| host[at % 3 * 256 + at / 3]);
        assert!(device.iter().copied().eq(interleaved), "{placement:?}");
    }
}

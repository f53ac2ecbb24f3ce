use detector_components::frame::{ColorMatrix, ColorSpace, PixelFormat};
use detector_components::geometry::{Region, Size};
use detector_picture::rgb;

use super::*;

/// Odd sides, so that chroma is rounded up, and rows that are padded.
const SIZE: Size = Size { width: 61, height: 35 };

/// Planes with every value in them, and no two rows alike.
fn frame(format: PixelFormat, color: ColorSpace) -> Pixels {
    let sizes = format.plane_sizes(SIZE);
    let strides: Vec<usize> = sizes.iter().map(|(row, _)| row + 3).collect();
    let plane = |index: usize, bytes: usize| -> Vec<u8> {
        (0..bytes).map(|at| (at * (37 + 10 * index) + at / 7) as u8).collect()
    };
    let planes: Vec<Vec<u8>> = sizes
        .iter()
        .zip(&strides)
        .enumerate()
        .map(|(index, ((_, rows), stride))| plane(index, rows * stride))
        .collect();
    Pixels::new(format, SIZE, strides, color, planes).unwrap()
}

/// What the device makes of a frame, as red, green and blue.
fn painted(pixels: &Pixels) -> Vec<u8> {
    let instance = wgpu::Instance::new(wgpu::InstanceDescriptor {
        backends: wgpu::Backends::VULKAN,
        ..wgpu::InstanceDescriptor::new_without_display_handle()
    });
    let adapter = pollster::block_on(instance.request_adapter(&Default::default()))
        .expect("a Vulkan device: install the Debian package mesa-vulkan-drivers");
    let (device, queue) = pollster::block_on(adapter.request_device(&Default::default())).unwrap();
    let extent =
        wgpu::Extent3d { width: SIZE.width, height: SIZE.height, depth_or_array_layers: 1 };
    let texture = device.create_texture(&wgpu::TextureDescriptor {
        label: None,
        size: extent,
        mip_level_count: 1,
        sample_count: 1,
        dimension: wgpu::TextureDimension::D2,
        format: Colors::TARGET,
        usage: wgpu::TextureUsages::RENDER_ATTACHMENT | wgpu::TextureUsages::COPY_SRC,
        view_formats: &[],
    });
    let buffer = Colors::planes(&device, Colors::bytes(pixels));
    let target = texture.create_view(&Default::default());
    Colors::new(&device).paint(&device, &queue, pixels, &buffer, &target, 1);

    // Rows of a copy begin at multiples of 256 bytes.
    let stride = (SIZE.width * 4).next_multiple_of(256);
    let read = device.create_buffer(&wgpu::BufferDescriptor {
        label: None,
        size: u64::from(stride * SIZE.height),
        usage: wgpu::BufferUsages::COPY_DST | wgpu::BufferUsages::MAP_READ,
        mapped_at_creation: false,
    });
    let mut encoder = device.create_command_encoder(&Default::default());
    let layout = wgpu::TexelCopyBufferLayout {
        offset: 0,
        bytes_per_row: Some(stride),
        rows_per_image: None,
    };
    encoder.copy_texture_to_buffer(
        texture.as_image_copy(),
        wgpu::TexelCopyBufferInfo { buffer: &read, layout },
        extent,
    );
    queue.submit([encoder.finish()]);
    read.map_async(wgpu::MapMode::Read, .., |mapped| mapped.unwrap());
    device.poll(wgpu::PollType::wait_indefinitely()).unwrap();
    let mapped = read.get_mapped_range(..).unwrap();
    let rows = mapped.chunks_exact(stride as usize);
    let pixels = rows.flat_map(|row| row[..SIZE.width as usize * 4].chunks_exact(4));
    pixels.flat_map(|pixel| [pixel[0], pixel[1], pixel[2]]).collect()
}

#[track_caller]
fn check(format: PixelFormat) {
    for matrix in [ColorMatrix::Bt601, ColorMatrix::Bt709] {
        for full_range in [false, true] {
            let pixels = frame(format, ColorSpace { matrix, full_range });
            let expected = rgb(&pixels, Region::whole(SIZE)).data;
            assert!(painted(&pixels) == expected, "{matrix:?}, full range {full_range}");
        }
    }
}

#[test]
fn nv12_has_the_colours_that_it_has_on_the_cpu() {
    check(PixelFormat::Nv12);
}

#[test]
fn i420_has_the_colours_that_it_has_on_the_cpu() {
    check(PixelFormat::I420);
}

#[test]
fn rgb_has_its_own_colours() {
    check(PixelFormat::Rgb);
}
